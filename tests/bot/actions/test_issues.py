"""Actions on one issue: labels, assignees, states, withdrawn comments."""

import pytest

from bot.actions import (
    ACTIONS,
    Assign,
    Comment,
    Label,
    OpenIssue,
    Planned,
    React,
    SetState,
    TakeBack,
    Unassign,
    Unlabel,
    marker,
)
from bot.actions.write_once import READ_LAG_SECONDS
from luggage.fake_github import faults
from luggage.jobs import NewJob, State

TRIO = "snakes/trio"
WHERE = {"about": "it", "repository": TRIO, "number": 1}


@pytest.fixture
def perform(queue, github, settled):
    """Perform actions, each in its own job, until no job is ready."""

    def run(*actions):
        installation = github.install("snakes").id
        for action in actions:
            planned = Planned(action=action, installation=installation, delivery="d", rule="r")
            queue.put(
                NewJob(
                    queue=ACTIONS,
                    key=action.key,
                    subject=f"{TRIO}#1",
                    kind=action.kind,
                    body=planned.encode(),
                    run_at=0.0,
                )
            )
        settled(100)
        return [queue.find(ACTIONS, action.key) for action in actions]

    return run


def writes(github):
    return [
        (call.method, call.path.removeprefix(f"/repos/{TRIO}/"))
        for call in github.calls
        if call.method != "GET" and "token" not in call.path
    ]


def texts(github):
    return [comment.body.partition("\n\n<!--")[0] for comment in github.comments(TRIO, 1)]


def labels(github):
    return [label.name for label in github.issue(TRIO, 1).labels]


def assignees(github):
    return [user.login for user in github.issue(TRIO, 1).assignees]


AMBIGUOUS = {
    "done, then 502": faults.failed(502, done=True),
    "done, then reset": faults.reset(done=True),
    "reset before": faults.reset(done=False),
    "502 before": faults.failed(502, done=False),
}


@pytest.fixture(params=AMBIGUOUS.values(), ids=AMBIGUOUS)
def trouble(request, github):
    """The first write ends in a way that leaves open whether it was done."""

    def plan(method, path="*"):
        github.faults.append(faults.plan(request.param, method=method, path=path))

    return plan


def test_labels_come_and_go(github, perform):
    """One request adds all labels; removing an absent label succeeds."""
    github.open_issue(TRIO, "alice")
    for name in ("docs", "mine"):
        github.label_issue(TRIO, 1, "olga", name)
    perform(
        Label(**WHERE, names=("bug", "easy")),
        Unlabel(**WHERE, name="docs"),
        Unlabel(**{**WHERE, "about": "more"}, name="absent"),
    )
    assert labels(github) == ["mine", "bug", "easy"]
    assert writes(github) == [
        ("POST", "issues/1/labels"),
        ("DELETE", "issues/1/labels/docs"),
        ("DELETE", "issues/1/labels/absent"),
    ]


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_labels_are_right_after_an_unknown_end(github, perform, trouble, method):
    """Whatever became of the first try, the labels are as they are to be."""
    github.open_issue(TRIO, "alice")
    github.label_issue(TRIO, 1, "olga", "docs")
    trouble(method, "*/labels*")
    perform(Label(**WHERE, names=("bug",)), Unlabel(**WHERE, name="docs"))
    assert labels(github) == ["bug"]


@pytest.mark.parametrize("change", ["push", "rename"])
def test_labels_for_what_has_changed_since_are_not_put(github, perform, change):
    """Another head or title is decided anew, so what was decided for the old one is left."""
    github.open_pull_request(TRIO, "alice", "Fix it")
    head = github.pull(TRIO, 1).head_sha
    action = Label(**WHERE, names=("bug",), head=head, title="Fix it")
    if change == "push":
        github.push_to_pull_request(TRIO, 1, "alice")
    else:
        github.rename_pull_request(TRIO, 1, "alice", "Break it")
    (row,) = perform(action)
    assert labels(github) == []
    assert "changed since" in row.result


def test_labels_for_what_is_as_it_was_are_put(github, perform):
    """The same head and title: the labels are put."""
    github.open_pull_request(TRIO, "alice", "Fix it")
    perform(Label(**WHERE, names=("bug",), head=github.pull(TRIO, 1).head_sha, title="Fix it"))
    assert labels(github) == ["bug"]


