"""Requests of each kind of action: exactly these reach GitHub, for the examples."""

from dataclasses import replace
from functools import partial

import pytest

from bot.actions import ACTIONS, Planned, Work
from luggage.fake_github import FakeGithub, faults
from luggage.jobs import NewJob, State
from tests.support.actions import HEAD, TRIO, build, examples

EXAMPLES = examples()
ISSUE = f"/repos/{TRIO}/issues/1"
CHECKS = f"/repos/{TRIO}/commits/{HEAD}/check-runs"
CAROL = "/orgs/Snakes/memberships/Carol"
ALICE = "/orgs/Snakes/teams/tamers/memberships/Alice"
ALL = {"per_page": "100", "state": "all"}


def marked(text, digest):
    return f"{text}\n\n<!-- portmanteau:{digest} -->"


# Method, path, query and body.
REQUESTS = {
    "ask": [
        ("POST", f"{ISSUE}/comments", {}, {"body": marked("May I?", "ac44cc258b2619e38047b3bb")})
    ],
    "assign": [("POST", f"{ISSUE}/assignees", {}, {"assignees": ["alice"]})],
    # Without the name, GitHub's first page could lack the bot's own among those of others.
    "check": [
        ("GET", CHECKS, {"per_page": "100", "check_name": "bot.toml", "filter": "all"}, None),
        (
            "POST",
            f"/repos/{TRIO}/check-runs",
            {},
            {
                "name": "bot.toml",
                "external_id": "<!-- portmanteau:c13d4640af31d68fe6c7c0c9 -->",
                "status": "completed",
                "conclusion": "success",
                "output": {"title": "Fine", "summary": "All of it", "text": "more"},
                "head_sha": HEAD,
            },
        ),
    ],
    "close": [("PATCH", ISSUE, {}, {"state": "closed"})],
    "comment": [
        ("POST", f"{ISSUE}/comments", {}, {"body": marked("pong! ü", "09bbbfa56d7614dc9c73e9e5")})
    ],
    "invite": [("GET", CAROL, {}, None), ("PUT", CAROL, {}, {"role": "member"})],
    # The number is noted: after the limit of writes, another try need not look for the issue.
    "issue": [
        (
            "POST",
            f"/repos/{TRIO}/issues",
            {},
            {"title": "Hello", "body": marked("Hi", "9e9539b06ac1b21d4e85bae8")},
        ),
        ("PATCH", f"/repos/{TRIO}/issues/2", {}, {"state": "closed"}),
    ],
    "keep issue": [
        ("GET", f"/repos/{TRIO}/issues", ALL, None),
        (
            "POST",
            f"/repos/{TRIO}/issues",
            {},
            {"title": "I cannot", "body": marked("Broken.", "90094880ee70d86be7176874")},
        ),
    ],
    "label": [("POST", f"{ISSUE}/labels", {}, {"labels": ["bug", "easy"]})],
    "react": [("POST", f"{ISSUE}/reactions", {}, {"content": "heart"})],
    "rest": [],
    "state": [("PATCH", ISSUE, {}, {"state": "closed", "state_reason": "completed"})],
    "takeback": [
        ("GET", f"{ISSUE}/comments", {"per_page": "100"}, None),
        (
            "PATCH",
            f"/repos/{TRIO}/issues/comments/{{said}}",
            {},
            {"body": marked("It works.", "160d474bb610f46f26678b45")},
        ),
    ],
    "team": [("GET", ALICE, {}, None), ("PUT", ALICE, {}, {"role": "member"})],
    "unassign": [("DELETE", f"{ISSUE}/assignees", {}, {"assignees": ["bob"]})],
    "unlabel": [("DELETE", f"{ISSUE}/labels/docs", {}, None)],
}


@pytest.fixture
def perform(queue, github, settled):
    """Perform one action; return its row."""

    def perform(action):
        installation = github.install("snakes").id
        planned = Planned(action=action, installation=installation, delivery="d", rule="r")
        queue.put(
            NewJob(
                queue=ACTIONS, key=action.key, kind=action.kind, body=planned.encode(), run_at=0.0
            )
        )
        settled(100)
        return queue.find(ACTIONS, action.key)

    return perform


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_each_action_asks_github_for_exactly_this(kind, perform, github):
    """No request more, and none with another parameter: each counts against GitHub's limits."""
    build(github)
    (said,) = github.comments(TRIO, 1)
    perform(EXAMPLES[kind])
    calls = [
        (call.method, call.path.replace(str(said.id), "{said}"), call.query, call.body)
        for call in github.calls
        if not call.path.startswith("/app")
    ]
    assert calls == REQUESTS[kind]


def test_another_verdict_on_a_commit_replaces_the_first(app, github, people, clock):
    """One check run of a name, which says what was said last; a text that is empty is left out."""
    client = app.client_for(github.install("snakes").id)
    work = Work(client=client, people=people, jobs=None, job=None, is_ours=None, clock=clock)
    first = EXAMPLES["check"].perform(work)
    clock.advance(5.0)  # until the next write slot
    again = replace(EXAMPLES["check"], conclusion="failure", title="Bad", summary="Not it", text="")
    assert again.perform(work).facts["check"] == first.facts["check"]
    (run,) = github.world.repositories[TRIO].check_runs.values()
    assert run["conclusion"] == "failure"
    assert run["output"]["title"] == "Bad"
    (call,) = github.calls_to("PATCH")
    assert call.body["output"] == {"title": "Bad", "summary": "Not it"}


def test_a_check_that_is_not_permitted_is_done(perform, github):
    """An owner who has not granted "checks" yet: nothing is tried again, and the row says why."""
    refusal = faults.refused(403, "Resource not accessible by integration")
    github.faults.append(faults.plan(refusal, path="*/check-runs", times=None))
    row = perform(EXAMPLES["check"])
    assert (row.state, row.attempt) == (State.DONE, 1)
    assert row.result == '{"check": null, "reason": "not permitted"}'
    assert github.calls_to("POST", "*/check-runs") == []


@pytest.mark.parametrize("kind", sorted(set(EXAMPLES) - {"rest"}))
@pytest.mark.parametrize(
    ("refuse", "allow"),
    [
        (FakeGithub.suspend, FakeGithub.unsuspend),
        (
            FakeGithub.set_allow_list,
            partial(FakeGithub.set_allow_list, on=False),
        ),
    ],
    ids=["suspended", "allow list"],
)
def test_each_action_waits_while_github_refuses_the_installation(
    queue, github, worker, settled, kind, refuse, allow
):
    """No action takes such a refusal for an answer; each is done, once, after its end."""
    build(github)
    action = EXAMPLES[kind]
    planned = Planned(
        action=action, installation=github.install("snakes").id, delivery="d", rule="r"
    )
    queue.put(
        NewJob(queue=ACTIONS, key=action.key, kind=action.kind, body=planned.encode(), run_at=0.0)
    )
    refuse(github, "snakes")
    worker.drain()
    row = queue.find(ACTIONS, action.key)
    assert (row.state, "-- ask an owner to" in row.reason) == (State.READY, True)
    allow(github, "snakes")
    settled(100)
    row = queue.find(ACTIONS, action.key)
    assert (row.state, row.result != "") == (State.DONE, True)
