"""luggage.database: engines, transactions, migrations, and the check of the schema."""

import multiprocessing
import re
import sqlite3
import subprocess
import sys
import threading

import pytest
import sqlalchemy
from sqlalchemy import Column, Integer, MetaData, String, Table, inspect, text
from sqlalchemy.exc import InternalError, OperationalError

# Loaded at the first migration: in a test that is not traced, its lines would not count.
import luggage.database.schema  # noqa: F401
from luggage import database
from luggage.database import (
    DatabaseUrlError,
    History,
    SchemaError,
    asking,
    check,
    migrate,
    open_engine,
    reading,
    writing,
)
from tests.conftest import JOBS

THINGS = MetaData()
things = Table("things", THINGS, Column("id", Integer, primary_key=True), Column("name", String))

FIRST = """
import sqlalchemy as sa
from alembic import op
revision = "first"
down_revision = None
def upgrade():
    op.create_table(
        "things", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String)
    )
"""
SECOND = """
import sqlalchemy as sa
from alembic import op
revision = "second"
down_revision = "first"
def upgrade():
    op.add_column("things", sa.Column("size", sa.Integer))
"""
BROKEN = """
from alembic import op
revision = "second"
down_revision = "first"
def upgrade():
    op.execute("CREATE TABLE half (id INTEGER)")
    raise RuntimeError("the power is gone")
"""


def drop(*_):
    """Log nothing."""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of migrations to which a test adds files; its name."""
    folder = tmp_path / "packages" / "things_migrations"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "0001_first.py").write_text(FIRST)
    monkeypatch.syspath_prepend(str(folder.parent))
    yield folder
    sys.modules.pop("things_migrations", None)


@pytest.fixture
def history(package):
    """A history of one table."""
    return History("things", package.name, THINGS)


# Addresses


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_means_psycopg_3(scheme):
    """All common names of PostgreSQL select the installed driver."""
    engine = open_engine(f"{scheme}://user:word@db.example/bot")
    assert engine.url.drivername == "postgresql+psycopg"


@pytest.mark.parametrize(
    ("hosts", "ports"),
    [("one,two", ","), ("one:5432,two:5433", "5432,5433"), ("10.0.0.1,10.0.0.2:5433", ",5433")],
)
def test_an_address_may_name_several_servers(hosts, ports):
    """The driver tries them in order, until one takes writes."""
    engine = open_engine(f"postgresql://bot:geheim@{hosts}/db?target_session_attrs=read-write")
    _, options = engine.dialect.create_connect_args(engine.url)
    assert options["host"].count(",") == 1
    assert (options["user"], options["password"]) == ("bot", "geheim")
    assert options["port"] == ports
    assert options["target_session_attrs"] == "read-write"
    assert "geheim" not in repr(engine)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://user:geheim@host/db",
        "sqlite://",
        "sqlite:///:memory:",
        "postgresql+asyncpg://user:geheim@host/db",
        "user:geheim@host",
        "postgresql://user:geheim@host:port/db",
        "",
    ],
)
def test_other_addresses_are_refused_with_a_remedy_and_without_the_password(url):
    """The error has valid addresses, and no password."""
    with pytest.raises(DatabaseUrlError, match=re.escape("sqlite:///PATH")) as refused:
        open_engine(url)
    assert "geheim" not in "".join(map(str, [refused.value, refused.value.__cause__]))


# What has a meaning in an address, and may stand in a password.
RESERVED = ":/?#[]@!$&'()*+,;=% \\\"<>^`{|}~"
PLACES = {"password": "bot:{}@127.0.0.1:1/db", "user": "{}:word@127.0.0.1:1/db"}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("first", RESERVED)
def test_a_raw_character_is_meant_or_the_address_is_refused(first, place):
    """A user or a password with it, and any second one, arrives whole or is refused in a line."""
    for second in ["", *RESERVED]:
        meant = f"SeCrEt{first}ThInG{second}MoRe"
        try:
            url = open_engine(f"postgresql://{PLACES[place].format(meant)}").url
        except DatabaseUrlError as error:
            said = str(error)
            assert not any(piece in said for piece in ("SeCrEt", "ThInG", "MoRe", "\n"))
        else:
            # A colon ends the user, wherever it stands.
            assert meant in f"{url.username}:{url.password}"
            assert (url.host, url.port, url.database) == ("127.0.0.1", 1, "db")


@pytest.mark.parametrize("password", ["a@SeCrEt/More", "a/b@c", "a@b?c", "a#b@c", "@"])
def test_more_than_one_at_sign_is_refused_with_the_encoding(password):
    """The driver would take what follows the first for the host, and print it."""
    with pytest.raises(DatabaseUrlError, match=r"percent-encode .* DATABASE_URL .*@ as %40"):
        open_engine(f"postgresql://bot:{password}@127.0.0.1/db")


@pytest.mark.parametrize(
    ("url", "user"),
    [
        ("postgresql://h/d?user=bot@server", "bot@server"),
        ("postgresql://u@h/d?application_name=a%40b", "u"),
        ("postgresql://bot%40server:a%40b@h/d", "bot@server"),
        ("postgresql:///d?host=@abstract", None),
    ],
)
def test_an_at_sign_without_doubt_is_accepted(url, user):
    """Encoded, or in a parameter where no other @ ends a password."""
    url = open_engine(url).url
    assert (url.username or url.query.get("user")) == user


@pytest.mark.parametrize("url", ["postgresql://u:geheim@h/d", "postgresql://u@h/d?password=geheim"])
def test_no_repr_shows_the_password(url):
    """An engine's repr hides both spellings of a password."""
    assert "geheim" not in repr(open_engine(url)) + str(open_engine(url).url)


