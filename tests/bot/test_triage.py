"""Tests of the triage rules at their limits, without network."""

import pytest

from bot.events import SCHEDULE, Event, Issue, Message, Person, PullRequest, Repository
from bot.rules import commands, conflicts, label, nudge

RULES = [commands.RULE, label.RULE, conflicts.RULE, nudge.RULE]
NOTHING = [
    Event(name="meta", action=None),
    Event(name=SCHEDULE, action="any"),
]


@pytest.mark.parametrize("event", NOTHING, ids=lambda event: event.name)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_of_an_event_about_no_repository_nothing_is_wanted(rule, event):
    """An event without a repository leads to no action and no question."""
    assert list(rule.decide(event, None, rule.settings(enabled=True))) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_for_triage_is_off_until_it_is_switched_on(rule):
    """Triage rules are off by default."""
    assert rule.settings().enabled is False


def test_conflicts_of_nothing_in_particular_are_none():
    """`conflicts` ignores events that are neither a push nor about a pull request."""
    event = Event(name="star", action="created", repository=Repository("snakes/trio"))
    assert conflicts.decide(event, None, conflicts.ConflictsSettings()) == []


def test_labels_without_settings_ask_nothing():
    """Without managed labels, `label` asks nothing."""
    event = Event(
        name="pull_request",
        action="opened",
        repository=Repository("snakes/trio"),
        pull_request=PullRequest(7, Person("alice")),
    )
    assert label.decide(event, None, label.LabelSettings(enabled=True)) == []


class Labels:
    """A reader that knows a repository's labels and gives no one write access."""

    def labels(self, repository, *, named=()):
        return frozenset(f"os: {n}" for n in range(20))

    def may_write(self, repository, person):
        return False


def asked(text, **settings):
    """The actions for the commands of a comment."""
    message = Message(7, Person("alice"), text, "issues/comments/5", "issues/comments/5")
    event = Event(
        name="issue_comment",
        action="created",
        repository=Repository("snakes/trio"),
        message=message,
        issue=Issue(7, Person("bob")),
    )
    return commands.decide(event, Labels(), commands.CommandsSettings(enabled=True, **settings))


def test_ten_labels_at_once_are_enough():
    """More than ten labels are skipped, with a reply."""
    names = ", ".join(f"os: {n}" for n in range(12))
    eyes, put, said = asked(f"/label {names}", labels=("os: *",))
    assert (eyes.content, len(put.names)) == ("eyes", 10)
    assert said.text == "@alice: I only take 10 labels at a time, so I skipped the rest."


def test_the_reply_says_if_no_label_is_open_to_everyone():
    """The reply says if no label is open to everyone."""
    _eyes, said = asked("/label os: 1")
    assert said.text.endswith("They have not made any labels available to everyone.")


def test_help_without_labels_does_not_mention_them():
    """`/help` does not list label commands without allowed labels."""
    _eyes, said = asked("/help")
    assert "/label" not in said.text
    assert said.text.endswith("in a new comment.")


def test_long_words_are_cut_short_in_an_answer():
    """Replies truncate long names and render nothing of them."""
    _eyes, said = asked("/label " + "x" * 200)
    assert f"`{'x' * 60}...`" in said.text
