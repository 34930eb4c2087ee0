"""luggage.jobs.statements: query plans of the hot queries."""

import re

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import postgresql

from luggage.database import open_engine
from luggage.jobs import State, statements
from luggage.jobs.searches import matching
from tests.conftest import JOBS
from tests.support.migrated import migrated

FAST = {
    "lanes": statements.LANES,
    "heads": statements.HEADS,
    "claim": statements.CLAIMABLE,
    "leased": statements.LEASED,
    "served": statements.SERVED,
    "others": statements.OTHERS,
    "next": statements.NEXT_RUN_AT,
    "expired": statements.EXPIRED,
    "standing": statements.STANDING,
    "counts": statements.COUNTS,
}
VALUES = {
    "queue": "mail",
    "now": 1.0,
    "limit": 1,
    "lane": "7/1/03",
    "tenant": "7",
    "since": 1.0,
    "ids": [1, 2],
    "tenants": ["7"],
}


def written_out(statement, dialect):
    """Return a statement with its values in it."""
    names = statement.compile().params.keys() & VALUES.keys()
    statement = statement.params({name: VALUES[name] for name in names})
    return str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


@pytest.fixture
def sqlite_engine(sqlite_url):
    """A migrated SQLite database."""
    engine = open_engine(sqlite_url)
    migrated(engine, [JOBS])
    yield engine
    engine.dispose()


def sqlite_plan(engine, statement):
    """Return the steps of SQLite's plan for a statement."""
    with engine.connect() as connection:
        query = f"EXPLAIN QUERY PLAN {written_out(statement, engine.dialect)}"
        rows = connection.exec_driver_sql(query).all()
    return [row[-1] for row in rows]


@pytest.mark.parametrize("name", FAST)
def test_sqlite_scans_no_table(sqlite_engine, name):
    """Every step is a search, or reads a partial index."""
    steps = sqlite_plan(sqlite_engine, FAST[name])
    scans = [step for step in steps if step.startswith("SCAN job") and " INDEX job_" not in step]
    assert scans == []


@pytest.mark.parametrize("name", ["lanes", "heads", "next"])
def test_sqlite_finds_the_next_job_without_sorting(sqlite_engine, name):
    """The claim reads ready jobs in index order, and checks subjects in two other indexes.

    It only sorts the heads of one lane, which are no more than the window.
    """
    steps = sqlite_plan(sqlite_engine, FAST[name])
    used = [
        index
        for index in ("job_ready", "job_ready_subject", "job_leased_subject")
        if any(f"INDEX {index} " in step for step in steps)
    ]
    assert used == ["job_ready", "job_ready_subject", "job_leased_subject"]
    sorts = [step for step in steps if "TEMP B-TREE" in step]
    assert len(sorts) == (name == "heads")


@pytest.mark.parametrize("state", [State.DEAD, State.HELD, State.READY, State.LEASED])
def test_sqlite_looks_up_the_few_jobs_of_a_rare_state(sqlite_engine, state):
    """A search for dead jobs does not walk through millions of done ones."""
    steps = sqlite_plan(sqlite_engine, matching("mail", state=state).limit(50))
    searches = [step for step in steps if step.startswith(("SCAN job", "SEARCH job"))]
    assert searches[0] == "SEARCH job USING INTEGER PRIMARY KEY (rowid=?)"
    assert all(re.search("INDEX job_(stuck|ready|leas)", step) for step in searches[1:])


@pytest.mark.parametrize("rows", [0, 60, 20000])
@pytest.mark.parametrize("name", ["lanes", "heads", "next", "claim", "expired"])
def test_postgresql_scans_no_table(postgresql_url, name, rows):
    """PostgreSQL uses the partial indexes, whatever its statistics say.

    A table with few jobs counts too: a session keeps the plan that it made then. The heads of one
    lane are sorted: no more than the window.
    """
    engine = open_engine(postgresql_url)
    migrated(engine, [JOBS])
    plan = postgresql_plan(engine, FAST[name], rows)
    engine.dispose()
    assert not [step for step in plan if re.search(r"Seq Scan on job\b", step)]
    assert len([step for step in plan if "->  Sort" in step]) <= (name == "heads")


def postgresql_plan(engine, statement, rows):
    """Return PostgreSQL's plan for a statement, on an analysed table with `rows` rows."""
    query = written_out(statement, postgresql.dialect())
    with engine.connect() as plain:
        connection = plain.execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(text(FILL), {"rows": rows})
        connection.exec_driver_sql("VACUUM (ANALYZE) job, job_body")
        return connection.exec_driver_sql(f"EXPLAIN {query}").scalars().all()


FILL = """
INSERT INTO job (queue, key, subject, kind, state, attempt, max_attempts, fence, run_at, worker,
                 created_at, changed_at, note, result, reason)
SELECT 'mail', n, 's' || n % 100, '', CASE WHEN n % 100 = 0 THEN 'ready' ELSE 'done' END,
       1, 5, 1, n, '', n, n, '', '', ''
FROM generate_series(1, :rows) AS n
"""
