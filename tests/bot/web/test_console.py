"""Tests of the console."""

import json
import re

import pytest
from flask import Flask
from sqlalchemy import event, insert, text
from werkzeug.exceptions import HTTPException

from bot.events import DELIVERIES
from bot.store.enqueue import DeliveryNote, Source, job_of
from bot.store.refusals import Refusal, Refusals
from bot.store.tables import missed, recovery
from bot.web.app import WebDependencies
from bot.web.app import blueprint as web_blueprint
from bot.web.console import Console, blueprint
from bot.web.errors import refused
from bot.web.sessions import Sessions
from bot.web.shared import protect
from bot.web.sign_in import SignIn
from luggage.fake_github import faults
from luggage.github import Delivery, OAuth, make_session
from luggage.jobs import NewJob, State
from tests.support.walks import passed

# The addresses that strangers may open.
OPEN = {
    "/console/sign-in",
    "/console/sign-in/github",
    "/console/sign-in/callback",
    "/console/sign-in/link/<token>",
}


@pytest.fixture
def sessions(store, clock):
    return Sessions(store, clock=clock)


@pytest.fixture
def web_app(store, queue, board, clock, sessions):
    with make_session() as session:
        oauth = OAuth(
            client_id="Iv1.1",
            client_secret="s",
            user_agent="test-bot",
            server_url="http://127.0.0.1:1",
            api_url="http://127.0.0.1:1",
            session=session,
            clock=clock,
        )
        dependencies = WebDependencies(
            name="test-bot", secrets=None, queue=queue, board=board, clock=clock, settle_seconds=0
        )
        desk = Console(
            name="test-bot",
            engine=store,
            queue=queue,
            board=board,
            sign_in=SignIn(sessions=sessions, oauth=oauth, program="python -m bot_deploy"),
            clock=clock,
        )
        app = Flask("bot", static_folder=None)
        app.register_blueprint(web_blueprint(dependencies))
        app.register_blueprint(blueprint(desk))
        app.register_error_handler(HTTPException, refused)
        app.after_request(protect)
        yield app


@pytest.fixture
def stranger(web_app):
    return web_app.test_client()


@pytest.fixture
def operator(web_app, sessions):
    """A browser that is signed in."""
    client = web_app.test_client()
    client.post(f"/console/sign-in/link/{sessions.make_link()}")
    return client


def press(client, path, page="/console/"):
    """Submit a form with the token on the page."""
    token = re.search(r'name="token" value="(\w+)"', client.get(page).text)[1]
    return client.post(path, data={"token": token})


@pytest.fixture
def put(queue, clock):
    """Stores a delivery and returns its number."""

    def run(happening, guid="guid-1", source=Source.WEBHOOK):
        event, payload = happening
        delivery = Delivery(guid, event, payload)
        body = json.dumps(payload).encode()
        return queue.put(job_of(delivery, body, run_at=clock(), source=source)).id

    return run


@pytest.fixture
def dead(github, put, settled):
    """A delivery with an invitation that GitHub refused, and a comment that depends on it."""
    refusal = faults.refused(403, "Resource not accessible by integration")
    github.faults.append(faults.plan(refusal, method="PUT", times=None))
    number = put(github.merge_pull_request("snakes/trio", "alice", "Fix it"))
    settled()
    github.faults.clear()
    return number


# Strangers


def test_a_stranger_reaches_nothing(web_app, stranger, dead):
    """Every address redirects strangers to the sign-in."""
    closed = 0
    for rule in web_app.url_map.iter_rules():
        if not rule.rule.startswith("/console") or rule.rule in OPEN:
            continue
        path = re.sub(r"<any\((\w+),[^>]*>", r"\1", rule.rule)
        path = re.sub(r"<int:\w+>", str(dead), path)
        for method in rule.methods - {"OPTIONS"}:
            answer = stranger.open(path, method=method)
            assert (answer.status_code, answer.headers["Location"]) == (303, "/console/sign-in")
            assert b"snakes" not in answer.data
            closed += 1
    assert closed >= 12


