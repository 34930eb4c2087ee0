"""Orders by hand that GitHub refuses: each command, each refusal."""

import pytest

from luggage.fake_github import faults
from luggage.jobs import State

TRIO = "snakes/trio"
ISSUE = f"/repos/{TRIO}/issues/1"
TOO_MANY = {"resource": "Issue", "field": "labels", "code": "custom", "message": "has too many"}
REFUSALS = {
    "403": faults.refused(403, "Resource not accessible by integration"),
    "404": faults.refused(404, "Not Found"),
    "410": faults.refused(410, "This issue was deleted"),
    "422": faults.refused(422, "Validation Failed", TOO_MANY),
}
REASONS = {
    "403": "Resource not accessible by integration",
    "404": "Not Found",
    "410": "This issue was deleted",
    "422": "Validation Failed: Issue.labels custom has too many",
}
# Command -> method and path of its request.
ORDERS = {
    "/label bug": ("POST", f"{ISSUE}/labels"),
    "/unlabel docs": ("DELETE", f"{ISSUE}/labels/docs"),
    "/claim": ("POST", f"{ISSUE}/assignees"),
    "/release": ("DELETE", f"{ISSUE}/assignees"),
    "/assign @bob": ("POST", f"{ISSUE}/assignees"),
    "/close": ("PATCH", ISSUE),
    "/reopen": ("PATCH", ISSUE),
    "/invite @bob": ("PUT", "/orgs/snakes/memberships/bob"),
}
GITHUB_SAYS = "I could not do this"
# A label that is not there is off.
QUIET = {("/unlabel docs", "404"), ("/unlabel docs", "410")}


@pytest.fixture
def settings():
    return {"commands": {"enabled": True}}


@pytest.fixture(autouse=True)
def scene(github, story):
    """An issue of bob's with a label, and a maintainer; settings and token are cached."""
    github.add_member("snakes", "olga", role="admin")
    github.open_issue(TRIO, "bob")
    github.comment(TRIO, 1, "bob", "Hello")
    github.label_issue(TRIO, 1, "olga", "bug")
    github.label_issue(TRIO, 1, "olga", "docs")
    github.issue(TRIO, 1).labels.pop(0)
    story(github.open_issue(TRIO, "carol"))


def order(github, text):
    """The comment with a command, in an issue on which it has an effect."""
    issue = github.issue(TRIO, 1)
    if text == "/release":
        issue.assignees.append(github.world.account("olga"))
    if text == "/reopen":
        issue.state = "closed"
    return github.comment(TRIO, 1, "olga", text)


def dead(queue):
    return [job.key for job in queue.search("action", state=State.DEAD)]


def refuse(github, text, fault):
    method, path = ORDERS[text]
    github.faults.append(faults.plan(fault, method=method, path=path, times=None))


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("text", ORDERS)
def test_a_refused_order_is_answered_with_githubs_reason(github, story, bots, text, refusal):
    """Whatever GitHub refuses to a command, the person reads why, once."""
    refuse(github, text, REFUSALS[refusal])
    story(order(github, text))
    if (text, refusal) in QUIET:
        assert bots() == []
    else:
        (said,) = bots()
        assert said.startswith("@olga: I could not do this: `")
        assert REASONS[refusal] in said


@pytest.mark.parametrize("text", [text for text in ORDERS if not text.startswith("/invite")])
def test_a_refused_order_holds_up_no_other(github, story, bots, queue, text):
    """The next command of the same comment is obeyed, and nothing needs an operator."""
    refuse(github, text, REFUSALS["422"])
    happening = order(github, f"{text}\n/help") if text not in {"/release", "/reopen"} else None
    story(happening or _with_help(github, text))
    refused, table = bots()
    assert "I could not do this" in refused
    assert "Here is what you can ask me to do" in table
    assert dead(queue) == []


def _with_help(github, text):
    order(github, text)
    return github.comment(TRIO, 1, "olga", f"{text}\n/help")


def test_a_refused_invitation_is_announced_to_nobody(github, story, bots, queue):
    """The invitation stays dead, so that it can be retried; its welcome is held."""
    seats = "You must purchase at least one more seat to add this user as a member."
    refuse(github, "/invite @bob", faults.refused(422, seats))
    story(github.comment(TRIO, 1, "olga", "/invite @bob"))
    (said,) = bots()
    assert "`invite bob to snakes`" in said
    assert seats in said
    assert dead(queue) == ["invite:snakes/bob"]


