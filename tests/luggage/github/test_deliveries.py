"""Tests of Recovery: every delivery of the last three days reaches the inbox once, in order."""

import logging
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from luggage.fake_github import FakeGithub, faults
from luggage.github import (
    Ambiguous,
    Invalid,
    Page,
    Progress,
    RateLimited,
    Recovery,
    RequestFailed,
    deliveries,
)
from tests.support.apps import app_at
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
    return app_at(api_url, github, clock).app_client


@pytest.fixture
def inbox():
    return MemoryInbox()


@pytest.fixture
def begin(client, inbox, clock):
    """Return a new Recovery, as in a new process that only has the inbox."""
    return lambda: Recovery(client, inbox, wants=lambda event, _: event != "star", clock=clock)


@pytest.fixture
def recovery(begin):
    return begin()


@pytest.fixture
def miss(github, clock):
    """Miss `count` deliveries, a second apart; return their guids."""

    def miss(number, prefix="guid", event="issues"):
        guids = [f"{prefix}-{index}" for index in range(number)]
        for guid in guids:
            github.miss(event, {"action": "opened", "about": guid}, delivery_id=guid)
            clock.advance(1)
        return guids

    return miss


def request_count(github, path=LOG):
    return len(github.calls_to("GET", path))


# Fetching


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
def test_malformed_entry_does_not_block_later_runs(odd, inbox, clock):
    """A malformed log entry does not block the others, in this run or later."""
    at = datetime.fromtimestamp(clock(), UTC).isoformat()
    good = {**ENTRY, "delivered_at": at}
    detail = {"event": "issues", "request": {"payload": {"action": "opened"}}}
    client = SimpleNamespace(
        rate_limit=None,
        page=lambda _path, **_how: Page([{**good, "id": 2, "guid": "h", **odd}, 5, good], None),
        get=lambda _path, **_names: detail,
    )
    assert Recovery(client, inbox, wants=lambda *_: True, clock=clock).run() == 1
    assert list(inbox.received) == ["g"]


def test_delivery_with_a_malformed_event_is_lost(inbox, clock):
    """A delivery with a malformed event is recorded as lost and not fetched again."""
    entry = {**ENTRY, "delivered_at": datetime.fromtimestamp(clock(), UTC).isoformat()}
    client = SimpleNamespace(
        rate_limit=None,
        page=lambda _path, **_how: Page([entry], None),
        get=lambda _path, **_names: {"event": 5, "request": {"payload": {}}},
    )
    assert Recovery(client, inbox, wants=lambda *_: True, clock=clock).run() == 0
    assert inbox.missed() == []


def test_missed_deliveries_arrive_oldest_first(recovery, inbox, miss):
    """Missed deliveries reach the inbox in order, with event and payload."""
    guids = miss(5)
    assert recovery.run() == 5
    assert list(inbox.received) == guids
    assert inbox.received["guid-3"] == ("issues", {"action": "opened", "about": "guid-3"})
    assert inbox.missed() == []


def test_known_deliveries_are_not_fetched(recovery, inbox, miss, github):
    """A known delivery is not fetched, whatever its status in the log."""
    miss(2)
    inbox.received = {"guid-0": None, "guid-1": None}
    assert recovery.run() == 0
    assert request_count(github, f"{LOG}/*") == 0


def test_delivered_but_unknown_deliveries_are_fetched(recovery, inbox, github, clock):
    """After a lost database, a delivery that was answered with 202 is fetched."""
    headers, body = github.signed("issues", {"action": "opened"}, delivery_id="guid-1")
    github.hooks.keep("issues", headers, body, url="", result=(202, "Accepted"), began_at=clock())
    assert recovery.run() == 1
    assert list(inbox.received) == ["guid-1"]


def test_unwanted_events_are_not_fetched(recovery, inbox, miss, github):
    """An unwanted event never costs a request."""
    miss(3, event="star")
    assert recovery.run() == 0
    miss(1, "later")
    assert recovery.run() == 1
    assert list(inbox.received) == ["later-0"]
    assert request_count(github, f"{LOG}/*") == 1


def test_redeliveries_are_one_delivery(recovery, inbox, miss, github, clock):
    """Attempts with one guid are fetched once, ordered by the first attempt."""
    first, second = miss(2)
    for guid in (first, second, first):
        github.miss("issues", {"action": "opened"}, delivery_id=guid)
        clock.advance(1)
    assert recovery.run() == 2
    assert list(inbox.received) == [first, second]


