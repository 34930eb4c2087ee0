"""Tests of the console's look-ups, of its audit log, and of what a scope may see."""

import json
import re

import pytest
from flask import Flask
from markupsafe import escape
from sqlalchemy import insert, text
from werkzeug.exceptions import HTTPException

from bot.actions import marker
from bot.operations.history import deliveries as history_module
from bot.operations.history import report
from bot.operations.history.deliveries import DeliveryHistory
from bot.store import audit
from bot.store.audit import AuditEntry, AuditLog
from bot.store.enqueue import job_of
from bot.store.refusals import Refusal, Refusals
from bot.store.tables import invitation_request
from bot.web.app import WebDependencies
from bot.web.app import blueprint as web_blueprint
from bot.web.console import Console, blueprint
from bot.web.errors import refused
from bot.web.ownership import WHOLE, ConsoleScope
from bot.web.sessions import Sessions
from bot.web.sign_in import SESSION_COOKIE, SignIn
from luggage.fake_github import faults
from luggage.github import Delivery
from luggage.jobs import NewJob

TRIO = "snakes/trio"


@pytest.fixture
def sessions(store, clock):
    return Sessions(store, clock=clock)


@pytest.fixture
def web_app(store, queue, board, clock, sessions):
    dependencies = WebDependencies(
        name="test-bot", secrets=None, queue=queue, board=board, clock=clock, settle_seconds=0
    )
    desk = Console(
        name="test-bot",
        engine=store,
        queue=queue,
        board=board,
        sign_in=SignIn(sessions=sessions, oauth=None, program="python -m bot_deploy"),
        clock=clock,
        server_url="https://github.example",
    )
    app = Flask("bot", static_folder=None)
    app.register_blueprint(web_blueprint(dependencies))
    app.register_blueprint(blueprint(desk))
    app.register_error_handler(HTTPException, refused)
    return app


@pytest.fixture
def signed_in(web_app, sessions):
    """Makes a browser of somebody with a scope."""

    def make(who="olga", scope=WHOLE):
        client = web_app.test_client()
        token = sessions.begin(who, scope).token
        client.set_cookie(SESSION_COOKIE, token, path="/console")
        client.token = sessions.find(token).form_token
        return client

    return make


@pytest.fixture
def operator(signed_in):
    return signed_in()


def press(client, path, **data):
    return client.post(path, data={"token": client.token, **data})


@pytest.fixture
def put(queue, clock, settled):
    """Stores a delivery, lets the loop work, and returns its number."""

    def run(happening, guid):
        event, payload = happening
        body = json.dumps(payload).encode()
        number = queue.put(job_of(Delivery(guid, event, payload), body, run_at=clock())).id
        settled()
        return number

    return run


@pytest.fixture
def invited(github, put):
    """A delivery of a merge, with an invitation that GitHub refused, and the comment after it."""
    refusal = faults.refused(403, "Resource not accessible by integration")
    github.faults.append(faults.plan(refusal, method="PUT", times=None))
    number = put(github.merge_pull_request(TRIO, "alice", "Fix it"), "0a1b2c3d-merge")
    github.faults.clear()
    return number


@pytest.fixture
def pinged(github, put):
    """A delivery of a /ping in snakes/trio#1 or the next number, which was answered."""
    return put(github.open_issue(TRIO, "bob", "Hello", "/ping"), "1b2c3d4e-ping")


# One way to know it, two ways to show it


def test_the_console_shows_what_the_terminal_shows(operator, queue, clock, invited, pinged):
    """Each fact of `deliveries show` stands on the delivery's page, in the same words."""
    history = DeliveryHistory(queue, clock=clock)
    shown = 0
    for number in (invited, pinged):
        page = operator.get(f"/console/deliveries/{number}").text
        delivery = history.delivery(queue.get(number))
        named = [report.named_delivery_facts(delivery)]
        named += [report.named_action_facts(each) for each in delivery.actions]
        for facts in named:
            for value in filter(None, facts.values()):
                assert str(escape(value)) in page
                shown += 1
        for action in delivery.actions:
            assert str(escape(report.state_words(action))) in page
    assert shown > 25


