"""How the documentation is built: `make docs`, from these pages, the package's docstrings and a finished run."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "docs" / "_ext"), str(ROOT / "workflow" / "src")]

from run_results import RunResults  # noqa: E402

import starpop  # noqa: E402

project, author, version = "starpop", "the maintainers of starpop", starpop.__version__
copyright = author
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "docstrings",
    "generated",
    "mathml",
    "measured",
    "run_results",
]
exclude_patterns = ["_build", "_generated", "_ext"]
myst_enable_extensions = ["dollarmath", "substitution"]
myst_heading_anchors = 3
catalogue = RunResults(ROOT).catalogue
myst_substitutions = {"catalogue": catalogue}
tags.add(catalogue)  # noqa: F821 (given by Sphinx): what is true of one catalogue stands in an `only`
default_role = "code"
html_theme, html_title = "furo", "starpop"
html_math_renderer = "mathml"
napoleon_google_docstring, napoleon_use_ivar = False, True
napoleon_custom_sections = ["Returns"]  # in which ours have prose
autodoc_member_order, autodoc_preserve_defaults = "bysource", True
# the types of other projects, which have their own documentation, and what a likelihood has for the compiled functions
nitpick_ignore_regex = [(r"py:.*", r"(?!starpop\.).*"), (r"py:class", r"starpop\..*\.(LinearModel|Box)")]
