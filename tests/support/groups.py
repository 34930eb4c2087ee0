"""Groups for `--dist loadgroup`: what is dear to make is made by one process of pytest alone."""

import pytest

_DEAR = ("chromium", "images", "packed", "parse", "stage", "survivor")


# Before xdist, which reads the marks in a hook of the same name.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Keep the tests of each dear fixture together."""
    for item in items:
        for name in _DEAR:
            if name in item.fixturenames:
                item.add_marker(pytest.mark.xdist_group(name))
