"""Persons and their rights: odd accounts, managed users, custom roles, transferred issues."""

import pytest

from bot.events import person
from bot.loop.reader import github_reader

TRIO, FILE = "snakes/trio", ".github/bot.toml"
ROLES = ["read", "triage", "write", "maintain", "admin"]


@pytest.fixture
def settings():
    return {"commands": {"enabled": True, "labels": []}, "nudge": {"enabled": True, "days": 7}}


@pytest.fixture
def reader(app, github, people, queue, clock):
    client = app.client_for(github.install("snakes").id)
    return github_reader(client, people, queue, clock=clock)


@pytest.mark.parametrize("custom", ["", "community helper"], ids=["GitHub's role", "custom role"])
@pytest.mark.parametrize("role", ROLES)
def test_a_custom_role_has_the_rights_of_the_role_it_inherits(github, reader, role, custom):
    """The name of a role says nothing."""
    github.add_collaborator(TRIO, "helper", role, custom_role=custom)
    at = ROLES.index(role)
    assert reader.may_write(TRIO, "helper") is (at >= 1)
    assert reader.may_maintain(TRIO, "helper") is (at >= 3)
    assert reader.permission(TRIO, "helper") == ["read", "read", "write", "write", "admin"][at]


@pytest.mark.parametrize("said", [None, {}, {"permissions": None}])
@pytest.mark.parametrize(
    ("permission", "role", "may"),
    [("read", "triage", True), ("read", "helper", False), ("write", "helper", True)],
)
def test_an_answer_without_rights_is_read_by_its_role_and_its_permission(
    people, queue, clock, said, permission, role, may
):
    """`user` may be null."""

    class Recorded:
        def get(self, path, **_):
            return {"permission": permission, "role_name": role, "user": said}

    reader = github_reader(Recorded(), people, queue, clock=clock)
    assert reader.may_write(TRIO, "helper") is may


def test_a_custom_role_upon_triage_may_label(github, story, bots):
    """Such a person is obeyed."""
    github.world.label(github.world.repositories[TRIO], "bug")
    github.add_collaborator(TRIO, "helper", "triage", custom_role="gardener")
    story(github.open_issue(TRIO, "alice"))
    story(github.comment(TRIO, 1, "helper", "/label bug"))
    assert [label.name for label in github.issue(TRIO, 1).labels] == ["bug"]


def test_rights_of_who_took_over_a_login_are_not_those_of_the_author(github, story, bots):
    """A command that waited while its author was renamed, and a maintainer took the login."""
    github.world.label(github.world.repositories[TRIO], "bug")
    story(github.open_issue(TRIO, "alice"))
    happening = github.comment(TRIO, 1, "mallory", "/label bug")
    github.rename_user("mallory", "mal")
    github.add_collaborator(TRIO, "mallory", "admin")
    story(happening)
    assert github.issue(TRIO, 1).labels == []


@pytest.mark.parametrize("command", ["/assign @octo_acme", "/claim", "/release"])
def test_a_managed_user_is_assigned_as_anybody(github, story, bots, command):
    """Their logins end with an underscore and a short code."""
    github.add_member("snakes", "octo_acme", role="admin")
    story(github.open_issue(TRIO, "alice"))
    if command == "/release":
        story(github.comment(TRIO, 1, "octo_acme", "/claim"))
    story(github.comment(TRIO, 1, "octo_acme", command))
    expected = [] if command == "/release" else ["octo_acme"]
    assert [one.login for one in github.issue(TRIO, 1).assignees] == expected
    assert bots(1) == []


def test_a_managed_user_is_invited_by_hand(github, story):
    """The whole login counts."""
    github.add_member("snakes", "olga", role="admin")
    github.add_user("octo_acme")
    story(github.open_issue(TRIO, "alice"))
    story(github.comment(TRIO, 1, "olga", "/invite @octo_acme"))
    assert github.membership("snakes", "octo_acme").state == "pending"