def test_a_strangers_form_does_nothing(stranger, queue, dead):
    """A stranger's form has no effect."""
    stranger.post("/console/pause", data={"token": "0" * 48})
    stranger.post(f"/console/deliveries/{dead}/bury", data={"token": "0" * 48})
    assert queue.paused_at() is None
    assert queue.standing().dead == 1


def test_unknown_addresses_and_cookies_give_no_access(stranger):
    """Unknown addresses and made-up cookies give no access."""
    stranger.set_cookie("console", "made-up", path="/console")
    assert stranger.get("/console/").status_code == 303
    assert stranger.get("/console/nothing").status_code == 404
    assert stranger.get("/console").status_code == 308


@pytest.mark.parametrize("token", [None, "", "0" * 48, "ü", "of another session"])
def test_a_forged_form_is_403_and_does_nothing(operator, sessions, queue, dead, token):
    """A form without the session's token gets 403 and has no effect."""
    if token == "of another session":
        token = sessions.begin("eve").form_token
    data = {} if token is None else {"token": token}
    for path in ("/console/pause", f"/console/deliveries/{dead}/retry", "/console/sign-out"):
        answer = operator.post(path, data=data)
        assert answer.status_code == 403
        assert "nothing was changed" in answer.text
    assert (queue.paused_at(), queue.standing().dead) == (None, 1)
    assert operator.get("/console/").status_code == 200


def test_a_huge_form_is_refused(operator):
    """A huge form is refused."""
    data = {"token": "x" * 100_000}
    assert operator.post("/console/pause", data=data).status_code in (403, 413)


def test_looking_decides_nothing(operator, queue, dead):
    """GET requests change nothing."""
    for path in ("/console/pause", f"/console/deliveries/{dead}/bury", "/console/sign-out"):
        assert operator.get(path).status_code == 405
    assert queue.standing().dead == 1


def test_pages_are_not_kept_framed_or_filled_from_elsewhere(operator):
    """Each page has the security headers."""
    for path in ("/console/", "/console/sign-in", "/console/deliveries/999", "/"):
        headers = operator.get(path).headers
        assert headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]


# Looking


def test_the_overview_shows_the_queue(operator, dead, board):
    """The overview shows the queue and the dead deliveries."""
    board.beat("loop")
    page = operator.get("/console/").text
    assert "one job failed" in page
    assert re.search(r'actions</th><td><span class="state dead">dead</span></td><td>1</td>', page)
    assert f'href="/console/deliveries/{dead}"' in page


def test_an_empty_queue_is_reported_in_words(operator, board):
    """The pages of a new bot say that there is nothing yet."""
    board.beat("loop")
    page = operator.get("/console/").text
    assert "processed every delivery" in page
    assert operator.get("/console/deliveries").status_code == 200
    assert "The bot has not called GitHub yet" in operator.get("/console/github").text


def test_deliveries_are_found_by_what_is_known_of_them(operator, github, put, settled, dead):
    """The search filters by state, event, repository and text."""
    other = put(github.open_issue("snakes/duo", "bob", "A needle", "/ping"), "guid-2")
    settled()

    def found(query):
        page = operator.get(f"/console/deliveries?{query}").text
        return set(map(int, re.findall(r'href="/console/deliveries/(\d+)"', page)))

    assert found("") == {dead, other}
    assert found("state=dead") == {dead}
    assert found("event=issues") == {other}
    assert found("repository=snakes/duo") == {other}
    assert found("text=needle") == {other}
    assert found(f"before={other}") == {dead}
    assert found("state=nonsense&before=x") == {dead, other}
    assert found("text=nowhere") == set()