def test_a_label_is_taken_off_what_is_as_it_was_alone(github, perform):
    """As labels are put: a new title is decided anew."""
    github.open_pull_request(TRIO, "alice", "Fix it")
    head = github.pull(TRIO, 1).head_sha
    for name in ("bug", "docs"):
        github.label_issue(TRIO, 1, "olga", name)
    perform(Unlabel(**WHERE, name="bug", head=head, title="Fix it"))
    github.rename_pull_request(TRIO, 1, "alice", "Break it")
    (row,) = perform(Unlabel(**{**WHERE, "about": "more"}, name="docs", head=head, title="Fix it"))
    assert labels(github) == ["docs"]
    assert "changed since" in row.result


CLAIM = Assign(**WHERE, people=("alice",), claim=True, taken="Taken.")


def test_a_claim_is_remembered_and_forgotten(github, perform, people):
    """Who has claimed an issue is known until it is released."""
    github.open_issue(TRIO, "bob")
    github.comment(TRIO, 1, "alice", "/claim")
    perform(CLAIM)
    assert assignees(github) == ["alice"]
    assert [claim[:2] for claim in people.claims("Snakes/Trio")] == [(1, "alice")]
    perform(Unassign(**WHERE, people=("Alice",)))
    assert (assignees(github), people.claims(TRIO)) == ([], [])


def test_a_claim_of_what_the_person_has_already_is_kept(github, perform, people):
    """However the login is written: after a lost answer, nobody is told that it is taken."""
    github.open_issue(TRIO, "bob")
    github.comment(TRIO, 1, "alice", "/claim")
    github.assign(TRIO, 1, "olga", "alice")
    perform(Assign(**WHERE, people=("Alice",), claim=True, taken="Taken."))
    assert (assignees(github), texts(github)) == (["alice"], ["/claim"])
    assert len(people.claims(TRIO)) == 1


def test_several_people_are_told_by_name():
    """In the history and in previews, with commas between them."""
    both = ("alice", "bob")
    assert Assign(**WHERE, people=both).describe() == f"assign alice, bob to {TRIO}#1"
    assert Unassign(**WHERE, people=both).describe() == f"unassign alice, bob from {TRIO}#1"


def test_an_assignment_that_is_no_claim_is_not_remembered(github, perform, people):
    """Whom a maintainer assigned is never asked whether the work goes on."""
    github.open_issue(TRIO, "bob")
    github.comment(TRIO, 1, "alice", "Mine")
    perform(Assign(**WHERE, people=("alice",)))
    assert assignees(github) == ["alice"]
    assert people.claims(TRIO) == []


def test_a_claim_is_right_after_an_unknown_end(github, perform, people, trouble):
    """A claim whose answer was lost is the person's, and nobody is told otherwise."""
    github.open_issue(TRIO, "bob")
    github.comment(TRIO, 1, "alice", "/claim")
    trouble("POST", "*/assignees")
    perform(CLAIM)
    assert assignees(github) == ["alice"]
    assert len(people.claims(TRIO)) == 1
    assert texts(github) == ["/claim"]


@pytest.mark.parametrize(("limit", "looks"), [(3, 1), (30, 2)])
def test_a_claim_that_waits_for_its_turn_to_write_looks_once(github, perform, limit, looks):
    """The issue was free a moment ago; after a longer wait it is looked at again."""
    github.open_issue(TRIO, "bob")
    github.comment(TRIO, 1, "alice", "/claim")
    limited = faults.secondary_limit(limit)
    github.faults.append(faults.plan(limited, method="POST", path="*/assignees"))
    perform(CLAIM)
    assert assignees(github) == ["alice"]
    assert len(github.calls_to("GET", "*/issues/1")) == looks


def test_an_assigned_issue_is_not_claimed(github, perform, people, trouble):
    """The one who was slower reads so, once, and nothing is assigned."""
    trouble("POST", "*/comments")
    github.open_issue(TRIO, "bob")
    github.comment(TRIO, 1, "alice", "/claim")
    github.assign(TRIO, 1, "olga", "bob")
    perform(CLAIM)
    assert (assignees(github), texts(github)) == (["bob"], ["/claim", "Taken."])
    assert people.claims(TRIO) == []


@pytest.mark.parametrize(("state", "reason"), [("closed", "not_planned"), ("open", "")])
def test_the_state_is_right_after_an_unknown_end(github, perform, trouble, state, reason):
    """Closing and reopening can be repeated."""
    github.open_issue(TRIO, "alice")
    if state == "open":
        github.close_issue(TRIO, 1, "alice")
    trouble("PATCH")
    perform(SetState(**WHERE, state=state, reason=reason))
    assert github.issue(TRIO, 1).state == state
    assert github.issue(TRIO, 1).state_reason == (reason or "reopened")


