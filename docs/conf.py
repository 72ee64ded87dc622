"""Sphinx: `nox -s docs`."""

import equiload

project = "equiload"
author = "The equiload developers"
version = release = equiload.__version__
extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary"]
myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 3
html_theme = "furo"
exclude_patterns = ["_build"]
autodoc_default_options = {"members": True, "inherited-members": True}
autodoc_typehints = "none"  # the docstrings say it in words
numpydoc_show_class_members = False
