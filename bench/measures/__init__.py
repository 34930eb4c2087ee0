"""One measure in each file: a module `NAME.py` with a `MEASURE` of that name."""

import importlib
import pkgutil

from bench.measure import Measure


def all_measures() -> dict[str, Measure]:
    """Each measure by its name, in alphabetical order."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    found = [importlib.import_module(f"{__name__}.{name}").MEASURE for name in names]
    return {measure.name: measure for measure in found}
