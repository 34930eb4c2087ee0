"""Tests of the routes of the simulated GitHub."""

import base64

import pytest

from tests.support.asker import REPO

MEMBERSHIP = "/orgs/snakes/memberships/alice"


def _at(number, rest=""):
    return f"/repos/{REPO}/issues/{number}{rest}"


# The App


def test_the_app_finds_its_installations(ask, github):
    """Installations are listed, and found by id, organization, user and repository."""
    github.add_user("carol")
    carol, snakes = github.install("carol"), github.install("snakes")
    listed = ask.as_app("GET", "/app/installations").json()
    assert [one["account"]["login"] for one in listed] == ["snakes", "carol"]
    for path, one in (
        (f"/app/installations/{snakes.id}", snakes),
        ("/orgs/snakes/installation", snakes),
        (f"/repos/{REPO}/installation", snakes),
        ("/users/carol/installation", carol),
    ):
        assert ask.as_app("GET", path).json()["id"] == one.id


@pytest.mark.parametrize(
    "path", ["/app/installations/1", "/orgs/nobody/installation", "/repos/no/thing/installation"]
)
def test_missing_installation_is_not_found(ask, path):
    """An account without the App gets a 404."""
    assert ask.as_app("GET", path).status_code == 404


def test_an_account_without_the_app_has_no_installation(ask, github):
    """A user without the App has no installation."""
    github.add_user("carol")
    assert ask.as_app("GET", "/users/carol/installation").status_code == 404


def test_an_unknown_installation_gets_no_token(ask):
    """A token for an unknown installation is a 404."""
    assert ask.as_app("POST", "/app/installations/1/access_tokens").status_code == 404


def test_rate_limit_request_is_free(ask):
    """GET /rate_limit is not counted."""
    ask("GET", "/rate_limit")
    assert ask("GET", "/rate_limit").json()["resources"]["core"]["used"] == 0


# Organizations


def test_an_invitation_stays_pending_until_it_is_accepted(ask, github):
    """PUT invites, and repeating it changes nothing until the person accepts."""
    github.add_user("alice")
    states = [ask("PUT", MEMBERSHIP, json={"role": "member"}).json()["state"] for _ in range(2)]
    github.accept_invitation("snakes", "alice")
    states.append(ask("GET", MEMBERSHIP).json()["state"])
    assert states == ["pending", "pending", "active"]


def test_a_member_who_is_invited_stays_a_member(ask, github):
    """PUT for an active member changes only the role."""
    github.add_member("snakes", "alice")
    answer = ask("PUT", MEMBERSHIP, json={"role": "admin"}).json()
    assert (answer["state"], answer["role"]) == ("active", "admin")


def test_without_a_body_the_role_is_member(ask, github):
    """The default role is member."""
    github.add_user("alice")
    assert ask("PUT", MEMBERSHIP).json()["role"] == "member"


def test_invited_people_are_not_members(ask, github):
    """GET members/{username} is 204 for members, 404 for invited people and others."""
    github.add_member("snakes", "alice")
    github.add_member("snakes", "bob", state="pending")
    people = ("Alice", "bob", "carol")
    statuses = [ask("GET", f"/orgs/snakes/members/{name}").status_code for name in people]
    assert statuses == [204, 404, 404]


def test_members_and_invitations_are_separate(ask, github):
    """Members and pending invitations have separate lists."""
    github.add_member("snakes", "alice")
    github.add_member("snakes", "bob", state="pending", role="admin")
    (member,) = ask("GET", "/orgs/snakes/members").json()
    (invited,) = ask("GET", "/orgs/snakes/invitations").json()
    assert (member["login"], invited["login"], invited["role"]) == ("alice", "bob", "admin")


def test_membership_can_be_deleted(ask, github):
    """A deleted membership is not found."""
    github.add_member("snakes", "alice")
    assert ask("DELETE", MEMBERSHIP).status_code == 204
    assert github.membership("snakes", "alice") is None
    assert ask("DELETE", MEMBERSHIP).status_code == 404


