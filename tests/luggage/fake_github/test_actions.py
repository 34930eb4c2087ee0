"""Tests of people's actions: the resulting state and the webhook's payload."""

import pytest

from tests.support.asker import REPO


def test_missing_records_are_created(github):
    """Actions create missing repositories, organizations, installations and people."""
    event, payload = github.merge_pull_request("lions/den", "alice", "Roar")
    assert event == "pull_request"
    assert payload["installation"]["id"] == github.install("lions").id
    assert payload["organization"]["login"] == "lions"
    assert payload["pull_request"]["user"]["type"] == "User"


def test_payload_without_an_installation(github):
    """Without the App the payload has no installation."""
    github.add_repository("lions/den", installed=False)
    assert "installation" not in github.star("lions/den", "bob").payload


def test_a_users_repository_has_no_organization(github):
    """A user's repository has no organization."""
    github.add_user("carol")
    github.add_repository("carol/notes")
    assert "organization" not in github.open_issue("carol/notes", "bob").payload


def test_issues_and_pull_requests_share_numbers(github):
    """Issues and pull requests share one numbering."""
    numbers = [
        github.open_issue(REPO, "bob").payload["issue"]["number"],
        github.open_pull_request(REPO, "alice").payload["number"],
        github.merge_pull_request(REPO, "alice").payload["number"],
    ]
    assert numbers == [1, 2, 3]


def test_a_locked_conversation_refuses_what_apps_write(github, ask):
    """After the lock GitHub answers 403 to comments and reactions, and shows `locked`."""
    github.open_issue(REPO, "bob")
    event, payload = github.lock_issue(REPO, 1, "olga")
    assert (event, payload["action"], payload["issue"]["locked"]) == ("issues", "locked", True)
    texts = [("comments", {"body": "hello"}), ("reactions", {"content": "eyes"})]
    answers = [ask("POST", f"/repos/{REPO}/issues/1/{path}", body) for path, body in texts]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].json()["message"] == "Unable to create comment because issue is locked."
    github.lock_issue(REPO, 1, "olga", locked=False)
    assert ask("POST", f"/repos/{REPO}/issues/1/comments", {"body": "hello"}).status_code == 201


def test_a_locked_pull_request_is_one_of_its_events(github):
    """The event of a pull request is pull_request, action locked."""
    github.open_pull_request(REPO, "alice")
    event, payload = github.lock_issue(REPO, 1, "olga")
    assert (event, payload["action"], payload["pull_request"]["locked"]) == (
        "pull_request",
        "locked",
        True,
    )


def test_sender_of_a_merge_merged_it(github, pull):
    """The sender of a merge merged it; the author becomes a contributor."""
    payload = github.merge_pull_request(REPO, "alice", number=pull, by="olga").payload
    merged = payload["pull_request"]
    assert (payload["action"], merged["merged"], payload["sender"]["login"]) == (
        "closed",
        True,
        "olga",
    )
    assert merged["author_association"] == "CONTRIBUTOR"


def test_closed_is_not_merged(github, pull):
    """A closed pull request has merged false."""
    payload = github.close_pull_request(REPO, pull, "alice").payload
    assert (payload["action"], payload["pull_request"]["merged"]) == ("closed", False)


def test_closing_counts_once(github, issue):
    """Closing an issue twice counts once."""
    github.open_issue(REPO, "bob")
    for _ in range(2):
        payload = github.close_issue(REPO, issue, "bob").payload
    assert payload["repository"]["open_issues_count"] == 1


def test_an_issue_cannot_be_merged(github, issue):
    """Merging, closing or reviewing an issue as a pull request is an error."""
    with pytest.raises(LookupError, match="is an issue"):
        github.merge_pull_request(REPO, "alice", number=issue)


def test_an_issue_has_no_diff(github, issue):
    """A comment on the diff of an issue is an error."""
    with pytest.raises(ValueError, match="no diff"):
        github.review_comment(REPO, issue, "bob", "Why?")


def test_unknown_number_raises(github):
    """The error for an unknown number says what to do."""
    with pytest.raises(LookupError, match="open it first"):
        github.comment(REPO, 7, "bob", "Hi")


def test_comment_on_a_pull_request_is_marked(github, pull):
    """issue_comment covers both; a pull request has its key in the issue."""
    event, payload = github.comment(REPO, pull, "bob", "/ping")
    assert (event, payload["action"], payload["comment"]["body"]) == (
        "issue_comment",
        "created",
        "/ping",
    )
    assert "pull_request" in payload["issue"]


