"""A page in a browser, with all that it says, asks for and gets wrong."""

from contextlib import contextmanager


class Opened:
    """A page of a report that has drawn everything, and what happened while it did."""

    def __init__(self, page):
        self.page, self.errors, self.requests, self.dialogs = page, [], [], []
        page.on("console", lambda said: self.errors.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))

    def names(self):
        """The names in the table of systems, as they are shown."""
        return self.page.locator("#table-holder tbody button.name").all_inner_texts()

    def violations(self):
        """What axe-core finds wrong for those who see, hear or move otherwise."""
        from axe_playwright_python.sync_playwright import Axe

        return [(found["id"], found["nodes"][0]["html"]) for found in Axe().run(self.page).response["violations"]]


@contextmanager
def opened(browser, path, width=1280, scheme="light"):
    """The report at a path, in a window so wide, on light or dark paper."""
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    one = Opened(page)
    try:
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready=yes]")
        yield one
    finally:
        page.close()
