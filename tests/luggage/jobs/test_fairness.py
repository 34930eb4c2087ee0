"""luggage.jobs.fairness: lanes, and who is next."""

import pytest

from luggage.jobs.fairness import (
    MEMORY_SECONDS,
    PEOPLE_LANES,
    Place,
    Shares,
    lane_of,
    record_of,
    tenant_of,
    used,
)


def test_a_tenant_has_a_bounded_number_of_lanes():
    """A crowd shares lanes, so a claim does not get slower with it."""
    lanes = {lane_of("7", str(person), urgent=False) for person in range(5000)}
    assert len(lanes) == PEOPLE_LANES


def test_a_lane_names_its_tenant():
    """Tenants with slashes in their names, and without a name, have lanes too."""
    for tenant in ("7", "", "a/b"):
        assert tenant_of(lane_of(tenant, "p", urgent=True)) == tenant
        assert tenant_of(record_of(tenant)) == tenant
    assert tenant_of("") == ""


def turns(due, limit=1, most_of_one=9, **said):
    places = [Place(0, lane) for lane in due]
    shares = Shares(due=dict.fromkeys(places, 0.0), now=100.0, **said)
    return [turn.place.lane for turn in shares.turns(limit, most_of_one=most_of_one)]


def test_the_tenant_with_the_fewest_leased_jobs_is_next():
    """Jobs of all lanes of a tenant count, also of those that have nothing due."""
    assert turns(["a/1/00", "b/1/00"], leased={"a/1/09": 1}, usage={"b//": 99.0}) == ["b/1/00"]


def test_of_equal_tenants_the_one_that_used_least_is_next():
    """The usage of all its people together counts."""
    assert turns(["a/1/00", "b/1/00"], usage={"a//": 90.0, "b//": 70.0}) == ["b/1/00"]


def test_usage_grows_with_each_turn_and_fades():
    """One turn counts as its time; ten at once more than one later, which outlasts them."""
    once = used(0.0, 1000.0)
    ten = 0.0
    for _ in range(10):
        ten = used(ten, 1000.0)
    assert once == pytest.approx(1000.0)
    assert used(0.0, 1000.0 + MEMORY_SECONDS) < ten < used(0.0, 1000.0 + 3 * MEMORY_SECONDS)


def test_who_uses_less_than_their_share_is_always_next():
    """A tenant with a turn each two seconds does not wait for ten that have two a second."""
    usage = dict.fromkeys([f"h{number}//" for number in range(10)] + ["honest//"], 0.0)
    for tick in range(400):
        now = 1000.0 + tick / 2
        for name in usage:
            if name != "honest//" or tick % 4 == 0:
                usage[name] = used(usage[name], now)
    assert min(usage, key=usage.__getitem__) == "honest//"


def test_one_claim_gives_turns_in_rotation():
    """Two tenants get two turns each of four, and two people one each."""
    assert turns(["a/1/00", "a/1/01", "b/1/00"], 4) == ["a/1/00", "b/1/00", "a/1/01", "b/1/00"]


def test_urgent_lanes_go_first_within_the_tenant():
    """A tenant's turn does not come earlier for them."""
    assert turns(["a/0/00", "a/1/00", "b/1/00"], 3) == ["a/0/00", "b/1/00", "a/0/00"]


def test_a_tenant_gets_no_more_than_its_most():
    """What it holds already counts."""
    assert turns(["a/1/00", "b/1/00"], 5, most_of_one=2, own={"a": 1}) == [
        "a/1/00",
        "b/1/00",
        "b/1/00",
    ]


def test_of_one_lane_the_first_queue_goes_first():
    """Whatever has been due for longer, so that a flood in one queue does not starve the others."""
    due = {Place(1, "a/1/00"): 10.0, Place(0, "a/1/00"): 50.0}
    (turn,) = Shares(due=due, now=100.0).turns(1)
    assert turn.place.queue == 0


def test_turns_that_nobody_else_waits_for_are_free():
    """A tenant that worked alone is not behind those that come later."""
    alone = Shares(due={Place(0, "a/1/00"): 0.0}, now=100.0).turns(9)
    assert alone[-1].tenant_usage == alone[-1].lane_usage == 100.0
    both = dict.fromkeys([Place(0, "a/1/00"), Place(0, "b/1/00")], 0.0)
    assert Shares(due=both, now=100.0).turns(4)[-1].tenant_usage > 100.0
