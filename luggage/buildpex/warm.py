"""Loading modules for the sake of their bytecode, while an image is built.

`python -X pycache_prefix=DIR -m luggage.buildpex.warm NAME...` loads modules, and all that they
load, so that DIR has their bytecode. `NAME.*` is a package with all that is in it, of a kind that
does nothing when it is loaded. Chosen against compiling all files: most of a large library is
never loaded, and its bytecode is larger than its source.
"""

import importlib
import pkgutil
import sys
from collections.abc import Sequence


def main(names: Sequence[str]) -> int:
    """Load each of the modules; returns 0.

    Raises ImportError for one that is not there.
    """
    for name in names:
        module = importlib.import_module(name.removesuffix(".*"))
        inside = module.__path__ if name.endswith(".*") else []
        for found in pkgutil.walk_packages(inside, f"{module.__name__}."):
            importlib.import_module(found.name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
