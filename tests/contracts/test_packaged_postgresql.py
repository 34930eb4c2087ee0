"""The queue on PostgreSQL as Debian packages it, with hostile settings.

See docs/differences.md; tests.support.postgresql has the servers.
"""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import event, make_url, select, text
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from bot.operations.doctor import LocalChecks, Verdict
from bot.store.totals import Totals
from bot_deploy.wiring.parts import HISTORIES
from luggage.database import SchemaError, asking, check, migrate, open_engine, reading, writing
from luggage.jobs import Leadership, NewJob, Queue, State
from luggage.jobs.schema import job
from luggage.jobs.wake import listener, notifier
from luggage.telemetry.meter import Counter, Meter
from tests.support import ends, needs
from tests.support.jobs import LEASE
from tests.support.migrated import migrated
from tests.support.postgresql import ROLE_PASSWORD

CATS = Counter("cats_total", "Cats.", ("colour",))
# Has a time that no coarser representation of floats can hold, and text beyond Latin-1.
PRECISE = 1790000000.1234567
KEYS = ("done", "retry", "dead", "lost")
BODY = b"\0\xff\\"
TEXT = "über 🐍 \\ ' %s"


@pytest.fixture
def opened():
    """Open engines and dispose of them at the end."""
    engines = []

    def opened(url):
        engines.append(open_engine(url))
        return engines[-1]

    yield opened
    for engine in engines:
        engine.dispose()


@pytest.fixture
def own_engine(packaged_postgresql, opened):
    """An engine on migrated tables whose role has the given settings."""
    return lambda *settings: migrated(opened(packaged_postgresql.own_schema(*settings)), HISTORIES)


def new(key, queue="mail", run_at=0.0):
    """Return a new job."""
    return NewJob(queue=queue, key=key, body=BODY, run_at=run_at, subject=TEXT + key)


def keep_contract(engine, clock, name="mail"):
    """Do everything that the queue does once; raise AssertionError when something differs."""
    queue = Queue(engine, clock=clock)
    clock.now = PRECISE
    queue.put_all([new(key, name, PRECISE + 1) for key in KEYS])
    assert not queue.put(new(KEYS[0], name)).created
    assert queue.next_run_at([name]) == PRECISE + 1
    clock.advance(1)
    claimed = queue.claim([name], worker="w", lease_seconds=LEASE, limit=9)
    assert {(job.run_at, job.body) for job in claimed} == {(PRECISE + 1, BODY)}
    jobs = {job.key: job for job in claimed}
    ends.done(queue, queue.note(jobs["done"], TEXT), result=TEXT, put=[new("new", name)])
    ends.retry(queue, jobs["retry"], error=TEXT, run_at=PRECISE)
    ends.bury(queue, jobs["dead"], TEXT)
    queue.extend(jobs["lost"], LEASE / 2)
    clock.advance(LEASE)
    assert queue.reclaim() == 1
    counts = {state: n for (of, state), n in queue.counts().items() if of == name}
    assert counts == {State.DONE: 1, State.READY: 3, State.DEAD: 1}
    with reading(engine) as connection:
        query = select(job.c.note, job.c.result).where(job.c.id == jobs["done"].id)
        assert connection.execute(query).one() == (TEXT, TEXT)
    assert Leadership(engine, clock).holds(name, "one", seconds=LEASE)
    assert not Leadership(engine, clock).holds(name, "other", seconds=LEASE)
    meter = Meter()
    meter.add(CATS, name)
    Totals(engine, name=name, clock=clock).add(meter)
    assert Totals(engine, name="", clock=clock).read()["cats_total", (name,)].value == 1.0


# Settings that the role of the bot may have, on purpose or by accident.
HOSTILE = (
    "bytea_output = escape",
    "client_encoding = LATIN1",
    "client_min_messages = debug5",
    "datestyle = 'SQL, DMY'",
    "default_transaction_isolation = serializable",
    "extra_float_digits = -15",
    "idle_in_transaction_session_timeout = 1",
    "intervalstyle = sql_standard",
    "jit = on",
    "jit_above_cost = 0",
    "lock_timeout = 1",
    "log_parameter_max_length_on_error = -1",
    "plan_cache_mode = force_generic_plan",
    "row_security = off",
    "standard_conforming_strings = off",
    "statement_timeout = 1000",
    "synchronous_commit = off",
    "timezone = 'Pacific/Chatham'",
    "track_activities = off",
    "transform_null_equals = on",
    'search_path = "$user", elsewhere, public',
)
# The effective settings of each session of the bot.
OURS = {
    "client_encoding": "UTF8",
    "default_transaction_isolation": "read committed",
    "enable_seqscan": "off",
    "extra_float_digits": "1",
    "idle_in_transaction_session_timeout": "20s",
    "jit": "off",
    "lock_timeout": "7s",
    "log_parameter_max_length_on_error": "0",
    "statement_timeout": "0",
    "synchronous_commit": "on",
}