@pytest.mark.parametrize(
    "user",
    [
        {"login": "ghost", "id": 10137, "type": "User"},
        {"login": "renamed-ghost", "id": 10137, "type": "User"},
        {"login": "acme", "id": 7, "type": "Organization"},
        {"login": "old-jira-user", "id": 7, "type": "Mannequin"},
        {"login": "Copilot", "id": 175728472, "type": "Bot"},
        {"login": "enterprise", "id": 7, "type": "EnterpriseUserAccount"},
        {"login": "alice", "id": 7},
    ],
    ids=lambda user: f"{user['login']} {user.get('type')}",
)
def test_no_person_is_behind_such_an_account(user):
    """Only a `User` counts, and never the account that GitHub shows for deleted ones."""
    assert person(user).is_bot


@pytest.mark.parametrize("kind", ["Organization", "Mannequin", "Bot"])
@pytest.mark.parametrize("command", ["/invite @odd", "/assign @odd"])
def test_nobody_else_is_invited_or_assigned_by_hand(github, story, bots, kind, command):
    """The bot says that there is no such person."""
    github.add_member("snakes", "olga", role="admin")
    github.add_user("odd", kind=kind)
    github.open_issue(TRIO, "odd")
    story(github.comment(TRIO, 1, "olga", command))
    assert github.membership("snakes", "odd") is None
    assert github.issue(TRIO, 1).assignees == []
    assert len(bots(1)) == 1


def test_a_program_that_reviews_is_not_reminded(github, tick, clock, bots):
    """Copilot is a requested reviewer, but only people are reminded."""
    github.add_user("Copilot", bot=True)
    github.open_pull_request(TRIO, "alice")
    github.request_review(TRIO, 1, "alice", "Copilot")
    for _ in range(9):
        clock.advance(86_400)
        tick("nudge")
    assert not any("Copilot" in text for text in bots(1))


def test_of_a_program_and_a_person_only_the_person_is_reminded(github, tick, clock, bots):
    """The reminder is for who can read it."""
    github.add_user("Copilot", bot=True)
    github.open_pull_request(TRIO, "alice")
    for reviewer in ("Copilot", "olga"):
        github.request_review(TRIO, 1, "alice", reviewer)
    for _ in range(9):
        clock.advance(86_400)
        tick("nudge")
    (text,) = bots(1)
    assert "@olga" in text
    assert "Copilot" not in text


# Transferred issues


@pytest.mark.parametrize("by", ["alice", "olga"], ids=["by the author", "by a maintainer"])
@pytest.mark.parametrize("missing", ["old_issue", "old_repository", ""])
def test_a_transferred_issue_is_not_new(github, story, bots, by, missing):
    """Its commands were obeyed, and its author welcomed, where it was opened."""
    github.add_file(TRIO, FILE, "[welcome]\nenabled = true\n")
    github.add_repository("snakes/other")
    github.open_issue("snakes/other", "alice", body="/ping\n/help\n/close")
    happening = github.transfer_issue("snakes/other", 1, TRIO, by)
    happening.payload["changes"].pop(missing, None)
    story(happening)
    assert bots(1) == []
    assert github.issue(TRIO, 1).state == "open"


def test_a_comment_in_a_transferred_issue_is_answered(github, story, bots):
    """It is new, though its issue is not."""
    github.add_repository("snakes/other")
    github.open_issue("snakes/other", "alice", body="/ping")
    story(github.transfer_issue("snakes/other", 1, TRIO, "olga"))
    story(github.comment(TRIO, 1, "alice", "/ping"))
    assert bots(1) == ["pong!"]


def test_a_transferred_issue_of_the_home_repository_pauses_nothing(github, story, queue):
    """`/bot pause` was written elsewhere."""
    github.add_member("snakes", "olga", role="admin")
    github.add_repository("snakes/.github")
    github.open_issue(TRIO, "olga", body="/bot pause")
    story(github.transfer_issue(TRIO, 1, "snakes/.github", "olga"))
    assert queue.paused_parts() == {}


def test_an_issue_with_other_changes_is_new(github, story, bots):
    """Only where it came from counts."""
    happening = github.open_issue(TRIO, "alice", body="/ping")
    happening.payload["changes"] = {"old_issue": None, "title": {"from": "x"}}
    story(happening)
    assert bots(1) == ["pong!"]