def test_a_password_in_the_query_is_still_used():
    """Hiding a password does not lose it."""
    engine = open_engine("postgresql://u@h/d?password=geheim&application_name=bot")
    assert engine.dialect.create_connect_args(engine.url)[1]["password"] == "geheim"


def test_a_setting_of_libpq_in_the_address_wins():
    """A timeout in the address overrides ours."""
    engine = open_engine("postgresql://u@h/d?connect_timeout=99")
    assert engine.url.query["connect_timeout"] == "99"


# Transactions


@pytest.fixture
def counters(empty_engine):
    """An engine with a table to write to."""
    with writing(empty_engine) as connection:
        connection.execute(text("CREATE TABLE counter (n INTEGER NOT NULL)"))
        connection.execute(text("INSERT INTO counter VALUES (0)"))
    return empty_engine


def read_counter(engine):
    """Return the counter's value."""
    with reading(engine) as connection:
        return connection.execute(text("SELECT n FROM counter")).scalar()


def test_a_committed_transaction_is_visible(counters):
    """A committed transaction is visible to the next one."""
    with writing(counters) as connection:
        connection.execute(text("UPDATE counter SET n = 7"))
    assert read_counter(counters) == 7


def test_an_exception_rolls_back(counters):
    """An exception rolls the transaction back."""

    def fail():
        with writing(counters) as connection:
            connection.execute(text("UPDATE counter SET n = 7"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert read_counter(counters) == 0


def test_a_reader_cannot_write(counters):
    """The database refuses a write in a reading transaction."""
    with pytest.raises((OperationalError, InternalError)), reading(counters) as connection:
        connection.execute(text("UPDATE counter SET n = 7"))
    assert read_counter(counters) == 0


def test_asking_begins_no_transaction(counters):
    """No transaction is open after the SELECT."""
    with asking(counters) as connection:
        assert connection.execute(text("SELECT n FROM counter")).scalar() == 0
        driver = connection.connection.dbapi_connection
        is_open = (
            driver.in_transaction
            if counters.dialect.name == "sqlite"
            else driver.info.transaction_status.value
        )
    assert not is_open


def test_asking_cannot_write_to_sqlite(sqlite_url):
    """The connection's setting refuses it."""
    engine = open_engine(sqlite_url)
    with pytest.raises(OperationalError), asking(engine) as connection:
        connection.execute(text("CREATE TABLE counter (n INTEGER NOT NULL)"))
    engine.dispose()


def test_transactions_work_after_asking(counters):
    """A connection that was used for `asking` has transactions again."""
    with asking(counters) as connection:
        connection.execute(text("SELECT n FROM counter")).scalar()
    test_an_exception_rolls_back(counters)


def test_a_connection_that_cannot_write_is_replaced(sqlite_url):
    """SQLite's connections that were opened while the file was read-only stay so."""
    engine = open_engine(sqlite_url)
    with writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE t (a INTEGER)")
        connection.connection.dbapi_connection.execute("PRAGMA query_only = 1")
    insert = "INSERT INTO t VALUES (1)"
    with pytest.raises(OperationalError, match="readonly"), writing(engine) as connection:
        connection.exec_driver_sql(insert)
    with writing(engine) as connection:
        connection.exec_driver_sql(insert)
    engine.dispose()


def test_a_writer_may_have_the_connection_of_a_reader(counters):
    """A connection that was used for reading can write again."""
    for value in range(3):
        read_counter(counters)
        with writing(counters) as connection:
            connection.execute(text("UPDATE counter SET n = :n"), {"n": value})
    assert read_counter(counters) == 2


def test_errors_do_not_show_parameters(counters):
    """An error does not show a body or a token."""
    with pytest.raises(sqlalchemy.exc.DBAPIError) as failed, writing(counters) as connection:
        connection.execute(text("INSERT INTO nowhere VALUES (:x)"), {"x": "geheim"})
    assert "geheim" not in str(failed.value)


def test_sqlite_is_durable_and_shared(sqlite_url):
    """A file is opened with WAL, FULL and foreign keys, whatever SQLite's defaults are."""
    engine = open_engine(sqlite_url)
    with reading(engine) as connection:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]
    engine.dispose()
    assert found == ["wal", 2, 1, 7000]


def add_one_many_times(url, times):
    """Read and write the counter many times; run by several processes at once."""
    engine = open_engine(url)
    for _ in range(times):
        with writing(engine) as connection:
            n = connection.execute(text("SELECT n FROM counter")).scalar()
            connection.execute(text("UPDATE counter SET n = :n"), {"n": n + 1})
    engine.dispose()


def test_processes_share_a_sqlite_file(sqlite_url):
    """Processes that read and write the same row lose nothing and never get "locked"."""
    engine = open_engine(sqlite_url)
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE counter (n INTEGER NOT NULL)"))
        connection.execute(text("INSERT INTO counter VALUES (0)"))
    run_concurrently(add_one_many_times, [(sqlite_url, 100)] * 3)
    found = read_counter(engine)
    engine.dispose()
    assert found == 300


def run_concurrently(target, arguments):
    """Run a function in a new process for each tuple of arguments; all must succeed."""
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=target, args=these) for these in arguments]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    codes = [process.exitcode for process in processes]
    for process in processes:
        process.close()
    assert codes == [0] * len(processes)


