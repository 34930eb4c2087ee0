"""Stories of the issue about an invalid settings file, on a simulated GitHub."""

import pytest

from bot.actions import ACTIONS
from bot.events import DELIVERIES, subject, view
from bot.rules import invite
from bot.settings.files import FILE, RECHECK_SECONDS, Known, complaint
from luggage.fake_github import faults
from luggage.jobs import NewJob, State

TRIO = "snakes/trio"
WRONG = '[invite]\nmerged_pull_requests = "two"\n'
WORSE = "[invite\n"
RIGHT = "[invite]\nmerged_pull_requests = 2\n"


@pytest.fixture
def push(queue, clock, github, settled):
    """Push the settings file, and run all jobs that follow."""

    def put(text, repo=TRIO):
        happening = github.push(repo, "olga", files={FILE: text})
        guid = happening.payload["after"]
        _headers, body = github.signed(*happening, delivery_id=guid)
        queue.put(
            NewJob(
                queue=DELIVERIES,
                key=guid,
                subject=subject(happening.payload),
                kind="push",
                body=body,
                run_at=clock(),
            )
        )
        settled()

    return put


def issues(github, repo=TRIO):
    repository = github.world.repositories[repo]
    return [(issue.state, issue.body) for issue in repository.issues.values()]


def test_a_broken_file_opens_one_issue_however_many_pushes(push, github):
    """Many invalid versions of a file lead to one issue with the current problems."""
    push(WRONG)
    ((state, text),) = issues(github)
    assert state == "open"
    assert ".github/bot.toml:2:1: invite.merged_pull_requests must be a whole number" in text
    assert "**To fix it**" in text
    push(WORSE)
    ((state, text),) = issues(github)
    assert ".github/bot.toml:1:8: is not valid TOML" in text


def test_a_mended_file_closes_the_issue_with_a_word(push, github):
    """A valid file closes the issue with thanks."""
    push(WRONG)
    push(RIGHT)
    ((state, text),) = issues(github)
    assert state == "closed"
    assert "valid again" in text


def test_a_file_that_breaks_again_opens_the_same_issue_again(push, github):
    """A file that becomes invalid again reopens the same issue."""
    for text in (WRONG, RIGHT, WRONG):
        push(text)
    ((state, text),) = issues(github)
    assert (state, "must be a whole number" in text) == ("open", True)


def test_what_is_ignored_is_told_and_the_rest_is_used(push, github, files, app):
    """A setting that is not the repository's has one issue, and no effect."""
    push('[invite]\nmerged_pull_requests = 4\napproval_in = "secret-plans"\n')
    ((state, text),) = issues(github)
    assert state == "open"
    assert ".github/bot.toml:3:1: invite.approval_in is ignored: only the organisation" in text
    happening = github.push(TRIO, "olga", files={"x": ""})
    client = app.client_for(github.install("snakes").id).read_only()
    found = files.effective(client, view("push", happening.payload)).settings.of(invite.RULE)
    assert (found.merged_pull_requests, found.approval_in) == (4, "")
    push("[invite]\nmerged_pull_requests = 4\n")
    ((state, _text),) = issues(github)
    assert state == "closed"


def test_a_good_file_says_nothing(push, github, queue):
    """A valid file causes no write."""
    push(RIGHT)
    assert issues(github) == []
    assert queue.search(ACTIONS) == []


def test_a_broken_file_whose_push_was_missed_is_reported_of_too(
    push, github, clock, queue, settled
):
    """Any delivery that finds an invalid file opens the issue."""
    push(RIGHT)
    github.add_file(TRIO, FILE, WRONG)
    clock.advance(RECHECK_SECONDS + 1)
    happening = github.merge_pull_request(TRIO, "bot-to-be")
    _headers, body = github.signed(*happening)
    queue.put(NewJob(queue=DELIVERIES, key="g", kind="pull_request", body=body, run_at=clock()))
    settled()
    assert [state for state, text in issues(github) if "There are problems" in (text or "")] == [
        "open"
    ]


