"""Measures: each module `NAME.py` has a `MEASURE` of that name."""

import importlib
import pkgutil

from bench.measure import Measure


def all_measures() -> dict[str, Measure]:
    """The measures by name, in alphabetical order."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    measures = [importlib.import_module(f"{__name__}.{name}").MEASURE for name in names]
    return {measure.name: measure for measure in measures}