READ = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('SELECT * FROM job').fetchall()"


def test_a_new_connection_leaves_the_locks_of_the_others(sqlite_url, tmp_path):
    """POSIX drops all locks of a process on a file that it closes: only SQLite may open it.

    Without the locks, the next process that leaves takes itself for the last one, and removes the
    log.
    """
    engine, other = open_engine(sqlite_url), open_engine(sqlite_url)
    migrate(engine, [JOBS], log=drop)
    with reading(engine) as connection, reading(other):
        assert connection.execute(text("SELECT count(*) FROM job")).scalar() == 0
        command = [sys.executable, "-c", READ, str(tmp_path / "test.sqlite")]
        subprocess.run(command, check=True)
        assert (tmp_path / "test.sqlite-wal").exists()
    engine.dispose()
    other.dispose()


def test_a_writer_waits_for_a_writer(counters):
    """A second writer waits for the first commit, and then sees its data."""
    inside, seen = threading.Event(), []

    def second():
        inside.wait(10)
        with writing(counters) as connection:
            connection.execute(text("UPDATE counter SET n = n + 1"))
        seen.append(read_counter(counters))

    thread = threading.Thread(target=second)
    thread.start()
    with writing(counters) as connection:
        connection.execute(text("UPDATE counter SET n = 10"))
        inside.set()
        thread.join(0.2)
        waited = not seen
    thread.join(10)
    assert (waited, seen) == (True, [11])


