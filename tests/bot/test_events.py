"""Tests of bot.events."""

import pytest

from bot.events import Event, Issue, Person, PullRequest, Repository, subject, view

ALICE = {"login": "alice", "type": "User"}
REPOSITORY = {"full_name": "snakes/trio", "private": False}


def test_view_names_who_merged_what_where():
    """The event of a merge has what the rule `invite` needs."""
    payload = {
        "action": "closed",
        "installation": {"id": 5},
        "organization": {"login": "snakes"},
        "repository": REPOSITORY,
        "pull_request": {"number": 7, "merged": True, "user": ALICE},
    }
    assert view("pull_request", payload) == Event(
        name="pull_request",
        action="closed",
        installation=5,
        organization="snakes",
        repository=Repository("snakes/trio"),
        pull_request=PullRequest(7, Person("alice"), merged=True),
        issue=Issue(7, Person("alice"), is_pull_request=True),
    )


def test_view_shows_the_issue_as_it_stood():
    """An issue has the title, state, assignees and labels of the payload."""
    found = {
        "number": 7,
        "user": ALICE,
        "title": "It fails",
        "state": "closed",
        "author_association": "MEMBER",
        "assignees": [ALICE],
        "labels": [{"name": "bug"}],
        "pull_request": {"merged_at": "2026-11-21T10:00:00Z"},
    }
    assert view("issue_comment", {"issue": found}).issue == Issue(
        7,
        Person("alice"),
        association="MEMBER",
        is_pull_request=True,
        title="It fails",
        is_open=False,
        is_merged=True,
        assignees=("alice",),
        labels=("bug",),
    )


def test_view_of_an_empty_payload_knows_nothing():
    """Missing parts of a payload are None."""
    assert view("meta", {}) == Event(name="meta", action=None)


@pytest.mark.parametrize("odd", [5, "x", True, [5], ["x"], [None], {"login": 5}, [{"name": {}}]])
def test_unexpected_values_in_unvalidated_fields_raise_nothing(odd):
    """Unexpected values in unvalidated fields raise nothing."""
    names = ("user", "labels", "assignees", "title", "author_association", "state", "pull_request")
    issue = {"number": 7, "body": None} | dict.fromkeys(names, odd)
    push = dict.fromkeys(("ref", "after", "commits", "membership", "invitation"), odd)
    seen = view("issues", {"action": "opened", "issue": issue, "pull_request": issue}).issue
    assert (seen.author, seen.labels, seen.assignees) == (None, (), ())
    assert view("push", push).push.branch is None
    changed = view("push", {"commits": [{"added": odd, "removed": ["a"]}]}).push.paths
    assert changed == {"a"} | {
        path for path in (odd if isinstance(odd, list) else ()) if path == "x"
    }


@pytest.mark.parametrize("user", [None, {}, {"login": None}])
def test_view_of_a_deleted_account_has_no_author(user):
    """A deleted account is None."""
    event = view("pull_request", {"pull_request": {"number": 7, "user": user}})
    assert event.pull_request == PullRequest(7, None)


# Accounts through which no person speaks, as `user` and as `sender`.
NOBODIES = [
    {"login": "dependabot[bot]", "type": "Bot"},
    {"login": "x[bot]", "type": "User"},
    {"login": "x", "type": "Bot"},
    {"login": "lions", "type": "Organization"},
    {"login": "imported", "type": "Mannequin"},
    {"login": "staff", "type": "EnterpriseUserAccount"},
    {"login": "ghost", "type": "User"},
    {"login": "Ghost", "type": "User"},
    {"login": "x", "type": "A kind of the future"},
    {"login": "x", "type": None},
    {"login": "x"},
]


@pytest.mark.parametrize("user", NOBODIES)
def test_only_an_account_of_the_type_user_is_a_person(user):
    """Bots, organisations, mannequins, `ghost` and unknown types are no persons."""
    event = view("pull_request", {"pull_request": {"number": 7, "user": user}})
    assert event.pull_request.author.is_bot


WRITTEN = [
    (
        "issues",
        "opened",
        {"issue": {"number": 7, "body": "/ping", "user": ALICE}},
        "issues/7",
        None,
    ),
    (
        "pull_request",
        "opened",
        {"pull_request": {"number": 7, "body": "/ping", "user": ALICE}},
        "issues/7",
        None,
    ),
    (
        "issue_comment",
        "created",
        {"issue": {"number": 7}, "comment": {"id": 55, "body": "/ping", "user": ALICE}},
        "issues/comments/55",
        None,
    ),
    (
        "pull_request_review_comment",
        "created",
        {"pull_request": {"number": 7}, "comment": {"id": 56, "body": "/ping", "user": ALICE}},
        "pulls/comments/56",
        56,
    ),
    (
        "pull_request_review_comment",
        "created",
        {
            "pull_request": {"number": 7},
            "comment": {"id": 57, "in_reply_to_id": 56, "body": "/ping", "user": ALICE},
        },
        "pulls/comments/57",
        56,
    ),
    (
        "pull_request_review",
        "submitted",
        {"pull_request": {"number": 7}, "review": {"id": 9, "body": "/ping", "user": ALICE}},
        None,
        None,
    ),
]


