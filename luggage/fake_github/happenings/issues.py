"""Events of issues and repositories: opened, labeled, assigned, commented, starred, pushed."""

from collections.abc import Mapping

from luggage.fake_github.happenings.scene import (
    Happening,
    Scene,
    about_issue,
    issue_of,
    payload_of,
    repository_of,
)
from luggage.fake_github.records import Issue
from luggage.fake_github.shapes import accounts, hooks, issues, pushes, repositories
from luggage.fake_github.shapes.common import timestamp


def open_issue(
    scene: Scene, repo: str, author: str, title: str = "It fails", body: str | None = None
) -> Happening:
    """Someone opens an issue: issues, action opened."""
    with scene.world.lock:
        repository, user = repository_of(scene, repo), scene.world.account(author)
        issue = scene.world.issue(repository, user, title, body)
        scene.journal.tell(f"{author} opens {repo}#{issue.number}: {title}")
        return about_issue(scene, "issues", "opened", issue, user)


def close_issue(scene: Scene, repo: str, number: int, by: str) -> Happening:
    """Someone closes an issue: issues, action closed."""
    with scene.world.lock:
        issue, user = issue_of(scene, repo, number), scene.world.account(by)
        scene.world.close(issue, user)
        scene.journal.tell(f"{by} closes {repo}#{number}")
        return about_issue(scene, "issues", "closed", issue, user)


def label_issue(scene: Scene, repo: str, number: int, by: str, label: str) -> Happening:
    """Someone labels an issue: issues, action labeled."""
    with scene.world.lock:
        issue, user = issue_of(scene, repo, number), scene.world.account(by)
        one = scene.world.label(issue.repository, label)
        if one not in issue.labels:
            issue.labels.append(one)
        scene.journal.tell(f"{by} labels {repo}#{number}: {label}")
        shape = repositories.label(scene.world, issue.repository, one)
        return about_issue(scene, "issues", "labeled", issue, user, label=shape)


def comment(scene: Scene, repo: str, number: int, author: str, body: str) -> Happening:
    """Someone comments on an issue or a pull request: issue_comment, action created."""
    with scene.world.lock:
        issue, user = issue_of(scene, repo, number), scene.world.account(author)
        comment = scene.world.comment(issue, user, body)
        scene.journal.tell(f"{author} comments on {repo}#{number}: {body}")
        shape = issues.comment(scene.world, comment)
        return about_issue(scene, "issue_comment", "created", issue, user, comment=shape)


def star(scene: Scene, repo: str, user: str) -> Happening:
    """Someone likes the repository: star, action created; noise for most bots."""
    with scene.world.lock:
        repository, account = repository_of(scene, repo), scene.world.account(user)
        if account not in repository.stargazers:
            repository.stargazers.append(account)
        scene.journal.tell(f"{user} stars {repo}")
        more = {"starred_at": timestamp(scene.world.clock())}
        return Happening("star", payload_of(scene, "created", repository, account, **more))


def push(
    scene: Scene,
    repo: str,
    author: str,
    message: str = "Tidy up",
    *,
    files: Mapping[str, str] | None = None,
) -> Happening:
    """Someone pushes to the default branch, perhaps `files`: push (it has no action)."""
    with scene.world.lock:
        repository, account = repository_of(scene, repo), scene.world.account(author)
        changed = files or {}
        repository.files |= {path: text.encode() for path, text in changed.items()}
        scene.journal.tell(f"{author} pushes to {repo}: {message}")
        modified = sorted(changed) or ["README.md"]
        shape = pushes.push(scene.world, repository, account, message, modified)
        return Happening("push", shape)


def ping(scene: Scene) -> Happening:
    """What GitHub sends when a webhook is set up: ping, without an installation."""
    with scene.world.lock:
        hook = hooks.app_hook(scene.world)
        zen = "Keep it logically awesome."
        return Happening("ping", {"zen": zen, "hook_id": hook["id"], "hook": hook})


def assign(scene: Scene, repo: str, number: int, by: str, person: str) -> Happening:
    """Someone gives an issue to somebody: issues, action assigned."""
    with scene.world.lock:
        issue, user = issue_of(scene, repo, number), scene.world.account(by)
        assignee = scene.world.account(person)
        scene.world.assign(issue, assignee, user, on=True)
        scene.journal.tell(f"{by} assigns {person} to {repo}#{number}")
        shape = accounts.user(scene.world, assignee)
        return about_issue(scene, "issues", "assigned", issue, user, assignee=shape)


def issue(scene: Scene, repo: str, number: int) -> Issue:
    """The record of an issue or pull request, to look at: state, labels, assignees."""
    with scene.world.lock:
        return issue_of(scene, repo, number)
