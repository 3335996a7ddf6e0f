"""The documentation site: built offline, without warnings, formulas as MathML.

    make docs        # docs/_build/html/index.html

Tutorials are the notebooks, theory pages the derivations, the page of claims the ledger: written before each build
into folders that git ignores.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_extensions")]

project = "ersde-theory"
author = "The ersde-theory authors"
extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "generated_pages",
    "mathml",
]
exclude_patterns = ["_build", "_templates", "vectors"]
templates_path = ["_templates"]
html_theme = "furo"
html_title = "ersde-theory"
html_math_renderer = "mathml"
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False

nb_execution_mode = "off"  # tests run the notebooks; the site shows what they kept
nb_ipywidgets_js = {}  # sliders need a kernel; the notebook has the same as a picture
myst_enable_extensions = ["dollarmath", "attrs_inline"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]  # pages of derivations begin at the third level

autosummary_generate = True
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # numpydoc says the types
numpydoc_show_class_members = False