def test_a_refused_state_is_reported_once(github, perform, trouble):
    """A pull request whose branch is gone cannot be reopened; the person reads why."""
    github.open_pull_request(TRIO, "alice")
    github.close_pull_request(TRIO, 1, "alice")
    github.pull(TRIO, 1).branch_gone = True
    trouble("POST", "*/comments")
    perform(SetState(**WHERE, state="open", refused="Gone."))
    assert texts(github) == ["Gone."]


def test_a_refusal_is_reported_once_though_github_shows_it_late(github, perform):
    """The comment that was sent is waited for; a second change of state is not tried."""
    github.world.read_lag_seconds = READ_LAG_SECONDS - 1
    github.open_pull_request(TRIO, "alice")
    github.close_pull_request(TRIO, 1, "alice")
    github.pull(TRIO, 1).branch_gone = True
    lost = faults.failed(502, done=True)
    github.faults.append(faults.plan(lost, method="POST", path="*/comments"))
    perform(SetState(**WHERE, state="open", refused="Gone."))
    assert texts(github) == ["Gone."]
    assert [method for method, _ in writes(github)] == ["PATCH", "POST"]


def test_a_refused_state_of_which_nothing_is_to_be_said_is_dead(github, perform):
    """Without words for it, the operator sees it."""
    github.open_pull_request(TRIO, "alice")
    github.merge_pull_request(TRIO, "alice", number=1)
    (row,) = perform(SetState(**WHERE, state="open"))
    assert row.state is State.DEAD


SAID = Comment(**WHERE, text="It fails.")
BACK = TakeBack(**WHERE, text="It works.")


def test_a_comment_is_taken_back_without_a_look(github, perform, trouble):
    """The record of the first action says which comment it is; its marker is another one then."""
    github.open_issue(TRIO, "alice")
    trouble("PATCH")
    perform(SAID, BACK)
    (comment,) = github.comments(TRIO, 1)
    assert comment.body == f"It works.\n\n{marker(BACK.key)}"
    assert not [call for call in github.calls if call.path.endswith("comments") and call.query]


def test_a_comment_of_which_no_record_is_left_is_found_by_its_marker(github, perform):
    """After a lost database; what strangers pasted is left alone."""
    github.open_issue(TRIO, "alice")
    github.comment(TRIO, 1, "mallory", marker(SAID.key))
    github.comment(TRIO, 1, "test-bot[bot]", f"It fails.\n\n{marker(SAID.key)}")
    perform(BACK)
    assert texts(github) == [marker(SAID.key), "It works."]


def test_withdrawing_a_comment_that_was_never_written_changes_nothing(github, perform):
    """It is done, and changes nothing."""
    github.open_issue(TRIO, "alice")
    (row,) = perform(BACK)
    assert (row.state, writes(github)) == (State.DONE, [])
    assert row.result == '{"nothing": "no such comment"}'


def test_withdrawing_a_deleted_comment_changes_nothing(github, perform):
    """It is gone, which is as well."""
    github.open_issue(TRIO, "alice")
    perform(SAID)
    (comment,) = github.comments(TRIO, 1)
    github.world.comments.clear()
    github.issue(TRIO, 1).comments.clear()
    (row,) = perform(BACK)
    assert (row.state, texts(github)) == (State.DONE, [])
    assert row.result == f'{{"gone": {comment.id}}}'


def test_a_reaction_to_a_deleted_text_is_no_longer_wanted(github, perform):
    """The author changed their mind: nobody needs to look at it."""
    (row,) = perform(React(repository=TRIO, target="issues/comments/99", content="heart"))
    assert (row.state, row.reason) == (State.IGNORED, "the text was deleted")


def test_an_issue_that_waits_to_be_closed_is_not_opened_again(perform, github, clock):
    """The number is noted before the wait for a write slot: GitHub's list may not show it."""
    github.world.read_lag_seconds = 3600.0
    action = OpenIssue(about="news", repository=TRIO, title="Hello", text="Hi", closed=True)
    limit = faults.plan(faults.too_many_requests(30), method="PATCH")
    github.faults.append(limit)
    (row,) = perform(action)
    assert row.state is State.DONE
    assert [call.path for call in github.calls_to("POST", "*/issues")] == [f"/repos/{TRIO}/issues"]
    assert github.issue(TRIO, 1).state == "closed"
