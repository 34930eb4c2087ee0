"""Tests of bot.rules without network."""

from dataclasses import replace

import pytest

from bot.actions import Comment, Invite, React
from bot.events import Event, Message, Person, PullRequest, Repository
from bot.rules import CORE_EVENTS, CORE_PERMISSIONS, RULES, invite, needs, ping, rules_for
from bot.rules.invite import InviteSettings
from bot.rules.ping import PingSettings
from bot.settings.layers import Settings, read

ALICE = Person("alice")
TRIO = Repository("snakes/trio")
MERGED = Event(
    name="pull_request",
    action="closed",
    installation=5,
    organization="snakes",
    repository=TRIO,
    pull_request=PullRequest(7, ALICE, merged=True),
)


class FakeReader:
    """A reader with facts from a test; it keeps the questions."""

    def __init__(self, *, state=None, merged=1):
        self.state = state
        self.merged = merged
        self.asked = []

    def membership(self, organization, person):
        self.asked.append(("membership", organization, person))
        return self.state

    def merged_pull_requests(self, organization, person, *, latest, enough):
        self.asked.append(("merged", organization, person, enough))
        return self.merged


def test_invite_offers_membership_and_then_says_so():
    """A first merge leads to an invitation, then a comment."""
    settings = InviteSettings(message="Welcome to $organization, @$person!")
    assert invite.decide(MERGED, FakeReader(), settings) == [
        Invite(organization="snakes", person="alice", role="member", most_a_day=50),
        Comment(
            about="welcome snakes/alice",
            repository="snakes/trio",
            number=7,
            text="Welcome to snakes, @alice!",
        ),
    ]


@pytest.mark.parametrize(
    "event",
    [
        replace(MERGED, pull_request=PullRequest(7, ALICE, merged=False)),
        replace(MERGED, pull_request=PullRequest(7, Person("x[bot]", is_bot=True), merged=True)),
        replace(MERGED, pull_request=PullRequest(7, None, merged=True)),
        replace(MERGED, organization=None),
        replace(MERGED, pull_request=None),
        replace(MERGED, repository=None),
    ],
    ids=[
        "unmerged",
        "bot",
        "deleted account",
        "no organisation",
        "no pull request",
        "no repository",
    ],
)
def test_invite_asks_nothing_if_no_one_can_be_invited(event):
    """If no one can be invited, there is no action and no question."""
    reader = FakeReader()
    assert invite.decide(event, reader, InviteSettings()) == []
    assert reader.asked == []


@pytest.mark.parametrize("state", ["active", "pending"])
def test_invite_leaves_members_and_invited_people_alone(state):
    """Members and invited people are not invited again."""
    assert invite.decide(MERGED, FakeReader(state=state), InviteSettings()) == []


def test_invite_waits_for_as_many_merged_pull_requests_as_set():
    """The invitation follows at the threshold, not before."""
    settings = InviteSettings(merged_pull_requests=3)
    assert invite.decide(MERGED, FakeReader(merged=2), settings) == []
    assert len(invite.decide(MERGED, FakeReader(merged=3), settings)) == 2


def written(text, *, target="issues/comments/55", thread=None, author=ALICE):
    message = Message(7, author, text, identity=target or "reviews/9", target=target, thread=thread)
    return Event(name="issue_comment", action="created", repository=TRIO, message=message)


def test_ping_is_answered_with_pong_and_a_heart():
    """`/ping` gets one reply and one heart."""
    assert ping.decide(written("hi\n\n/ping"), FakeReader(), PingSettings()) == [
        Comment(
            about="ping snakes/trio/issues/comments/55",
            repository="snakes/trio",
            number=7,
            text="pong!",
        ),
        React(repository="snakes/trio", target="issues/comments/55", content="heart"),
    ]


def test_ping_in_a_review_is_answered_without_a_heart():
    """`/ping` in a review gets no reaction."""
    actions = ping.decide(written("/ping", target=None), FakeReader(), PingSettings())
    assert [action.kind for action in actions] == ["comment"]


def test_ping_on_a_line_of_code_is_answered_in_its_thread():
    """`/ping` in a review comment gets a reply in its thread."""
    event = written("/ping", target="pulls/comments/57", thread=56)
    assert ping.decide(event, FakeReader(), PingSettings())[0].thread == 56


@pytest.mark.parametrize("text", ["/ping!", "/ping \U0001f3d3", "/Ping . . .", "/ping, \u2728?"])
def test_ping_is_answered_with_emoji_and_punctuation_behind_it(text):
    """They are no words."""
    assert len(ping.decide(written(text), FakeReader(), PingSettings())) == 2


@pytest.mark.parametrize("text", ["ping", "/ping me", "> /ping", "`/ping`", "", "say /ping"])
def test_ping_answers_nothing_but_the_command(text):
    """Quotes, code, other words and arguments do not count."""
    assert ping.decide(written(text), FakeReader(), PingSettings()) == []


def test_ping_ignores_events_without_a_message():
    """An event without a message leads to no action."""
    assert ping.decide(MERGED, FakeReader(), PingSettings()) == []


def test_rules_for_gives_the_rules_that_want_an_event():
    """`rules_for` returns the rules of an event and action."""
    assert [rule.name for rule in rules_for("pull_request", "closed")] == ["invite"]
    assert "ping" in {rule.name for rule in rules_for("issue_comment", "created")}
    assert rules_for("star", "created") == []


def test_rule_names_differ():
    """Names of rules are unique."""
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_rules_for_looks_through_the_rules_it_is_given():
    """`rules_for` accepts other tables, and "" for an event without an action."""
    pushed = replace(ping.RULE, events=frozenset({("push", "")}))
    assert rules_for("push", None, [pushed]) == [pushed]
    assert rules_for("issue_comment", "created", [pushed]) == []


def test_needs_are_those_of_all_rules_and_of_the_bot_itself():
    """`needs` joins the needs of rules and bot."""
    found = needs(RULES)
    assert found.permissions["members"] == "write"
    assert found.permissions["contents"] == "read"
    assert {"push", "pull_request", "issue_comment"} <= found.events


def test_of_two_permissions_the_stronger_is_needed():
    """The stronger access to a permission wins."""
    writer = replace(ping.RULE, permissions={"contents": "write", "issues": "read"})
    found = needs([writer])
    assert found.permissions == {**CORE_PERMISSIONS, "contents": "write", "issues": "write"}


def test_rules_that_are_switched_off_need_nothing():
    """Only enabled rules have needs."""
    layer = read(RULES, {rule.name: {"enabled": False} for rule in RULES})
    found = needs(Settings(layer).enabled(RULES))
    assert (found.permissions, found.events) == (CORE_PERMISSIONS, CORE_EVENTS)
