"""Deprecated alias of `luggage.fake_github`; release 0.3 removes it."""

import warnings

from luggage.fake_github import *  # noqa: F403  the same names
from luggage.fake_github import __all__ as __all__  # noqa: PLC0414

warnings.warn(
    "luggage.github.testing is deprecated; use luggage.fake_github",
    DeprecationWarning,
    stacklevel=2,
)