def test_attempts_on_many_pages_are_one_delivery(recovery, inbox, miss, github):
    """The first attempt decides the order, even many pages earlier."""
    first, second = miss(2)
    miss(150, "noise", event="star")
    github.miss("issues", {"action": "opened"}, delivery_id=first)
    assert recovery.run() == 2
    assert list(inbox.received) == [first, second]


def test_delivery_that_arrives_meanwhile_is_not_fetched(recovery, inbox, miss, github, clock):
    """A missed delivery that arrives by webhook is not fetched."""
    github.faults.append(faults.plan(faults.dropped(), path=f"{LOG}/*"))
    miss(1)
    with pytest.raises(Ambiguous):
        recovery.run()
    inbox.received["guid-0"] = None
    assert recovery.run() == 0
    assert inbox.missed() == []


# Reading the log


def test_many_pages_are_read(recovery, inbox, miss, github):
    """Each page of 7,000 deliveries is requested once."""
    for part in range(35):
        miss(195, f"noise{part}", event="star")
        miss(5, f"part{part}")
    assert recovery.run() == 175
    assert request_count(github) == 70
    assert list(inbox.received) == [f"part{part}-{one}" for part in range(35) for one in range(5)]


class Log:
    """A fake delivery log: `entries`, newest first, a hundred per page."""

    rate_limit = None

    def __init__(self, entries):
        self.entries = entries
        self.requested = []

    def page(self, path, *, params):
        first = int(params["cursor"] or 0)
        self.requested.append(first)
        more = {"cursor": str(first + 100)} if first + 100 < len(self.entries) else None
        return Page(self.entries[first : first + 100], more)

    def get(self, path, *, delivery_id):
        return {"event": "issues", "request": {"payload": {"number": delivery_id}}}


def entry(number, at, **changed):
    written = datetime.fromtimestamp(at, UTC).isoformat()
    detail = {"id": number, "guid": str(number), "event": "issues", "action": "opened"}
    return detail | {"delivered_at": written} | changed


@pytest.fixture
def of_log(inbox, clock):
    """Return a Recovery that reads a Log."""
    return lambda log: Recovery(log, inbox, wants=lambda *_: True, clock=clock)


def test_three_hundred_pages_are_read(inbox, clock, of_log):
    """A log of 30,000 entries is read to its end, each page once."""
    log = Log([entry(number, clock() - 5 * number) for number in range(30_000)])
    inbox.received = {str(number): None for number in range(30_000)}
    del inbox.received["29999"]
    assert of_log(log).run() == 1
    assert log.requested == list(range(0, 30_000, 100))
    assert inbox.now == Progress(since=clock())


def test_older_pages_are_not_read(clock, of_log):
    """Pages older than three days are not requested."""
    log = Log([entry(number, clock() - 3600 * number) for number in range(300)])
    of_log(log).run()
    assert log.requested == [0]


@pytest.mark.sweep  # a thousand requests, all alike
def test_run_stops_where_the_last_one_was(recovery, inbox, miss, github, clock):
    """A run reads no further back than the last one, except for ten minutes' overlap."""
    miss(1000)
    recovery.run()
    clock.advance(300)
    miss(3, "new")
    before = request_count(github)
    assert recovery.run() == 3
    assert request_count(github) - before == 7  # three new ones, and 600 from the 600 s before


@pytest.mark.sweep  # a thousand requests, all alike
def test_frequent_runs_read_one_page(recovery, inbox, miss, github, clock):
    """Between full scans a run skips the overlap and reads one page."""
    miss(1000)
    recovery.run()
    miss(3, "new")
    before = request_count(github)
    assert recovery.run() == 3
    assert request_count(github) - before == 1


def test_late_attempts_are_found(recovery, inbox, github, miss, clock):
    """An attempt that appears late in the log is found."""
    miss(1)
    recovery.run()
    headers, body = github.signed("issues", {"action": "opened"}, delivery_id="late")
    github.hooks.keep(
        "issues", headers, body, url="", result=(504, "timed out"), began_at=clock() - 400
    )
    clock.advance(deliveries.FULL_SCAN_SECONDS)
    assert recovery.run() == 1
    assert list(inbox.received) == ["guid-0", "late"]


# Cost