def test_a_restarted_server_causes_no_error(postgresql_server, postgresql_url):
    """Dead connections in the pool are replaced before their use."""
    engine = open_engine(postgresql_url)
    with reading(engine):
        pass
    postgresql_server.disconnect(postgresql_url)
    with reading(engine) as connection:
        found = connection.execute(text("SELECT 1")).scalar()
    engine.dispose()
    assert found == 1


# Migrations


def test_migrating_an_empty_database_applies_all(empty_engine):
    """It applies and logs every revision, in order."""
    lines = []
    applied = migrate(empty_engine, [JOBS], log=lines.append)
    assert applied == sorted(applied)
    assert applied[0] == "jobs_0001"
    assert lines == [f"migrated jobs to {revision}" for revision in applied]


def test_migrating_again_applies_nothing(engine):
    """The second process finds nothing to do."""
    assert migrate(engine, [JOBS], log=drop) == []


def test_histories_share_a_database(engine, history):
    """Two histories have their own versions, and each is checked for its own tables only."""
    migrate(engine, [JOBS, history], log=drop)
    check(engine, [JOBS, history])
    assert {"job", "things", "jobs_version", "things_version"} <= set(
        inspect(engine).get_table_names()
    )


def test_a_migration_that_fails_leaves_nothing_behind(empty_engine, package, history):
    """All revisions of a run are one transaction, tables included."""
    (package / "0002_broken.py").write_text(BROKEN)
    with pytest.raises(RuntimeError, match="power"):
        migrate(empty_engine, [history], log=drop)
    assert set(inspect(empty_engine).get_table_names()) <= {"things_version"}


def migrate_at(url):
    """Migrate in another process."""
    engine = open_engine(url)
    migrate(engine, [JOBS], log=drop)
    check(engine, [JOBS])
    engine.dispose()


def test_processes_migrate_one_at_a_time(database_url):
    """Processes that start together on an empty database all find it migrated."""
    run_concurrently(migrate_at, [(database_url,)] * 3)


def test_the_lock_timeout_of_a_migration_is_not_kept(sqlite_url):
    """After a migration the connection has the usual lock timeout."""
    engine = open_engine(sqlite_url)
    migrate(engine, [JOBS], log=drop)
    with reading(engine) as connection:
        busy_timeout = connection.exec_driver_sql("PRAGMA busy_timeout").scalar()
    engine.dispose()
    assert busy_timeout == 7000


def test_a_migration_that_waits_for_a_table_holds_nobody_up(
    postgresql_url, package, history, monkeypatch
):
    """While a long transaction reads the table, the migration lets the writers go first."""
    monkeypatch.setattr(database.migrating, "TABLE_LOCK_SECONDS", 0.1)
    engine = open_engine(postgresql_url)
    migrate(engine, [history], log=drop)
    (package / "0002_second.py").write_text(SECOND)
    reader = engine.connect()
    reader.execute(text("SELECT count(*) FROM things"))
    pauses = []

    def sleep(seconds):
        with writing(engine) as connection:
            connection.execute(text("INSERT INTO things (name) VALUES ('in between')"))
        pauses.append(seconds)
        if len(pauses) == 2:
            reader.close()

    assert migrate(engine, [history], log=drop, sleep=sleep)
    assert pauses == [database.migrating.PAUSE_SECONDS] * 2
    with reading(engine) as connection:
        assert connection.execute(text("SELECT count(size) FROM things")).scalar() == 0
    engine.dispose()


