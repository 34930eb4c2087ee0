"""What people do: the state it leaves, and what the webhook says."""

import pytest

from tests.support.asker import REPO


def test_the_unknown_is_made(github):
    """An unknown repository is made with its organization, the App installed, and the people."""
    event, payload = github.merge_pull_request("lions/den", "alice", "Roar")
    assert event == "pull_request"
    assert payload["installation"]["id"] == github.install("lions").id
    assert payload["organization"]["login"] == "lions"
    assert payload["pull_request"]["user"]["type"] == "User"


def test_where_the_app_is_not_installed_the_payload_says_nothing(github):
    """Without an installation on the account, a payload has no installation."""
    github.add_repository("lions/den", installed=False)
    assert "installation" not in github.star("lions/den", "bob").payload


def test_a_users_repository_has_no_organization(github):
    """A repository of a user carries no organization."""
    github.add_user("carol")
    github.add_repository("carol/notes")
    assert "organization" not in github.open_issue("carol/notes", "bob").payload


def test_issues_and_pull_requests_share_numbers(github):
    """Both are numbered in one row."""
    numbers = [
        github.open_issue(REPO, "bob").payload["issue"]["number"],
        github.open_pull_request(REPO, "alice").payload["number"],
        github.merge_pull_request(REPO, "alice").payload["number"],
    ]
    assert numbers == [1, 2, 3]


def test_a_merge_is_told_by_who_merged(github, pull):
    """The sender of a merge is the one who merged; the author became a contributor."""
    payload = github.merge_pull_request(REPO, "alice", number=pull, by="olga").payload
    merged = payload["pull_request"]
    assert (payload["action"], merged["merged"], payload["sender"]["login"]) == (
        "closed",
        True,
        "olga",
    )
    assert merged["author_association"] == "CONTRIBUTOR"


def test_closed_is_not_merged(github, pull):
    """A pull request that is only closed says merged false."""
    payload = github.close_pull_request(REPO, pull, "alice").payload
    assert (payload["action"], payload["pull_request"]["merged"]) == ("closed", False)


def test_closing_counts_once(github, issue):
    """An issue that is closed twice is one open issue less."""
    github.open_issue(REPO, "bob")
    for _ in range(2):
        payload = github.close_issue(REPO, issue, "bob").payload
    assert payload["repository"]["open_issues_count"] == 1


def test_an_issue_cannot_be_merged(github, issue):
    """Merging, closing or reviewing an issue as a pull request is a mistake of the test."""
    with pytest.raises(LookupError, match="is an issue"):
        github.merge_pull_request(REPO, "alice", number=issue)


def test_an_issue_has_no_diff(github, issue):
    """A comment on the diff of an issue is a mistake of the test."""
    with pytest.raises(ValueError, match="no diff"):
        github.review_comment(REPO, issue, "bob", "Why?")


def test_what_was_not_opened_is_not_there(github):
    """A number that does not exist is a mistake of the test, and says what to do."""
    with pytest.raises(LookupError, match="open it first"):
        github.comment(REPO, 7, "bob", "Hi")


def test_a_comment_on_a_pull_request_says_so(github, pull):
    """issue_comment is the event for both; a pull request has its key in the issue."""
    event, payload = github.comment(REPO, pull, "bob", "/ping")
    assert (event, payload["action"], payload["comment"]["body"]) == (
        "issue_comment",
        "created",
        "/ping",
    )
    assert "pull_request" in payload["issue"]


def test_the_bot_is_a_bot(github, issue):
    """Somebody with the bot's login is the bot: the type of sender and author is Bot."""
    payload = github.comment(REPO, issue, "test-bot[bot]", "pong!").payload
    assert (payload["sender"]["type"], payload["comment"]["user"]["type"]) == ("Bot", "Bot")


def test_a_reply_names_the_first_comment_of_its_thread(github, pull):
    """Replies to replies carry the first one's id; the first has no in_reply_to_id at all."""
    first = github.review_comment(REPO, pull, "bob", "Why?").payload["comment"]
    second = github.review_comment(REPO, pull, "eve", "Hm", in_reply_to=first["id"]).payload
    third = github.review_comment(
        REPO, pull, "bob", "So?", in_reply_to=second["comment"]["id"]
    ).payload
    assert "in_reply_to_id" not in first
    assert third["comment"]["in_reply_to_id"] == first["id"]