TEAM = "/orgs/snakes/teams/tamers/memberships/alice"


def test_team_membership_is_pending_until_the_person_joins(ask, github):
    """Adding a person to a team invites them; both become active on joining."""
    github.add_user("alice")
    github.add_team("snakes", "Tamers")
    states = [ask("PUT", TEAM, json={"role": "maintainer"}).json()["state"]]
    github.accept_invitation("snakes", "alice")
    states.append(ask("GET", TEAM).json()["state"])
    assert states == ["pending", "active"]


def test_owners_maintain_the_teams_they_are_in(ask, github):
    """An owner added to a team as a member is its maintainer."""
    github.add_member("snakes", "alice", role="admin")
    github.add_team("snakes", "tamers")
    assert ask("PUT", TEAM).json()["role"] == "maintainer"


def test_an_unknown_role_in_a_team_is_refused(ask, github):
    """Only member and maintainer are team roles."""
    github.add_team("snakes", "tamers", "alice")
    assert ask("PUT", TEAM, json={"role": "admin"}).status_code == 422


def test_team_membership_ends(ask, github):
    """DELETE removes a person from the team; leaving the organization removes them from all."""
    team = github.add_team("snakes", "tamers", "alice", "bob")
    assert [ask("DELETE", TEAM).status_code for _ in range(2)] == [204, 404]
    assert github.membership("snakes", "alice").state == "active"
    github.leave("snakes", "bob")
    assert team.roles == {}


@pytest.mark.parametrize(
    ("permission", "expected"),
    [
        ("triage", ("read", "triage")),
        ("write", ("write", "write")),
        ("maintain", ("write", "maintain")),
        ("admin", ("admin", "admin")),
    ],
)
def test_permission_has_a_legacy_form(ask, github, permission, expected):
    """`permission` has fewer values than `role_name`."""
    github.add_collaborator(REPO, "carl", permission)
    body = ask("GET", f"/repos/{REPO}/collaborators/carl/permission").json()
    assert (body["permission"], body["role_name"]) == expected


def test_others_have_no_permission_on_a_private_repository(ask, github):
    """Others have no permission on a private repository."""
    github.add_repository("snakes/secret", private=True)
    github.add_user("carl")
    body = ask("GET", "/repos/snakes/secret/collaborators/carl/permission").json()
    assert (body["permission"], body["user"]["permissions"]["pull"]) == ("none", False)


def test_unknown_login_cannot_be_invited(ask):
    """Inviting an unknown login is a 404."""
    assert ask("PUT", "/orgs/snakes/memberships/nobody").status_code == 404


def test_bots_cannot_be_invited(ask, github):
    """Inviting a bot is a 422."""
    github.add_user("helper[bot]", bot=True)
    assert ask("PUT", "/orgs/snakes/memberships/helper%5Bbot%5D").status_code == 422


def test_unknown_role_is_rejected(ask, github):
    """A role other than member and admin is a 422."""
    github.add_user("alice")
    assert ask("PUT", MEMBERSHIP, json={"role": "emperor"}).status_code == 422


def test_other_organizations_are_forbidden(ask, github):
    """A token gets a 403 at another organization."""
    github.add_organization("lions", installed=False)
    answer = ask("GET", "/orgs/lions/members/alice")
    assert (answer.status_code, answer.json()["message"]) == (
        403,
        "Resource not accessible by integration",
    )


def test_names_are_case_insensitive(ask, github):
    """Logins and repository names are case-insensitive."""
    github.add_user("Alice")
    assert ask("GET", "/users/aLICE").json()["login"] == "Alice"
    assert ask("GET", "/repos/Snakes/TRIO").json()["full_name"] == REPO


def test_an_organization_is_shown(ask):
    """GET /orgs/{org} returns an organization, but not a user."""
    assert ask("GET", "/orgs/snakes").json()["login"] == "snakes"
    assert ask("GET", "/orgs/nobody").status_code == 404


