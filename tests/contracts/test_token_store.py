"""TokenStore: shared by processes, sealed, never blocking; on each database."""

from functools import partial

import pytest
from sqlalchemy import text

import bot.store.tables
from bot.loop.periodic.housekeeping import Housekeeping
from bot.store.tokens import RENEWAL_SECONDS, SqlTokenStore, sealing_key
from luggage.database import History, reading
from luggage.fake_github import FakeGithub, faults
from luggage.github import GithubApp, Token, Transient
from luggage.github.secret import SecretText
from luggage.github.tokens import load_private_key
from luggage.jobs import Leadership
from tests.support.migrated import migrated

BOT = History("bot", "bot.store.migrations", bot.store.tables.metadata)
KEY, OTHER_KEY = b"k" * 32, b"o" * 32


@pytest.fixture
def store_of(engine, clock):
    """Return the store of a process."""
    migrated(engine, [BOT])

    def store_of(holder, key=KEY):
        return SqlTokenStore(engine, key, Leadership(engine, clock), holder)

    return store_of


@pytest.fixture
def token(clock):
    return Token(SecretText("ghs_" + "x" * 520), clock() + 3600, clock())


def test_a_saved_token_is_loaded_by_any_process(store_of, token):
    """A token is read as it was saved, by any process."""
    store_of("a").save(7, token)
    assert store_of("b").load(7) == token
    assert store_of("b").load(8) is None


def test_the_last_one_saved_counts(store_of, token, clock):
    """A renewed token replaces the older one."""
    newer = Token(SecretText("ghs_newer"), clock() + 7200, clock())
    store_of("a").save(7, token)
    store_of("b").save(7, newer)
    assert store_of("a").load(7) == newer


def test_tokens_are_sealed(store_of, token, engine):
    """The database holds no plain token, and no two equal rows."""
    rows = []
    for _ in range(2):
        store_of("a").save(7, token)
        with reading(engine) as connection:
            query = text("SELECT sealed FROM installation_token")
            rows.append(bytes(connection.execute(query).scalar_one()))
    assert not any(b"ghs_" in row or b"xxx" in row for row in rows)
    assert rows[0] != rows[1]


def test_another_key_opens_nothing(store_of, token):
    """After a change of the App's key an old token is missing, and is replaced."""
    store_of("a").save(7, token)
    other = store_of("b", OTHER_KEY)
    before = other.load(7)
    other.save(7, token)
    assert (before, other.load(7)) == (None, token)


def test_a_row_that_was_moved_opens_nothing(store_of, token, engine):
    """A sealed token works for its installation only."""
    store_of("a").save(7, token)
    with engine.begin() as connection:
        connection.execute(text("UPDATE installation_token SET installation = 8"))
    assert store_of("a").load(8) is None


def test_a_refused_token_is_forgotten_by_all(store_of, token, clock):
    """No process loads a refused token; a newer one stays."""
    newer = Token(SecretText("ghs_newer"), clock() + 7200, clock())
    store_of("a").save(7, token)
    store_of("b").drop(7, token)
    after = store_of("a").load(7)
    store_of("a").save(7, newer)
    store_of("b").drop(7, token)
    assert (after, store_of("b").load(7)) == (None, newer)


def test_one_process_renews_at_a_time(store_of, token, clock):
    """Another may renew once the first has saved its token, or has died."""
    a, b = store_of("a"), store_of("b")
    first = [a.may_renew(7), b.may_renew(7), b.may_renew(8)]
    a.save(7, token)
    saved = b.may_renew(7)
    clock.advance(RENEWAL_SECONDS)
    assert (first, saved, a.may_renew(7)) == ([True, False, True], True, True)


def test_expired_tokens_are_swept_away(store_of, token, engine, queue, clock):
    """Housekeeping deletes expired tokens."""
    store_of("a").save(7, token)
    clock.advance(3601)
    Housekeeping(engine=engine, queue=queue, clock=clock, payload_days=30)()
    assert store_of("a").load(7) is None


def test_the_key_does_not_depend_on_how_the_file_is_written():
    """A PEM file with line ends spelled out gives the same 32 bytes, and repr hides them."""
    pem = FakeGithub().private_key
    key = sealing_key(load_private_key(pem))
    assert (len(key), repr(key)) == (32, "b'***'")
    assert sealing_key(load_private_key(pem.replace("\n", "\\n"))) == key


def test_the_store_does_not_show_its_key(store_of):
    """A crash report that holds the store does not show it either."""
    assert "kkk" not in repr(store_of("a"))


# With the library


@pytest.fixture
def github(clock):
    fake = FakeGithub(clock=clock)
    fake.add_repository("snakes/trio")
    return fake


@pytest.fixture
def number(github):
    """The id of the installation."""
    return github.install("snakes").id


@pytest.fixture
def process(github, store_of, clock):
    """A process of the bot that talks to GitHub."""
    with github.serve() as server:
        yield partial(_process, github, server.url, store_of, clock)


def _process(github, url, store_of, clock, holder, sleep=None):
    return GithubApp(
        app_id=github.app_id,
        private_key=load_private_key(github.private_key),
        webhook_secrets=["s"],
        user_agent="test-bot",
        api_url=url,
        clock=clock,
        sleep=sleep or clock.advance,
        tokens=store_of(holder),
    )


def renewals(github):
    return len(github.calls_to("POST", "/app/installations/*/access_tokens"))


def test_processes_share_one_token(process, github, number):
    """All processes together ask GitHub once an hour."""
    tokens = {process(holder).token_for(number) for holder in "abc"}
    assert (len(tokens), renewals(github)) == (1, 1)


def test_a_shared_token_is_renewed_before_it_expires(process, github, number, clock):
    """Five minutes before its end one process renews it for all."""
    a, b = process("a"), process("b")
    a.token_for(number)
    clock.advance(3400)
    assert a.token_for(number) == b.token_for(number)
    assert renewals(github) == 2


def test_a_token_that_github_revoked_is_replaced_for_all(process, github, number, clock):
    """The first refused process deletes it and renews."""
    a, b = process("a"), process("b")
    old = a.token_for(number)
    clock.advance(60)
    github.credentials.revoke_all()
    a.client_for(number).get("/repos/snakes/trio")
    assert b.token_for(number) != old
    assert renewals(github) == 2


def test_a_waiting_process_takes_the_new_token(process, store_of, github, number, clock, token):
    """While one process renews, others poll the database instead of GitHub."""
    busy, slept = store_of("busy"), []

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 3:
            busy.save(number, token)

    busy.may_renew(number)
    assert process("a", sleep).token_for(number) == token.value
    assert (len(slept), renewals(github)) == (3, 0)


def test_a_waiting_process_gives_up(process, store_of, github, number):
    """If the other's token does not come, the process renews itself."""
    store_of("gone").may_renew(number)
    process("a", lambda _: None).token_for(number)
    assert renewals(github) == 1


def test_a_failed_renewal_leaves_nothing(process, github, number):
    """After an error the next call renews again."""
    app = process("a")
    github.faults.append(lambda _: faults.failed(done=True))
    with pytest.raises(Transient):
        app.token_for(number)
    github.faults.clear()
    assert app.token_for(number)