def test_postgresql_ends_a_session_that_pauses_inside_a_transaction(postgresql_url, monkeypatch):
    """A suspended process does not keep its locks for long."""
    migrate_at(postgresql_url)
    monkeypatch.setattr(database.postgresql, "IDLE_IN_TRANSACTION_SECONDS", 0.1)
    engine = open_engine(postgresql_url)
    with engine.connect() as connection:
        connection.execute(text("LOCK TABLE job IN ACCESS EXCLUSIVE MODE"))
        with engine.begin() as other:
            assert other.execute(text("SELECT count(*) FROM job")).scalar() == 0
        with pytest.raises(OperationalError) as caught:
            connection.execute(text("SELECT count(*) FROM job"))
    assert caught.value.connection_invalidated
    engine.dispose()


def test_postgresql_gives_up_on_a_lock_in_time_for_an_answer(postgresql_url, monkeypatch):
    """A locked table is an error after the lock timeout, not an endless wait."""
    migrate_at(postgresql_url)
    monkeypatch.setattr(database.postgresql, "LOCK_TIMEOUT_SECONDS", 0.1)
    engine = open_engine(postgresql_url)
    with engine.begin() as holder:
        holder.execute(text("LOCK TABLE job IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(OperationalError), engine.begin() as connection:
            connection.execute(text("SELECT count(*) FROM job"))
    engine.dispose()


# The check


def test_a_migrated_database_fits_the_code(engine):
    """The migrations create the tables that the code describes."""
    check(engine, [JOBS])


def test_an_empty_database_is_too_old(empty_engine):
    """The error for a database that was never migrated has the remedy."""
    with pytest.raises(SchemaError, match=r"revision none.*run `migrate`"):
        check(empty_engine, [JOBS])


def test_a_database_of_an_older_release_is_too_old(empty_engine, package, history):
    """The error for a missing revision says to migrate."""
    migrate(empty_engine, [history], log=drop)
    (package / "0002_more.py").write_text(BROKEN)
    with pytest.raises(SchemaError, match=r"at revision first, this release needs second"):
        check(empty_engine, [history])


@pytest.mark.parametrize("call", [check, lambda *args: migrate(*args, log=drop)])
def test_a_database_of_a_newer_release_is_refused(engine, call):
    """Older code neither runs on it nor migrates it."""
    with writing(engine) as connection:
        connection.execute(text("UPDATE jobs_version SET version_num = 'jobs_9999'"))
    with pytest.raises(SchemaError, match=r"jobs_9999.*newer"):
        call(engine, [JOBS])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("ALTER TABLE job_body DROP COLUMN codec", "codec"),
        ("ALTER TABLE job_body ADD COLUMN extra INTEGER", "extra"),
        ("DROP INDEX job_ready", "job_ready"),
        ("DROP TABLE job_body", "job_body"),
    ],
)
def test_a_change_by_hand_is_found(engine, change, named):
    """A differing column, index or table is named."""
    with writing(engine) as connection:
        connection.execute(text(change))
    with pytest.raises(SchemaError, match=named):
        check(engine, [JOBS])


def test_a_column_of_another_type_is_found(empty_engine, package):
    """A column with another type than in the code is named."""
    other = MetaData()
    Table("things", other, Column("id", Integer, primary_key=True), Column("name", Integer))
    history = History("things", package.name, other)
    migrate(empty_engine, [history], log=drop)
    with pytest.raises(SchemaError, match="name"):
        check(empty_engine, [history])


def test_the_check_changes_nothing(sqlite_url, tmp_path):
    """A database that was only checked has no tables."""
    engine = open_engine(sqlite_url)
    with pytest.raises(SchemaError):
        check(engine, [JOBS])
    engine.dispose()
    with sqlite3.connect(tmp_path / "test.sqlite") as raw:
        tables = raw.execute("SELECT count(*) FROM sqlite_master").fetchone()
    raw.close()
    assert tables == (0,)
