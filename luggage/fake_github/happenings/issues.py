"""Actions on issues and repositories: open, label, assign, comment, star, push."""

from collections.abc import Mapping

from luggage.fake_github.happenings.scene import (
    Happening,
    Scene,
    about_issue,
    about_pull,
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
    """Open an issue: issues, action opened."""
    with scene.world.lock:
        repository, user = repository_of(scene, repo), scene.world.account(author)
        issue = scene.world.issue(repository, user, title, body)
        scene.journal.add(f"{author} opens {repo}#{issue.number}: {title}")
        return about_issue(scene, "issues", "opened", issue, user)


def close_issue(scene: Scene, repo: str, number: int, by: str) -> Happening:
    """Close an issue: issues, action closed."""
    with scene.world.lock:
        issue, user = issue_of(scene, repo, number), scene.world.account(by)
        scene.world.close(issue, user)
        scene.journal.add(f"{by} closes {repo}#{number}")
        return about_issue(scene, "issues", "closed", issue, user)


def label_issue(scene: Scene, repo: str, number: int, by: str, label: str) -> Happening:
    """Label an issue: issues, action labeled."""
    with scene.world.lock:
        issue, user = issue_of(scene, repo, number), scene.world.account(by)
        added = scene.world.label(issue.repository, label)
        if added not in issue.labels:
            issue.labels.append(added)
        scene.journal.add(f"{by} labels {repo}#{number}: {label}")
        shape = repositories.label(scene.world, issue.repository, added)
        return about_issue(scene, "issues", "labeled", issue, user, label=shape)


def lock_issue(scene: Scene, repo: str, number: int, by: str, *, locked: bool = True) -> Happening:
    """Lock or unlock the conversation of an issue or pull request: action locked or unlocked.

    GitHub then refuses comments and reactions of Apps with 403.
    """
    with scene.world.lock:
        issue, user = issue_of(scene, repo, number), scene.world.account(by)
        issue.locked = locked
        scene.journal.add(f"{by} {'locks' if locked else 'unlocks'} {repo}#{number}")
        action = "locked" if locked else "unlocked"
        if issue.pull is not None:
            return about_pull(scene, "pull_request", action, issue, user)
        return about_issue(scene, "issues", action, issue, user)


def comment(scene: Scene, repo: str, number: int, author: str, body: str) -> Happening:
    """Comment on an issue or a pull request: issue_comment, action created."""
    with scene.world.lock:
        issue, user = issue_of(scene, repo, number), scene.world.account(author)
        comment = scene.world.comment(issue, user, body)
        scene.journal.add(f"{author} comments on {repo}#{number}: {body}")
        shape = issues.comment(scene.world, comment)
        return about_issue(scene, "issue_comment", "created", issue, user, comment=shape)


def star(scene: Scene, repo: str, user: str) -> Happening:
    """Star a repository: star, action created."""
    with scene.world.lock:
        repository, account = repository_of(scene, repo), scene.world.account(user)
        if account not in repository.stargazers:
            repository.stargazers.append(account)
        scene.journal.add(f"{user} stars {repo}")
        more = {"starred_at": timestamp(scene.world.clock())}
        return Happening("star", payload_of(scene, "created", repository, account, **more))


def push(
    scene: Scene,
    repo: str,
    author: str,
    message: str = "Tidy up",
    *,
    files: Mapping[str, str | bytes] | None = None,
) -> Happening:
    """Push to the default branch: push, without an action."""
    with scene.world.lock:
        repository, account = repository_of(scene, repo), scene.world.account(author)
        changed = files or {}
        for path, text in changed.items():
            repository.files[path] = text.encode() if isinstance(text, str) else text
        scene.journal.add(f"{author} pushes to {repo}: {message}")
        modified = sorted(changed) or ["README.md"]
        shape = pushes.push(scene.world, repository, account, message, modified)
        return Happening("push", shape)


def ping(scene: Scene) -> Happening:
    """Return the ping of a new webhook, without an installation."""
    with scene.world.lock:
        hook = hooks.app_hook(scene.world)
        zen = "Keep it logically awesome."
        return Happening("ping", {"zen": zen, "hook_id": hook["id"], "hook": hook})


def assign(scene: Scene, repo: str, number: int, by: str, person: str) -> Happening:
    """Assign an issue to a person: issues, action assigned."""
    with scene.world.lock:
        issue, user = issue_of(scene, repo, number), scene.world.account(by)
        assignee = scene.world.account(person)
        scene.world.assign(issue, assignee, user, on=True)
        scene.journal.add(f"{by} assigns {person} to {repo}#{number}")
        shape = accounts.user(scene.world, assignee)
        return about_issue(scene, "issues", "assigned", issue, user, assignee=shape)


def issue(scene: Scene, repo: str, number: int) -> Issue:
    """Return the record of an issue or pull request, for inspection."""
    with scene.world.lock:
        return issue_of(scene, repo, number)
