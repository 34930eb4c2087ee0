"""Sphinx extension of this site: its links, its diagrams and its API reference."""

from sphinx.application import Sphinx

from docs.site import api, diagrams
from docs.site.links import ModuleLinks, RepositoryLinks


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the parts."""
    app.add_transform(RepositoryLinks)
    app.add_transform(ModuleLinks)
    api.setup(app)
    diagrams.setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
