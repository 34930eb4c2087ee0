"""Reproducible pex builds, from requirements with hashes and the project's wheel.

A build installs the pinned tools, collects the wheels, builds the project's wheel from one commit's
files and packs them all. Every file is checked against its hash. Only the download of a wheelhouse
uses the network. docs/decisions/0060 says why pex does not resolve.
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