def test_a_held_comment_is_read_before_it_is_done_anyway(operator, invited):
    """The text is on the page as GitHub will show it, above the button."""
    page = operator.get(f"/console/deliveries/{invited}").text
    text, button = page.index("Your pull request is in"), page.index("Do it anyway")
    assert text < button
    assert '<a rel="nofollow noreferrer" href="https://github.example/alice">@alice</a>' in page
    assert "<strong>snakes</strong>" in page
    assert "as it would read on GitHub" in page


def test_names_lead_to_their_pages(operator, invited, pinged):
    """The issue, the person, the installation and GitHub are one click away."""
    page = operator.get(f"/console/deliveries/{pinged}").text
    links = set(re.findall(r'href="([^"#]+)"', page))
    issues = [each for each in links if each.startswith("/console/issues/snakes/trio/")]
    assert issues
    assert "/console/people/bob" in links
    assert any(each.startswith("/console/installations/") for each in links)
    assert any(each.startswith("https://github.example/snakes/trio/issues/") for each in links)
    for each in links:
        if each.startswith("/console/"):
            assert operator.get(each).status_code == 200, each


def test_links_away_tell_nobody_where_they_come_from(operator, invited, pinged):
    """Each link to another host has rel=nofollow and noreferrer; no picture comes from there."""
    pages = [f"/console/deliveries/{pinged}", f"/console/deliveries/{invited}"]
    pages += ["/console/people/alice", f"/console/issues/{TRIO}/1", "/console/"]
    found = 0
    for path in pages:
        page = operator.get(path).text
        for link in re.findall(r"<a [^>]*href=\"https?://[^>]*>", page):
            assert 'rel="nofollow noreferrer"' in link
            found += 1
        assert "<img" not in page
    assert found >= 6


# Look-ups


def test_find_leads_to_what_a_text_names(operator, queue, invited, pinged):
    """A login, an issue, a repository, a GUID, a comment's address and its marker are known."""
    (comment, *_) = (job for job in queue.children(pinged) if job.kind == "comment")
    (url,) = re.findall(r'"url": "([^"]+)"', comment.result)
    action = f"/console/deliveries/{pinged}#action-{comment.id}"
    expected = {
        "alice": "/console/people/alice",
        "@alice": "/console/people/alice",
        "snakes/trio#1": "/console/issues/snakes/trio/1",
        "https://github.com/snakes/trio/pull/1": "/console/issues/snakes/trio/1",
        "https://github.com/snakes/trio/issues/1/": "/console/issues/snakes/trio/1",
        "snakes/trio": "/console/deliveries?repository=snakes/trio",
        "1b2c3d4e": f"/console/deliveries/{pinged}",
        url: action,
        marker(comment.key): action,
    }
    for text_, address in expected.items():
        answer = operator.get("/console/find", query_string={"q": text_})
        assert (answer.status_code, answer.headers.get("Location")) == (303, address), text_


@pytest.mark.parametrize(
    "nothing",
    ["no body", "a/b/c", "<script>", "portmanteau:" + "0" * 24, "x" * 9000, "٣/٣#٣", "\0"],
)
def test_what_is_not_found_is_said(operator, invited, nothing):
    """The page repeats what it did not find, as text."""
    answer = operator.get("/console/find", query_string={"q": nothing})
    assert answer.status_code == 404
    assert "Nothing was found" in answer.text
    assert "<script>" not in answer.text


def test_an_empty_search_explains_itself(operator):
    """Without a text the page says what can be found."""
    answer = operator.get("/console/find")
    assert (answer.status_code, "Nothing was found" in answer.text) == (200, False)


def test_a_person_is_found_in_what_others_caused(operator, github, put, invited, pinged):
    """The page has what the bot did with somebody, whoever merged, and nobody else's."""
    put(github.merge_pull_request(TRIO, "alice2"), "2c3d4e5f-other")
    page = operator.get("/console/people/Alice").text
    assert "invite alice to snakes" in page
    assert "alice2" not in page
    bob = operator.get("/console/people/bob").text
    assert f'href="/console/deliveries/{pinged}' in bob
    assert "invite alice" not in bob