@pytest.mark.parametrize(("name", "action", "parts", "target", "thread"), WRITTEN)
def test_view_finds_the_message_in_each_kind_of_text(name, action, parts, target, thread):
    """Each of the five kinds of text has a message with target and thread."""
    message = view(name, {"action": action, **parts, "sender": ALICE}).message
    assert (message.target, message.thread) == (target, thread)
    assert message.commands() == [["/ping"]]


# GitHub sends `performed_via_github_app` with these alone.
SHOWS_APP = {"issues": "issue", "issue_comment": "comment"}


@pytest.mark.parametrize(
    ("name", "action", "parts"), [row[:3] for row in WRITTEN if row[0] in SHOWS_APP]
)
def test_a_text_that_an_app_wrote_for_somebody_is_not_theirs(name, action, parts):
    """A text with `performed_via_github_app` has no commands, whoever's login it shows."""
    part = SHOWS_APP[name]
    by_app = {**parts[part], "performed_via_github_app": {"id": 1, "slug": "other"}}
    event = view(name, {"action": action, **parts, part: by_app, "sender": ALICE})
    assert event.message.author == Person("alice", is_bot=True)
    assert event.message.commands() == []


@pytest.mark.parametrize(("name", "action", "parts", "target", "thread"), WRITTEN)
def test_a_text_says_whether_github_would_show_an_app(name, action, parts, target, thread):
    """Pull requests, reviews and review comments do not show the App that wrote them."""
    message = view(name, {"action": action, **parts, "sender": ALICE}).message
    assert message.shows_app == (name in SHOWS_APP)


@pytest.mark.parametrize(("name", "action", "parts", "target", "thread"), WRITTEN)
@pytest.mark.parametrize("sender", [{"login": "olga", "type": "User"}, *NOBODIES, None])
def test_a_text_that_somebody_else_sent_has_no_commands(
    sender, name, action, parts, target, thread
):
    """A text counts only if its author sent it: a transferred issue is not written anew."""
    event = view(name, {"action": action, **parts, "sender": sender})
    assert event.message.commands() == []


@pytest.mark.parametrize(("name", "action", "parts", "target", "thread"), WRITTEN)
def test_view_has_no_message_for_an_edited_text(name, action, parts, target, thread):
    """An edited text is not a message."""
    assert view(name, {"action": "edited", **parts}).message is None


def test_commands_of_programs_do_not_count():
    """A bot's text has no commands, so that two bots cannot loop."""
    user = {"login": "other[bot]", "type": "Bot"}
    payload = {"action": "opened", "issue": {"number": 7, "body": "/ping", "user": user}}
    assert view("issues", payload).message.commands() == []


def test_a_message_without_text_has_no_commands():
    """An empty body has no commands."""
    payload = {"action": "opened", "issue": {"number": 7, "body": None, "user": ALICE}}
    assert view("issues", payload).message.commands() == []


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"repository": REPOSITORY, "pull_request": {"number": 7}}, "snakes/trio#7"),
        ({"repository": REPOSITORY, "issue": {"number": 8}}, "snakes/trio#8"),
        ({"repository": REPOSITORY}, "snakes/trio"),
        ({"organization": {"login": "snakes"}}, "snakes"),
        ({}, ""),
    ],
)
def test_subject_is_what_the_delivery_is_about(payload, expected):
    """The subject is as narrow as the payload allows."""
    assert subject(payload) == expected


@pytest.mark.parametrize(
    ("issue", "expected"),
    [
        ({"number": 7, "user": ALICE}, Issue(7, Person("alice"))),
        (
            {"number": 7, "user": None, "author_association": "OWNER", "pull_request": {"url": ""}},
            Issue(7, None, association="OWNER", is_pull_request=True),
        ),
    ],
    ids=["an issue", "a pull request whose author is gone"],
)
def test_a_comment_is_about_an_issue_or_a_pull_request(issue, expected):
    """An issue with a `pull_request` part is a pull request."""
    assert view("issue_comment", {"issue": issue}).issue == expected


@pytest.mark.parametrize(
    "payload",
    [{"membership": {"user": ALICE}}, {"invitation": {"login": "alice", "email": None}}],
    ids=["member_added", "member_invited"],
)
def test_an_event_of_the_organisation_names_its_member(payload):
    """`member` is the member or the invited person."""
    assert view("organization", payload).member == Person("alice")


def test_an_invitation_by_mail_has_no_member():
    """An invitation by mail has no member."""
    payload = {"invitation": {"login": None, "email": "alice@example.com"}}
    assert view("organization", payload).member is None


def test_a_message_says_when_it_was_written():
    """`written_at` is the time of a comment or review."""
    payload = {"repository": REPOSITORY, "pull_request": {"number": 7}}
    review = {"id": 1, "submitted_at": "2026-11-21T10:00:00Z"}
    event = view("pull_request_review", {**payload, "action": "submitted", "review": review})
    assert event.message.written_at == "2026-11-21T10:00:00Z"


SNAKES = {"login": "snakes"}


