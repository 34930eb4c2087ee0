"""From requirements with hashes and our own wheel to one pex, reproducible to the byte.

The steps, each of them quiet unless it fails: the tools that build, pinned like all else; the
downloads, checked against their hashes; the wheels; our own wheel, from the files of one commit;
the pex, from the wheels alone. Only the downloads need a network; a kept wheelhouse needs none.

Chosen against `pex -r requirements.txt`, which resolves and downloads while it packs, so that a
broken index or an unpinned build backend would decide what is in the file.
"""

from luggage.buildpex.build import Build, Built, Recipe
from luggage.buildpex.errors import BuildError
from luggage.buildpex.provenance import Provenance, provenance
from luggage.buildpex.source import Commit, check_contents, commit_of
from luggage.buildpex.venv import LockedVenv

__all__ = [
    "Build",
    "BuildError",
    "Built",
    "Commit",
    "LockedVenv",
    "Provenance",
    "Recipe",
    "check_contents",
    "commit_of",
    "provenance",
]