def test_hostile_settings_change_nothing(packaged_postgresql, opened, clock, tmp_path):
    """Migrations, the queue and doctor's check work with all of them set."""
    engine = opened(packaged_postgresql.own_schema(*HOSTILE))
    migrate(engine, HISTORIES, log=lambda _: None)
    keep_contract(engine, clock)
    home = LocalChecks(
        connect=lambda: engine,
        is_new=False,
        histories=HISTORIES,
        data=tmp_path,
        clock=clock,
        program="python -m bot_deploy",
    )
    assert home.database().verdict == Verdict.OK


def effective(connection):
    """Return the settings of a driver's session."""
    return {name: connection.execute(f"SHOW {name}").fetchone()[0] for name in OURS}


@pytest.mark.parametrize("path", [reading, writing, asking])
def test_each_session_sets_what_it_depends_on(own_engine, path):
    """Every session of the engine has the settings, for any purpose."""
    with path(own_engine(*HOSTILE)) as connection:
        assert effective(connection.connection.dbapi_connection) == OURS


def test_the_session_that_listens_sets_it_too(own_engine, tmp_path):
    """The connection of LISTEN, which leaves the pool, has the settings too."""
    engine = own_engine(*HOSTILE)
    wakeup = listener(engine, tmp_path)
    wakeup.wait(0)
    assert effective(wakeup._connection) == OURS
    notifier(engine, tmp_path)()
    wakeup.wait(60)
    wakeup.close()


@pytest.mark.parametrize(
    ("value", "kept"), [("local", "local"), ("remote_apply", "remote_apply"), ("off", "on")]
)
def test_a_commit_waits_for_the_disk_at_the_least(own_engine, value, kept):
    """Values that wait for more than the disk, or for no standby, stay."""
    with reading(own_engine(f"synchronous_commit = {value}")) as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar() == kept


def test_no_error_quotes_parameters(own_engine):
    """The server's text does not either, though it is configured to."""
    engine = own_engine(*HOSTILE)
    with pytest.raises(DBAPIError) as caught, writing(engine) as connection:
        connection.execute(text("SELECT CAST(:given AS integer) / 0"), {"given": 271828})
    assert "271828" not in str(caught.value)


# All settings of a role

TOGETHER = 16
_NOT_SWEPT = {
    "default_transaction_read_only": "is refused, see below",
    "exit_on_error": "ends the session at each error; for PostgreSQL's own developers",
}
_SETTABLE = """
SELECT name, vartype, setting, enumvals, min_val, max_val FROM pg_settings
WHERE context IN ('user', 'superuser') AND vartype <> 'string' ORDER BY name
"""


def other_values(vartype, setting, enumvals, smallest, largest):
    """Return other values of a setting: its other words, or both ends of its range."""
    words = {"bool": ["on", "off"], "enum": enumvals}.get(vartype, [smallest, largest])
    return [word for word in words if word != setting]


def test_no_setting_of_a_role_breaks_the_queue(packaged_postgresql, opened, clock):
    """No word of an enumerated setting, and no end of a number's range, breaks the queue.

    There are hundreds, so they are tried in batches, and one by one where a batch breaks it.
    """
    url = packaged_postgresql.own_schema()
    migrated(opened(url), HISTORIES)
    values = settable(packaged_postgresql)
    broken = {}
    for number in range(0, len(values), TOGETHER):
        some = values[number : number + TOGETHER]
        if what_breaks(packaged_postgresql, url, clock, some):
            broken |= {each: what_breaks(packaged_postgresql, url, clock, [each]) for each in some}
    assert {each: why for each, why in broken.items() if why} == {}
    assert broken == {}
    assert len(values) > 200


def settable(server):
    """Yield all names and values; second values come after the first of all settings."""
    found = [
        (number, name, value)
        for name, *described in server.asked(_SETTABLE)
        if name not in _NOT_SWEPT
        for number, value in enumerate(other_values(*described))
    ]
    return [(name, value) for _, name, value in sorted(found)]


def what_breaks(server, url, clock, settings):
    """Return the error of a queue whose role has these settings, or ""."""
    role = role_of(url)
    for name, value in settings:
        with suppress(psycopg.Error):  # the server itself refuses it
            server.execute(f"ALTER ROLE {role} SET {name} = '{value}'")
    engine = open_engine(url)
    try:
        keep_contract(engine, clock, name=f"{len(settings)} from {settings[0]}")
    except (AssertionError, SQLAlchemyError) as error:
        return repr(error)
    finally:
        engine.dispose()
        server.execute(f"ALTER ROLE {role} RESET ALL")
    return ""