def test_a_review_says_its_state_in_small_letters(github, pull):
    """Webhooks write the state of a review small, and its body may be null."""
    review = github.review(REPO, pull, "bob", None, "approved").payload["review"]
    assert (review["state"], review["body"]) == ("approved", None)


def test_a_label_is_given_once(github, issue):
    """Labelling twice leaves one label."""
    for _ in range(2):
        payload = github.label_issue(REPO, issue, "bob", "bug").payload
    assert [label["name"] for label in payload["issue"]["labels"]] == ["bug"]


def test_a_star_is_given_once(github):
    """Starring twice counts once."""
    for _ in range(2):
        payload = github.star(REPO, "bob").payload
    assert payload["repository"]["stargazers_count"] == 1


def test_who_accepts_becomes_a_member(github):
    """Accepting an invitation makes a member, whose comments say so from then on."""
    github.add_member("snakes", "alice", state="pending")
    payload = github.accept_invitation("snakes", "alice").payload
    assert (payload["action"], payload["membership"]["user"]["login"]) == ("member_added", "alice")
    issue = github.open_issue(REPO, "alice").payload["issue"]
    assert issue["author_association"] == "MEMBER"


def test_who_was_not_invited_cannot_accept(github):
    """Accepting without an invitation is a mistake of the test."""
    with pytest.raises(LookupError):
        github.accept_invitation("snakes", "mallory")


def test_an_invitation_elsewhere_has_no_installation(github):
    """Where the App is not installed, the event of joining carries no installation."""
    github.add_organization("lions", installed=False)
    place = github.world.join(
        github.world.account("lions"), github.add_user("alice"), role="member", state="pending"
    )
    payload = github.accept_invitation("lions", "alice").payload
    assert place.state == "active"
    assert "installation" not in payload


def test_owners_are_owners(github):
    """The owner of a repository is its OWNER."""
    github.add_user("carol")
    github.add_repository("carol/notes")
    payload = github.open_issue("carol/notes", "carol").payload
    assert payload["issue"]["author_association"] == "OWNER"


def test_a_ping_has_no_installation(github):
    """The ping of a new webhook belongs to no installation."""
    event, payload = github.ping()
    assert event == "ping"
    assert "installation" not in payload


def test_a_push_has_no_action(github):
    """A push carries no action, as on GitHub."""
    assert "action" not in github.push(REPO, "bob").payload


@pytest.mark.parametrize("name", ["trio", "snakes/", "/trio", "a/b/c"])
def test_a_repository_has_two_names(github, name):
    """A repository is named OWNER/NAME; anything else is refused."""
    with pytest.raises(ValueError, match="OWNER/NAME"):
        github.add_repository(name)


def test_memberships_can_be_looked_up(github):
    """The place of somebody in an organization, or None, also for an organization unknown."""
    github.add_member("snakes", "alice", role="admin")
    assert github.membership("Snakes", "ALICE").role == "admin"
    assert github.membership("snakes", "bob") is None
    assert github.membership("nowhere", "bob") is None


def test_strangers_cannot_install(github):
    """Installing on an account that does not exist is a mistake of the test."""
    with pytest.raises(LookupError):
        github.install("nobody")


def test_who_declines_or_leaves_has_no_place_any_more(github):
    """Of a member who leaves GitHub tells; of an invitation that is declined it does not."""
    github.invite_by_hand("snakes", "alice")
    assert github.decline_invitation("snakes", "alice") is None
    github.add_member("snakes", "bob")
    assert github.leave("snakes", "bob", by="olga").payload["sender"]["login"] == "olga"
    assert github.membership("snakes", "alice") is github.membership("snakes", "bob") is None


def test_collaborators_are_told_as_such(github):
    """Someone who may work on the repository without being a member is a collaborator."""
    github.add_collaborator(REPO, "carl")
    told = github.open_issue(REPO, "carl").payload["issue"]
    assert told["author_association"] == "COLLABORATOR"
