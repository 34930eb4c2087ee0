"""Recovery: whatever GitHub tried to deliver in three days ends in the inbox, once, in order."""

import logging
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from luggage.fake_github import FakeGithub, faults
from luggage.github import (
    Ambiguous,
    GithubApp,
    Invalid,
    Page,
    Progress,
    RateLimited,
    Recovery,
    deliveries,
)
from tests.support.inbox import MemoryInbox

LOG = deliveries.LOG
HOUR = 3600.0


@pytest.fixture
def github(clock):
    return FakeGithub(clock=clock)


@pytest.fixture
def api_url(github):
    with github.serve() as server:
        yield server.url


@pytest.fixture
def client(github, api_url, clock):
    return GithubApp(
        app_id=github.app_id,
        private_key=github.private_key,
        webhook_secrets=["unused"],
        user_agent="test-bot",
        api_url=api_url,
        clock=clock,
        sleep=clock.advance,
        wait=None,
    ).app_client


@pytest.fixture
def inbox():
    return MemoryInbox()


@pytest.fixture
def begin(client, inbox, clock):
    """Start anew, as a process does that knows only what the inbox has kept."""
    return lambda: Recovery(client, inbox, wants=lambda event, _: event != "star", clock=clock)


@pytest.fixture
def recovery(begin):
    return begin()


@pytest.fixture
def miss(github, clock):
    """Let so many deliveries be missed, a second apart; return their guids."""

    def miss(number, prefix="guid", event="issues"):
        guids = [f"{prefix}-{index}" for index in range(number)]
        for guid in guids:
            github.miss(event, {"action": "opened", "about": guid}, delivery_id=guid)
            clock.advance(1)
        return guids

    return miss


def asked(github, path=LOG):
    return len(github.calls_to("GET", path))


# What is fetched


ENTRY = {"id": 1, "guid": "g", "event": "issues", "action": None}


@pytest.mark.parametrize(
    "odd",
    [
        {"id": "1"},
        {"guid": ["g"]},
        {"guid": "\ud800"},
        {"guid": {}},
        {"event": 5},
        {"action": {}},
        {"delivered_at": 7},
        {"delivered_at": "never"},
    ],
    ids=str,
)
def test_an_entry_that_is_not_as_documented_is_passed_over(odd, inbox, clock):
    """It does not hold up the others, in this turn and in all that follow."""
    at = datetime.fromtimestamp(clock(), UTC).isoformat()
    good = {**ENTRY, "delivered_at": at}
    told = {"event": "issues", "request": {"payload": {"action": "opened"}}}
    client = SimpleNamespace(
        rate_limit=None,
        page=lambda _path, **_how: Page([{**good, "id": 2, "guid": "h", **odd}, 5, good], None),
        get=lambda _path, **_names: told,
    )
    assert Recovery(client, inbox, wants=lambda *_: True, clock=clock).turn() == 1
    assert list(inbox.received) == ["g"]


def test_a_delivery_whose_event_is_no_text_is_lost(inbox, clock):
    """It is noted as such, and not asked for at each turn."""
    entry = {**ENTRY, "delivered_at": datetime.fromtimestamp(clock(), UTC).isoformat()}
    client = SimpleNamespace(
        rate_limit=None,
        page=lambda _path, **_how: Page([entry], None),
        get=lambda _path, **_names: {"event": 5, "request": {"payload": {}}},
    )
    assert Recovery(client, inbox, wants=lambda *_: True, clock=clock).turn() == 0
    assert inbox.missed() == []


def test_what_was_missed_comes_in_oldest_first(recovery, inbox, miss):
    """Each missed delivery is put into the inbox with its event and its payload, in order."""
    guids = miss(5)
    assert recovery.turn() == 5
    assert list(inbox.received) == guids
    assert inbox.received["guid-3"] == ("issues", {"action": "opened", "about": "guid-3"})
    assert inbox.missed() == []


def test_what_came_in_is_not_fetched(recovery, inbox, miss, github):
    """A delivery that the inbox knows costs nothing, whatever status GitHub noted."""
    miss(2)
    inbox.received = {"guid-0": None, "guid-1": None}
    assert recovery.turn() == 0
    assert asked(github, f"{LOG}/*") == 0


def test_what_github_counts_as_delivered_is_fetched_if_it_is_not_known(
    recovery, inbox, github, clock
):
    """A lost database: a delivery that was answered with 202 is missing all the same."""
    headers, body = github.signed("issues", {"action": "opened"}, delivery_id="guid-1")
    github.hooks.keep("issues", headers, body, url="", result=(202, "Accepted"), began_at=clock())
    assert recovery.turn() == 1
    assert list(inbox.received) == ["guid-1"]


