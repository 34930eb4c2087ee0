"""Tests of the lifecycle of issues and pull requests."""

import pytest

from luggage.fake_github import ChangedFile
from tests.support.asker import REPO

ISSUES = f"/repos/{REPO}/issues"
PULLS = f"/repos/{REPO}/pulls"


def numbers(answer):
    return [one["number"] for one in answer.json()]


def test_push_changes_the_head(github, pull):
    """A push event has both heads; files change only if given."""
    before = github.pull(REPO, pull).head_sha
    payload = github.push_to_pull_request(REPO, pull, "alice").payload
    assert (payload["action"], payload["before"]) == ("synchronize", before)
    assert payload["after"] == payload["pull_request"]["head"]["sha"] != before
    files = [ChangedFile("a.py", 3, 4)]
    changed = github.push_to_pull_request(REPO, pull, "alice", files=files).payload["pull_request"]
    assert (changed["additions"], changed["deletions"], changed["commits"]) == (3, 4, 3)


def test_edit_has_the_old_title(github, pull):
    """An edit event has the old title."""
    payload = github.rename_pull_request(REPO, pull, "alice", "Better").payload
    assert payload["changes"] == {"title": {"from": "Fix it"}}
    assert payload["pull_request"]["title"] == "Better"


def test_review_removes_the_request(github, pull):
    """A review removes the request for it."""
    for _ in range(2):
        shape = github.request_review(REPO, pull, "alice", "olga").payload["pull_request"]
    assert [one["login"] for one in shape["requested_reviewers"]] == ["olga"]
    reviewed = github.review(REPO, pull, "olga", "Good", "approved").payload["pull_request"]
    assert reviewed["requested_reviewers"] == []


def test_closed_issues_can_be_reopened(github, ask, pull, issue):
    """People and the bot can reopen; each counts once."""
    github.close_pull_request(REPO, pull, "alice")
    github.reopen_pull_request(REPO, pull, "alice")
    for state in ("closed", "closed", "open", "open"):
        shown = ask("PATCH", f"{ISSUES}/{issue}", json={"state": state}).json()
        assert shown["state"] == state
    assert shown["state_reason"] == "reopened"
    assert github.world.repositories[REPO].open_issues == 2
    assert ask("PATCH", f"{ISSUES}/{issue}", json={"state": "ajar"}).status_code == 422


@pytest.mark.parametrize("gone", ["merged", "branch"])
def test_merged_pull_requests_stay_closed(github, ask, pull, gone):
    """A merged pull request, or one without a branch, cannot be reopened."""
    if gone == "merged":
        github.merge_pull_request(REPO, "alice", number=pull)
    else:
        github.close_pull_request(REPO, pull, "alice")
        github.pull(REPO, pull).branch_gone = True
    assert ask("PATCH", f"{ISSUES}/{pull}", json={"state": "open"}).status_code == 422


def test_people_are_assigned_and_unassigned(github, ask, issue):
    """Unknown, unassignable and already assigned people are skipped silently."""
    github.comment(REPO, issue, "Alice", "/claim")
    github.add_user("mallory")
    path = f"{ISSUES}/{issue}/assignees"
    for _ in range(2):
        shown = ask("POST", path, json={"assignees": ["alice", "mallory", "nobody"]}).json()
    assert [one["login"] for one in shown["assignees"]] == ["Alice"]
    assert shown["assignee"]["login"] == "Alice"
    for _ in range(2):
        shown = ask("DELETE", path, json={"assignees": ["alice"]}).json()
    assert (shown["assignee"], shown["assignees"]) == (None, [])
    assert ask("POST", path, json={}).status_code == 422


def test_members_and_commenters_can_be_assigned(github, ask, issue):
    """Members, and people who commented on the issue, can be assigned."""
    github.comment(REPO, issue, "bob", "Hi")
    github.add_member("snakes", "olga")
    github.add_user("eve")
    for name, status in (("bob", 204), ("olga", 204), ("eve", 404)):
        assert ask("GET", f"{ISSUES}/{issue}/assignees/{name}").status_code == status


def test_issues_are_listed_by_state_assignee_and_order(github, ask, clock):
    """Open issues are the default; filters select one assignee, any, or none."""
    for _ in range(3):
        clock.advance(1)
        github.open_issue(REPO, "bob")
    clock.advance(1)
    github.assign(REPO, 1, "olga", "bob")
    github.close_issue(REPO, 3, "bob")
    assert numbers(ask("GET", ISSUES)) == [2, 1]
    assert numbers(ask("GET", ISSUES, params={"state": "all", "sort": "updated"})) == [3, 1, 2]
    assert numbers(ask("GET", ISSUES, params={"direction": "asc"})) == [1, 2]
    for assignee, expected in (("BOB", [1]), ("*", [1]), ("none", [2])):
        assert numbers(ask("GET", ISSUES, params={"assignee": assignee})) == expected
    assert numbers(ask("GET", ISSUES, params={"state": "all", "creator": "eve"})) == []


