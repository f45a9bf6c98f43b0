"""How Sphinx builds the documentation: `sphinx-build -W --keep-going -n docs docs/_build`."""

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