def test_what_nobody_wants_is_not_fetched(recovery, inbox, miss, github):
    """An unwanted event costs no request of its own, now or later."""
    miss(3, event="star")
    assert recovery.turn() == 0
    miss(1, "later")
    assert recovery.turn() == 1
    assert list(inbox.received) == ["later-0"]
    assert asked(github, f"{LOG}/*") == 1


def test_redeliveries_are_one_delivery(recovery, inbox, miss, github, clock):
    """Attempts with one guid are fetched once, in the place of the first of them."""
    first, second = miss(2)
    for guid in (first, second, first):
        github.miss("issues", {"action": "opened"}, delivery_id=guid)
        clock.advance(1)
    assert recovery.turn() == 2
    assert list(inbox.received) == [first, second]


def test_attempts_on_many_pages_are_one_delivery_too(recovery, inbox, miss, github):
    """The first attempt decides the order, even when the pages between are full of others."""
    first, second = miss(2)
    miss(150, "noise", event="star")
    github.miss("issues", {"action": "opened"}, delivery_id=first)
    assert recovery.turn() == 2
    assert list(inbox.received) == [first, second]


def test_one_that_comes_by_itself_meanwhile_is_not_fetched(recovery, inbox, miss, github, clock):
    """A delivery that was noted as missed, and then arrived, is missed no longer."""
    github.faults.append(faults.plan(faults.dropped(), path=f"{LOG}/*"))
    miss(1)
    with pytest.raises(Ambiguous):
        recovery.turn()
    inbox.received["guid-0"] = None
    assert recovery.turn() == 0
    assert inbox.missed() == []


# How far back


def test_many_pages_are_followed(recovery, inbox, miss, github):
    """Seventy hundred deliveries, some of interest: each page is asked for once."""
    for part in range(35):
        miss(195, f"noise{part}", event="star")
        miss(5, f"part{part}")
    assert recovery.turn() == 175
    assert asked(github) == 70
    assert list(inbox.received) == [f"part{part}-{one}" for part in range(35) for one in range(5)]


class Log:
    """GitHub's log without GitHub: `entries`, newest first, a hundred on a page."""

    rate_limit = None

    def __init__(self, entries):
        self.entries = entries
        self.asked = []

    def page(self, path, *, params):
        first = int(params["cursor"] or 0)
        self.asked.append(first)
        more = {"cursor": str(first + 100)} if first + 100 < len(self.entries) else None
        return Page(self.entries[first : first + 100], more)

    def get(self, path, *, delivery_id):
        return {"event": "issues", "request": {"payload": {"number": delivery_id}}}


def entry(number, at, **changed):
    written = datetime.fromtimestamp(at, UTC).isoformat()
    told = {"id": number, "guid": str(number), "event": "issues", "action": "opened"}
    return told | {"delivered_at": written} | changed


@pytest.fixture
def of_log(inbox, clock):
    """A recovery from a Log."""
    return lambda log: Recovery(log, inbox, wants=lambda *_: True, clock=clock)


def test_three_hundred_pages_are_followed(inbox, clock, of_log):
    """A log of 30,000 entries is followed to its end, each page once."""
    log = Log([entry(number, clock() - 5 * number) for number in range(30_000)])
    inbox.received = {str(number): None for number in range(30_000)}
    del inbox.received["29999"]
    assert of_log(log).turn() == 1
    assert log.asked == list(range(0, 30_000, 100))
    assert inbox.now == Progress(since=clock())


def test_three_days_are_enough(clock, of_log):
    """Pages of what GitHub (or another server) has kept for longer are not asked for."""
    log = Log([entry(number, clock() - 3600 * number) for number in range(300)])
    of_log(log).turn()
    assert log.asked == [0]


@pytest.mark.no_cover  # a thousand requests, all alike
def test_a_turn_stops_where_the_last_one_has_been(recovery, inbox, miss, github, clock):
    """What was looked at is not looked at again, but for ten minutes' overlap."""
    miss(1000)
    recovery.turn()
    clock.advance(300)
    miss(3, "new")
    before = asked(github)
    assert recovery.turn() == 3
    assert asked(github) - before == 7  # three new ones, and 600 from the 600 s before