def test_pull_requests_are_listed_by_base(github, ask, pull, issue):
    """The list has only pull requests, optionally of one base branch."""
    github.open_pull_request(REPO, "eve")
    github.pull(REPO, 3).base_ref = "stable"
    assert numbers(ask("GET", PULLS)) == [3, pull]
    assert numbers(ask("GET", PULLS, params={"base": "stable"})) == [3]
    assert numbers(ask("GET", PULLS, params={"state": "closed"})) == []


def test_the_changed_files_are_listed(github, ask, pull):
    """Changed files have line counts; a renamed one has its old name."""
    files = [ChangedFile("b.py", 2, 1, previous="a.py")]
    github.push_to_pull_request(REPO, pull, "alice", files=files)
    (shown,) = ask("GET", f"{PULLS}/{pull}/files").json()
    assert (shown["filename"], shown["previous_filename"], shown["changes"]) == ("b.py", "a.py", 3)


def test_mergeability_is_unknown_at_first(github, ask, pull):
    """The mergeability is unknown on the first read."""
    github.pull(REPO, pull).conflicts = True
    github.pull(REPO, pull).mergeable_pending = 1
    shown = [ask("GET", f"{PULLS}/{pull}").json() for _ in range(2)]
    assert [one["mergeable"] for one in shown] == [None, False]
    assert [one["mergeable_state"] for one in shown] == ["unknown", "dirty"]


def merging(ask, **variables):
    query = "query($owner: String!) { repository(owner: $owner) { pullRequests { nodes } } }"
    answer = ask("POST", "/graphql", json={"query": query, "variables": variables}).json()
    return answer["data"]["repository"]


def test_graphql_lists_pull_requests(github, ask, pull):
    """GraphQL lists a hundred per page, optionally of one base, and only accessible ones."""
    for _ in range(100):
        github.open_pull_request(REPO, "eve")
    github.pull(REPO, pull).conflicts = True
    github.pull(REPO, 2).mergeable_pending = 1
    github.label_issue(REPO, 3, "olga", "bug")
    page = merging(ask, owner="snakes", name="trio", base="main")["pullRequests"]
    assert [one["mergeable"] for one in page["nodes"][:3]] == [
        "CONFLICTING",
        "UNKNOWN",
        "MERGEABLE",
    ]
    assert page["nodes"][2]["labels"]["nodes"] == [{"name": "bug"}]
    cursor = page["pageInfo"]["endCursor"]
    rest = merging(ask, owner="snakes", name="trio", cursor=cursor)["pullRequests"]
    assert (len(rest["nodes"]), rest["pageInfo"]["hasNextPage"]) == (1, False)
    assert merging(ask, owner="snakes", name="trio", base="stable")["pullRequests"]["nodes"] == []
    assert merging(ask, owner="lions", name="den") is None


def test_timeline_has_all_events(github, ask, issue, clock):
    """The timeline has comments, assignments, mentions, commits and reviews, oldest first."""
    for happen in (
        lambda: github.comment(REPO, issue, "alice", "Mine"),
        lambda: github.assign(REPO, issue, "olga", "alice"),
        lambda: github.open_pull_request(REPO, "alice", body=f"For #{issue}"),
        lambda: github.open_pull_request(REPO, "alice", body=f"For #{issue}1"),
        lambda: github.review(REPO, 2, "olga", "No", "changes_requested"),
    ):
        clock.advance(60)
        happen()
    shown = ask("GET", f"{ISSUES}/{issue}/timeline").json()
    assert [one["event"] for one in shown] == ["commented", "assigned", "cross-referenced"]
    assert shown[2]["actor"]["login"] == "alice"
    shown = ask("GET", f"{ISSUES}/2/timeline").json()
    assert [one["event"] for one in shown] == ["committed", "reviewed"]
    assert shown[1]["state"] == "changes_requested"
    ask("DELETE", f"{ISSUES}/{issue}/assignees", json={"assignees": ["alice"]})
    assert ask("GET", f"{ISSUES}/{issue}/timeline").json()[-1]["event"] == "unassigned"


def test_labels_are_found_by_name(github, ask, issue):
    """A label's name is case-insensitive; an unknown one is a 404."""
    github.label_issue(REPO, issue, "olga", "Good first issue")
    path = f"/repos/{REPO}/labels"
    assert ask("GET", f"{path}/good%20first%20issue").json()["name"] == "Good first issue"
    assert ask("GET", f"{path}/bug").status_code == 404
