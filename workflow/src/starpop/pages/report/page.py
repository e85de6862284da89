"""The report as one HTML file: the template filled in, with styles, scripts, libraries, data and pictures inside."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from io import BytesIO
from math import isfinite
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from PIL import Image

from starpop.run.files import replacing

HERE = Path(__file__).parent
# Numbers this large or small are written with a power of ten.
LARGE, SMALL = 1e6, 1e-4
TIMES, MINUS, INFINITY = "\N{MULTIPLICATION SIGN}", "\N{MINUS SIGN}", "\N{INFINITY}"
# Letters that tell what a figure shows, at least.
ENOUGH = 50
# What a reader looks at first.
CATEGORIES = ("Population", "Systems", "Criticism", "Comparison", "Certificates", "Cluster", "Models")
# A picture whose colours fit a palette of so many takes a third of the room.
COLORS = 256
# Pixels an inch of a picture that does not say.
USUAL_DPI = (200, 200)


def render(context: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """The page.

    Parameters
    ----------
    context : what the template writes
    data : what the scripts draw and sort, kept in the page as JSON
    """
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    environment.filters |= {"number": number, "plus_minus": plus_minus}
    template = environment.from_string((HERE / "page.html").read_text(encoding="utf-8"))
    own = {name: Markup((HERE / f"page.{name}").read_text(encoding="utf-8")) for name in ("css", "js")}
    libraries = {"vega": Markup(vega()), "tables": Markup(tables())}
    return template.render(**context, **own, libraries=libraries, data_json=Markup(as_json(data)))


def as_json(data: Any) -> str:
    """JSON that may stand in a script of HTML, whatever names are in it."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def as_script(source: str) -> str:
    """JavaScript that may stand in a script of HTML: what would end it is written otherwise."""
    return source.replace("</script", "<\\/script").replace("<!--", "<\\!--")


@cache
def vega() -> str:
    """Vega-Lite with all that it needs to draw; kept with what is compiled, for it takes a second to put together."""
    kept = HERE / "__pycache__" / f"vega-{version('vl-convert-python')}.bundle"
    if not kept.is_file():
        import vl_convert

        source = vl_convert.javascript_bundle()  # type: ignore[call-arg]
        try:
            with replacing(kept) as temporary:
                temporary.write_text(source, encoding="utf-8")
        except OSError:  # where nothing may be written, as nothing is compiled
            return as_script(source)
    return as_script(kept.read_text(encoding="utf-8"))


def tables() -> str:
    """DataTables, as the package itables carries it."""
    spec = find_spec("itables")
    assert spec is not None and spec.origin is not None
    return as_script((Path(spec.origin).parent / "html" / "dt_bundle.js").read_text(encoding="utf-8"))


def picture(path: str | Path) -> dict[str, Any]:
    """A figure for the page: its address, which holds all of it, its size [pixels], and its width on paper [in]."""
    with Image.open(path) as image:
        flat = image.convert("RGB").quantize(COLORS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        packed = BytesIO()
        flat.save(packed, "PNG")
        width, height = image.size
        inches = width / float(image.info.get("dpi", USUAL_DPI)[0])
    address = f"data:image/png;base64,{base64.b64encode(packed.getvalue()).decode()}"
    return {"src": Markup(address), "width": width, "height": height, "inches": round(inches, 2)}


def figures(pictures: Iterable[tuple[str, Mapping[str, str]]]) -> list[dict[str, Any]]:
    """Every figure with its caption, by category.

    Parameters
    ----------
    pictures : of each figure its path, and its ``category``, ``caption`` and what its wildcards stand for
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for path, said in pictures:
        text = caption(said)
        entry = picture(path) | {"path": path, "caption": text, "alt": alternative(text)}
        found.setdefault(said["category"], []).append(entry)
    order = sorted(found, key=lambda name: CATEGORIES.index(name) if name in CATEGORIES else len(CATEGORIES))
    return [{"category": category, "figures": found[category]} for category in order]


def caption(said: Mapping[str, str]) -> str:
    """A caption as plain text, with the names that the figure is of in it."""
    source = Environment(undefined=StrictUndefined).from_string(said["caption"])
    return " ".join(source.render(snakemake={"wildcards": said}).split()).replace("``", "")


def alternative(text: str) -> str:
    """The first sentences of a caption, as many as tell those who do not see the figure what it shows."""
    sentences = text.split(". ")
    lengths = [len(". ".join(sentences[: i + 1])) for i in range(len(sentences))]
    enough = next((i for i, length in enumerate(lengths) if length >= ENOUGH), len(sentences) - 1)
    return ". ".join(sentences[: enough + 1]) + ("." if enough + 1 < len(sentences) else "")


def number(value: object, digits: int = 4) -> str:
    """A number with so many digits, and nothing where there is none."""
    if value is None or value != value:
        return ""
    if not isinstance(value, (int, float)):
        return str(value)
    if not isfinite(value):
        return signed(f"{value:+}"[0].strip("+") + INFINITY)
    value = float(f"{value:.{digits}g}")
    if value != 0 and not SMALL <= abs(value) < LARGE:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        return signed(f"{mantissa} {TIMES} 10^{int(exponent)}")
    return signed(f"{value:.{digits}g}" if abs(value) < 10 ** (digits - 1) else f"{value:,.0f}")


def plus_minus(pair: Sequence[float] | None) -> str:
    """A mean with its standard deviation, which has two digits; the mean alone where that is none."""
    if pair is None or pair[0] != pair[0]:
        return ""
    mean, sd = pair
    if not (isfinite(sd) and isfinite(mean) and sd > 0):
        return number(mean)
    decimals = max(1 - int(f"{sd:.1e}".split("e")[1]), 0)
    return signed(f"{mean:.{decimals}f} ± {sd:.{decimals}f}")


def signed(text: str) -> str:
    """A number as it is written, with a sign as wide as that of plus."""
    return text.replace("-", MINUS)