# Repositories


def test_private_repositories_of_others_are_hidden(ask, github):
    """Without the App a private repository is a 404, and a public one is read-only."""
    github.add_repository("lions/secret", private=True, installed=False)
    github.add_repository("lions/open", installed=False)
    github.open_issue("lions/open", "bob")
    assert ask("GET", "/repos/lions/secret").status_code == 404
    assert ask("GET", "/repos/lions/open").status_code == 200
    write = ask("POST", "/repos/lions/open/issues/1/comments", json={"body": "Hi"})
    assert write.status_code == 403


def test_a_users_repository_has_no_organization(ask, github):
    """Only an organization's repository has the key organization."""
    github.add_user("carol")
    github.add_repository("carol/notes")
    assert "organization" in ask("GET", f"/repos/{REPO}").json()
    assert "organization" not in ask("GET", "/repos/carol/notes").json()


def test_the_installation_lists_its_repositories(ask, github):
    """GET /installation/repositories lists only its account's repositories."""
    github.add_repository("lions/open")
    answer = ask("GET", "/installation/repositories").json()
    assert [one["full_name"] for one in answer["repositories"]] == [REPO]


def test_a_label_is_made_once(ask):
    """Creating an existing label is a 422 with already_exists."""
    assert ask("POST", f"/repos/{REPO}/labels", json={"name": "Bug"}).status_code == 201
    again = ask("POST", f"/repos/{REPO}/labels", json={"name": "bug"})
    assert again.json()["errors"][0]["code"] == "already_exists"
    assert [one["name"] for one in ask("GET", f"/repos/{REPO}/labels").json()] == ["Bug"]


def test_a_file_is_read(ask, github):
    """A file comes in base64 with short lines, also from a folder."""
    github.add_file(REPO, ".github/bot.toml", "welcome = 'Grüezi'\n" * 9)
    answer = ask("GET", f"/repos/{REPO}/contents/.github/bot.toml").json()
    assert base64.b64decode(answer["content"]).decode() == "welcome = 'Grüezi'\n" * 9
    assert max(map(len, answer["content"].splitlines())) == 60


def test_missing_file_is_not_found(ask):
    """A missing file is a 404."""
    assert ask("GET", f"/repos/{REPO}/contents/none.txt").status_code == 404


def test_permissions_follow_membership(ask, github):
    """Owners have admin, members write, everyone else read."""
    github.add_member("snakes", "olga", role="admin")
    github.add_member("snakes", "mike")
    github.add_member("snakes", "ida", state="pending")
    github.add_user("sam")
    permissions = [
        ask("GET", f"/repos/{REPO}/collaborators/{name}/permission").json()["permission"]
        for name in ("olga", "mike", "ida", "sam")
    ]
    assert permissions == ["admin", "write", "read", "read"]


# Issues and comments


def test_a_comment_is_written_by_the_bot(ask, github, issue):
    """POST creates a comment by the App's bot, with a Location."""
    answer = ask("POST", _at(issue, "/comments"), json={"body": "Hi"})
    made = answer.json()
    assert (answer.status_code, made["user"]["login"], made["user"]["type"]) == (
        201,
        "test-bot[bot]",
        "Bot",
    )
    assert made["performed_via_github_app"]["id"] == github.app_id
    assert answer.headers["Location"] == made["url"]


def test_comments_are_not_deduplicated(ask, github, issue):
    """Posting a comment twice creates two: GitHub does not deduplicate."""
    for _ in range(2):
        ask("POST", _at(issue, "/comments"), json={"body": "Hi"})
    assert [one.body for one in github.comments(REPO, issue)] == ["Hi", "Hi"]


def test_a_comment_is_read_changed_and_removed(ask, issue):
    """GET, PATCH and DELETE work by the comment's id."""
    made = ask("POST", _at(issue, "/comments"), json={"body": "Hi"}).json()
    path = f"/repos/{REPO}/issues/comments/{made['id']}"
    assert ask("PATCH", path, json={"body": "Hello"}).json()["body"] == "Hello"
    assert ask("GET", path).json()["body"] == "Hello"
    assert ask("DELETE", path).status_code == 204
    assert ask("GET", path).status_code == 404
    assert ask("GET", _at(issue, "/comments")).json() == []


