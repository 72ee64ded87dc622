"""Sphinx: `nox -s docs`."""

import equiload

project = "equiload"
author = "The equiload developers"
version = release = equiload.__version__
extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary"]
myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 3
# The notebooks (gallery, questions of policy) run here; what fails in one fails the build.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_merge_streams = True
html_theme = "furo"
html_title = "equiload"
html_show_copyright = html_show_sourcelink = html_copy_source = False
exclude_patterns = ["_build", "jupyter_execute"]
autodoc_default_options = {"members": True, "inherited-members": True}
autodoc_typehints = "none"  # the docstrings say it in words
numpydoc_show_class_members = False
