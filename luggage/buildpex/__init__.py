"""Reproducible pex builds, from requirements with hashes (docs/decisions/0060).

Only the download of a wheelhouse uses the network.
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
