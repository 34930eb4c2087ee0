"""Tests of the web process: signed deliveries are stored and get 202; all others are refused."""

import hashlib
import hmac
import io
import json
import logging

import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.exceptions import HTTPException

from bot.events import DELIVERIES
from bot.web import app as web
from bot.web import webhook
from bot.web.errors import refused
from luggage.jobs import Queue, State
from luggage.telemetry import logs
from luggage.telemetry.meter import Meter

SECRET = "it is raining"
PAYLOAD = {
    "action": "closed",
    "installation": {"id": 5},
    "repository": {"full_name": "snakes/trio"},
    "pull_request": {"number": 7},
}


@pytest.fixture
def woken():
    return []


@pytest.fixture
def make_client(store, board, clock, woken):
    """Make a client of the web process."""

    def make(**more):
        dependencies = web.WebDependencies(
            name="test-bot",
            secrets=["older secret", SECRET],
            queue=Queue(store, clock=clock, wake=lambda: woken.append(clock())),
            board=board,
            clock=clock,
            settle_seconds=1.5,
            **more,
        )
        app = Flask("bot", static_folder=None)
        app.register_blueprint(web.blueprint(dependencies))
        app.register_error_handler(HTTPException, refused)
        return app.test_client()

    return make


@pytest.fixture
def client(make_client):
    """A client of the web process."""
    return make_client()


def test_without_a_webhook_there_is_no_such_address(store, board, clock):
    """Without secrets there is no webhook, but the pages exist."""
    dependencies = web.WebDependencies(
        name="test-bot",
        secrets=None,
        queue=Queue(store, clock=clock),
        board=board,
        clock=clock,
        settle_seconds=1.5,
    )
    app = Flask("bot", static_folder=None)
    app.register_blueprint(web.blueprint(dependencies))
    app.register_error_handler(HTTPException, refused)
    client = app.test_client()
    assert client.post("/webhook/github", data=b"{}").status_code == 404
    assert client.get("/").status_code == 200


def signature(body, secret=SECRET):
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def post(client, body=None, *, drop=(), **headers):
    body = json.dumps(PAYLOAD).encode() if body is None else body
    sent = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "pull_request",
        "X-GitHub-Delivery": "guid-1",
        "X-Hub-Signature-256": signature(body),
    }
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    for name in drop:
        del sent[name]
    return client.post("/webhook/github", data=body, headers=sent)


def stored(queue):
    return queue.search(DELIVERIES)


def test_a_signed_delivery_is_stored_and_answered_202(client, queue, clock, woken):
    """A signed delivery is enqueued under its GUID and wakes the loop."""
    answer = post(client)
    (job,) = stored(queue)
    assert (answer.status_code, answer.json) == (202, {"delivery": "guid-1", "stored": True})
    assert (job.key, job.kind, job.subject) == ("guid-1", "pull_request", "snakes/trio#7")
    assert (job.state, job.run_at) == (State.READY, clock() + 1.5)
    assert queue.body(job.id) == json.dumps(PAYLOAD).encode()
    assert woken == [clock()]


def test_the_same_delivery_again_is_202_and_changes_nothing(client, queue, woken):
    """A duplicate gets 202 and is stored once."""
    post(client)
    answer = post(client)
    assert (answer.status_code, answer.json["stored"]) == (202, False)
    assert len(stored(queue)) == 1
    assert len(woken) == 1


def test_either_of_two_live_secrets_is_good(client):
    """During a rotation, both secrets are valid."""
    body = json.dumps(PAYLOAD).encode()
    assert post(client, X_Hub_Signature_256=signature(body, "older secret")).status_code == 202


REFUSED = {
    "signed with another key": (401, {"X_Hub_Signature_256": signature(b"{}", "wrong")}, ()),
    "signature not ASCII": (401, {"X_Hub_Signature_256": "sha256=ü"}, ()),
    "sha1 only": (401, {"X_Hub_Signature": "sha1=00"}, ("X-Hub-Signature-256",)),
    "unsigned": (401, {}, ("X-Hub-Signature-256",)),
    "no event name": (400, {}, ("X-GitHub-Event",)),
    "no delivery id": (400, {}, ("X-GitHub-Delivery",)),
    "chunked": (411, {"Transfer_Encoding": "chunked"}, ()),
}