# JIT

EXPLAINED = (
    "session_preload_libraries = auto_explain",
    "auto_explain.log_min_duration = 0",
    "auto_explain.log_analyze = on",
    "auto_explain.log_format = json",
    "auto_explain.log_level = notice",
)


def plans(engine, clock):
    """Return the executed plans of all statements of the queue's contract."""
    heard = []

    def listen(connection, _record):
        connection.add_notice_handler(lambda notice: heard.append(notice.message_primary))

    event.listen(engine, "connect", listen)
    keep_contract(engine, clock)
    logged = [json.loads(line.partition("plan:")[2]) for line in heard if "plan:" in line]
    assert any("FOR UPDATE OF job SKIP LOCKED" in plan["Query Text"] for plan in logged)
    return logged


@pytest.fixture
def explained_engine(packaged_postgresql, opened):
    """An engine on a migrated database that logs the plan of each statement."""
    needs.need("PostgreSQL's JIT")
    assert packaged_postgresql.asked("SHOW jit") == [("on",)]
    url = packaged_postgresql.own_schema()
    migrated(opened(url), HISTORIES)
    for setting in EXPLAINED:
        packaged_postgresql.execute(f"ALTER ROLE {make_url(url).username} SET {setting}")
    return opened(url)


def test_no_statement_is_compiled(explained_engine, clock):
    """JIT does not compile claims, which would take a second each time."""
    assert not [plan for plan in plans(explained_engine, clock) if "JIT" in plan]


def test_some_plans_would_be_compiled(explained_engine, clock):
    """With JIT on, some plans are expensive enough to be compiled: the test above can fail."""

    def compile_again(connection, _record):
        connection.execute("SET jit = on")
        connection.commit()

    event.listen(explained_engine, "connect", compile_again)
    assert any("JIT" in plan for plan in plans(explained_engine, clock))


# Refusals, with a remedy


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_an_encoding_that_cannot_hold_all_text_is_refused(packaged_postgresql, opened, encoding):
    """GitHub sends Unicode."""
    options = f"ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0"
    engine = opened(packaged_postgresql.own_database(options))
    with pytest.raises(SchemaError, match=rf"as {encoding}, .*ENCODING 'UTF8'"):
        migrate(engine, HISTORIES, log=print)


def change(url, *statements, user="postgres"):
    """Run statements in a database."""
    plain = make_url(url).set(username=user).render_as_string(hide_password=False)
    with psycopg.connect(plain) as connection:
        for statement in statements:
            connection.execute(statement)


def role_of(url):
    return make_url(url).username


def read_only(url):
    change(url, f"ALTER ROLE {role_of(url)} SET default_transaction_read_only = on")


def no_schema(url):
    change(url, f"ALTER ROLE {role_of(url)} SET search_path = nowhere")


def a_table_in_the_way(url):
    change(url, "CREATE TABLE job (id integer)", user=role_of(url))


@pytest.mark.parametrize(
    ("make", "remedy"),
    [
        (read_only, "read-only .*; .*default_transaction_read_only"),
        (no_schema, "no schema .*; search_path names no existing schema"),
        (a_table_in_the_way, '"job" already exists; .* its own database or schema'),
    ],
)
def test_a_database_that_cannot_be_migrated_is_one_line(packaged_postgresql, opened, make, remedy):
    """A role, a server or a schema prevents the bot from creating its tables."""
    url = packaged_postgresql.own_schema()
    make(url)
    with pytest.raises(SchemaError, match=remedy) as refused:
        migrate(opened(url), HISTORIES, log=print)
    assert len(str(refused.value).splitlines()) == 1


def test_a_role_that_may_not_make_tables_is_refused(packaged_postgresql, opened):
    """From PostgreSQL 15 on, that is any role that does not own the database."""
    url = packaged_postgresql.own_database()
    owned = f"ALTER DATABASE {role_of(url)} OWNER TO postgres"
    change(url, owned, "REVOKE CREATE ON SCHEMA public FROM public")
    with pytest.raises(SchemaError, match=r"permission denied .*; .* ALTER DATABASE .* OWNER TO"):
        migrate(opened(url), HISTORIES, log=print)


def no_writes(url):
    change(url, f"REVOKE INSERT ON job, pause FROM {role_of(url)}", user=role_of(url))


def no_numbers(url):
    change(url, f"REVOKE ALL ON SEQUENCE job_id_seq FROM {role_of(url)}", user=role_of(url))


def no_reads(url):
    change(url, f"REVOKE ALL ON jobs_version FROM {role_of(url)}", user=role_of(url))


