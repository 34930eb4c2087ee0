"""Sphinx configuration; `python -m docs.site` builds with it."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

project = "Portmanteau"
html_title = "Portmanteau"
copyright = "the Portmanteau authors"  # noqa: A001 -- Sphinx's name for it
extensions = ["myst_parser", "sphinx.ext.autodoc", "docs.site.extension"]

# Markdown as GitHub reads it.
myst_heading_anchors = 6
myst_heading_slug_func = "github"
myst_fence_as_directive = ["mermaid"]
suppress_warnings: list[str] = []
smartquotes = False
highlight_language = "none"

# Docstrings.
default_role = "code-or-name"
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
python_maximum_signature_line_length = 120
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_static_path = ["static"]
templates_path = ["templates"]
html_css_files = ["site.css"]
html_js_files = ["versions.js"]
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/versions.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_use_index = True
html_domain_indices = False
