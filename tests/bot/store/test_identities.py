"""bot.store.identities: names by numeric id, on both databases."""

import threading

import pytest

from bot.events import ACCOUNT, REPOSITORY, Identity
from bot.store.identities import Identities, Names
from bot.store.people import People
from bot.store.tables import settings_file
from luggage.database import open_engine
from tests.bot.conftest import HISTORIES
from tests.support.clock import FakeClock
from tests.support.migrated import migrated

ALICE, BOB, ORG, REPO = 1, 2, 10, 100


def account(number, login, former=""):
    return Identity(ACCOUNT, number, login, former)


def repository(number, full_name, former=""):
    return Identity(REPOSITORY, number, full_name, former)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request, tmp_path):
    """A migrated database."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'names.sqlite'}"
    else:
        url = request.getfixturevalue("postgresql_url")
    engine = open_engine(url)
    migrated(engine, HISTORIES)
    yield engine
    engine.dispose()


@pytest.fixture
def identities(engine):
    return Identities(engine)


def key(identities, seen, at=1.0):
    names, _renamed = identities.learn([seen], at=at)
    return names.find(seen.kind, seen.name).key


def test_an_id_keeps_the_name_that_it_was_seen_with_first(identities, engine):
    """Whatever it is called later, and in a process that starts later."""
    assert key(identities, account(ALICE, "Alice")) == "alice"
    assert key(identities, account(ALICE, "alicia"), at=2.0) == "alice"
    assert key(Identities(engine), account(ALICE, "alma"), at=3.0) == "alice"


def test_a_name_that_another_has_by_now_stays_theirs(identities):
    """A payload that arrives late shows who had it before; what they are called now is unknown."""
    key(identities, account(BOB, "alice"), at=20.0)
    names, renamed = identities.learn([account(ALICE, "alice")], at=10.0)
    assert names.find(ACCOUNT, "alice").id == ALICE
    assert renamed == []
    assert identities.look_up(ACCOUNT, "alice").id == BOB
    assert key(identities, account(ALICE, "alicia"), at=30.0) == "alice~1"


def test_a_name_in_other_hands_is_another_key(identities):
    """Also when the first one comes back to it."""
    key(identities, account(ALICE, "alice"))
    assert key(identities, account(BOB, "alice"), at=2.0) == "alice~2"
    assert key(identities, account(ALICE, "alicia"), at=3.0) == "alice"
    key(identities, account(BOB, "bob"), at=4.0)
    assert key(identities, account(ALICE, "alice"), at=5.0) == "alice"


def test_an_event_about_a_rename_names_the_key(identities):
    """What is stored under the former name belongs to that id."""
    names, renamed = identities.learn([account(ALICE, "alicia", "alice")], at=1.0)
    assert names.account("alicia") == "alice"
    assert [(each.old, each.new) for each in renamed] == [("alice", "alicia")]


def test_the_key_of_a_new_repository_begins_with_that_of_its_owner(identities):
    """So a text about a repository of a renamed organisation has one form."""
    key(identities, account(ORG, "snakes"))
    new = [repository(REPO, "pythons/new"), account(ORG, "pythons")]
    names, _renamed = identities.learn(new, at=2.0)
    assert names.repository("pythons/new") == "snakes/new"
    assert names.repository("pythons/unseen") == "snakes/unseen"


def test_a_name_that_was_not_seen_is_its_own_key(identities):
    """As in a database of an older version."""
    names = Names({}, identities.look_up)
    assert (names.account("Alice"), names.repository("A/b")) == ("alice", "a/b")


def test_a_later_name_stays(identities):
    """A delivery that comes late does not bring the former name back."""
    key(identities, account(ALICE, "alice"), at=1.0)
    key(identities, account(ALICE, "alicia"), at=5.0)
    names, renamed = identities.learn([account(ALICE, "alice")], at=3.0)
    assert renamed == []
    assert names.now(ACCOUNT, "alice") == "alicia"


def test_looking_stores_nothing(identities):
    """A dry run proposes the key that learning would give."""
    names = identities.names([account(ALICE, "alice")])
    assert names.account("alice") == "alice"
    assert identities.look_up(ACCOUNT, "alice") is None


def stored(engine):
    with engine.connect() as connection:
        rows = connection.execute(settings_file.select().order_by(settings_file.c.repository))
        return {row.repository: row.text for row in rows}


def keep(engine, full_name):
    values = {"text": full_name, "sha": "x", "problems": "", "serial": 0, "checked_at": 0.0}
    with engine.begin() as connection:
        connection.execute(settings_file.insert().values(repository=full_name, **values))


def test_cached_settings_follow_a_repository_and_all_of_an_owner(engine, identities):
    """And are parked while the name is another's and the new one is not known."""
    identities.learn([account(ORG, "snakes"), repository(REPO, "snakes/trio")], at=1.0)
    for name in ("snakes/trio", "snakes/.github", "snakes_too/trio", "other/trio"):
        keep(engine, name)
    identities.learn([account(ORG, "pythons")], at=2.0)
    assert stored(engine) == {
        "other/trio": "other/trio",
        "pythons/.github": "snakes/.github",
        "pythons/trio": "snakes/trio",
        "snakes_too/trio": "snakes_too/trio",
    }
    identities.learn([account(ORG + 1, "pythons")], at=3.0)
    assert "pythons/.github" not in stored(engine)
    identities.learn([account(ORG, "boas"), repository(REPO, "boas/trio")], at=4.0)
    assert stored(engine)["boas/.github"] == "snakes/.github"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ping pythons/quartet/issues/comments/5", "ping snakes/trio/issues/comments/5"),
        ("conflicts Pythons/Quartet#7 spell 2", "conflicts snakes/trio#7 spell 2"),
        ("invite:pythons/alicia", "invite:snakes/alice"),
        ("team:pythons/core/alicia", "team:snakes/core/alice"),
        ("first step pythons/quartet/Alicia", "first step snakes/trio/alice"),
        ("introduction pythons/alicia", "introduction snakes/alice"),
        ("settings pythons/.github/3", "settings snakes/.github/3"),
        ("label pythons/quartet#1 at abc 5 alicia", "label snakes/trio#1 at abc 5 alicia"),
        ("answer pythons/quartet/reviews/3/", "answer snakes/trio/reviews/3/"),
        ("other/quartet#7 by alicia", "other/quartet#7 by alicia"),
        ("pythons/quartets#7", "snakes/quartets#7"),
        ("see https://example.org/pythons/quartet", "see https://example.org/pythons/quartet"),
        ("a / b // c /", "a / b // c /"),
        ("x \ud800/a\0b/c", "x \ud800/a\0b/c"),
        (f"x {'a' * 300}/b", f"x {'a' * 300}/b"),
        ("", ""),
    ],
)
def test_only_names_in_paths_are_replaced(identities, text, expected):
    """The rest of a key says what happened, and stays."""
    first = [account(ORG, "snakes"), account(ALICE, "alice"), repository(REPO, "snakes/trio")]
    identities.learn(first, at=1.0)
    now = [account(ORG, "pythons"), account(ALICE, "alicia"), repository(REPO, "pythons/quartet")]
    names, _renamed = identities.learn(now, at=2.0)
    assert names.stable(text) == expected
    assert names.stable(expected) == expected