def test_a_retried_invitation_is_made_and_announced(github, story, bots, queue, settled):
    """An operator's retry sends the invitation again, not the answer."""
    refuse(github, "/invite @bob", REFUSALS["422"])
    story(github.comment(TRIO, 1, "olga", "/invite @bob"))
    github.faults.clear()
    queue.revive(queue.find("action", "invite:snakes/bob"))
    settled(200)
    assert github.membership("snakes", "bob").state == "pending"
    assert ["could not do this" in text for text in bots()] == [True, False]


def again(github, story, clock, number=1):
    """A later `/invite @bob`."""
    clock.advance(60)
    story(github.comment(TRIO, number, "olga", "/invite @bob"))


def test_a_second_order_tries_again_and_is_answered_with_its_own_outcome(
    github, story, bots, queue, clock
):
    """Each `/invite` that GitHub refuses gets the reason of that time; the last one invites."""
    for status in ("422", "403"):
        github.faults.clear()
        refuse(github, "/invite @bob", REFUSALS[status])
        again(github, story, clock)
    assert [GITHUB_SAYS in text for text in bots()] == [True, True]
    assert dead(queue) == ["invite:snakes/bob"]
    github.faults.clear()
    again(github, story, clock)
    assert github.membership("snakes", "bob").state == "pending"
    assert [GITHUB_SAYS in text for text in bots()] == [True, True, False]
    assert dead(queue) == []


def test_an_order_tries_again_what_a_merge_led_to(github, story, bots, clock):
    """The welcome stands where the pull request was merged; the order is answered in its place."""
    refuse(github, "/invite @bob", REFUSALS["422"])
    merged = github.merge_pull_request(TRIO, "bob")
    story(merged)
    github.faults.clear()
    again(github, story, clock)
    assert github.membership("snakes", "bob").state == "pending"
    assert [text[:33] for text in bots()] == ["Thank you! I have invited @bob to"]
    (welcome,) = github.comments(TRIO, merged.payload["number"])
    assert welcome.body.startswith("Thank you, @bob!")


def test_a_second_order_that_is_delivered_twice_is_obeyed_once(github, story, bots, clock):
    """GitHub may deliver one comment under two ids."""
    refuse(github, "/invite @bob", REFUSALS["422"])
    again(github, story, clock)
    clock.advance(60)
    second = github.comment(TRIO, 1, "olga", "/invite @bob")
    story(second)
    story(second)
    assert [GITHUB_SAYS in text for text in bots()] == [True, True]


def test_a_second_order_is_obeyed_once_although_the_process_is_killed(
    github, deliver, bots, clock, story, killed_once
):
    """The order is known by its text, whether or not its delivery was finished."""
    refuse(github, "/invite @bob", REFUSALS["422"])
    again(github, story, clock)
    clock.advance(60)
    deliver(github.comment(TRIO, 1, "olga", "/invite @bob"))
    killed_once("delivery")
    assert [GITHUB_SAYS in text for text in bots()] == [True, True]


def test_a_question_that_github_refused_is_asked_again(github, story, bots, clock, settled):
    """Where approvals have a repository without issues, each order says so, until it has them."""
    text = '[invite]\nmode = "approval"\napproval_in = "people"\n'
    github.add_repository("snakes/people")
    github.add_collaborator(TRIO, "carl", "write")
    story(github.push("snakes/.github", "olga", files={".github/bot.toml": text}))
    off = faults.refused(410, "Issues are disabled for this repo")
    github.faults.append(faults.plan(off, path="/repos/snakes/people/issues", times=None))
    for _ in range(2):
        clock.advance(60)
        story(github.comment(TRIO, 1, "carl", "/invite @bob"))
    refusals = [text for text in bots() if GITHUB_SAYS in text]
    assert [("enable issues" in text) for text in refusals] == [True, True]
    github.faults.clear()
    clock.advance(60)
    story(github.comment(TRIO, 1, "carl", "/invite @bob"))
    (asked,) = github.world.repositories["snakes/people"].issues.values()
    assert asked.title == "Invite bob to snakes?"