def test_deliveries_come_in_pages(operator, github, put):
    """Each page has fifty deliveries and keeps the conditions."""
    for number in range(51):
        put(github.star("snakes/trio", "bob"), f"guid-{number}")
    page = operator.get("/console/deliveries?event=star").text
    (older,) = re.findall(r'rel="next" href="([^"]+)"', page)
    assert page.count("<strong>star</strong>") == 50
    older = operator.get(older.replace("&amp;", "&")).text
    assert older.count("<strong>star</strong>") == 1
    assert "Newest" in older


def test_a_delivery_shows_its_actions_and_its_payload(operator, github, put, settled):
    """A delivery's page shows its actions, GitHub's responses and the payload."""
    number = put(github.open_issue("snakes/trio", "bob", "Hello", "/ping"))
    settled()
    page = operator.get(f"/console/deliveries/{number}").text
    assert "comment on snakes/trio#1" in page
    assert "s response</dt>" in page
    assert 'href="https://github.com/snakes/trio/issues/1#' in page
    assert "&#34;title&#34;: &#34;Hello&#34;" in page


def test_a_payload_that_expired_is_reported(operator, github, put, settled, queue, clock):
    """The page of an expired payload still shows the actions."""
    number = put(github.star("snakes/trio", "bob"))
    settled()
    queue.expire_bodies(clock() + 1)
    assert "The payload has expired" in operator.get(f"/console/deliveries/{number}").text


def test_only_deliveries_have_such_a_page(operator, queue, dead):
    """Other numbers get a 404 page."""
    (action, *_) = queue.children(dead)
    for number in (action.id, 999):
        answer = operator.get(f"/console/deliveries/{number}")
        assert (answer.status_code, answer.mimetype) == (404, "text/html")


def test_budgets_and_what_was_missed_are_shown(operator, store, clock, put, github, updater):
    """The page about GitHub shows budgets, missing and fetched deliveries."""
    now = clock()
    with store.begin() as connection:
        limits = '{"seen":{"core":[5000,4200,%d,%d]},"closed":{"":%d}}'
        values = {"name": "installation 7", "text": limits % (now + 1800, now, now + 90)}
        connection.execute(text("INSERT INTO limit_memory VALUES (:name, :text)"), values)
        row = {"id": 1, "since": now - 60, "until": 0, "cursor": "", "caught_up_at": now - 60}
        connection.execute(insert(recovery).values(row))
        lost = {"guid": "lost-1", "attempt_id": 1, "attempted_at": now - 90, "tries": 1}
        connection.execute(insert(missed).values(lost | {"lost": "gone"}))
        connection.execute(insert(missed).values(lost | {"guid": "still-2", "lost": ""}))
    number = put(github.star("snakes/trio", "bob"), source=Source.RECOVERED)
    page = operator.get("/console/github").text
    assert "installation 7" in page
    assert "4,200 of 5,000" in page
    assert "closed for 1 min" in page
    assert "lost: gone" in page
    assert "being fetched, 1 attempt so far" in page
    assert f"/console/deliveries/{number}" in page


# Deciding


def test_a_dead_delivery_is_tried_again(operator, queue, dead, settled):
    """Retry revives a dead delivery."""
    page = f"/console/deliveries/{dead}"
    answer = press(operator, f"{page}/retry")
    assert answer.headers["Location"] == f"{page}?done=retried"
    assert "Retrying now" in operator.get(answer.headers["Location"]).text
    settled()
    assert {job.state for job in queue.children(dead)} == {State.DONE}


@pytest.fixture
def look_ups(store):
    """The statements that look up a job by its id."""
    statements = []

    def note(_connection, _cursor, statement, *_):
        if re.search(r"FROM job\s+WHERE job\.id = ", statement):
            statements.append(statement)

    event.listen(store, "before_cursor_execute", note)
    return statements


def test_a_retry_click_is_short(operator, dead, look_ups):
    """From the view to the database it looks the delivery up once, and passes eight files."""
    page = f"/console/deliveries/{dead}"
    token = re.search(r'name="token" value="(\w+)"', operator.get(page).text)[1]
    look_ups.clear()
    with passed(below="decide") as files:
        operator.post(f"{page}/retry", data={"token": token})
    assert len(look_ups) == 1
    assert "bot/web/console.py" in files
    assert "luggage/jobs/queue.py" in files
    assert len(files) <= 8, files