def test_run_without_news_costs_no_limit(recovery, miss, github, clock):
    """A run without news sends one conditional request and gets a 304."""
    miss(150)
    recovery.run()
    before, used = len(github.calls), spent(github)
    for _ in range(10):
        clock.advance(5)
        recovery.run()
    assert [call.status for call in github.calls[before:]] == [304] * 10
    assert spent(github) == used


def spent(github):
    return github.limits.budget(0, LOG).used


def test_run_without_news_stores_nothing(recovery, inbox, miss):
    """A run without news stores nothing."""
    miss(3)
    recovery.run()
    notes = inbox.notes
    recovery.run()
    assert inbox.notes == notes


def test_empty_log_works(recovery, inbox):
    """A new App with an empty log works."""
    assert recovery.run() == 0
    assert inbox.now == Progress()


# Interrupted runs


@pytest.mark.sweep  # a thousand requests, all alike
def test_run_resumes_in_the_log_after_a_rate_limit(begin, inbox, miss, github, clock):
    """After a rate limit, the next run resumes at the same page, even in another process."""
    guids = miss(1000)
    github.limits.requests_per_hour = 4
    with pytest.raises(RateLimited) as limited:
        begin().run()
    assert (request_count(github), inbox.received) == (4, {})
    clock.now = limited.value.retry_at + 1
    github.limits.requests_per_hour = 5000
    miss(1, "new")
    recovery = begin()
    assert recovery.run() == 1000
    assert list(inbox.received) == guids
    assert request_count(github) == 10
    assert recovery.run() == 1


def test_run_resumes_fetching_after_a_rate_limit(begin, inbox, miss, github, clock):
    """After a rate limit, the next run fetches the rest, and nothing twice."""
    guids = miss(20)
    github.limits.requests_per_hour = 11
    with pytest.raises(RateLimited) as limited:
        begin().run()
    assert list(inbox.received) == guids[:9]  # one page, nine deliveries, a tenth left to others
    clock.now = limited.value.retry_at + 1
    github.limits.requests_per_hour = 5000
    assert begin().run() == 11
    assert list(inbox.received) == guids
    assert request_count(github, f"{LOG}/*") == 20


def test_nothing_is_sent_during_a_rate_limit(recovery, miss, github):
    """During a secondary limit, runs send nothing."""
    miss(1)
    github.faults.append(faults.plan(faults.secondary_limit(60), path=f"{LOG}*"))
    for _ in range(3):
        with pytest.raises(RateLimited):
            recovery.run()
    assert len(github.calls) == 1


@pytest.mark.parametrize("at", range(1, 9))
def test_process_may_die_at_any_request(begin, inbox, miss, github, at):
    """A process that dies at any request causes no loss and no duplicate."""
    guids = miss(250)
    inbox.received = dict.fromkeys(guids[5:])
    count = 0

    def cut(request):
        nonlocal count
        count += 1
        return faults.dropped() if count == at else None

    github.faults.append(cut)
    with pytest.raises(Ambiguous):
        begin().run()
    github.faults.clear()
    begin().run()
    assert list(inbox.received)[245:] == guids[:5]


def test_expired_cursor_restarts_at_the_top(begin, inbox, miss, github):
    """An unfinished run restarts at the top if GitHub rejects its cursor."""
    guids = miss(2)
    inbox.now = Progress(since=1.0, until=2.0, cursor="forgotten")
    recovery = begin()
    with pytest.raises(Invalid, match="cursor"):
        recovery.run()
    assert inbox.now == Progress(since=1.0)
    assert recovery.run() == 2
    assert list(inbox.received) == guids


def test_other_errors_keep_the_progress(recovery, github):
    """An error unrelated to the cursor keeps the progress."""
    github.faults.append(faults.plan(faults.refused(422, "no")))
    with pytest.raises(Invalid, match="no"):
        recovery.run()


def test_page_loops_end(clock, of_log):
    """A loop of cursors is an error."""
    log = Log([entry(number, clock() - number) for number in range(500)])
    whole, log.page = log.page, lambda path, params: whole(path, params=params)
    log.page = lambda path, params: replace(
        whole(path, params=params), following={"cursor": "100" if params["cursor"] else "200"}
    )
    with pytest.raises(Invalid, match="loop"):
        of_log(log).run()


# Lost deliveries