def test_a_comment_is_found_in_its_repository_only(ask, github, issue):
    """A comment id of another repository is a 404."""
    github.add_repository("snakes/other")
    made = ask("POST", _at(issue, "/comments"), json={"body": "Hi"}).json()
    assert ask("GET", f"/repos/snakes/other/issues/comments/{made['id']}").status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{}", 422),
        (b'{"body": ""}', 422),
        (b'{"body": " \\n"}', 422),
        (b'{"body": 7}', 422),
        (b"[1]", 400),
        (b"{", 400),
        (b"\xff", 400),
    ],
)
def test_empty_comment_is_rejected(ask, github, issue, body, status):
    """A missing, blank or malformed body is rejected, and no comment is created."""
    answer = ask("POST", _at(issue, "/comments"), data=body)
    assert answer.status_code == status
    assert github.comments(REPO, issue) == []


def test_comment_on_a_missing_issue_is_not_found(ask):
    """Comments on a missing issue are a 404."""
    assert ask("POST", _at(99, "/comments"), json={"body": "Hi"}).status_code == 404


def test_a_pull_request_is_an_issue_too(ask, pull, issue):
    """GET issues/{n} has the key pull_request only for a pull request."""
    assert "pull_request" in ask("GET", _at(pull)).json()
    assert "pull_request" not in ask("GET", _at(issue)).json()


def test_labels_are_added_and_removed(ask, issue):
    """Labels are created if needed, added once, listed, and removed."""
    ask("POST", _at(issue, "/labels"), json={"labels": ["bug", {"name": "good first issue"}]})
    ask("POST", _at(issue, "/labels"), json=["Bug"])
    names = [one["name"] for one in ask("GET", _at(issue, "/labels")).json()]
    assert names == ["bug", "good first issue"]
    path = _at(issue, "/labels/good%20first%20issue")
    assert [one["name"] for one in ask("DELETE", path).json()] == ["bug"]
    assert ask("DELETE", path).status_code == 404


@pytest.mark.parametrize("sent", [{}, {"labels": []}, {"labels": [7]}, {"labels": [" "]}, "bug"])
def test_labels_must_have_names(ask, issue, sent):
    """Missing labels, or labels without a name, are a 422."""
    assert ask("POST", _at(issue, "/labels"), json=sent).status_code == 422


# Pull requests


def test_a_pull_request_is_shown(ask, github, pull):
    """GET pulls/{n} shows whether the pull request is merged."""
    github.merge_pull_request(REPO, "alice", number=pull, by="olga")
    shown = ask("GET", f"/repos/{REPO}/pulls/{pull}").json()
    assert (shown["merged"], shown["merged_by"]["login"], shown["state"]) == (
        True,
        "olga",
        "closed",
    )


def test_issue_is_not_a_pull_request(ask, issue):
    """GET pulls/{n} with the number of an issue is a 404."""
    assert ask("GET", f"/repos/{REPO}/pulls/{issue}").status_code == 404


def test_a_review_comment_is_answered_in_its_thread(ask, github, pull):
    """A reply has the id of the first comment; a reply to a reply is a 422."""
    first = github.review_comment(REPO, pull, "bob", "Why?").payload["comment"]["id"]
    path = f"/repos/{REPO}/pulls/{pull}/comments"
    reply = ask("POST", f"{path}/{first}/replies", json={"body": "Because"})
    assert (reply.status_code, reply.json()["in_reply_to_id"]) == (201, first)
    nested = ask("POST", f"{path}/{reply.json()['id']}/replies", json={"body": "So there"})
    assert nested.status_code == 422
    assert [one["body"] for one in ask("GET", path).json()] == ["Why?", "Because"]


