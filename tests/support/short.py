"""Short form of the tests: a pytest plugin.

`--short` leaves out sweeps, and tests on PostgreSQL. They count as not chosen, unlike those that an
option deselects, which tests.support.skips reports.
"""


def pytest_addoption(parser) -> None:
    """Add the option."""
    parser.addoption("--short", action="store_true", help="no sweeps, and no PostgreSQL")


def pytest_collection_modifyitems(config, items) -> None:
    """Keep the tests of the short form."""
    if config.getoption("short"):
        items[:] = [item for item in items if _is_short(item)]


def _is_short(item) -> bool:
    return not item.get_closest_marker("sweep") and "postgresql" not in item.name
