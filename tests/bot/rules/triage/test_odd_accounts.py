"""Accounts through which no person speaks, in each event with an actor: nothing is written.

Each happening is told twice: with a person, which leads to a write, and with an odd account. The
rule `label` is left out, since it looks at what a pull request changes and not at who made it.
"""

import pytest

from bot.events import MESSAGES
from bot.rules import RULES

TRIO, HOME = "snakes/trio", "snakes/.github"
DAY = 86_400.0
COMMANDS = "/ping\n/claim\n/close\n/invite @bob\n/label bug\n/help"


@pytest.fixture
def settings():
    return {
        "invite": {"introduction": "issue", "countdown": True},
        "welcome": {"enabled": True},
        "commands": {"enabled": True, "labels": ["bug"]},
        "conflicts": {"enabled": True},
        "nudge": {"enabled": True, "days": 7, "reviewers": ["olga"]},
    }


def typed(kind):
    """An account of another type than User."""

    def change(github, login, payload):
        github.world.accounts[login].kind = kind

    return change


def deleted(github, login, payload):
    """No account at all."""
    for part in parts_of(payload, login):
        part["user"] = None


def by_app(github, login, payload):
    """A text that another App wrote in a person's name; reviews do not show it."""
    for part in parts_of(payload, login):
        part["performed_via_github_app"] = {"id": 7, "slug": "other", "owner": {"login": login}}


def parts_of(payload, login):
    parts = (payload.get(name) for name in ("issue", "pull_request", "comment", "review"))
    return [part for part in parts if part and (part["user"] or {}).get("login") == login]


ODD = {
    "bot": ("helper", typed("Bot")),
    "bot by its name": ("helper[bot]", typed("User")),
    "organisation": ("helper", typed("Organization")),
    "mannequin": ("helper", typed("Mannequin")),
    "enterprise account": ("helper", typed("EnterpriseUserAccount")),
    "ghost": ("ghost", typed("User")),
    "deleted": ("helper", deleted),
    "by another App": ("helper", by_app),
}


def issue_opened(github, login, by):
    return github.open_issue(TRIO, login, body=COMMANDS)


def issue_of_home(github, login, by):
    github.add_member("snakes", login, role="admin")
    return github.open_issue(HOME, login, body="/bot pause")


def pull_request_opened(github, login, by):
    return github.open_pull_request(TRIO, login, body=COMMANDS)


def merged(github, login, by):
    return github.merge_pull_request(TRIO, login)


def commented(github, login, by):
    github.open_issue(TRIO, by)
    return github.comment(TRIO, 1, login, COMMANDS)


def commented_at_home(github, login, by):
    github.add_member("snakes", login, role="admin")
    github.open_issue(HOME, by)
    return github.comment(HOME, 1, login, "/bot pause")


def reviewed(github, login, by):
    github.open_pull_request(TRIO, by)
    return github.review(TRIO, 1, login, COMMANDS)


def review_commented(github, login, by):
    github.open_pull_request(TRIO, by)
    return github.review_comment(TRIO, 1, login, COMMANDS)


def conflicting(github, login, by):
    happening = github.open_pull_request(TRIO, login)
    github.pull(TRIO, 1).conflicts = True
    return happening


def joined(github, login, by):
    github.invite_by_hand("snakes", login)
    return github.accept_invitation("snakes", login)


HAPPENINGS = [
    issue_opened,
    issue_of_home,
    pull_request_opened,
    merged,
    commented,
    commented_at_home,
    reviewed,
    review_commented,
    conflicting,
    joined,
]
# GitHub sends no text with these, or no App and no deleted account can be behind them.
NO_TEXT = {merged, conflicting, joined}
# GitHub shows no `performed_via_github_app` with these.
SHOW_NO_APP = {pull_request_opened, reviewed, review_commented}


@pytest.fixture
def told(github, people, story):
    """Tell the bot of a happening; returns the writes that followed."""

    def tell(happen, login, change=lambda *_: None):
        github.add_repository(HOME)
        github.add_user("bob")
        github.world.label(github.world.repositories[TRIO], "bug")
        github.add_member("snakes", "olga", role="admin")
        for repository in (TRIO, HOME):
            github.add_collaborator(repository, login, "admin")
        people.inviting("snakes", login)
        typed_later = happen(github, login, "olga")
        change(github, login, typed_later.payload)
        if change not in {deleted, by_app}:
            retype(github, login, typed_later.payload)
        before = len(github.calls)
        story(typed_later)
        return [
            (call.method, call.path)
            for call in github.calls[before:]
            if call.method != "GET" and call.path != "/graphql" and "access_tokens" not in call.path
        ]

    return tell


def retype(github, login, value):
    """Show the type that the account has by now, wherever the payload names it."""
    if isinstance(value, dict):
        if value.get("login") == login and "type" in value:
            value["type"] = github.world.accounts[login.lower()].kind
        for each in value.values():
            retype(github, login, each)


@pytest.mark.parametrize("happen", HAPPENINGS, ids=lambda each: each.__name__)
def test_a_person_is_heard(told, happen):
    """Otherwise the sweep would show nothing."""
    assert told(happen, "helper") != []


@pytest.mark.parametrize("odd", ODD, ids=str)
@pytest.mark.parametrize("happen", HAPPENINGS, ids=lambda each: each.__name__)
def test_nothing_is_written_for_who_is_no_person(told, happen, odd):
    """Nobody is obeyed, thanked, welcomed, invited, assigned or introduced."""
    login, change = ODD[odd]
    if (change in {deleted, by_app} and happen in NO_TEXT) or (
        change is by_app and happen in SHOW_NO_APP
    ):
        happen = commented
    assert told(happen, login, change) == []


@pytest.mark.parametrize("odd", ["bot", "mannequin", "ghost"])
@pytest.mark.parametrize("who", ["the author", "the reviewer"])
def test_nobody_reminds_who_is_no_person(github, clock, tick, odd, who):
    """A pull request by such an account, and a review that is asked of one."""
    login, change = ODD[odd]
    author, reviewer = (login, "olga") if who == "the author" else ("alice", login)
    github.open_pull_request(TRIO, author)
    github.request_review(TRIO, 1, "olga", reviewer)
    change(github, login, {})
    for _ in range(9):
        clock.advance(DAY)
        tick("nudge")
    assert not [one for one in github.comments(TRIO, 1) if f"@{login}" in one.body]


def test_each_event_with_an_actor_is_swept():
    """A rule for a new event needs a happening here, or a reason."""
    swept = MESSAGES | {("pull_request", "closed"), ("organization", "member_added")}
    # They only change what is remembered, or concern the content of a pull request.
    content = {("pull_request", each) for each in ("reopened", "synchronize", "edited")}
    content |= {("pull_request", "ready_for_review"), ("push", "")}
    content |= {("organization", "member_invited"), ("organization", "member_removed")}
    assert {pair for rule in RULES for pair in rule.events} <= swept | content
