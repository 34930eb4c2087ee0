"""bench.wrk and bench.measures.ingest in a small form: they work; speed is not checked."""

from dataclasses import replace

import pytest

from bench.delivery import Delivery
from bench.measures.ingest import HEAD, Part, measured
from bench.processes import FailedError
from bench.servers import Server
from bench.slices import Plan, settle, spoiled
from bench.wrk import Load, as_sent, read
from tests.bench.payload import merged_pull_request

LOAD = Load(4)
PRINTED = """Running 1s test
{"requests": 120, "seconds": 2.0, "p50_ms": 1.5, "p99_ms": 9.5, "refused": 20, "broken": 3}
"""


def server(stored=None, accepts=202):
    return Server(
        "one", "stores", "http://localhost", verifies=True, accepts=accepts, stored=stored
    )


def test_the_output_of_wrk_is_parsed():
    """Accepted deliveries are those answered and not refused; the rate counts only them."""
    one = read(PRINTED, "prefix")
    assert (one.answered, one.refused, one.broken, one.per_second) == (100, 20, 3, 50.0)
    assert spoiled([one, one]) == 46


@pytest.mark.parametrize(("kept", "said"), [(False, b"close"), (True, b"keep-alive")])
def test_a_request_has_a_place_for_its_id(kept, said):
    """The request is complete but for the id; the signature covers the body alone."""
    sent = as_sent("http://localhost:1/hook", Delivery(b"{}"), Load(1, kept=kept))
    head, _, body = sent.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /hook HTTP/1.1\r\nHost: localhost:1\r\n")
    assert b"\r\nX-GitHub-Delivery: " + b"@" * 36 + b"\r\n" in head
    assert head.endswith(b"\r\nConnection: " + said)
    assert body == b"{}"


@pytest.mark.parametrize("stored", [99, 128])
def test_a_server_is_held_to_what_it_accepted(stored):
    """The measure fails if deliveries are missing or too many are stored."""
    with pytest.raises(FailedError, match=f"accepted 100 and stored {stored}"):
        settle(server(lambda _prefix: stored), read(PRINTED, ""), LOAD)


@pytest.mark.parametrize("stored", [100, 127])
def test_deliveries_in_flight_at_the_end_may_be_stored(stored):
    """Deliveries in flight at the end may be stored."""
    settle(server(lambda _prefix: stored), read(PRINTED, ""), LOAD)


def test_a_server_that_stores_nothing_is_held_to_nothing():
    """A peer without a database is not checked for stored deliveries."""
    settle(server(), read(PRINTED, ""), LOAD)


def test_a_server_that_does_not_verify_is_found_out(monkeypatch):
    """A server that claims to verify but accepts a forged delivery fails the check."""
    monkeypatch.setattr(Server, "_post", lambda *_: 202)
    with pytest.raises(FailedError, match="to a forged delivery"):
        server().check(Delivery(b"{}"))
    replace(server(), verifies=False).check(Delivery(b"{}"))
    with pytest.raises(FailedError, match="answered 202, not 200"):
        server(accepts=200).check(Delivery(b"{}"))


@pytest.mark.needs("wrk")
def test_ingest_is_measured_beside_bare_wsgi():
    """The bot's web process and a peer take load in turn, and yield rows and figures."""
    plan = Plan(load=LOAD, rounds=1, seconds=1)
    table = measured([Part(("sqlite", "bare"), plan, against="bare")], merged_pull_request())
    assert len(table.rows) == 2
    assert {len(row) for row in table.rows} == {len(table.head)} == {len(HEAD) + 1}
    assert set(table.figures) == {
        "ingest.sqlite_per_second",
        "ingest.bare_per_second",
        "ingest.sqlite_against_bare",
        "ingest.sqlite_p99_against_bare",
    }
    assert min(table.figures.values()) > 0
