"""Issues, their comments, and reactions."""

from luggage.fake_github.records import Account, Comment, Issue, Reaction, Repository
from luggage.fake_github.shapes.accounts import optional_user, user
from luggage.fake_github.shapes.apps import integration
from luggage.fake_github.shapes.common import (
    Json,
    node_id,
    optional_timestamp,
    reaction_rollup,
    timestamp,
)
from luggage.fake_github.shapes.repositories import label, repository_url
from luggage.fake_github.world import World


def author_association(repository: Repository, author: Account) -> str:
    """Return the author's role here: OWNER, MEMBER, COLLABORATOR, CONTRIBUTOR or NONE."""
    if author is repository.owner:
        return "OWNER"
    membership = repository.owner.members.get(author.login.lower())
    if membership is not None and membership.state == "active":
        return "MEMBER"
    if author.login.lower() in repository.collaborators:
        return "COLLABORATOR"
    return "CONTRIBUTOR" if author.login in repository.contributors else "NONE"


def by_app(world: World, author: Account) -> Json | None:
    """Return the App if its bot is the author, else None."""
    return integration(world) if author is world.bot else None


def issue_url(world: World, one: Issue) -> str:
    """Return the API URL of an issue, or of a pull request's issue."""
    return f"{repository_url(world, one.repository)}/issues/{one.number}"


def issue_page(world: World, one: Issue) -> str:
    """Return the URL of the web page."""
    kind = "pull" if one.pull else "issues"
    return f"{world.server_url}/{one.repository.full_name}/{kind}/{one.number}"


def issue(world: World, one: Issue) -> Json:
    """Return an issue; a pull request has the key pull_request, as on GitHub."""
    url = issue_url(world, one)
    shape: Json = {
        "url": url,
        "repository_url": repository_url(world, one.repository),
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "timeline_url": f"{url}/timeline",
        "html_url": issue_page(world, one),
        "id": one.id,
        "node_id": node_id("PR" if one.pull else "I", one.id),
        **common_fields(world, one),
        "comments": len(one.comments),
        "reactions": reaction_rollup(f"{url}/reactions", one.reactions),
        "performed_via_github_app": by_app(world, one.author),
        "draft": one.pull is not None and one.pull.draft,
        "state_reason": one.state_reason,
        "closed_by": optional_user(world, one.closed_by),
    }
    if one.pull is not None:
        shape["pull_request"] = _pull_links(world, one)
    return shape


def common_fields(world: World, one: Issue) -> Json:
    """Return the fields that issues and pull requests share."""
    return {
        "number": one.number,
        "title": one.title,
        "body": one.body,
        "user": user(world, one.author),
        "labels": [label(world, one.repository, each) for each in one.labels],
        "state": one.state,
        "locked": one.locked,
        "active_lock_reason": None,
        "assignee": optional_user(world, next(iter(one.assignees), None)),
        "assignees": [user(world, each) for each in one.assignees],
        "milestone": None,
        "created_at": timestamp(one.created_at),
        "updated_at": timestamp(one.updated_at),
        "closed_at": optional_timestamp(one.closed_at),
        "author_association": author_association(one.repository, one.author),
    }


def _pull_links(world: World, one: Issue) -> Json:
    page = issue_page(world, one)
    return {
        "url": f"{repository_url(world, one.repository)}/pulls/{one.number}",
        "html_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "merged_at": optional_timestamp(None if one.pull is None else one.pull.merged_at),
    }


def comment(world: World, one: Comment) -> Json:
    """Return a comment on an issue or pull request."""
    url = f"{repository_url(world, one.issue.repository)}/issues/comments/{one.id}"
    return {
        "url": url,
        "html_url": f"{issue_page(world, one.issue)}#issuecomment-{one.id}",
        "issue_url": issue_url(world, one.issue),
        "id": one.id,
        "node_id": node_id("IC", one.id),
        "user": user(world, one.author),
        "created_at": timestamp(one.created_at),
        "updated_at": timestamp(one.updated_at),
        "author_association": author_association(one.issue.repository, one.author),
        "body": one.body,
        "reactions": reaction_rollup(f"{url}/reactions", one.reactions),
        "performed_via_github_app": by_app(world, one.author),
    }


def reaction(world: World, one: Reaction) -> Json:
    """Return a reaction."""
    return {
        "id": one.id,
        "node_id": node_id("REA", one.id),
        "user": user(world, one.user),
        "content": one.content,
        "created_at": timestamp(one.created_at),
    }