@pytest.mark.parametrize(("status", "headers", "drop"), REFUSED.values(), ids=REFUSED)
def test_an_invalid_request_is_refused_and_not_stored(client, queue, status, headers, drop):
    """Each invalid request gets its status and message, and is not stored."""
    answer = post(client, drop=drop, **headers)
    assert answer.status_code == status
    assert answer.json["error"]
    assert stored(queue) == []
    assert post(client).status_code == 202


def test_a_body_over_25_mb_is_413_before_it_is_read(client, queue):
    """A Content-Length over 25 MB is refused unread."""
    too_long = {"CONTENT_LENGTH": str(webhook.LARGEST_BODY + 1)}
    answer = client.post("/webhook/github", environ_overrides=too_long)
    assert answer.status_code == 413
    assert stored(queue) == []


def test_a_body_that_ends_early_is_400_and_not_stored(client, queue):
    """A truncated body is refused."""
    body = json.dumps(PAYLOAD).encode()
    headers = {
        "X-GitHub-Event": "pull_request",
        "X-GitHub-Delivery": "guid-1",
        "X-Hub-Signature-256": signature(body),
    }
    server = {"wsgi.input_terminated": True, "CONTENT_LENGTH": str(len(body) + 1)}
    answer = client.post("/webhook/github", data=body, headers=headers, environ_overrides=server)
    assert answer.status_code == 400
    assert stored(queue) == []


def test_a_body_without_a_length_is_411(client):
    """A body without Content-Length is refused."""
    assert client.post("/webhook/github").status_code == 411