def test_a_dead_delivery_is_given_up(operator, queue, dead):
    """Discard removes a dead delivery from the overview."""
    press(operator, f"/console/deliveries/{dead}/bury")
    assert queue.standing().dead == 0


def test_a_repeated_or_late_click_does_no_harm(operator, github, put, settled):
    """Pressing a button twice or too late does no harm."""
    number = put(github.star("snakes/trio", "bob"))
    settled()
    for what in ("retry", "bury"):
        answer = press(operator, f"/console/deliveries/{number}/{what}")
        assert answer.headers["Location"].endswith("done=nothing")


def test_a_delivery_is_decided_again(operator, queue, github, put, settled):
    """Running the rules again does not repeat finished actions."""
    number = put(github.open_issue("snakes/trio", "bob", "Hello", "/ping"))
    settled()
    press(operator, f"/console/deliveries/{number}/again")
    assert queue.get(number).state is State.READY
    settled()
    assert len(github.comments("snakes/trio", 1)) == 1


def test_one_action_is_tried_again_or_given_up(operator, queue, dead):
    """A single action can be retried or discarded."""
    invitation, comment = queue.children(dead)
    press(operator, f"/console/actions/{comment.id}/bury")
    assert queue.get(comment.id).state is State.IGNORED
    answer = press(operator, f"/console/actions/{invitation.id}/retry")
    assert answer.headers["Location"] == f"/console/deliveries/{dead}?done=retried"
    assert queue.get(invitation.id).state is State.READY
    press(operator, f"/console/actions/{invitation.id}/bury")
    queue.revive(comment.id)


def test_a_rule_that_failed_is_tried_again_or_given_up(operator, queue, dead):
    """A rule that could not decide is listed with the actions, and has their buttons."""
    note = DeliveryNote(only="label", why="GET /repos: 422").encode()
    job = NewJob(queue=DELIVERIES, key="g/label", body=b"{}", run_at=0.0, parent=dead, note=note)
    number = queue.put(job).id
    page = operator.get(f"/console/deliveries/{dead}").text
    assert "evaluate the rule label again, alone" in page
    assert "GET /repos: 422" in page
    press(operator, f"/console/actions/{number}/bury")
    assert queue.get(number).state is State.IGNORED
    press(operator, f"/console/actions/{number}/retry")
    assert queue.get(number).state is State.READY


def test_a_late_change_has_no_effect(operator, queue, github, put, settled):
    """A change that comes too late has no effect and is not an error."""
    number = put(github.open_issue("snakes/trio", "bob", "Hello", "/ping"))
    settled()
    (action, *_) = queue.children(number)
    answer = press(operator, f"/console/actions/{action.id}/bury")
    assert answer.headers["Location"] == f"/console/deliveries/{number}?done=late"
    assert "Nothing changed" in operator.get(answer.headers["Location"]).text


def test_an_action_that_is_not_there_is_404(operator):
    """An unknown action gets 404."""
    assert press(operator, "/console/actions/999/retry").status_code == 404


def test_pause_and_resume(operator, queue, board):
    """Pause and resume are safe to repeat."""
    for _ in range(2):
        press(operator, "/console/pause")
    assert queue.paused_at() is not None
    assert "Resume" in operator.get("/console/").text
    for _ in range(2):
        press(operator, "/console/resume")
    assert queue.paused_at() is None
    assert [line.text for line in board.lines()] == ["Back at work", "Paused"]


