"""The fault campaign in its short form: each row, smaller and faster, for CI.

`SEED=7 pytest tests/faults` runs it with another seed.
"""

import os

import pytest

from tests.faults.campaign import perform, rows
from tests.faults.site import POSTGRESQL, SQLITE
from tests.support.skips import leave_out

SEED = int(os.environ.get("SEED", "1"))
# In CI each row runs on one database; the full campaign covers the other. Rows where the database
# fails, or decides the order, run on both.
_ON_BOTH = {"database-away", "one-instant"}
_ON_POSTGRESQL = {"web-worker-killed", "stopped-past-its-lease", "duplicates", "clock"}


def _chosen():
    for row in rows().values():
        for database in row.databases:
            usual = POSTGRESQL if row.name in _ON_POSTGRESQL else SQLITE
            if row.name in _ON_BOTH or database == usual:
                yield pytest.param(row, database, id=f"{row.name}-{database}")


@pytest.mark.parametrize(("row", "database"), list(_chosen()))
def test_a_promise_is_kept_under_a_fault(row, database, postgresql_server, record_property):
    """docs/reliability.md's promise for this fault holds at a small size."""
    outcome = perform(row, database, seed=SEED, short=True, server=postgresql_server, say=print)
    for error in outcome.left_out:
        leave_out(record_property, error)
    assert not outcome.missed


def test_the_two_databases_are_known():
    """Each row names known databases."""
    for row in rows().values():
        assert set(row.databases) <= {SQLITE, POSTGRESQL}
