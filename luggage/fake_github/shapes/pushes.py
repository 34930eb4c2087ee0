"""Pushes, whose payload has its own repository format."""

from collections.abc import Sequence

from luggage.fake_github.records import Account, Repository
from luggage.fake_github.shapes.accounts import user
from luggage.fake_github.shapes.common import Json, fake_sha, timestamp
from luggage.fake_github.shapes.repositories import repository_context
from luggage.fake_github.world import World


def push(
    world: World,
    repository: Repository,
    author: Account,
    message: str,
    modified: Sequence[str] = ("README.md",),
) -> Json:
    """Return a push of one commit to the default branch; it has no action."""
    number = world.next_id()
    before, after = fake_sha("before", number), fake_sha("after", number)
    page = f"{world.server_url}/{repository.full_name}"
    commit = _commit(world, page, author, message, after)
    commit["modified"] = list(modified)
    context = repository_context(world, repository)
    context["repository"] |= {
        # Other payloads have times as text, and not these names.
        "created_at": int(repository.created_at),
        "pushed_at": int(world.clock()),
        "stargazers": len(repository.stargazers),
        "master_branch": repository.default_branch,
    }
    context["repository"]["owner"] |= {"name": repository.owner.login, "email": None}
    return {
        "ref": f"refs/heads/{repository.default_branch}",
        "before": before,
        "after": after,
        "created": False,
        "deleted": False,
        "forced": False,
        "base_ref": None,
        "compare": f"{page}/compare/{before[:12]}...{after[:12]}",
        "commits": [commit],
        "head_commit": commit,
        **context,
        "pusher": _person(author),
        "sender": user(world, author),
    }


def _person(author: Account) -> Json:
    return {"name": author.login, "email": f"{author.login}@users.noreply.github.com"}


def _commit(world: World, page: str, author: Account, message: str, sha: str) -> Json:
    person = {**_person(author), "username": author.login}
    return {
        "id": sha,
        "tree_id": fake_sha(f"tree of {sha}", 0),
        "distinct": True,
        "message": message,
        "timestamp": timestamp(world.clock()),
        "url": f"{page}/commit/{sha}",
        "author": person,
        "committer": person,
        "added": [],
        "removed": [],
        "modified": [],
    }
