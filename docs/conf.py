"""Configuration of the documentation site: `make docs` builds it, without network and without warnings.

The pages are those of this directory, readable as text where they lie. The gallery runs the scripts of `gallery/` and
lays their pictures beside the text; the reference is made of the docstrings. Formulas are drawn by Matplotlib, so that
a page needs nothing from elsewhere to be read.
"""

from __future__ import annotations

import os
import re
import runpy
import tomllib
import warnings
from pathlib import Path

from matplotlib.sphinxext import mathmpl

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = "autodiff"
author = "The autodiff authors"
copyright = f"2026, {author}"
version = release = PROJECT["version"]
repository = runpy.run_path(str(ROOT / "hatch_build.py"))["repository"]()  # None where nobody says

extensions = [
    "sphinx.ext.autodoc",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
    "matplotlib.sphinxext.mathmpl",
]
exclude_patterns = [
    "_build",
    "gallery",
    "**/GALLERY_HEADER.rst",
    "**/sg_execution_times.rst",
    "sg_execution_times.rst",
]

# -- text ------------------------------------------------------------------------------------------
myst_heading_anchors = 4
myst_enable_extensions: list[str] = []
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say what arguments are
mathmpl_fontsize = 11.0
mathmpl_srcset = ["2x"]

# -- gallery ---------------------------------------------------------------------------------------
# One thread of BLAS, as in the tests; `AUTODIFF_DOCS_ONLY` chooses scripts by a regular expression while writing one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
warnings.filterwarnings("error", category=RuntimeWarning)
warnings.filterwarnings("error", message="Could not render math")
sphinx_gallery_conf = {
    "examples_dirs": ["gallery"],
    "gallery_dirs": ["examples"],
    "filename_pattern": os.environ.get("AUTODIFF_DOCS_ONLY", "/"),
    "ignore_pattern": r"__init__\.py|conftest\.py",
    "subsection_order": [
        f"gallery/{name}"
        for name in ("fitting", "inference", "dynamics", "waves_and_fields", "design")
    ],
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "abort_on_example_error": True,
    "min_reported_time": 60,
    "image_scrapers": ("matplotlib",),
    "reset_modules": ("matplotlib",),
    "plot_gallery": True,
    "doc_module": ("autodiff",),
    "backreferences_dir": "examples/backreferences",
    "thumbnail_size": (400, 280),
}

# -- appearance ------------------------------------------------------------------------------------
html_theme = "pydata_sphinx_theme"
html_title = f"autodiff {release}"
html_static_path = ["_static"]
html_css_files = ["autodiff.css"]
html_favicon = "_static/favicon.svg"
html_context = {"default_mode": "auto"}
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "autodiff"},
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": True,
    "icon_links": [{"name": "Source", "url": repository, "icon": "fa-solid fa-code-branch"}]
    if repository
    else [],
    "footer_start": ["copyright"],
    "footer_end": [],
}


def _links_for_the_site(app: object, name: str, source: list[str]) -> None:
    """Links as they are right in the repository, made right on the site.

    Those out of this directory lead to the repository (or are words, where none is known), those to
    scripts of the gallery to their pages.
    """
    here = ROOT / "docs" / f"{name}.md"
    if not here.exists():
        return

    def moved(link: re.Match[str]) -> str:
        words, given = link.groups()
        path, _, fragment = given.partition("#")
        target = (here.parent / path).resolve()
        if target == ROOT / "docs" / "gallery":
            return f"[{words}](examples/index.rst)"
        if target.is_relative_to(ROOT / "docs" / "gallery"):
            page = target.relative_to(ROOT / "docs" / "gallery").with_suffix(".rst")
            return f"[{words}](examples/{page})"
        if target.is_relative_to(ROOT / "docs") or not target.exists():
            return link[0]
        if repository is None:
            return words
        kind, anchor = "tree" if target.is_dir() else "blob", f"#{fragment}" if fragment else ""
        return f"[{words}]({repository}/{kind}/main/{target.relative_to(ROOT)}{anchor})"

    words = r"\[((?:[^\[\]]|\[[^\]]*\])*)\]"
    source[0] = re.sub(rf"{words}\(([^)#:\s][^):\s]*)\)", moved, source[0])


def _formula(role: str, rawtext: str, *others: object, **named: object) -> object:
    """A formula in a line of text, which may go on in the next one."""
    return mathmpl.math_role(role, " ".join(rawtext.split()), *others, **named)


def setup(app: object) -> None:
    """Connect the above to Sphinx; formulas are Matplotlib's, not a script's from another server."""
    app.add_role("math", _formula, override=True)  # type: ignore[attr-defined]
    app.add_directive("math", mathmpl.MathDirective, override=True)  # type: ignore[attr-defined]
    app.connect("source-read", _links_for_the_site)  # type: ignore[attr-defined]