def test_the_bot_is_a_bot(github, issue):
    """Sender and author with the bot's login have type Bot."""
    payload = github.comment(REPO, issue, "test-bot[bot]", "pong!").payload
    assert (payload["sender"]["type"], payload["comment"]["user"]["type"]) == ("Bot", "Bot")


def test_replies_have_the_first_comments_id(github, pull):
    """All replies have the first comment's id; that comment has no in_reply_to_id."""
    first = github.review_comment(REPO, pull, "bob", "Why?").payload["comment"]
    second = github.review_comment(REPO, pull, "eve", "Hm", in_reply_to=first["id"]).payload
    third = github.review_comment(
        REPO, pull, "bob", "So?", in_reply_to=second["comment"]["id"]
    ).payload
    assert "in_reply_to_id" not in first
    assert third["comment"]["in_reply_to_id"] == first["id"]


def test_review_state_is_lower_case(github, pull):
    """Webhooks have a review's state in lower case; its body may be null."""
    review = github.review(REPO, pull, "bob", None, "approved").payload["review"]
    assert (review["state"], review["body"]) == ("approved", None)


def test_a_label_is_given_once(github, issue):
    """Labelling twice adds one label."""
    for _ in range(2):
        payload = github.label_issue(REPO, issue, "bob", "bug").payload
    assert [label["name"] for label in payload["issue"]["labels"]] == ["bug"]


def test_a_star_is_given_once(github):
    """Starring twice counts once."""
    for _ in range(2):
        payload = github.star(REPO, "bob").payload
    assert payload["repository"]["stargazers_count"] == 1


def test_accepting_creates_a_member(github):
    """Accepting an invitation creates a member, whose comments show it."""
    github.add_member("snakes", "alice", state="pending")
    payload = github.accept_invitation("snakes", "alice").payload
    assert (payload["action"], payload["membership"]["user"]["login"]) == ("member_added", "alice")
    issue = github.open_issue(REPO, "alice").payload["issue"]
    assert issue["author_association"] == "MEMBER"


def test_accepting_without_an_invitation_raises(github):
    """Accepting without an invitation is an error."""
    with pytest.raises(LookupError):
        github.accept_invitation("snakes", "mallory")


def test_joining_without_the_app_has_no_installation(github):
    """Without the App the event of joining has no installation."""
    github.add_organization("lions", installed=False)
    place = github.world.join(
        github.world.account("lions"), github.add_user("alice"), role="member", state="pending"
    )
    payload = github.accept_invitation("lions", "alice").payload
    assert place.state == "active"
    assert "installation" not in payload


def test_owners_are_owners(github):
    """A repository's owner has the association OWNER."""
    github.add_user("carol")
    github.add_repository("carol/notes")
    payload = github.open_issue("carol/notes", "carol").payload
    assert payload["issue"]["author_association"] == "OWNER"


def test_a_ping_has_no_installation(github):
    """A new webhook's ping has no installation."""
    event, payload = github.ping()
    assert event == "ping"
    assert "installation" not in payload


def test_a_push_has_no_action(github):
    """A push has no action, as on GitHub."""
    assert "action" not in github.push(REPO, "bob").payload


@pytest.mark.parametrize("name", ["trio", "snakes/", "/trio", "a/b/c"])
def test_a_repository_has_two_names(github, name):
    """A repository name other than OWNER/NAME is an error."""
    with pytest.raises(ValueError, match="OWNER/NAME"):
        github.add_repository(name)


def test_memberships_can_be_looked_up(github):
    """membership() returns None for other people and unknown organizations."""
    github.add_member("snakes", "alice", role="admin")
    assert github.membership("Snakes", "ALICE").role == "admin"
    assert github.membership("snakes", "bob") is None
    assert github.membership("nowhere", "bob") is None


def test_installing_on_an_unknown_account_raises(github):
    """Installing on an unknown account is an error."""
    with pytest.raises(LookupError):
        github.install("nobody")


def test_declining_and_leaving_end_the_membership(github):
    """Leaving sends a webhook; declining an invitation does not."""
    github.invite_by_hand("snakes", "alice")
    assert github.decline_invitation("snakes", "alice") is None
    github.add_member("snakes", "bob")
    assert github.leave("snakes", "bob", by="olga").payload["sender"]["login"] == "olga"
    assert github.membership("snakes", "alice") is github.membership("snakes", "bob") is None


def test_collaborators_are_marked(github):
    """A non-member with a permission is a COLLABORATOR."""
    github.add_collaborator(REPO, "carl")
    shape = github.open_issue(REPO, "carl").payload["issue"]
    assert shape["author_association"] == "COLLABORATOR"