@pytest.mark.no_cover  # a thousand requests, all alike
def test_who_asks_every_few_seconds_stops_at_what_was_there(recovery, inbox, miss, github, clock):
    """Between thorough turns the overlap is left out: one page is enough."""
    miss(1000)
    recovery.turn()
    miss(3, "new")
    before = asked(github)
    assert recovery.turn() == 3
    assert asked(github) - before == 1


def test_an_attempt_that_shows_late_is_found(recovery, inbox, github, miss, clock):
    """GitHub logs an attempt when it is over: one that began before what is known is found."""
    miss(1)
    recovery.turn()
    headers, body = github.signed("issues", {"action": "opened"}, delivery_id="late")
    github.hooks.keep(
        "issues", headers, body, url="", result=(504, "timed out"), began_at=clock() - 400
    )
    clock.advance(deliveries.THOROUGH_EVERY_SECONDS)
    assert recovery.turn() == 1
    assert list(inbox.received) == ["guid-0", "late"]


# What it costs


def test_an_idle_turn_is_one_request_that_counts_towards_no_limit(recovery, miss, github, clock):
    """Nothing has happened: one conditional request, answered with 304."""
    miss(150)
    recovery.turn()
    before, used = len(github.calls), spent(github)
    for _ in range(10):
        clock.advance(5)
        recovery.turn()
    assert [call.status for call in github.calls[before:]] == [304] * 10
    assert spent(github) == used


def spent(github):
    return github.limits.budget(0, LOG).used


def test_an_idle_turn_writes_nothing(recovery, inbox, miss):
    """Where nothing has happened nothing is noted."""
    miss(3)
    recovery.turn()
    notes = inbox.notes
    recovery.turn()
    assert inbox.notes == notes


def test_an_empty_log_is_no_trouble(recovery, inbox):
    """A new App has no log at all."""
    assert recovery.turn() == 0
    assert inbox.now == Progress()


# When it is broken off


@pytest.mark.no_cover  # a thousand requests, all alike
def test_a_limit_in_the_middle_of_the_log_ends_the_turn(begin, inbox, miss, github, clock):
    """The next turn goes on at the same page, in another process too, when the limit is over."""
    guids = miss(1000)
    github.limits.requests_per_hour = 4
    with pytest.raises(RateLimited) as limited:
        begin().turn()
    assert (asked(github), inbox.received) == (4, {})
    clock.now = limited.value.retry_at + 1
    github.limits.requests_per_hour = 5000
    miss(1, "new")
    recovery = begin()
    assert recovery.turn() == 1000
    assert list(inbox.received) == guids
    assert asked(github) == 10
    assert recovery.turn() == 1


def test_a_limit_in_the_middle_of_fetching_ends_the_turn(begin, inbox, miss, github, clock):
    """What was fetched is kept, the next turn fetches the rest, and nothing is fetched twice."""
    guids = miss(20)
    github.limits.requests_per_hour = 11
    with pytest.raises(RateLimited) as limited:
        begin().turn()
    assert list(inbox.received) == guids[:9]  # one page, nine deliveries, a tenth left to others
    clock.now = limited.value.retry_at + 1
    github.limits.requests_per_hour = 5000
    assert begin().turn() == 11
    assert list(inbox.received) == guids
    assert asked(github, f"{LOG}/*") == 20


def test_while_limited_nothing_is_sent(recovery, miss, github):
    """A secondary limit: later turns send nothing until it is over."""
    miss(1)
    github.faults.append(faults.plan(faults.secondary_limit(60), path=f"{LOG}*"))
    for _ in range(3):
        with pytest.raises(RateLimited):
            recovery.turn()
    assert len(github.calls) == 1


@pytest.mark.parametrize("at", range(1, 9))
def test_it_may_be_killed_at_any_request(begin, inbox, miss, github, at):
    """A process that ends at any of its requests leaves the next one nothing to lose or repeat."""
    guids = miss(250)
    inbox.received = dict.fromkeys(guids[5:])
    count = 0

    def cut(request):
        nonlocal count
        count += 1
        return faults.dropped() if count == at else None

    github.faults.append(cut)
    with pytest.raises(Ambiguous):
        begin().turn()
    github.faults.clear()
    begin().turn()
    assert list(inbox.received)[245:] == guids[:5]


def test_a_cursor_that_github_has_forgotten_means_from_the_top(begin, inbox, miss, github):
    """A turn that was broken off goes on from the top where its cursor is refused."""
    guids = miss(2)
    inbox.now = Progress(since=1.0, until=2.0, cursor="forgotten")
    recovery = begin()
    with pytest.raises(Invalid, match="cursor"):
        recovery.turn()
    assert inbox.now == Progress(since=1.0)
    assert recovery.turn() == 2
    assert list(inbox.received) == guids


