"""Mermaid diagrams, drawn while the site is built: readers' browsers load no script for them."""

import itertools

import mermaidx
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

_log = logging.getLogger(__name__)
_numbers = itertools.count(1)


class Mermaid(SphinxDirective):
    """A fenced block `mermaid`, as GitHub draws it."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the drawing as SVG; a block that Mermaid refuses is a warning."""
        source = "\n".join(self.content)
        try:
            svg = mermaidx.render(source).svg()
        except Exception as error:  # noqa: BLE001 -- whatever the engine raises, the block is wrong
            _log.warning("mermaid: %s", error, location=self.get_location())
            return [nodes.literal_block(source, source)]
        # The styles inside name the drawing by its id, which must be its own on the page.
        svg = svg.replace("my-svg", f"diagram-{next(_numbers)}")
        return [nodes.raw("", f'<figure class="diagram">{svg}</figure>', format="html")]


def setup(app: Sphinx) -> None:
    """Add the directive that the fences become."""
    app.add_directive("mermaid", Mermaid)
