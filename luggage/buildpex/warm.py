"""Bytecode cache of an image: imports modules while the image is built.

`python -X pycache_prefix=DIR -m luggage.buildpex.warm NAME...` imports modules and all that they
import, so that DIR has their bytecode. `NAME.*` is a package with all its modules. Compiling every
file would be wasteful: most of a large library is never imported.
"""

import importlib
import pkgutil
import sys
from collections.abc import Sequence


def main(names: Sequence[str]) -> int:
    """Import the modules and return 0. Raises ImportError for a missing one."""
    for name in names:
        module = importlib.import_module(name.removesuffix(".*"))
        path = module.__path__ if name.endswith(".*") else []
        for submodule in pkgutil.walk_packages(path, f"{module.__name__}."):
            importlib.import_module(submodule.name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