def test_a_part_that_an_owner_paused_is_resumed(operator, queue):
    """The operator can resume a paused organisation."""
    queue.pause_part("snakes")
    queue.pause_part("lions")
    page = operator.get("/console/").text
    assert "Paused for snakes" in page
    token = re.search(r'name="token" value="(\w+)"', page)[1]
    for done in ("resumed", "nothing"):
        answer = operator.post("/console/parts/resume", data={"token": token, "part": "snakes"})
        assert answer.headers["Location"] == f"/console/?done={done}"
    assert list(queue.paused_parts()) == ["lions"]


def test_signing_out_closes_the_door(operator, web_app, sessions):
    """Signing out ends the session for copies of the cookie, too."""
    token = operator.get_cookie("console", path="/console").value
    press(operator, "/console/sign-out")
    assert operator.get("/console/").status_code == 303
    assert sessions.find(token) is None


def test_the_log_tells_who_did_what(operator, caplog, dead):
    """The log has the user and the change, and no token."""
    caplog.set_level("INFO")
    press(operator, f"/console/deliveries/{dead}/bury")
    assert "by link at the console: discarded" in caplog.text
    assert operator.get_cookie("console", path="/console").value not in caplog.text


def test_without_the_database_the_pages_say_so(operator, stranger, store):
    """Without the database, pages are a 503 without details."""
    with store.begin() as connection:
        connection.execute(text("DROP TABLE console_session"))
    answer = operator.get("/console/")
    assert answer.status_code == 503
    assert "The database does not respond" in answer.text
    assert "SELECT" not in answer.text
    assert stranger.get("/console/sign-in").status_code == 200


def test_hostile_payloads_are_escaped(operator, put, queue):
    """Hostile payloads are escaped, truncated and stripped of secrets."""
    evil = {
        "action": "<script>alert(1)</script>",
        "repository": {"full_name": "snakes/trio", "private": True},
        "sender": {"login": "<img src=x onerror=alert(2)>"},
        "body": "\x1b[31mred \u202egnp ghp_" + "a1" * 18,
        "line": "x" * 1_000_000,
    }
    number = put(("issues", evil))
    answer = operator.get(f"/console/deliveries/{number}")
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert "<img" not in answer.text
    assert "\x1b" not in answer.text
    assert "\u202e" not in answer.text
    assert "ghp_" not in answer.text
    assert len(answer.text) < 50_000


def test_the_overview_names_what_github_refuses(operator, store, clock):
    """Each refused installation is shown with its remedy."""
    assert "Refused by GitHub" not in operator.get("/console/").text
    Refusals(store, clock=clock).note(
        Refusal(7, "snakes", "suspended", "the App is suspended", "unsuspend it: https://x.test/7")
    )
    shown = operator.get("/console/").text
    assert "<strong>snakes</strong>: the App is suspended" in shown
    assert 'To end it, unsuspend it: <a href="https://x.test/7"' in shown


# Errors

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
ERRORS = {
    "/nothing": 404,
    "/console/nothing": 404,
    "/console/deliveries/999": 404,
    "/console/pause": 405,
    "/healthz/": 404,
}


@pytest.mark.parametrize(("path", "status"), ERRORS.items())
@pytest.mark.parametrize("accept", [BROWSER, "application/json", "*/*, text/html;q=0.5"])
def test_an_error_is_a_page_for_browsers_and_json_for_programs(operator, path, status, accept):
    """The status does not depend on the form of the answer; a page has all headers."""
    answer = operator.get(path, headers={"Accept": accept})
    is_page = accept == BROWSER
    assert answer.status_code == status
    assert answer.mimetype == ("text/html" if is_page else "application/json")
    assert "Accept" in answer.headers["Vary"]
    if is_page:
        assert "Something went wrong" in answer.text
    else:
        assert list(answer.json) == ["error"]


def test_an_error_without_a_preference_suits_the_address(operator):
    """A program that names no type gets JSON, but for the pages of the console."""
    for accept in ({}, {"Accept": "*/*"}):
        assert operator.get("/nothing", headers=accept).mimetype == "application/json"
        assert operator.get("/console/deliveries/999", headers=accept).mimetype == "text/html"