@pytest.mark.parametrize(
    "fault",
    [faults.failed(502, done=True), faults.failed(502, done=False), faults.reset(done=True)],
)
def test_an_issue_whose_end_is_unknown_is_opened_once(push, github, fault):
    """An ambiguous failure does not lead to a second issue."""
    github.faults.append(faults.plan(fault, method="POST", path="*/issues"))
    push(WRONG)
    assert len(issues(github)) == 1


def test_a_lost_database_opens_no_second_issue(push, github, people, store):
    """After the loss of the database, the marker identifies the issue."""
    push(WRONG)
    with store.begin() as connection:
        connection.exec_driver_sql("DELETE FROM kept_issue")
    push(WORSE)
    assert len(issues(github)) == 1


def test_a_change_that_comes_late_is_not_made(push, github, queue, worker, settled):
    """A late action does not overwrite a newer one."""
    push(WRONG)
    busy = faults.failed(502, done=False)
    github.faults.append(faults.plan(busy, method="PATCH", path="*/issues/*"))
    push(WORSE)
    push(RIGHT)
    ((state, _),) = issues(github)
    assert state == "closed"


def test_issues_of_an_organisations_file_are_opened_there(push, github):
    """The issue about an organisation's file appears in its repository `.github`."""
    github.add_repository("snakes/.github")
    push(WRONG, "snakes/.github")
    assert len(issues(github, "snakes/.github")) == 1
    assert issues(github) == []


def test_a_quoted_value_cannot_end_its_code_block():
    """Code fences in a quoted value do not end the code block."""
    known = Known("snakes/trio", problems='x: not "```\n@everybody"', serial=1)
    assert complaint(known).text.count("```") == 2


def test_a_file_that_was_always_fine_needs_no_word():
    """A file that was always valid has no issue."""
    assert complaint(Known("snakes/trio")) is None


def test_a_closing_without_an_issue_has_no_effect(push, github, queue):
    """Closing an issue that was never opened has no effect."""
    github.faults.append(faults.plan(faults.failed(503, done=False), method="GET", path="*/issues"))
    push(WRONG)
    push(RIGHT)
    assert {row.state for row in queue.search(ACTIONS)} == {State.DONE}


@pytest.mark.parametrize(
    "fault",
    [
        faults.refused(410, "This issue was deleted"),
        faults.refused(404, "Not Found"),
        faults.refused(403, "Unable to update issue because it is locked."),
    ],
    ids=["deleted", "moved away", "locked"],
)
def test_a_lost_issue_is_replaced(push, github, fault):
    """The next mistake opens a new issue, which the bot then keeps."""
    push(WRONG)
    path = f"/repos/{TRIO}/issues/1"
    github.faults.append(faults.plan(fault, method="PATCH", path=path, times=None))
    push(WORSE)
    first, second = issues(github)
    assert "must be a whole number" in first[1]
    assert "is not valid TOML" in second[1]
    push(RIGHT)
    assert [state for state, _text in issues(github)] == ["open", "closed"]


def test_a_lost_issue_is_not_replaced_to_be_closed(push, github):
    """A file that is right again needs no new issue."""
    push(WRONG)
    del github.world.repositories[TRIO].issues[1]
    push(RIGHT)
    assert issues(github) == []


def test_a_repository_without_issues_is_told_to_the_operator(push, github, queue):
    """The reason of the dead action names the remedy; mending the file needs none."""
    off = faults.refused(410, "Issues are disabled for this repo")
    github.faults.append(faults.plan(off, path=f"/repos/{TRIO}/issues*", times=None))
    push(WRONG)
    (dead,) = queue.search(ACTIONS, state=State.DEAD)
    assert "Issues are disabled for this repo: enable issues" in dead.reason
    push(RIGHT)
    assert len(queue.search(ACTIONS, state=State.DEAD)) == 1


def test_a_long_list_of_problems_is_cut_between_lines(push, github):
    """The issue says how many more there are, and its code block ends."""
    push("[invite]\n" + "".join(f"wrong_{number} = 1\n" for number in range(2000)))
    ((_state, text),) = issues(github)
    assert len(text) <= 65_536
    assert " more\n```" in text
    assert "**To fix it**" in text
