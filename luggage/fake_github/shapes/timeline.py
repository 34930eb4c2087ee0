"""Timeline events of an issue or pull request that show a person's last activity."""

import re
from collections.abc import Iterator

from luggage.fake_github.records import Assigned, CommitRecord, Issue
from luggage.fake_github.shapes.accounts import user
from luggage.fake_github.shapes.common import Json, node_id, timestamp
from luggage.fake_github.shapes.issues import by_app, comment, issue
from luggage.fake_github.shapes.pulls import review
from luggage.fake_github.shapes.repositories import repository_url
from luggage.fake_github.world import World


def events(world: World, one: Issue) -> list[Json]:
    """Return all events, oldest first."""
    return [event for _at, event in sorted(_events(world, one), key=lambda pair: pair[0])]


def _events(world: World, one: Issue) -> Iterator[tuple[float, Json]]:
    for each in world.visible(one.comments):
        shape = comment(world, each)
        yield each.created_at, {**shape, "event": "commented", "actor": shape["user"]}
    for change in one.assigned:
        yield change.created_at, _assigned(world, one, change)
    for other in one.repository.issues.values():
        if other is not one and re.search(rf"#{one.number}\b", other.body or ""):
            yield other.created_at, _mentioned(world, other)
    if one.pull is not None:
        for commit in one.pull.commits:
            yield commit.committed_at, _committed(world, one, commit)
        for item in one.pull.reviews:
            # GitHub writes the state in lower case here.
            yield item.submitted_at, {"event": "reviewed", **review(world, one, item, upper=False)}


def _assigned(world: World, one: Issue, change: Assigned) -> Json:
    return {
        "id": change.id,
        "node_id": node_id("AE", change.id),
        "url": f"{repository_url(world, one.repository)}/issues/events/{change.id}",
        "actor": user(world, change.actor),
        "event": "assigned" if change.on else "unassigned",
        "commit_id": None,
        "commit_url": None,
        "created_at": timestamp(change.created_at),
        "assignee": user(world, change.assignee),
        "performed_via_github_app": by_app(world, change.actor),
    }


def _mentioned(world: World, other: Issue) -> Json:
    at = timestamp(other.created_at)
    return {
        "actor": user(world, other.author),
        "event": "cross-referenced",
        "created_at": at,
        "updated_at": at,
        "source": {"type": "issue", "issue": issue(world, other)},
    }


def _committed(world: World, one: Issue, commit: CommitRecord) -> Json:
    api = repository_url(world, one.repository)
    page = f"{world.server_url}/{one.repository.full_name}/commit/{commit.sha}"
    person = {
        "date": timestamp(commit.committed_at),
        "email": f"{commit.author.login}@users.noreply.github.com",
        "name": commit.author.login,
    }
    unverified = {"verified": False, "reason": "unsigned", "signature": None, "payload": None}
    return {
        "event": "committed",
        "sha": commit.sha,
        "node_id": f"C_{commit.sha[:12]}",
        "url": f"{api}/git/commits/{commit.sha}",
        "html_url": page,
        "author": person,
        "committer": person,
        "tree": {"sha": commit.sha, "url": f"{api}/git/trees/{commit.sha}"},
        "message": commit.message,
        "parents": [],
        "verification": {**unverified, "verified_at": None},
    }