@pytest.mark.parametrize(
    ("payload", "place"),
    [
        ({"repository": REPOSITORY, "issue": {"number": 7}}, "snakes/trio#7"),
        ({"repository": REPOSITORY, "pull_request": {"number": 7}}, "snakes/trio#7"),
        ({"repository": REPOSITORY}, "snakes/trio"),
        ({"organization": SNAKES}, "snakes"),
        ({}, ""),
    ],
)
def test_the_place_of_an_event_is_the_subject_of_its_delivery(payload, place):
    """An event's place equals the subject of its delivery."""
    assert (view("x", payload).place, subject(payload)) == (place, place)


HOME = {"full_name": "snakes/.github"}


@pytest.mark.parametrize(
    ("repository", "said", "expected"),
    [
        (HOME, {"comment": {"body": "please\n\n/bot resume"}}, "/bot snakes"),
        (HOME, {}, "/bot snakes"),
        (HOME, {"comment": {"body": "say /bot resume"}}, "snakes/.github#7"),
        (HOME, {"comment": {"body": "/botany"}}, "snakes/.github#7"),
        (REPOSITORY, {"comment": {"body": "/bot resume"}}, "snakes/trio#7"),
    ],
    ids=["a comment", "the issue itself", "in a sentence", "another word", "elsewhere"],
)
def test_orders_have_a_line_of_their_own(repository, said, expected):
    """Texts with `/bot` in the organisation's `.github` have their own subject."""
    issue = {"number": 7, "body": "/bot pause"}
    payload = {"organization": SNAKES, "repository": repository, "issue": issue, **said}
    assert subject(payload) == expected


def ids(payload, name="issues"):
    return {(each.name, each.id, each.former) for each in view(name, payload).identities}


def test_an_event_shows_the_ids_of_all_whom_the_bot_remembers():
    """The organisation, the repository and its owner, the authors, the member."""
    payload = {
        "organization": {"login": "Snakes", "id": 10},
        "repository": {
            "full_name": "Snakes/trio",
            "id": 100,
            "owner": {"login": "Snakes", "id": 10},
        },
        "issue": {"number": 1, "user": {"login": "alice", "id": 1}},
        "comment": {"id": 5, "user": {"login": "bob", "id": 2}},
        "membership": {"user": {"login": "carl", "id": 3}},
        "sender": {"login": "dora", "id": 4},
    }
    assert ids(payload) == {
        ("Snakes", 10, ""),
        ("Snakes/trio", 100, ""),
        ("alice", 1, ""),
        ("bob", 2, ""),
        ("carl", 3, ""),
    }


def test_an_invited_person_has_the_id_of_the_account_not_of_the_invitation():
    """GitHub shows both."""
    payload = {"invitation": {"login": "alice", "id": 77}, "user": {"login": "alice", "id": 1}}
    assert ids(payload, "organization") == {("alice", 1, "")}


@pytest.mark.parametrize(
    ("name", "payload", "expected"),
    [
        (
            "organization",
            {"organization": {"login": "new", "id": 1}, "changes": {"login": {"from": "old"}}},
            ("new", 1, "old"),
        ),
        (
            "installation_target",
            {"account": {"login": "new", "id": 1}, "changes": {"login": {"from": "old"}}},
            ("new", 1, "old"),
        ),
        (
            "repository",
            {
                "repository": {"full_name": "o/new", "id": 1},
                "changes": {"repository": {"name": {"from": "old"}}},
            },
            ("o/new", 1, "o/old"),
        ),
    ],
)
def test_an_event_that_renames_says_the_former_name(name, payload, expected):
    """What is stored under it belongs to that id."""
    assert ids({"action": "renamed", **payload}, name) == {expected}


@pytest.mark.parametrize("kind", ["user", "organization"])
def test_an_event_that_transfers_a_repository_says_its_former_owner(kind):
    """The name stays."""
    payload = {
        "action": "transferred",
        "repository": {"full_name": "new/trio", "id": 1},
        "changes": {"owner": {"from": {kind: {"login": "old", "id": 2}}}},
    }
    assert ids(payload, "repository") == {("new/trio", 1, "old/trio")}


@pytest.mark.parametrize("number", [None, "1", True, 0, -1, 2**63, 1.0, {}])
@pytest.mark.parametrize("login", ["alice", "", None, "a/b", "a b", "\ud800", "a\0", "x" * 101])
def test_an_odd_id_or_name_is_left_out(number, login):
    """The database could not store it; nothing raises."""
    assert ids({"issue": {"number": 1, "user": {"login": login, "id": number}}}) == set()


@pytest.mark.parametrize("changes", [None, "x", [], {"login": "x"}, {"owner": {"from": None}}])
@pytest.mark.parametrize("action", ["renamed", "transferred", "opened"])
def test_odd_changes_rename_nothing(changes, action):
    """And no issue counts as transferred."""
    payload = {
        "action": action,
        "changes": changes,
        "repository": {"full_name": "o/r", "id": 1},
        "issue": {"number": 1},
    }
    assert ids(payload) == {("o/r", 1, "")}
    assert view("issues", payload).issue.is_transferred is False
