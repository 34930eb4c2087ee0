"""One measure in each file: a module `NAME.py` with a `MEASURE` of that name."""
