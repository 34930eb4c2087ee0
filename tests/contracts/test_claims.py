"""bot.store.people: a person's claims stay within the limit, whatever happens at once."""

import threading

import pytest

from bot.store.people import FRESH_SECONDS, People
from luggage.database import open_engine
from tests.bot.conftest import HISTORIES
from tests.support.migrated import migrated

TRIO = "snakes/trio"
MOST = 3


@pytest.fixture
def engine(empty_engine):
    """A database of each kind with the bot's tables."""
    return migrated(empty_engine, HISTORIES)


@pytest.fixture
def people(engine, clock):
    return People(engine, clock=clock)


def numbers(people):
    return sorted(number for number, _person, _at in people.claims(TRIO))


def test_of_twenty_claims_at_once_three_have_room(engine, database_url, clock):
    """Twenty threads, each with an engine of its own, as on twenty machines."""
    engines = [open_engine(database_url) for _ in range(20)]
    start = threading.Barrier(len(engines))
    reserved = []

    def reserve(number):
        people = People(engines[number], clock=clock)
        start.wait()
        reserved.append(people.reserve_claim(TRIO, number, "Alice", most=MOST))

    threads = [threading.Thread(target=reserve, args=(number,)) for number in range(len(engines))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([at for at in reserved if at is not None]) == MOST
    assert len(numbers(People(engine, clock=clock))) == MOST
    for each in engines:
        each.dispose()


def test_people_and_repositories_do_not_share_their_limit(people):
    """The limit is for one person in one repository."""
    places = [(TRIO, "alice"), (TRIO, "bob"), ("snakes/anyio", "alice")]
    assert all(people.reserve_claim(repo, 1, who, most=1) for repo, who in places)


def test_a_claim_that_is_repeated_needs_no_second_place(people, clock):
    """A retry keeps its place."""
    for _ in range(3):
        assert people.reserve_claim(TRIO, 7, "alice", most=1) == clock()
        clock.advance(FRESH_SECONDS - 1)
    assert people.reserve_claim(TRIO, 8, "alice", most=1) is None


def test_what_github_does_not_show_counts_only_while_it_is_fresh(people, clock):
    """GitHub shows an assignment late, and a closed issue never."""
    assert people.reserve_claim(TRIO, 1, "alice", most=1)
    assert people.reserve_claim(TRIO, 2, "alice", most=1, held=set()) is None
    clock.advance(FRESH_SECONDS)
    assert people.reserve_claim(TRIO, 2, "alice", most=1) is None
    assert people.reserve_claim(TRIO, 2, "alice", most=1, held={1}) is None
    assert people.reserve_claim(TRIO, 2, "alice", most=1, held=set())


def test_what_github_shows_counts_whoever_assigned_it(people):
    """An issue that a maintainer assigned takes a place as well."""
    assert people.reserve_claim(TRIO, 3, "alice", most=2, held={1, 2}) is None
    assert people.reserve_claim(TRIO, 3, "alice", most=2, held={1, 3})


def test_a_refused_claim_frees_its_place_and_no_other(people, clock):
    """Only the reservation of that moment is deleted."""
    first = people.reserve_claim(TRIO, 1, "alice", most=2)
    clock.advance(1)
    people.reserve_claim(TRIO, 1, "alice", most=2)
    people.not_claimed(TRIO, 1, "alice", first)
    assert numbers(people) == [1]
    people.not_claimed(TRIO, 1, "alice", clock())
    assert numbers(people) == []