def test_a_repository_with_the_name_of_a_person_stays(identities):
    """The parts of its own name are no logins."""
    identities.learn([account(ALICE, "alice"), repository(REPO, "snakes/alicia")], at=1.0)
    now = [account(ALICE, "alicia"), repository(REPO, "snakes/alicia")]
    names, _renamed = identities.learn(now, at=2.0)
    assert names.stable("x snakes/alicia#1") == "x snakes/alicia#1"


def test_names_survive_the_queue(identities):
    """An action has the names of its delivery, and asks for those of now when it is old."""
    identities.learn([account(ALICE, "alice")], at=1.0)
    names, _renamed = identities.learn([account(ALICE, "alicia")], at=2.0)
    said = names.encode()
    assert identities.decode(said).account("alicia") == "alice"
    identities.learn([account(ALICE, "alma")], at=3.0)
    assert identities.decode(said).now(ACCOUNT, "alicia") == "alicia"
    assert identities.decode(said, is_old=True).now(ACCOUNT, "alicia") == "alma"


def test_many_processes_agree_about_a_new_id(engine):
    """Each learns the same names at once."""
    seen = [account(number, f"person-{number % 3}") for number in range(1, 7)]
    results = []

    def learn():
        names, _renamed = Identities(engine).learn(seen, at=1.0)
        results.append(all(names.find(each.kind, each.name) for each in seen))

    threads = [threading.Thread(target=learn) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 4
    keys = [key(Identities(engine), each, at=2.0) for each in seen]
    assert keys[:3] == ["person-1", "person-2", "person-0"]
    assert sorted(keys[3:]) == ["person-0~6", "person-1~4", "person-2~5"]


def test_what_an_older_version_stored_belongs_to_the_first_id(engine):
    """It is found under the name that this id has later."""
    people = People(engine, clock=FakeClock())
    people.remember("Snakes", "Alice", "declined")
    people.remember_claim("snakes/trio", 1, "alice")
    first = [account(ORG, "snakes"), account(ALICE, "alice"), repository(REPO, "snakes/trio")]
    people.seen(first, at=1.0)
    later = [account(ORG, "pythons"), account(ALICE, "alicia"), repository(REPO, "pythons/trio")]
    bound, _renamed = people.seen(later, at=2.0)
    assert bound.membership("pythons", "alicia") == "declined"
    assert len(bound.claims("pythons/trio", person="alicia")) == 1
    other, _renamed = people.seen([account(BOB, "alice")], at=3.0)
    assert other.membership("pythons", "alice") is None


def test_the_repositories_of_a_renamed_account_are_known_under_its_new_name(identities):
    """Also while another account has the former name, and the new one is not known."""
    identities.learn([account(ORG, "snakes"), repository(REPO, "snakes/trio")], at=1.0)
    late = [repository(REPO, "snakes/trio")]
    identities.learn([account(ORG, "pythons")], at=5.0)
    assert identities.learn(late, at=2.0)[0].now(REPOSITORY, "snakes/trio") == "pythons/trio"
    assert identities.present(REPOSITORY, "snakes/trio") == "pythons/trio"
    identities.learn([account(ORG + 1, "pythons")], at=6.0)
    assert identities.learn(late, at=2.0)[0].now(REPOSITORY, "snakes/trio") == ""
    identities.learn([account(ORG, "boas")], at=7.0)
    assert identities.learn(late, at=2.0)[0].now(REPOSITORY, "snakes/trio") == "boas/trio"
