"""Searches in the queue, on every database."""

import pytest

from luggage.jobs import NewJob, State, UnknownJob, WrongState
from tests.support import ends
from tests.support.jobs import finish


def keys(rows):
    return [row.key for row in rows]


@pytest.fixture
def family(queue, put):
    """Put a done job with a child that ends in the given way; return its id."""

    def put_family(key, way, **said):
        parent = put(key, **said)
        (job,) = queue.claim(["mail"], worker="w", lease_seconds=60.0)
        asked = NewJob(queue="post", key=f"{key}'s", body=b"", run_at=0.0, parent=parent)
        ends.done(queue, job, put=[asked])
        if way is not None:
            (child,) = queue.claim(["post"], worker="w", lease_seconds=60.0)
            finish(queue, child, way)
        return parent

    return put_family


def test_the_dead_are_those_of_which_a_part_is_dead(queue, put, claim, family):
    """A job with a dead child is found among the dead."""
    family("whole", "done")
    family("torn", "bury")
    put("gone")
    ends.bury(queue, claim(), "hopeless")
    assert keys(queue.search("mail", state=State.DEAD)) == ["gone", "torn"]


def test_the_done_are_those_that_are_done_with_all(queue, family):
    """A job with an unfinished or dead child is not done."""
    family("whole", "done")
    family("unwanted", "ignore")
    family("torn", "bury")
    family("waiting", None)
    assert keys(queue.search("mail", state=State.DONE)) == ["unwanted", "whole"]
    assert keys(queue.search("mail", state=State.READY)) == ["waiting"]


def test_the_ignored_are_found_by_their_own_state(queue, put, claim, family):
    """A done job with an ignored child is not ignored."""
    family("whole", "ignore")
    put("noise")
    ends.ignore(queue, claim(), "unwanted")
    assert keys(queue.search("mail", state=State.IGNORED)) == ["noise"]


def test_a_repository_is_found_with_all_its_numbers(queue, put):
    """Case does not matter; a longer name does not match, and wildcards are literal."""
    for subject in ("Snakes/Trio", "snakes/trio#7", "snakes/trio-2#7", "snakes/tri_", "snakes"):
        put(subject, subject=subject)
    assert keys(queue.search("mail", within="snakes/TRIO")) == ["snakes/trio#7", "Snakes/Trio"]
    assert keys(queue.search("mail", within="snakes/tri_")) == ["snakes/tri_"]


def test_jobs_are_found_by_tenant(queue, put):
    """Tenants bound a search and the depths; no tenants find nothing."""
    for key, tenant in {"a": "7", "b": "8", "c": ""}.items():
        put(key, tenant=tenant)
    assert keys(queue.search("mail", tenants=["7", "8"])) == ["b", "a"]
    assert keys(queue.search("mail", state=State.READY, tenants=["8"])) == ["b"]
    assert queue.search("mail", tenants=[]) == []
    assert [depth.count for depth in queue.depths(["7", ""])] == [2]
    assert queue.depths([]) == []


def test_jobs_are_found_that_concern_somebody(queue, put):
    """A person's own jobs, and those whose key has a name; wildcards are literal."""
    put("x ann", person="5")
    put("y/bob")
    put("z/b_b", person="6")
    assert keys(queue.search("mail", concerns=("5", ["b_b"]))) == ["z/b_b", "x ann"]
    assert keys(queue.search("mail", concerns=("", ["bob"]))) == ["y/bob"]
    assert queue.search("mail", concerns=("", [])) == []


def test_an_issue_is_found_with_what_children_did_to_it(queue, put):
    """A job about something else is found if a child is about the issue; longer numbers are not."""
    whole = put("whole", subject="snakes/trio")
    put("own", subject="Snakes/Trio#7")
    put("other", subject="snakes/trio#77")
    child = NewJob(
        queue="post", key="c", body=b"", run_at=0.0, parent=whole, subject="snakes/TRIO#7"
    )
    queue.put(child)
    found = queue.search("mail", within="snakes/trio#7", with_children=True)
    assert keys(found) == ["own", "whole"]


def test_a_search_goes_on_page_by_page(queue, put):
    """The last id of a page gives the next page, also for one kind."""
    for number in range(5):
        put(f"k{number}", kind="even" if number % 2 == 0 else "odd")
    first = queue.search("mail", kind="even", limit=2)
    second = queue.search("mail", kind="even", limit=2, before=first[-1].id)
    assert (keys(first), keys(second)) == (["k4", "k2"], ["k0"])


def test_the_children_of_several_jobs_are_read_at_once(queue, family):
    """Each job has its own children, or an empty list."""
    one, two = family("one", "done"), family("two", "bury")
    asked = queue.asked_for([one, two, 99])
    assert {job_id: keys(rows) for job_id, rows in asked.items()} == {
        one: ["one's"],
        two: ["two's"],
        99: [],
    }


def test_a_key_is_found_by_how_it_begins(queue, put):
    """A prefix finds the key; an underscore is not a wildcard."""
    for key in ("72d3162e-cc78", "72d3162e-ff00", "8a", "8_"):
        put(key)
    assert keys(queue.beginning("mail", "72d3")) == ["72d3162e-ff00", "72d3162e-cc78"]
    assert keys(queue.beginning("mail", "8_")) == ["8_"]


def test_a_job_is_found_by_its_result(queue, put, claim):
    """Words of a result find the job, other words do not."""
    put("k")
    ends.done(queue, claim(), result='{"comment": 7}')
    assert keys(queue.answered("mail", '"comment": 7}')) == ["k"]
    assert queue.answered("mail", '"comment": 70') == []


def test_keys_come_in_pages(queue, put):
    """The newest come first, each with its id."""
    ids = [put(key) for key in ("a", "b", "c")]
    assert queue.keys("mail", limit=2) == {ids[2]: "c", ids[1]: "b"}
    assert queue.keys("mail", before=ids[1]) == {ids[0]: "a"}


def test_jobs_are_counted_by_the_hour_they_came(queue, put, clock):
    """Hours are those of the clock; older jobs are left out."""
    clock.now = 36000.0
    for seconds in (-1, 0, 3599, 3600):
        clock.now = 36000.0 + seconds
        put(f"k{seconds}")
    put("other", queue="post")
    assert queue.per_hour(36000.0) == {("mail", 10): 2, ("mail", 11): 1, ("post", 11): 1}


@pytest.mark.parametrize("way", [None, "bury", "retry"])
def test_a_dismissed_job_is_ignored(queue, put, claim, way):
    """A ready, failing or dead job ends as ignored, with its dependents."""
    first, second = put("first"), put("second", after="first")
    if way:
        finish(queue, claim(), way)
    queue.dismiss(first, "not needed")
    queue.dismiss(first, "again")
    assert (queue.get(first).state, queue.get(first).reason) == (State.IGNORED, "not needed")
    assert queue.get(second).state is State.IGNORED
    assert queue.standing().dead == 0


def test_a_leased_or_done_job_cannot_be_dismissed(queue, put, claim):
    """The job stays as it is."""
    job_id = put("k")
    job = claim()
    with pytest.raises(WrongState, match="is leased"):
        queue.dismiss(job_id, "no")
    ends.done(queue, job)
    with pytest.raises(WrongState, match="is done"):
        queue.dismiss(job_id, "no")
    with pytest.raises(UnknownJob):
        queue.dismiss(99, "no")


def test_a_done_job_is_revived_only_on_request(queue, put, claim):
    """It is for work that may be done again, such as an evaluation."""
    job_id = put("k")
    ends.done(queue, claim())
    queue.revive(job_id, done_too=True)
    assert claim().key == "k"