def test_a_log_that_is_refused_is_told(recovery, github):
    """An error that has nothing to do with a cursor changes nothing."""
    github.faults.append(faults.plan(faults.refused(422, "no")))
    with pytest.raises(Invalid, match="no"):
        recovery.turn()


def test_pages_in_a_circle_end(clock, of_log):
    """A next page that was there already is an error, not a loop."""
    log = Log([entry(number, clock() - number) for number in range(500)])
    whole, log.page = log.page, lambda path, params: whole(path, params=params)
    log.page = lambda path, params: replace(
        whole(path, params=params), following={"cursor": "100" if params["cursor"] else "200"}
    )
    with pytest.raises(Invalid, match="circle"):
        of_log(log).turn()


# What cannot be had


@pytest.fixture
def lines(caplog):
    """What was logged as an error."""
    caplog.set_level(logging.INFO)
    return lambda level: [each.message for each in caplog.records if each.levelno == level]


def test_what_github_has_forgotten_is_lost_and_told(recovery, inbox, miss, github, lines, clock):
    """A delivery that fell out of the log between the turns is an error line, once."""
    miss(2)
    github.faults.append(faults.plan(faults.refused(404, "Not Found"), path=f"{LOG}/*"))
    assert recovery.turn() == 1
    assert list(inbox.received) == ["guid-1"]
    (line,) = lines(logging.ERROR)
    assert "guid-0 is lost" in line
    clock.advance(300)
    miss(1, "new")
    assert recovery.turn() == 1
    assert len(lines(logging.ERROR)) == 1


@pytest.mark.parametrize(
    "told",
    [
        {},
        None,
        {"event": "issues", "request": None},
        {"event": "issues", "request": {"payload": None}},
        {"event": "issues", "request": {"payload": {"action": 7}}},
        {"event": "issues", "request": {"payload": {"text": "\ud800"}}},
        {"event": "not a name", "request": {"payload": {}}},
    ],
)
def test_what_is_no_delivery_is_lost(told, inbox, clock, of_log, monkeypatch):
    """A payload that is missing, or of another shape than GitHub's, is not put anywhere."""
    log = Log([entry(1, clock()), entry(2, clock() - 1)])
    good = log.get
    log.get = lambda path, *, delivery_id: told if delivery_id == 1 else good(path, delivery_id=2)
    assert of_log(log).turn() == 1
    assert (list(inbox.gone), list(inbox.received)) == (["1"], ["2"])


def test_an_entry_that_cannot_be_read_does_not_hold_up_the_others(inbox, clock, of_log, lines):
    """An entry of another shape is told and passed over."""
    odd = [{}, 7, entry(1, 0, delivered_at="today"), entry(1, 0, delivered_at=None)]
    assert of_log(Log([*odd, entry(2, clock())])).turn() == 1
    assert len(lines(logging.WARNING)) == 4


def test_one_that_fails_again_and_again_is_passed_over(recovery, inbox, miss, github):
    """Two failures keep the order; from the third on the others do not wait for it."""
    miss(3)
    broken = github.hooks.sent[0].id
    github.faults.append(
        faults.plan(faults.failed(502, done=False), path=f"{LOG}/{broken}", times=None)
    )
    received = []
    for _ in range(4):
        with pytest.raises(Ambiguous):
            recovery.turn()
        received.append(len(inbox.received))
    assert received == [0, 0, 2, 2]
    github.faults.clear()
    assert recovery.turn() == 1
    assert set(inbox.received) == {"guid-0", "guid-1", "guid-2"}


def test_when_everything_fails_the_turn_ends_soon(recovery, miss, github, inbox):
    """While GitHub is ill, a turn asks for ten deliveries at most."""
    miss(30)
    inbox.noted = {each.guid: each for each in noted(recovery, inbox, github)}
    before = asked(github, f"{LOG}/*")
    with pytest.raises(Ambiguous):
        recovery.turn()
    assert asked(github, f"{LOG}/*") - before == deliveries.MOST_PASSED_OVER


def noted(recovery, inbox, github):
    """What is missed, all of it asked for in vain before."""
    github.faults.append(faults.plan(faults.failed(502, done=False), path=f"{LOG}/*", times=None))
    with pytest.raises(Ambiguous):
        recovery.turn()
    return [replace(each, tries=5) for each in inbox.missed()]