def test_missing_thread_is_not_found(ask, pull):
    """A reply to an unknown comment is a 404."""
    path = f"/repos/{REPO}/pulls/{pull}/comments/1/replies"
    assert ask("POST", path, json={"body": "Hm"}).status_code == 404


def test_a_review_comment_is_read_and_changed(ask, github, pull):
    """GET and PATCH work by the comment's id; another repository is a 404."""
    github.add_repository("snakes/other")
    made = github.review_comment(REPO, pull, "bob", "Why?").payload["comment"]["id"]
    path = f"/repos/{REPO}/pulls/comments/{made}"
    assert ask("PATCH", path, json={"body": "How?"}).json()["body"] == "How?"
    assert ask("GET", path).json()["body"] == "How?"
    assert ask("GET", f"/repos/snakes/other/pulls/comments/{made}").status_code == 404


def test_reviews_are_listed(ask, github, pull):
    """Reviews are listed with their state in upper case, as in REST."""
    github.review(REPO, pull, "bob", "Good", "approved")
    (review,) = ask("GET", f"/repos/{REPO}/pulls/{pull}/reviews").json()
    assert (review["state"], review["body"]) == ("APPROVED", "Good")


# Reactions


@pytest.fixture
def places(github, pull):
    """Paths that accept reactions: a pull request, a comment, a comment on the diff."""
    comment = github.comment(REPO, pull, "bob", "Nice").payload["comment"]["id"]
    on_diff = github.review_comment(REPO, pull, "bob", "Why?").payload["comment"]["id"]
    return {
        "issue": _at(pull, "/reactions"),
        "comment": f"/repos/{REPO}/issues/comments/{comment}/reactions",
        "diff": f"/repos/{REPO}/pulls/comments/{on_diff}/reactions",
    }


@pytest.mark.parametrize("place", ["issue", "comment", "diff"])
def test_a_reaction_is_given_once(ask, places, place):
    """The first reaction is a 201, a repeated one a 200 with the same reaction."""
    first, again = (ask("POST", places[place], json={"content": "heart"}) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert ask.fake.journal.lines[-1].startswith("test-bot[bot] reacts with heart to ")
    assert first.json()["id"] == again.json()["id"]
    assert len(ask("GET", places[place]).json()) == 1


def test_reactions_are_listed_by_content(ask, places):
    """The list can be filtered by content."""
    for content in ("heart", "rocket"):
        ask("POST", places["issue"], json={"content": content})
    reactions = ask("GET", places["issue"], params={"content": "rocket"}).json()
    assert [one["content"] for one in reactions] == ["rocket"]


def test_there_are_eight_reactions(ask, places):
    """A content other than GitHub's eight is a 422."""
    assert ask("POST", places["issue"], json={"content": "shrug"}).status_code == 422


def test_reaction_to_a_missing_comment_is_not_found(ask, places):
    """A reaction to an unknown comment is a 404."""
    path = f"/repos/{REPO}/issues/comments/1/reactions"
    assert ask("POST", path, json={"content": "heart"}).status_code == 404


# Search and GraphQL


def test_merged_pull_requests_are_found(ask, github, pull, issue):
    """is:pr is:merged author: org: finds a person's pull requests in an organization."""
    github.merge_pull_request(REPO, "alice", number=pull)
    github.merge_pull_request(REPO, "bob")
    github.merge_pull_request("lions/den", "alice")
    query = "is:pr is:merged author:alice org:snakes"
    results = ask("GET", "/search/issues", params={"q": query}).json()
    assert (results["total_count"], results["items"][0]["number"]) == (1, pull)


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("is:issue", ["It fails"]),
        ("type:pr state:open", ["Fix it"]),
        ("-is:issue fix", ["Fix it"]),
        ('"it"', ["It fails", "Fix it"]),
        (f"repo:{REPO} label:bug", ["It fails"]),
        ("user:snakes is:unmerged is:public", ["Fix it"]),
        ("is:closed", []),
        ("is:strange", []),
        ("is:private", []),
    ],
)
def test_search_qualifiers_filter(ask, github, pull, issue, query, titles):
    """Each qualifier filters; a minus negates it; other words match titles."""
    github.label_issue(REPO, issue, "bob", "bug")
    results = ask("GET", "/search/issues", params={"q": query}).json()
    assert [one["title"] for one in results["items"]] == titles