@pytest.fixture
def lines(caplog):
    """Return the messages of logged errors."""
    caplog.set_level(logging.INFO)
    return lambda level: [each.message for each in caplog.records if each.levelno == level]


def test_delivery_that_left_the_log_is_lost(recovery, inbox, miss, github, lines, clock):
    """A delivery that left the log between runs is logged as an error once."""
    miss(2)
    github.faults.append(faults.plan(faults.refused(404, "Not Found"), path=f"{LOG}/*"))
    assert recovery.run() == 1
    assert list(inbox.received) == ["guid-1"]
    (line,) = lines(logging.ERROR)
    assert "guid-0 is lost" in line
    clock.advance(300)
    miss(1, "new")
    assert recovery.run() == 1
    assert len(lines(logging.ERROR)) == 1


@pytest.mark.parametrize(
    "detail",
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
def test_malformed_payload_is_lost(detail, inbox, clock, of_log, monkeypatch):
    """A delivery with a missing or malformed payload is not stored."""
    log = Log([entry(1, clock()), entry(2, clock() - 1)])
    good = log.get
    log.get = lambda path, *, delivery_id: detail if delivery_id == 1 else good(path, delivery_id=2)
    assert of_log(log).run() == 1
    assert (list(inbox.gone), list(inbox.received)) == (["1"], ["2"])


def test_malformed_entries_are_skipped(inbox, clock, of_log, lines):
    """A malformed entry is logged and skipped."""
    odd = [{}, 7, entry(1, 0, delivered_at="today"), entry(1, 0, delivered_at=None)]
    assert of_log(Log([*odd, entry(2, clock())])).run() == 1
    assert len(lines(logging.WARNING)) == 4


def test_repeated_failures_do_not_block_others(recovery, inbox, miss, github):
    """After three failures a delivery no longer blocks the others."""
    miss(3)
    broken = github.hooks.sent[0].id
    github.faults.append(
        faults.plan(faults.failed(502, done=False), path=f"{LOG}/{broken}", times=None)
    )
    received = []
    for _ in range(4):
        with pytest.raises(Ambiguous):
            recovery.run()
        received.append(len(inbox.received))
    assert received == [0, 0, 2, 2]
    github.faults.clear()
    assert recovery.run() == 1
    assert set(inbox.received) == {"guid-0", "guid-1", "guid-2"}


@pytest.mark.parametrize(
    "fault",
    [
        faults.refused(403, "Resource not accessible by integration"),
        faults.refused(451, "Repository access blocked"),
        faults.refused(409, "Conflict"),
    ],
    ids=lambda fault: fault.name,
)
def test_a_refused_delivery_does_not_block_others(recovery, inbox, miss, github, fault):
    """A delivery that GitHub refuses each time is skipped after three failures."""
    miss(3)
    broken = github.hooks.sent[0].id
    github.faults.append(faults.plan(fault, path=f"{LOG}/{broken}", times=None))
    for _ in range(4):
        with pytest.raises(RequestFailed):
            recovery.run()
    assert set(inbox.received) == {"guid-1", "guid-2"}


def test_a_delivery_that_cannot_be_stored_does_not_block_others(
    recovery, inbox, miss, github, monkeypatch
):
    """An inbox that refuses one delivery each time gets the others."""
    miss(3)
    put = inbox.put

    def refuse(delivery, body):
        if delivery.id == "guid-0":
            raise ValueError("poison")
        put(delivery, body)

    monkeypatch.setattr(inbox, "put", refuse)
    for _ in range(4):
        with pytest.raises(ValueError, match="poison"):
            recovery.run()
    assert set(inbox.received) == {"guid-1", "guid-2"}


def test_run_ends_soon_when_all_fetches_fail(recovery, miss, github, inbox):
    """While all fetches fail, a run requests at most ten deliveries."""
    miss(30)
    inbox.noted = {each.guid: each for each in failed_before(recovery, inbox, github)}
    before = request_count(github, f"{LOG}/*")
    with pytest.raises(Ambiguous):
        recovery.run()
    assert request_count(github, f"{LOG}/*") - before == deliveries.MAX_SKIPPED


def failed_before(recovery, inbox, github):
    """Return missed deliveries that have already failed."""
    github.faults.append(faults.plan(faults.failed(502, done=False), path=f"{LOG}/*", times=None))
    with pytest.raises(Ambiguous):
        recovery.run()
    return [replace(each, tries=5) for each in inbox.missed()]
