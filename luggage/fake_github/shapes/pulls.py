"""Pull requests, their reviews, and comments on their diff."""

from urllib.parse import quote

from luggage.fake_github.records import ChangedFile, Issue, Pull, Review, ReviewComment
from luggage.fake_github.shapes.accounts import optional_user, user
from luggage.fake_github.shapes.common import (
    Json,
    fake_sha,
    node_id,
    optional_timestamp,
    reaction_rollup,
    timestamp,
)
from luggage.fake_github.shapes.issues import (
    author_association,
    common_fields,
    issue_page,
    issue_url,
)
from luggage.fake_github.shapes.repositories import repository, repository_url
from luggage.fake_github.world import World


def pull_url(world: World, one: Issue) -> str:
    """Return the API URL of a pull request."""
    return f"{repository_url(world, one.repository)}/pulls/{one.number}"


def _pull(one: Issue) -> Pull:
    if one.pull is None:
        raise ValueError(f"#{one.number} of {one.repository.full_name} is not a pull request.")
    return one.pull


def simple_pull(world: World, one: Issue) -> Json:
    """Return a pull request, as in reviews and lists."""
    pull = _pull(one)
    return {
        "id": pull.id,
        "node_id": node_id("PR", pull.id),
        **_links(world, one),
        **common_fields(world, one),
        "merged_at": optional_timestamp(pull.merged_at),
        "merge_commit_sha": pull.merge_sha,
        "requested_reviewers": [user(world, each) for each in pull.requested],
        "requested_teams": [],
        "head": _branch(world, one, pull.head_ref, pull.head_sha),
        "base": _branch(world, one, base_ref(one), pull.base_sha),
        "auto_merge": None,
        "draft": pull.draft,
    }


def full_pull(world: World, one: Issue) -> Json:
    """Return a pull request, as in its own events and GET /repos/{owner}/{repo}/pulls/{n}."""
    pull = _pull(one)
    mergeable = None if pull.merged_at is not None or pull.mergeable_pending else not pull.conflicts
    return {
        **simple_pull(world, one),
        "merged": pull.merged_at is not None,
        "mergeable": mergeable,
        "rebaseable": mergeable,
        "mergeable_state": {None: "unknown", True: "clean", False: "dirty"}[mergeable],
        "merged_by": optional_user(world, pull.merged_by),
        "comments": len(one.comments),
        "review_comments": len(pull.comments),
        "maintainer_can_modify": False,
        "commits": max(1, len(pull.commits)),
        "additions": sum(each.additions for each in pull.files),
        "deletions": sum(each.deletions for each in pull.files),
        "changed_files": len(pull.files),
    }


def base_ref(one: Issue) -> str:
    """Return the branch that the pull request targets."""
    return _pull(one).base_ref or one.repository.default_branch


def changed_file(world: World, one: Issue, file: ChangedFile) -> Json:
    """Return a changed file without its patch, which GitHub omits for long ones."""
    sha, path = _pull(one).head_sha, quote(file.path, safe="")
    page = f"{world.server_url}/{one.repository.full_name}"
    contents = f"{repository_url(world, one.repository)}/contents/{path}?ref={sha}"
    shape: Json = {
        "sha": fake_sha(file.path, 0),
        "filename": file.path,
        "status": "renamed" if file.previous else file.status,
        "additions": file.additions,
        "deletions": file.deletions,
        "changes": file.additions + file.deletions,
        "blob_url": f"{page}/blob/{sha}/{path}",
        "raw_url": f"{page}/raw/{sha}/{path}",
        "contents_url": contents,
    }
    return shape | ({"previous_filename": file.previous} if file.previous else {})


def _links(world: World, one: Issue) -> Json:
    url, page = pull_url(world, one), issue_page(world, one)
    urls = {
        "url": url,
        "html_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "issue_url": issue_url(world, one),
        "commits_url": f"{url}/commits",
        "review_comments_url": f"{url}/comments",
        "review_comment_url": f"{repository_url(world, one.repository)}/pulls/comments{{/number}}",
        "comments_url": f"{issue_url(world, one)}/comments",
        "statuses_url": f"{repository_url(world, one.repository)}/statuses/{_pull(one).head_sha}",
    }
    names = (
        "html",
        "issue",
        "comments",
        "review_comments",
        "review_comment",
        "commits",
        "statuses",
    )
    links = {name: {"href": urls[f"{name}_url"]} for name in names}
    return {**urls, "_links": {"self": {"href": url}, **links}}


def _branch(world: World, one: Issue, ref: str, sha: str) -> Json:
    owner = one.repository.owner
    return {
        "label": f"{owner.login}:{ref}",
        "ref": ref,
        "sha": sha,
        "user": user(world, owner),
        "repo": repository(world, one.repository),
    }


def review(world: World, issue: Issue, one: Review, *, upper: bool) -> Json:
    """Return a review; the state is upper case in the REST API, lower case in webhooks."""
    page = f"{issue_page(world, issue)}#pullrequestreview-{one.id}"
    return {
        "id": one.id,
        "node_id": node_id("PRR", one.id),
        "user": user(world, one.author),
        "body": one.body,
        "commit_id": _pull(issue).head_sha,
        "submitted_at": timestamp(one.submitted_at),
        "state": one.state.upper() if upper else one.state,
        "html_url": page,
        "pull_request_url": pull_url(world, issue),
        "author_association": author_association(issue.repository, one.author),
        "_links": {"html": {"href": page}, "pull_request": {"href": pull_url(world, issue)}},
    }


def review_comment(world: World, one: ReviewComment) -> Json:
    """Return a comment on the diff; only replies have in_reply_to_id."""
    issue, pull = one.issue, _pull(one.issue)
    url = f"{repository_url(world, issue.repository)}/pulls/comments/{one.id}"
    page = f"{issue_page(world, issue)}#discussion_r{one.id}"
    links = {"self": url, "html": page, "pull_request": pull_url(world, issue)}
    shape: Json = {
        "url": url,
        "pull_request_review_id": one.review_id,
        "id": one.id,
        "node_id": node_id("PRRC", one.id),
        "diff_hunk": "@@ -1 +1 @@\n-# Hello\n+# Hello, world",
        "path": one.path,
        "commit_id": pull.head_sha,
        "original_commit_id": pull.head_sha,
        "user": user(world, one.author),
        "body": one.body,
        "created_at": timestamp(one.created_at),
        "updated_at": timestamp(one.updated_at),
        "html_url": page,
        "pull_request_url": pull_url(world, issue),
        "author_association": author_association(issue.repository, one.author),
        "_links": {name: {"href": href} for name, href in links.items()},
        "reactions": reaction_rollup(f"{url}/reactions", one.reactions),
        **_position(one),
    }
    if one.in_reply_to is not None:
        shape["in_reply_to_id"] = one.in_reply_to
    return shape


def _position(one: ReviewComment) -> Json:
    return {
        "position": one.line,
        "original_position": one.line,
        "line": one.line,
        "original_line": one.line,
        "side": "RIGHT",
        "start_line": None,
        "original_start_line": None,
        "start_side": None,
        "subject_type": "line",
    }
