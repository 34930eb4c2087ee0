"""Deprecated name of `luggage.fake_github`; it goes with release 0.3."""

import warnings

from luggage.fake_github import *  # noqa: F403  the same names
from luggage.fake_github import __all__ as __all__  # noqa: PLC0414

warnings.warn("luggage.github.testing is luggage.fake_github now", DeprecationWarning, stacklevel=2)