@pytest.mark.parametrize("query", ["", " ", "author:nobody", "org:nothing", "repo:no/thing"])
def test_search_for_unknown_names_is_rejected(ask, query):
    """An empty query or an unknown name is a 422, as on GitHub."""
    assert ask("GET", "/search/issues", params={"q": query}).status_code == 422


def test_private_repositories_of_others_are_not_searched(ask, github):
    """A search excludes private repositories without the App."""
    github.add_repository("lions/secret", private=True, installed=False)
    github.open_issue("lions/secret", "bob", "Hidden")
    results = ask("GET", "/search/issues", params={"q": "hidden"}).json()
    assert results["items"] == []


@pytest.mark.parametrize(
    ("query", "data"),
    [
        ("query { viewer { login } }", {"viewer": {"login": "test-bot[bot]"}}),
        ("{ rateLimit { cost } }", {"rateLimit": {"limit": 5000, "cost": 1, "remaining": 4999}}),
    ],
)
def test_graphql_viewer_and_rate_limit(ask, query, data):
    """GraphQL answers viewer and rateLimit."""
    assert ask("POST", "/graphql", json={"query": query}).json() == {"data": data}


@pytest.mark.parametrize("query", ["{ world { peace } }", "nonsense"])
def test_graphql_errors_have_status_200(ask, query):
    """An unknown GraphQL field is an error with status 200."""
    answer = ask("POST", "/graphql", json={"query": query})
    assert (answer.status_code, len(answer.json()["errors"])) == (200, 1)


# All routes


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/orgs", f"/repos/{REPO}/issues/x", "/repos/a%2Fb"]
)
def test_unknown_path_is_not_found(ask, path):
    """An unknown path is a JSON 404, before authentication."""
    answer = ask.ask("GET", path, None)
    assert (answer.status_code, answer.json()["message"]) == (404, "Not Found")


def test_an_encoded_slash_stays_in_its_segment(ask, github):
    """A login with an encoded slash cannot reach another route."""
    github.add_user("alice")
    assert ask("GET", "/orgs/snakes/memberships/alice%2F..%2Fbob").status_code == 404


def test_a_wrong_method_is_not_found(ask):
    """A wrong method is a 404, as on GitHub."""
    assert ask("DELETE", "/orgs/snakes").status_code == 404


# Opening, listing and closing issues


def test_issues_are_listed_by_creator_and_state(ask, github):
    """Open issues are listed newest first by default."""
    for author in ("alice", "bob", "alice"):
        github.open_issue(REPO, author)
    github.close_issue(REPO, 1, "alice")

    def listed(query):
        return [one["number"] for one in ask("GET", f"/repos/{REPO}/issues{query}").json()]

    assert listed("") == [3, 2]
    assert listed("?creator=Alice&state=all&direction=asc") == [1, 3]


def test_an_issue_is_opened_closed_and_opened_again(ask, github):
    """PATCH changes only the given fields of an issue that the bot opened."""
    made = ask("POST", f"/repos/{REPO}/issues", json={"title": "Hi", "body": "There"}).json()
    path = f"/repos/{REPO}/issues/{made['number']}"
    closed = ask("PATCH", path, json={"state": "closed"}).json()
    assert (made["user"]["type"], closed["state"], closed["body"]) == ("Bot", "closed", "There")
    assert ask("PATCH", path, json={"state": "open"}).json()["closed_at"] is None
    assert ask("PATCH", path, json={"state": "open"}).json()["state"] == "open"
    assert ask("PATCH", path, json={"state": "ajar"}).status_code == 422
