"""Tests that rules request exactly the permissions that they use."""

import json

import pytest

from bot.actions import ACTIONS, Planned
from bot.events import DELIVERIES, subject
from bot.rules import CORE_PERMISSIONS, RULES
from bot.settings.files import FILE
from luggage.fake_github import Happening
from luggage.fake_github.records import ChangedFile
from luggage.jobs import NewJob
from tests.support.permissions import calls_of, lacking, spare

HOME, TRIO = "snakes/.github", "snakes/trio"


def invite(github):
    """A merge that leads to an invitation and a welcome."""
    yield github.merge_pull_request(TRIO, "alice")


def ping(github):
    """The command in an issue and on a line of code."""
    github.open_pull_request(TRIO, "alice")
    yield github.comment(TRIO, 1, "alice", "/ping")
    yield github.review_comment(TRIO, 1, "alice", "/ping")


def commands(github):
    """Each command, on an issue and a pull request, by a stranger and a maintainer."""
    github.add_file(TRIO, FILE, '[commands]\nenabled = true\nlabels = ["bug"]\n')
    github.add_member("snakes", "olga")
    github.open_issue(TRIO, "bob")
    github.open_pull_request(TRIO, "alice")
    github.label_issue(TRIO, 1, "olga", "bug")
    yield github.comment(TRIO, 1, "alice", "/label bug\n/unlabel bug\n/claim\n/close")
    yield github.comment(TRIO, 1, "olga", "/assign @alice\n/close\n/why")
    yield github.review_comment(TRIO, 2, "alice", "/close")


def label(github):
    """Labels by path and title, and one that is removed."""
    text = '[label]\nenabled = true\npaths = {bug = ["*.py"]}\ntitles = {docs = ["docs*"]}\n'
    github.add_file(TRIO, FILE, text)
    github.open_issue(TRIO, "bob")
    for name in ("bug", "docs"):
        github.label_issue(TRIO, 1, "olga", name)
    happening = github.open_pull_request(TRIO, "alice", "Docs")
    github.label_issue(TRIO, 2, "olga", "bug")
    yield happening


def conflicts(github):
    """A push that causes conflicts, and one that resolves them."""
    text = '[conflicts]\nenabled = true\nlabel = "conflicts"\n'
    github.add_file(TRIO, FILE, text)
    github.open_issue(TRIO, "bob")
    github.label_issue(TRIO, 1, "olga", "conflicts")
    github.open_pull_request(TRIO, "alice")
    for conflicting in (True, False):
        github.pull(TRIO, 2).conflicts = conflicting
        yield github.push(TRIO, "olga")
    yield github.rename_pull_request(TRIO, 2, "alice", "Better")


def nudge(github):
    """A review that was requested a week ago."""
    github.add_file(TRIO, FILE, "[nudge]\nenabled = true\ndays = 7\n")
    github.open_pull_request(TRIO, "alice")
    asked = github.request_review(TRIO, 1, "alice", "olga")
    github.world.clock.advance(8 * 86_400.0)
    yield Happening("schedule", {**asked.payload, "action": "nudge"})


def welcome(github):
    """A first issue and a first pull request."""
    github.add_file(TRIO, FILE, "[welcome]\nenabled = true\n")
    yield github.open_issue(TRIO, "bob")
    yield github.open_pull_request(TRIO, "alice")


def pause(github):
    """The command by an owner, and by another person."""
    github.add_repository(HOME)
    github.add_member("snakes", "olga", role="admin")
    github.open_issue(HOME, "olga")
    yield github.comment(HOME, 1, "olga", "/bot pause")
    yield github.comment(HOME, 1, "alice", "/bot resume")


# Events that make each rule do everything it can. A new rule needs a story here.
STORIES = {
    "invite": invite,
    "welcome": welcome,
    "pause": pause,
    "ping": ping,
    "commands": commands,
    "label": label,
    "conflicts": conflicts,
    "nudge": nudge,
}


def test_each_rule_has_a_story():
    """Each rule has a story."""
    assert list(STORIES) == [rule.name for rule in RULES], "add the story of the new rule"


@pytest.fixture
def deliver(queue, clock, github, settled):
    """Deliver events, and run all jobs that follow."""

    def put(happenings):
        for number, happening in enumerate(happenings):
            body = json.dumps(happening.payload).encode()
            about, kind = subject(happening.payload), happening.event
            queue.put(
                NewJob(
                    queue=DELIVERIES,
                    key=str(number),
                    subject=about,
                    kind=kind,
                    body=body,
                    run_at=clock(),
                )
            )
            settled()

    return put


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_uses_the_permissions_that_it_asks_for(rule, deliver, github, queue):
    """A rule's permissions suffice for its calls, and all are used."""
    deliver(STORIES[rule.name](github))
    rules = {Planned.decode(queue.body(row.id)).rule for row in queue.search(ACTIONS)}
    assert rules == {rule.name}, "the story is about this rule alone"
    reads = dict.fromkeys(CORE_PERMISSIONS, "read")
    assert lacking(calls_of(github), {**reads, **rule.permissions}) == []
    assert spare(calls_of(github), rule.permissions) == {}


def test_the_bot_itself_uses_the_permissions_that_it_asks_for(deliver, github):
    """The same holds for the permissions of the bot itself."""
    happening = github.open_pull_request(TRIO, "alice")
    pull = github.pull(TRIO, 1)
    pull.files = [ChangedFile(FILE)]
    github.add_file(TRIO, FILE, "", commit=pull.head_sha)
    deliver([happening, github.push(TRIO, "olga", files={FILE: "["})])
    assert lacking(calls_of(github), CORE_PERMISSIONS) == []
    assert spare(calls_of(github), CORE_PERMISSIONS) == {}


def test_missing_and_unused_permissions_are_reported():
    """The check reports missing and unused permissions."""
    calls = [("PUT", "/orgs/snakes/memberships/alice")]
    assert lacking(calls, {"members": "read"}) != []
    assert lacking(calls, {"members": "write"}) == []
    assert spare(calls, {"members": "write", "contents": "write"}) == {"contents": "write"}