@pytest.mark.parametrize(
    ("make", "remedy"),
    [
        (no_writes, "may not write to job, pause; .*OWNER TO"),
        (no_numbers, "may not write to .*job_id_seq; .*OWNER TO"),
        (no_reads, "permission denied for table jobs_version; .*OWNER TO"),
        (read_only, "is read-only; .*default_transaction_read_only"),
    ],
)
def test_a_read_only_database_is_refused(packaged_postgresql, opened, make, remedy):
    """The loop, the web process and doctor report it before a delivery arrives."""
    url = packaged_postgresql.own_schema()
    engine = opened(url)
    migrated(engine, HISTORIES)
    check(engine, HISTORIES)
    engine.dispose()
    make(url)
    with pytest.raises(SchemaError, match=remedy):
        check(engine, HISTORIES)


def test_a_server_that_became_read_only_counts_as_away(packaged_postgresql, own_engine, clock):
    """After a failover the session is dropped, and the next one is tried."""
    engine = own_engine()
    queue = Queue(engine, clock=clock)
    queue.put(new("one"))
    with engine.connect() as connection:
        connection.execute(text("SET default_transaction_read_only = on"))
        connection.commit()
    with pytest.raises(OperationalError) as caught:
        queue.claim(["mail"], worker="w", lease_seconds=LEASE)
    assert caught.value.connection_invalidated
    assert queue.claim(["mail"], worker="w", lease_seconds=LEASE)


# Ways to connect


def test_exhausted_connections_count_as_an_outage(packaged_postgresql, opened, clock):
    """The client retries until a connection is free."""
    url = packaged_postgresql.own_schema()
    migrated(opened(url), HISTORIES).dispose()
    change(url, f"ALTER ROLE {role_of(url)} CONNECTION LIMIT 1")
    engine = opened(url)
    with engine.connect(), pytest.raises(OperationalError, match="too many connections"):
        Queue(opened(url), clock=clock).put(new("one"))
    keep_contract(engine, clock)


def test_another_collation_changes_nothing(packaged_postgresql, opened, clock):
    """ICU's English locale does not sort capitals first."""
    needs.need("PostgreSQL 15")
    options = "TEMPLATE template0 LOCALE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"
    engine = migrated(opened(packaged_postgresql.own_database(options)), HISTORIES)
    with reading(engine) as connection:
        assert connection.execute(text("SELECT 'a' < 'B'")).scalar()
    keep_contract(engine, clock)


def test_a_restart_causes_no_error(packaged_postgresql, own_engine, clock):
    """The queue works again after the server has restarted."""
    engine = own_engine()
    queue = Queue(engine, clock=clock)
    queue.put(new("one"))
    with packaged_postgresql.away(), pytest.raises(OperationalError):
        queue.claim(["mail"], worker="w", lease_seconds=LEASE)
    assert queue.claim(["mail"], worker="w", lease_seconds=LEASE)


# TCP, TLS and passwords


@pytest.fixture
def certificate(tmp_path):
    """A key and a self-signed certificate for 127.0.0.1, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "authority.pem"
    path.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return path, key.private_bytes(serialization.Encoding.PEM, pkcs8, plain)


@pytest.fixture
def far(packaged_postgresql, certificate):
    """The address of a schema over TCP, which requires TLS and the role's password."""
    url = packaged_postgresql.own_schema()
    path, key = certificate
    port = packaged_postgresql.demand_tls(path.read_bytes(), key)
    return make_url(url).set(host="127.0.0.1", port=port, password=ROLE_PASSWORD, query={})


def test_tls_with_an_authority_of_its_own(far, certificate, opened, clock):
    """The server is verified with the given certificate, as hosted databases require."""
    verified = {"sslmode": "verify-full", "sslrootcert": str(certificate[0])}
    engine = opened(address(far.update_query_dict(verified)))
    migrated(engine, HISTORIES)
    with reading(engine) as connection:
        asked = text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        assert connection.execute(asked).scalar()
    keep_contract(engine, clock)


@pytest.mark.parametrize(
    ("differently", "words"),
    [
        ({"password": "another"}, "password authentication failed"),
        ({"query": {"sslmode": "disable"}}, "no encryption"),
        ({"query": {"sslmode": "verify-full", "sslrootcert": "/dev/null"}}, "certificate"),
    ],
)
def test_a_refused_connection_is_reported(far, opened, differently, words):
    """The error does not contain the password."""
    url = far.set(**differently)
    with pytest.raises(OperationalError, match=words) as refused, opened(address(url)).connect():
        pass
    assert ROLE_PASSWORD not in str(refused.value)


def address(url):
    return url.render_as_string(hide_password=False)
