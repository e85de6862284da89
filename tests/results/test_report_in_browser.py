"""The report of a finished run, as those see it who are sent it. It needs the run: `make reproduce`."""

import re

import pandas as pd
import pytest
from conftest import ROOT

from pages_in_browser import opened

RUNS = [ROOT / "results" / name for name in ("apogee", "twin")]


@pytest.fixture(scope="module", params=RUNS, ids=lambda folder: folder.name)
def report(request):
    path = request.param / "report.html"
    if not path.is_file():
        pytest.skip(f"{path.relative_to(ROOT)} is not there: run `make reproduce` first")
    return path


def test_it_is_one_file_that_can_be_sent(report):
    assert report.stat().st_size < 8e6


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (360, "light")])
def test_it_opens_without_an_error_asks_nobody_and_bars_nobody(report, browser, width, scheme):
    with opened(browser, report, width, scheme) as seen:
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
        assert seen.violations() == []
        seen.page.locator("button.name").first.click()
        seen.page.wait_for_selector("#system .pair > :last-child svg")
        assert seen.violations() == []
        assert seen.errors == []
        assert [url for url in seen.requests if not url.startswith(("file:", "blob:", "data:"))] == []


def test_its_table_sorts_searches_and_opens_a_system(report, browser):
    from playwright.sync_api import expect  # which waits

    orbits = pd.read_csv(report.parent / "tutorial" / "orbits.csv").dropna(subset="best_mode_period_days")
    by_period = list(orbits.sort_values("best_mode_period_days")["system"])
    with opened(browser, report) as seen:
        seen.page.get_by_label("System model").select_option("tutorial")
        seen.page.get_by_text("Orbits under system model tutorial").wait_for()
        names = seen.page.locator("#table-holder button.name")
        assert sorted(names.all_inner_texts()) == sorted(by_period)
        seen.page.locator("#table-holder").get_by_role("columnheader", name="period").click()
        expect(names).to_have_text(by_period)
        seen.page.get_by_label("Search").fill(by_period[3])
        expect(names).to_have_text([by_period[3]])
        seen.page.get_by_role("button", name=by_period[3]).press("Enter")
        dialog = seen.page.get_by_role("dialog")
        assert dialog.get_by_role("heading", level=2).inner_text() == by_period[3]
        drawn = [f"{title} of {by_period[3]}" for title in ("Periodogram", "Folded at its period", "Posterior")]
        for title in drawn:
            dialog.get_by_role("img", name=title).wait_for()
        seen.page.keyboard.press("Escape")
        assert not dialog.is_visible()
        assert seen.errors == []


def test_its_scatter_shows_what_is_chosen(report, browser):
    with opened(browser, report) as seen:
        seen.page.get_by_label("Across").select_option(label="visits")
        seen.page.get_by_role("img", name="K [km/s] over visits of 14 systems").wait_for()


def test_every_figure_tells_what_it_shows(report, browser):
    with opened(browser, report) as seen:
        texts = seen.page.eval_on_selector_all("img", "images => images.map(image => image.alt)")
        assert len(texts) > 25
        assert min(map(len, texts)) > 40


def test_on_paper_it_is_short_and_nothing_is_cut_off(report, browser):
    with opened(browser, report) as seen:
        printed = seen.page.pdf(format="A4", prefer_css_page_size=True)
        assert len(re.findall(rb"/Type\s*/Page\b", printed)) <= 18
        seen.page.emulate_media(media="print")
        seen.page.set_viewport_size({"width": 688, "height": 1000})  # 182 mm, which are between the margins
        seen.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= 688


def test_it_prints_with_every_system(report, browser, tmp_path):
    with opened(browser, report) as seen:
        seen.page.emulate_media(media="print")
        seen.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        assert len(seen.names()) == 14
        assert not seen.page.get_by_label("Sections").is_visible()
        assert seen.page.get_by_text("systemic_velocity_sd_kms").is_visible()  # of the configuration, which is folded
        seen.page.pdf(path=tmp_path / "report.pdf", format="A4")
        assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