def test_what_the_bot_remembers_of_a_person(operator, store, people):
    """Memberships, invitations, claims and first contributions are facts with a place."""
    people.remember("snakes", "alice", "pending")
    people.inviting("snakes", "alice")
    people.remember_claim(TRIO, 7, "alice")
    people.came_first(TRIO, "alice", 2)
    people.merges("snakes", "alice", latest=(TRIO, 3))
    with store.begin() as connection:
        row = {"organization": "snakes", "person": "alice", "asked_in": "snakes/.github#1"}
        row |= {"pull_request": f"{TRIO}#3", "login": "Alice"}
        connection.execute(insert(invitation_request).values(row))
    page = operator.get("/console/people/alice").text
    for words in (
        "membership: pending",
        "invited by the bot",
        "has claimed #7",
        "came first with #2",
        "merged: #3",
        "the bot asked in snakes/.github#1 to invite them, because of snakes/trio#3",
    ):
        assert words in page


def test_an_unknown_person_is_an_empty_page(operator):
    """Whom the bot has never seen has a page that says so; what is no login has none."""
    assert "Nothing." in operator.get("/console/people/nobody").text
    assert operator.get("/console/people/no+body%20").status_code == 404


def test_a_timeline_has_deliveries_decisions_and_actions(operator, github, put, pinged):
    """An issue's page has each delivery about it, with rule, actions and text; newest first."""
    number = github.open_issue(TRIO, "carol", "Other", "")[1]["issue"]["number"]
    put(github.comment(TRIO, 1, "carol", "/ping"), "3d4e5f60-later")
    page = operator.get(f"/console/issues/{TRIO}/1").text
    assert page.count("<h2><a href=") == 2
    assert page.index("issue_comment") < page.index(">issues")
    assert "pong" in page
    assert ">ping</span>" in page
    assert f"#{number}" not in page
    assert "has no delivery" in operator.get(f"/console/issues/{TRIO}/999").text


def test_a_timeline_has_actions_of_deliveries_about_something_else(operator, queue, clock):
    """What a delivery about the repository did to an issue is in the issue's timeline."""
    parent = queue.put(
        NewJob(queue="delivery", key="p", body=b"{}", run_at=0, subject=TRIO, kind="push")
    ).id
    queue.put(
        NewJob(queue="action", key="k", body=b"{}", run_at=0, subject=f"{TRIO}#9", parent=parent)
    )
    assert f'/console/deliveries/{parent}"' in operator.get(f"/console/issues/{TRIO}/9").text
    assert "has no delivery" in operator.get(f"/console/issues/{TRIO}/99").text


def test_an_installation_shows_budget_writes_and_refusals(operator, store, clock, queue, pinged):
    """The page has the budget, the writes of the hour, what GitHub refuses, and the jobs."""
    tenant = queue.get(pinged).tenant
    Refusals(store, clock=clock).note(Refusal(int(tenant), "snakes", "suspended", "it sleeps", "x"))
    with store.begin() as connection:
        limits = json.dumps({"seen": {"core": [5000, 4200, clock() + 1800, clock()]}})
        values = {"name": f"installation {tenant}", "text": limits}
        connection.execute(text("DELETE FROM limit_memory"))
        connection.execute(text("INSERT INTO limit_memory VALUES (:name, :text)"), values)
    page = operator.get(f"/console/installations/{tenant}").text
    assert "<h1><bdi>snakes</bdi></h1>" in page
    assert "4,200 of 5,000 requests left" in page
    assert "writes in the last hour" in page
    assert "it sleeps" in page
    assert f'href="/console/deliveries/{pinged}"' in page
    assert operator.get("/console/installations/999").status_code == 404


@pytest.mark.parametrize("number", [2**31, 2**63, 10**30])
def test_a_number_beyond_the_database_is_404(operator, number):
    """Huge numbers in addresses and query strings are no server errors."""
    for path in ("deliveries", "installations"):
        assert operator.get(f"/console/{path}/{number}").status_code == 404
    assert operator.get(f"/console/issues/{TRIO}/{number}").status_code == 200
    for path in ("audit", "deliveries", f"issues/{TRIO}/1", "people/bob"):
        query = f"before={number}&actions={number}&deliveries={number}"
        assert operator.get(f"/console/{path}?{query}").status_code == 200
    assert press(operator, f"/console/actions/{number}/retry").status_code == 404


