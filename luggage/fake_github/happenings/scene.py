"""Scene: the world and journal that actions use, and builders of their events."""

from typing import Any, NamedTuple, Protocol

from luggage.fake_github.journal import Journal
from luggage.fake_github.records import Account, Issue, Pull, Repository
from luggage.fake_github.shapes import accounts, issues, pulls, repositories
from luggage.fake_github.shapes.common import Json
from luggage.fake_github.world import World


class Happening(NamedTuple):
    """An event's name and payload; `fake.deliver(*happening)` sends it."""

    event: str
    payload: Json


class Scene(Protocol):
    """The state that actions change, such as FakeGithub."""

    @property
    def world(self) -> World:
        """Accounts, repositories, issues; guarded by its lock."""

    @property
    def journal(self) -> Journal:
        """A readable log of the actions."""


def repository_of(scene: Scene, full_name: str) -> Repository:
    """Return the repository OWNER/NAME, creating it and installing the App if needed."""
    repository = scene.world.repositories.get(full_name.lower())
    if repository is None:
        repository = scene.world.repository(full_name)
        scene.world.install(repository.owner)
    return repository


def issue_of(scene: Scene, repo: str, number: int) -> Issue:
    """Return the issue or pull request of that number; raises LookupError if there is none."""
    issue = repository_of(scene, repo).issues.get(number)
    if issue is None:
        raise LookupError(f"{repo} has no #{number}; open it first.")
    return issue


def pull_of(issue: Issue) -> Pull:
    """Return the pull request of an issue's record; raises LookupError for a plain issue."""
    if issue.pull is None:
        raise LookupError(
            f"{issue.repository.full_name}#{issue.number} is an issue, not a pull request."
        )
    return issue.pull


def payload_of(
    scene: Scene, action: str, repository: Repository, sender: Account, **more: Any
) -> Json:
    """Return a webhook payload with repository, organization, installation and sender."""
    context = repositories.repository_context(scene.world, repository)
    return {"action": action, **more, **context, "sender": accounts.user(scene.world, sender)}


def about_issue(
    scene: Scene, event: str, action: str, issue: Issue, sender: Account, **more: Any
) -> Happening:
    """Return an event about an issue."""
    shape = issues.issue(scene.world, issue)
    return Happening(
        event, payload_of(scene, action, issue.repository, sender, issue=shape, **more)
    )


def about_pull(
    scene: Scene, event: str, action: str, issue: Issue, sender: Account, **more: Any
) -> Happening:
    """Return an event about a pull request."""
    if event == "pull_request":
        more = {"number": issue.number, "pull_request": pulls.full_pull(scene.world, issue), **more}
    else:
        more = {"pull_request": pulls.simple_pull(scene.world, issue), **more}
    return Happening(event, payload_of(scene, action, issue.repository, sender, **more))
