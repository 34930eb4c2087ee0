"""Repositories and their labels."""

from urllib.parse import quote

from luggage.fake_github.records import Label, Repository
from luggage.fake_github.shapes.accounts import organization, user
from luggage.fake_github.shapes.apps import installation_context
from luggage.fake_github.shapes.common import Json, node_id, timestamp
from luggage.fake_github.world import World

_LINKS = {
    "forks_url": "/forks",
    "keys_url": "/keys{/key_id}",
    "collaborators_url": "/collaborators{/collaborator}",
    "teams_url": "/teams",
    "hooks_url": "/hooks",
    "issue_events_url": "/issues/events{/number}",
    "events_url": "/events",
    "assignees_url": "/assignees{/user}",
    "branches_url": "/branches{/branch}",
    "tags_url": "/tags",
    "blobs_url": "/git/blobs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "trees_url": "/git/trees{/sha}",
    "statuses_url": "/statuses/{sha}",
    "languages_url": "/languages",
    "stargazers_url": "/stargazers",
    "contributors_url": "/contributors",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "commits_url": "/commits{/sha}",
    "git_commits_url": "/git/commits{/sha}",
    "comments_url": "/comments{/number}",
    "issue_comment_url": "/issues/comments{/number}",
    "contents_url": "/contents/{+path}",
    "compare_url": "/compare/{base}...{head}",
    "merges_url": "/merges",
    "archive_url": "/{archive_format}{/ref}",
    "downloads_url": "/downloads",
    "issues_url": "/issues{/number}",
    "pulls_url": "/pulls{/number}",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "labels_url": "/labels{/name}",
    "releases_url": "/releases{/id}",
    "deployments_url": "/deployments",
}
_SWITCHES = {
    "fork": False,
    "has_issues": True,
    "has_projects": True,
    "has_downloads": True,
    "has_wiki": True,
    "has_pages": False,
    "has_discussions": False,
    "archived": False,
    "disabled": False,
    "allow_forking": True,
    "is_template": False,
    "web_commit_signoff_required": False,
}


def repository_url(world: World, repository: Repository) -> str:
    """Return the API URL of the repository."""
    return f"{world.api_url}/repos/{repository.full_name}"


def label(world: World, repository: Repository, one: Label) -> Json:
    """Return a label."""
    return {
        "id": one.id,
        "node_id": node_id("LA", one.id),
        "url": f"{repository_url(world, repository)}/labels/{quote(one.name, safe='')}",
        "name": one.name,
        "color": one.color,
        "default": False,
        "description": one.description,
    }


def repository(world: World, one: Repository) -> Json:
    """Return a repository, as in payloads and pull requests."""
    url, page = repository_url(world, one), f"{world.server_url}/{one.full_name}"
    host = world.server_url.partition("://")[2]
    return {
        "id": one.id,
        "node_id": node_id("R", one.id),
        "name": one.name,
        "full_name": one.full_name,
        "private": one.private,
        "visibility": "private" if one.private else "public",
        "owner": user(world, one.owner),
        "html_url": page,
        "description": None,
        "url": url,
        **{name: url + suffix for name, suffix in _LINKS.items()},
        "created_at": timestamp(one.created_at),
        "updated_at": timestamp(one.created_at),
        "pushed_at": timestamp(one.created_at),
        "git_url": f"git://{host}/{one.full_name}.git",
        "ssh_url": f"git@{host}:{one.full_name}.git",
        "clone_url": f"{page}.git",
        "svn_url": page,
        "homepage": None,
        "size": 0,
        "language": "Python",
        "mirror_url": None,
        "license": None,
        "topics": [],
        "custom_properties": {},
        "default_branch": one.default_branch,
        **_SWITCHES,
        **_counts(one),
    }


def _counts(one: Repository) -> Json:
    stars = len(one.stargazers)
    return {
        "stargazers_count": stars,
        "watchers_count": stars,
        "watchers": stars,
        "forks_count": 0,
        "forks": 0,
        "open_issues_count": one.open_issues,
        "open_issues": one.open_issues,
    }


def full_repository(world: World, one: Repository) -> Json:
    """Return the response of GET /repos/{owner}/{repo}."""
    more: Json = {
        "network_count": 0,
        "subscribers_count": len(one.stargazers),
        "temp_clone_token": None,
    }
    if one.owner.is_organization:
        # Only here GitHub formats an organization as a user.
        more["organization"] = user(world, one.owner)
    return {**repository(world, one), **more}


def repository_context(world: World, one: Repository) -> Json:
    """Return a payload's repository, organization and installation."""
    context: Json = {"repository": repository(world, one)}
    if one.owner.is_organization:
        context["organization"] = organization(world, one.owner)
    return context | installation_context(world, one.owner)