def test_pages_of_many_are_bounded(operator, queue, clock):
    """Ten thousand deliveries about one issue and person come in pages, newest first."""
    jobs = [
        NewJob(
            queue="delivery",
            key=f"{number:08x}",
            body=b'{"sender": {"login": "bob"}}',
            run_at=0,
            subject=f"{TRIO}#1",
            kind="issues",
            tenant="7",
            person="5",
        )
        for number in range(10_000)
    ]
    queue.put_all(jobs)
    for path, per_page in ((f"issues/{TRIO}/1", 20), ("deliveries", 50), ("installations/7", 10)):
        page = operator.get(f"/console/{path}").text
        assert len(set(re.findall(r'href="/console/deliveries/(\d+)', page))) == per_page
        assert len(page) < 60_000
    older = re.search(r'rel="next" href="([^"]+)"', operator.get(f"/console/issues/{TRIO}/1").text)
    assert "/console/deliveries/9980" in operator.get(older[1].replace("&amp;", "&")).text


def test_a_page_searches_a_part_of_the_queue(operator, queue, clock, monkeypatch):
    """What is further back is on the next pages; each looks at a bounded number of jobs."""
    monkeypatch.setattr(history_module, "MOST_SEARCHED", 10)
    old = {"subject": f"{TRIO}#1", "kind": "issues", "person": "5"}
    other = {"subject": f"{TRIO}#2", "kind": "star", "person": "6"}
    jobs = [
        NewJob(queue="delivery", key=f"{at}", body=b"{}", run_at=0, **(other if at else old))
        for at in range(25)
    ]
    first = queue.put_all(jobs)[0].id
    pages, address = 0, f"/console/issues/{TRIO}/1"
    while True:
        page = operator.get(address).text
        pages += 1
        if f'href="/console/deliveries/{first}"' in page:
            break
        assert "among those that this page searched" in page
        address = re.search(r'rel="next" href="([^"]+)"', page)[1]
    assert pages == 3
    history = DeliveryHistory(queue, clock=clock)
    assert history.caused_by(5) == ([], 16)
    assert [row.id for row in history.caused_by(5, before=6)[0]] == [first]


# Scopes


LIONS = {"id": 9, "full_name": "lions/den", "private": True, "owner": {"login": "lions", "id": 90}}
SECRET = "the lions' secret"


@pytest.fixture
def lions(queue, store, clock, people):
    """The work of another organisation: a dead delivery with a dead action, and what is known."""
    payload = {
        "action": "opened",
        "installation": {"id": 99},
        "repository": LIONS,
        "sender": {"login": "leo", "id": 91},
        "issue": {"number": 4, "title": SECRET},
    }
    delivery = Delivery("feedfeed-lions", "issues", payload)
    parent = queue.put(job_of(delivery, json.dumps(payload).encode(), run_at=clock())).id
    child = NewJob(
        queue="action",
        key="comment:x lions/den#4 leo",
        body=b"{}",
        run_at=clock(),
        subject="lions/den#4",
        parent=parent,
        tenant="99",
        person="91",
    )
    number = queue.put(child).id
    queue.dismiss(number, "waits for leo")
    Refusals(store, clock=clock).note(Refusal(99, "lions", "suspended", "comatose", "x"))
    people.remember("lions", "leo", "active")
    queue.pause_part("lions")
    AuditLog(store, clock=clock).note(
        AuditEntry("leo", "console", "retry", "issues lions/den#4", parent, "99")
    )
    with store.begin() as connection:
        limits = json.dumps({"seen": {"core": [5000, 1, clock() + 60, clock()]}})
        values = {"name": "installation 99", "text": limits}
        connection.execute(text("INSERT INTO limit_memory VALUES (:name, :text)"), values)
    return parent, number


