"""Links to files of the repository, resolved as GitHub resolves them, and to documented modules.

A link to a page leads to the page. A link to another file, such as a test, leads to a copy of the
file as of this version, so the site needs no network. A link to nothing is left to MyST, which
warns. A documented module that a page names as `code` leads to the API reference.
"""

import os
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

from docs.site.navigation import MODULES
from docs.site.sources import origin, page_of

ROOT = Path(__file__).parents[2]


class RepositoryLinks(SphinxTransform):
    """Resolve the links that lead out of the folder of the sources."""

    default_priority = 210  # after the page has been parsed, before its downloads are collected

    def apply(self, **_: object) -> None:
        """Replace each link that MyST could not resolve by one to a page or a file."""
        for link in list(self.document.findall(addnodes.pending_xref)):
            if link["reftype"] == "myst" and link["refdomain"] is None:
                self._resolve(link)

    def _resolve(self, link: addnodes.pending_xref) -> None:
        path, _, anchor = link["reftarget"].partition("#")
        folder = origin(ROOT, self.env.docname).parent
        target = Path(os.path.normpath(folder / path))
        if not path or not target.is_relative_to(ROOT):
            return
        page = page_of(ROOT, target / "README.md" if target.is_dir() else target)
        if page is not None:
            link["refdomain"], link["reftarget"], link["reftargetid"] = "doc", page, anchor or None
        elif target.is_file():
            link.replace_self(self._download(link, target))

    def _download(self, link: addnodes.pending_xref, target: Path) -> nodes.Element:
        here = Path(self.env.doc2path(self.env.docname)).parent
        copy = addnodes.download_reference(
            refdoc=self.env.docname,
            reftype="myst",
            refdomain=None,
            refexplicit=True,
            reftarget=os.path.relpath(target, here),
        )
        copy.source, copy.line = link.source, link.line
        copy.extend(link.children)
        return copy


class ModuleLinks(SphinxTransform):
    """Link the names of documented modules to their pages."""

    default_priority = 211

    def apply(self, **_: object) -> None:
        """Wrap each such `code` in a reference, unless it is in a link or a heading."""
        for code in list(self.document.findall(nodes.literal)):
            if code.astext() in MODULES and isinstance(code.parent, nodes.paragraph):
                link = addnodes.pending_xref(
                    "",
                    refdomain="py",
                    reftype="mod",
                    reftarget=code.astext(),
                    refdoc=self.env.docname,
                    refwarn=True,
                )
                code.replace_self(link)
                link.append(code)
