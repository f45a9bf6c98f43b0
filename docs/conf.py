"""How Sphinx builds the documentation: `sphinx-build -W --keep-going -n docs docs/_build`."""

import re
from typing import Any

from sphinx.application import Sphinx

import clusteropt

project = "clusteropt"
author = "The clusteropt developers"
copyright = author
version = release = clusteropt.__version__

extensions = ["myst_parser"]
exclude_patterns = ["_build"]
myst_heading_anchors = 4
html_theme = "furo"
html_title = "clusteropt"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
smartquotes_action = "qe"  # two hyphens stay: they begin an option
html_copy_source = False
html_show_sourcelink = False

_MARKED = re.compile(r"<h[1-6]>(.*?)</h[1-6]>|<table(?= class=\"docutils)|<th(?= class=\"head)", re.DOTALL)


def _told(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object) -> None:
    """Gives each table the name of the heading above it, and its headings their scope, for those who hear a page."""
    heading = context.get("title", "")

    def marked(found: re.Match[str]) -> str:
        nonlocal heading
        if found[1] is not None:
            heading = re.sub(r"<a class=\"headerlink\".*?</a>|<[^>]*>", "", found[1]).strip()
            return found[0]
        return f'<table aria-label="{heading}"' if found[0] == "<table" else '<th scope="col"'

    context["body"] = _MARKED.sub(marked, context.get("body", ""))


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("html-page-context", _told)