def paths_about_lions(parent):
    """Every address that might show something of the lions."""
    return [
        "/console/",
        "/console/deliveries",
        "/console/deliveries?state=ready",
        "/console/deliveries?repository=lions/den",
        "/console/deliveries?text=secret",
        f"/console/deliveries?before={parent + 1}",
        f"/console/deliveries/{parent}",
        "/console/github",
        "/console/issues/lions/den/4",
        "/console/people/leo",
        "/console/installations/99",
        "/console/audit",
        "/console/find?q=feedfeed",
        f"/console/find?q={marker('comment:x lions/den#4 leo').strip('<!- >')}",
    ]


def test_an_owner_sees_nothing_of_another_organisation(signed_in, web_app, lions, pinged, queue):
    """On no page of the console; an operator of the whole bot sees it on most of them."""
    parent, _ = lions
    tenant = queue.get(pinged).tenant
    mine, whole = signed_in("sam", ConsoleScope({tenant: "snakes"})), signed_in()
    told = re.compile(
        r"comatose|waits for leo|feedfeed-|membership: active|>installation 99<|1 of 5,000"
        r"|deliveries</th>|<strong>leo|the lions"
    )
    seen = 0
    for path in paths_about_lions(parent):
        page = mine.get(path).text
        echoed = path.startswith(("/console/issues", "/console/people", "/console/deliveries?"))
        assert not told.search(page), path
        assert "lions" not in page or echoed, path
        assert f"/console/deliveries/{parent}" not in page, path
        answer = whole.get(path)
        where = answer.headers.get("Location", "")
        seen += bool(
            told.search(answer.text) or f"/console/deliveries/{parent}" in answer.text + where
        )
    assert seen >= 11
    assert mine.get(f"/console/deliveries/{pinged}").status_code == 200
    rules = {rule.endpoint for rule in web_app.url_map.iter_rules() if "GET" in rule.methods}
    reached = {
        web_app.url_map.bind("x").match(path.partition("?")[0], method="GET")[0]
        for path in paths_about_lions(parent)
    }
    signs = {each for each in rules if "sign_in" in each or "link" in each or "github" in each}
    pages = {each for each in rules if each.startswith("console.")} - signs
    assert pages <= reached, "a new page needs an address in this test"


def test_an_owner_changes_nothing_of_another_organisation(signed_in, web_app, lions, pinged, queue):
    """Each form of the console is refused for the lions' work, and for the whole bot."""
    parent, action = lions
    mine = signed_in("sam", ConsoleScope({queue.get(pinged).tenant: "snakes"}))
    before = [queue.get(parent), queue.get(action)]
    numbers = {"console.decide": parent, "console.decide_action": action}
    tried = 0
    for rule in web_app.url_map.iter_rules():
        if "POST" not in rule.methods or not rule.rule.startswith("/console/"):
            continue
        if rule.endpoint in {"console.sign_out", "console.use_link"}:
            continue
        for what in ("retry", "bury", "again"):
            path = re.sub(r"<any\([^>]*>", what, rule.rule)
            path = re.sub(r"<int:\w+>", str(numbers.get(rule.endpoint, 0)), path)
            answer = press(mine, path, part="lions")
            assert answer.status_code in {403, 404, 405}, path
            tried += 1
    assert tried >= 12
    assert [queue.get(parent), queue.get(action)] == before
    assert (queue.paused_at(), list(queue.paused_parts())) == (None, ["lions"])


def test_an_owner_works_in_their_own_organisation(signed_in, queue, invited):
    """Their deliveries, their pause, their log; the overview says whose console it is."""
    mine = signed_in("sam", ConsoleScope({queue.get(invited).tenant: "Snakes"}))
    queue.pause_part("snakes")
    page = mine.get("/console/").text
    assert "only Snakes" in page
    assert f'href="/console/deliveries/{invited}"' in page
    assert 'action="/console/pause"' not in page
    assert press(mine, "/console/parts/resume", part="snakes").status_code == 303
    assert press(mine, f"/console/deliveries/{invited}/retry").status_code == 303
    log = mine.get("/console/audit").text
    assert log.count("<strong>sam</strong>") == 3