def test_what_somebody_discarded_is_not_ordered_again(github, story, bots, queue, clock):
    """An operator who discards an invitation decides; the next order is answered."""
    refuse(github, "/invite @bob", REFUSALS["422"])
    again(github, story, clock)
    queue.dismiss(queue.find("action", "invite:snakes/bob").id, "discarded in the console")
    github.faults.clear()
    again(github, story, clock)
    assert bots()[1].startswith("I was told to invite `bob` before. The invitation is not sent yet")
    assert github.membership("snakes", "bob") is None


@pytest.mark.parametrize("text", ["/claim", "/assign @bob"])
def test_an_assignee_whom_github_drops_is_told(github, story, bots, people, text):
    """GitHub answers 201 without the person: the bot says so, and keeps no claim."""
    dropped = faults.answered({"number": 1, "assignees": []}, status=201)
    refuse(github, text, dropped)
    story(github.comment(TRIO, 1, "olga", text))
    (said,) = bots()
    assert "GitHub only assigns people who work on the repository" in said
    assert people.claims(TRIO) == []


def test_labels_that_github_drops_are_told(github, story, bots):
    """GitHub's list lacks a label that was asked for."""
    refuse(github, "/label bug", faults.answered([{"name": "docs"}]))
    story(github.comment(TRIO, 1, "olga", "/label bug"))
    (said,) = bots()
    assert "GitHub left out bug" in said


def test_a_state_that_github_keeps_is_told(github, story, bots):
    """GitHub answers 200 with the old state."""
    refuse(github, "/close", faults.answered({"number": 1, "state": "open"}))
    story(github.comment(TRIO, 1, "olga", "/close"))
    (said,) = bots()
    assert "GitHub left it open" in said


def test_an_unassignment_that_github_ignores_is_told(github, story, bots):
    """GitHub's answer still shows the person."""
    refuse(github, "/release", faults.answered({"assignees": [{"login": "olga"}]}))
    story(order(github, "/release"))
    (said,) = bots()
    assert "GitHub did not unassign olga" in said


@pytest.mark.parametrize("text", ["/label bug", "/claim", "/release", "/assign @bob", "/close"])
def test_an_answer_that_lacks_the_fields_is_no_refusal(github, story, bots, text):
    """What GitHub does not say is not compared."""
    refuse(github, text, faults.answered({}))
    story(order(github, text))
    assert bots() == []


def test_a_refusal_is_said_once_though_the_process_dies(github, deliver, killed_once, bots):
    """A process that dies after the answer does not answer again."""
    refuse(github, "/label bug", REFUSALS["422"])
    deliver(github.comment(TRIO, 1, "olga", "/label bug"))
    killed_once("action")
    assert len(bots()) == 1


def test_a_refused_answer_leaves_the_reason_for_the_operator(github, story, bots, queue):
    """Where GitHub refuses the answer, too, the action is dead with the first reason."""
    refuse(github, "/label bug", REFUSALS["422"])
    comments = f"{ISSUE}/comments"
    github.faults.append(faults.plan(REFUSALS["403"], method="POST", path=comments, times=None))
    story(github.comment(TRIO, 1, "olga", "/label bug"))
    (key,) = [each for each in dead(queue) if each.startswith("label")]
    assert "Issue.labels custom has too many" in queue.find("action", key).reason


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/label bug", f"/repos/{TRIO}/labels"),
        ("/assign @bob", f"{ISSUE}/assignees/bob"),
        ("/close", f"/repos/{TRIO}/collaborators/*"),
        ("/invite @bob", "/orgs/snakes/memberships/bob"),
        ("/invite @carol", "/users/carol"),
        ("/invite @bob", f"/repos/{TRIO}/collaborators/*"),
    ],
)
@pytest.mark.parametrize("status", [403, 422])
def test_a_refused_question_is_answered_with_githubs_reason(
    github, story, bots, text, path, status
):
    """What the bot must know to obey, and may not ask, it says."""
    fault = faults.refused(status, "Not for you")
    github.faults.append(faults.plan(fault, method="GET", path=path, times=None))
    story(github.comment(TRIO, 1, "olga", text))
    (said,) = bots()
    assert "Not for you" in said