BODIES = {
    "truncated": b'{"action": "clo',
    "not UTF-8": b'{"action": "\xff"}',
    "not JSON": b"hello",
    "blank": b" ",
    "a list": b"[]",
    "a number": b"5",
    "deeply nested": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "action of the wrong type": b'{"action": 5}',
    "repository of the wrong type": b'{"repository": "x"}',
    "name that is no name": b'{"repository": {"full_name": "a/b\\u0000"}}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_signed_body_of_the_wrong_shape_is_400_and_not_stored(client, queue, body):
    """A malformed body is refused with a message and no traceback."""
    answer = post(client, body)
    assert (answer.status_code, answer.mimetype) == (400, "application/json")
    assert b"Traceback" not in answer.data
    assert stored(queue) == []


def test_a_delivery_is_only_ever_posted(client):
    """GET is refused with an Allow header."""
    for accept, kind in {"text/html": "text/html", "*/*": "application/json"}.items():
        answer = client.get("/webhook/github", headers={"Accept": accept})
        assert (answer.status_code, answer.mimetype) == (405, kind)
        assert "POST" in answer.headers["Allow"]


def test_without_the_database_a_delivery_is_503_never_202(client, store):
    """Without the database, a delivery gets 503 and no details."""
    with store.begin() as connection:
        connection.execute(text("DROP TABLE job_body"))
    answer = post(client)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert b"job" not in answer.data


def test_a_commit_that_breaks_in_another_way_is_500_as_json(client, monkeypatch):
    """An unexpected error gets 500 and no details."""
    monkeypatch.setattr(Queue, "put_over", lambda *_: 1 / 0)
    answer = post(client)
    assert (answer.status_code, list(answer.json)) == (500, ["error"])
    assert b"division" not in answer.data


def test_an_unknown_page_is_404_as_json(client):
    """Errors raised by Flask are JSON."""
    answer = client.get("/nothing/here")
    assert (answer.status_code, answer.mimetype) == (404, "application/json")


def test_healthz_says_that_the_process_lives(client):
    """/healthz needs no database."""
    assert client.get("/healthz").status_code == 200


def test_readyz_tells_when_no_loop_is_heard(client, board):
    """/readyz is 503 without a heartbeat."""
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "no heartbeat" in answer.json["loop"]
    board.beat("loop")
    assert client.get("/readyz").status_code == 200


def test_readyz_is_503_on_a_damaged_database(make_client, board, caplog):
    """/readyz names no path to strangers; the log has it, with the remedy."""
    board.beat("loop")
    client = make_client(damage=lambda: "the database /data/bot.sqlite is damaged: `restore` it")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json["database"].startswith("damaged")
    assert "/data" not in answer.text
    assert "/data/bot.sqlite is damaged" in caplog.text


def test_readyz_is_503_without_the_database(client, store):
    """/readyz is 503 without the database."""
    with store.begin() as connection:
        connection.execute(text("DROP TABLE beat"))
    assert client.get("/readyz").status_code == 503


def test_the_status_page_shows_mood_and_lines(client, board):
    """The status page shows the mood, its reason and the board."""
    board.beat("loop")
    board.say("<first>")
    board.say("I'm bored")
    page = client.get("/").text
    assert "I am <strong>bored</strong>: nothing to do." in page
    assert page.index("I&#39;m bored") < page.index("&lt;first&gt;")


def test_the_status_page_names_nobody_and_no_repository(client, board):
    """The status page names no one from the queue."""
    board.beat("loop")
    post(client)
    page = client.get("/").text
    assert "busy" in page
    assert "snakes" not in page


def test_the_status_page_says_when_the_database_is_away(client, store):
    """Without the database, the status page is a 503 with a mood."""
    with store.begin() as connection:
        connection.execute(text("DROP TABLE board_line"))
    answer = client.get("/")
    assert answer.status_code == 503
    assert "my database does not respond" in answer.text


def test_pages_load_nothing_from_elsewhere(client):
    """Pages load only our own files, and the policy forbids others."""
    answer = client.get("/")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    with client.get("/static/style.css") as style:
        assert style.status_code == 200


def logged(client, **headers):
    """The log lines of a delivery, as an operator sees them."""
    stream = io.StringIO()
    logs.configure_logging("text", name="gunicorn", stream=stream)
    post(client, **headers)
    return stream.getvalue().splitlines()


@pytest.fixture
def _own_logging():
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before


@pytest.mark.usefixtures("_own_logging")
@pytest.mark.parametrize("kind", ["known", "refused", "database away", "broken"])
def test_each_line_about_a_delivery_names_it(client, store, monkeypatch, kind):
    """Each log line about a delivery has its id, and no other line has one."""
    if kind == "known":
        post(client, X_GitHub_Delivery="guid-9")
    if kind == "database away":
        with store.begin() as connection:
            connection.execute(text("DROP TABLE job"))
    if kind == "broken":
        monkeypatch.setattr(webhook.Webhook, "receive", lambda *_: 1 / 0)
    wrong = {"X_Hub_Signature_256": "sha256=00"} if kind == "refused" else {}
    lines = logged(client, X_GitHub_Delivery="guid-9", **wrong)
    assert lines
    assert all(line.endswith(" (delivery=guid-9)") for line in lines if line.startswith("20"))
    assert "delivery" not in dict(logs._fields.get())


@pytest.mark.usefixtures("_own_logging")
def test_a_strangers_claim_is_cut_and_cannot_forge_a_line(client):
    """An unverified id is truncated and cannot forge a log line."""
    (line,) = logged(client, X_GitHub_Delivery="x" * 5000, X_Hub_Signature_256="sha256=00")
    assert line.endswith(f" (delivery={'x' * 100})")


def test_deliveries_are_counted_by_event_and_answer(make_client):
    """Stored deliveries are counted by event, refused ones as "unverified"."""
    meter = Meter()
    client = make_client(meter=meter)
    post(client)
    post(client)
    post(client, X_GitHub_Delivery="guid-2", X_GitHub_Event="anything")
    post(client, X_Hub_Signature_256="sha256=00")
    post(client, Transfer_Encoding="chunked")
    client.get("/healthz")
    client.get("/nothing")
    assert meter.take().added == {
        ("portmanteau_deliveries_total", ("pull_request", "stored")): 1.0,
        ("portmanteau_deliveries_total", ("pull_request", "known")): 1.0,
        ("portmanteau_deliveries_total", ("other", "stored")): 1.0,
        ("portmanteau_deliveries_total", ("unverified", "401")): 1.0,
        ("portmanteau_deliveries_total", ("unverified", "411")): 1.0,
    }