@pytest.mark.parametrize("stored", ["", "{", "[]", '"x"', "7", "{}"])
def test_a_scope_that_cannot_be_read_sees_nothing(stored):
    """Only a clear word is a right."""
    scope = ConsoleScope.decode(stored)
    rights = [scope.is_whole, scope.has("7"), scope.has(""), scope.has_place("snakes")]
    assert rights == [False] * 4
    assert ConsoleScope.decode(WHOLE.encode()).is_whole
    scope = ConsoleScope({"7": "snakes"})
    assert ConsoleScope.decode(scope.encode()) == scope


# The audit log


def test_each_change_is_in_the_log(operator, web_app, queue, invited):
    """Who, what and when: for each form of the console."""
    comment = queue.children(invited)[1]
    expected = []

    def done(path, words, **data):
        assert press(operator, path, **data).status_code == 303
        expected.append(words)

    done("/console/pause", "pause")
    done("/console/resume", "resume")
    queue.pause_part("snakes")
    done("/console/parts/resume", "resume, ", part="snakes")
    done(f"/console/actions/{comment.id}/retry", "do anyway, ")
    done(f"/console/actions/{comment.id}/bury", "discard, ")
    done(f"/console/deliveries/{invited}/retry", "retry, ")
    done(f"/console/deliveries/{invited}/bury", "discard, ")
    done(f"/console/deliveries/{invited}/again", "run rules again, ")
    page = operator.get("/console/audit").text
    assert re.findall(r"</strong></bdi>: ([a-z ]+,? ?)", page)[::-1] == ["sign in", *expected]
    assert f'<a href="/console/deliveries/{invited}"><bdi>comment on snakes/trio#1' in page
    forms = [
        rule
        for rule in web_app.url_map.iter_rules()
        if "POST" in rule.methods and rule.rule.startswith("/console/")
    ]
    assert len(forms) == 7, "a new form needs a line in this test"


def test_a_click_without_effect_is_not_in_the_log(operator, pinged):
    """Nothing was done, so nothing is told."""
    press(operator, f"/console/deliveries/{pinged}/retry")
    assert "retry" not in operator.get("/console/audit").text


def test_the_log_stays_small_and_comes_in_pages(operator, store, clock, monkeypatch):
    """The newest entries stay; outside text is redacted and is one line."""
    monkeypatch.setattr(audit, "MOST_ENTRIES", 60)
    log = AuditLog(store, clock=clock)
    for number in range(70):
        log.note(AuditEntry("eve", "terminal", "retry", f"n{number}\nghp_" + "a1" * 18))
    assert len(log.entries(limit=1000)) == 60
    page = operator.get("/console/audit").text
    assert ("n69 [redacted]" in page, "n19 " in page) == (True, False)
    older = re.search(r'rel="next" href="([^"]+)"', page)[1]
    assert "n19 [redacted]" in operator.get(older).text


def test_a_change_counts_more_than_its_log(operator, store, queue, caplog):
    """If the log cannot be written, the change stays done, and the other log says what it was."""
    with store.begin() as connection:
        connection.execute(text("DROP TABLE operator_action"))
    assert press(operator, "/console/pause").status_code == 303
    assert queue.paused_at() is not None
    assert "not in the audit log" in caplog.text
    assert operator.get("/console/audit").status_code == 503


def test_a_page_renders_few_long_comments(operator, queue, clock):
    """Of many long texts the first are rendered; the others are cut, as text."""
    body = {
        "action": {"about": "x", "repository": TRIO, "number": 1, "text": "**b** " * 2000},
        "installation": 7,
        "delivery": "d",
        "rule": "ping",
        "kind": "comment",
    }
    parent = queue.put(NewJob(queue="delivery", key="d", body=b"{}", run_at=0, subject=TRIO)).id
    jobs = [
        NewJob(queue="action", key=f"k{n}", body=json.dumps(body).encode(), run_at=0, parent=parent)
        for n in range(30)
    ]
    queue.put_all(jobs)
    page = operator.get(f"/console/deliveries/{parent}").text
    assert 4000 < page.count("<strong>b</strong>") < 7000
    assert page.count("as it would read on GitHub") == 30
