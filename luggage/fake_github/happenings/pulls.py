"""Actions on pull requests: open, merge, push, rename, review."""

from collections.abc import Sequence

from luggage.fake_github.happenings.scene import (
    Happening,
    Scene,
    about_pull,
    issue_of,
    pull_of,
    repository_of,
)
from luggage.fake_github.records import Account, ChangedFile, CommitRecord, Issue, Pull, Review
from luggage.fake_github.shapes import accounts, pulls
from luggage.fake_github.shapes.common import fake_sha


def open_pull_request(
    scene: Scene, repo: str, author: str, title: str = "Improve it", body: str | None = None
) -> Happening:
    """Open a pull request: pull_request, action opened."""
    with scene.world.lock:
        user = scene.world.account(author)
        issue = _new_pull(scene, repo, user, title, body)
        scene.journal.add(f"{author} opens pull request {repo}#{issue.number}: {title}")
        return about_pull(scene, "pull_request", "opened", issue, user)


def merge_pull_request(  # noqa: PLR0913  keyword-only options
    scene: Scene,
    repo: str,
    author: str,
    title: str = "Improve it",
    *,
    number: int | None = None,
    by: str = "maintainer",
) -> Happening:
    """Merge a pull request (a new one without a number): pull_request, action closed."""
    with scene.world.lock:
        user, merger = scene.world.account(author), scene.world.account(by)
        issue = (
            issue_of(scene, repo, number) if number else _new_pull(scene, repo, user, title, None)
        )
        pull = pull_of(issue)
        scene.world.merge(issue, pull, merger, fake_sha("merge", pull.id))
        scene.journal.add(f"{by} merges {author}'s pull request {repo}#{issue.number}")
        return about_pull(scene, "pull_request", "closed", issue, merger)


def close_pull_request(scene: Scene, repo: str, number: int, by: str) -> Happening:
    """Close a pull request unmerged: pull_request, action closed, merged false."""
    with scene.world.lock:
        issue, user = issue_of(scene, repo, number), scene.world.account(by)
        pull_of(issue)
        scene.world.close(issue, user)
        scene.journal.add(f"{by} closes pull request {repo}#{number} unmerged")
        return about_pull(scene, "pull_request", "closed", issue, user)


def review_comment(  # noqa: PLR0913
    scene: Scene, repo: str, number: int, author: str, body: str, *, in_reply_to: int | None = None
) -> Happening:
    """Comment on the diff: pull_request_review_comment, action created."""
    with scene.world.lock:
        issue, user = issue_of(scene, repo, number), scene.world.account(author)
        first = None if in_reply_to is None else scene.world.review_comments[in_reply_to]
        comment = scene.world.review_comment(issue, user, body, in_reply_to=first)
        scene.journal.add(f"{author} comments on the diff of {repo}#{number}: {body}")
        shape = pulls.review_comment(scene.world, comment)
        event = "pull_request_review_comment"
        return about_pull(scene, event, "created", issue, user, comment=shape)


def review(  # noqa: PLR0913, PLR0917
    scene: Scene, repo: str, number: int, author: str, body: str | None, state: str = "commented"
) -> Happening:
    """Review a pull request: pull_request_review, action submitted."""
    with scene.world.lock:
        issue, user = issue_of(scene, repo, number), scene.world.account(author)
        review = Review(scene.world.next_id(), user, body, state, scene.world.clock())
        pull = pull_of(issue)
        pull.reviews.append(review)
        # A review fulfils the request for it.
        pull.requested = [each for each in pull.requested if each is not user]
        issue.updated_at = review.submitted_at
        scene.journal.add(f"{author} reviews {repo}#{number}: {body or state}")
        shape = pulls.review(scene.world, issue, review, upper=False)
        return about_pull(scene, "pull_request_review", "submitted", issue, user, review=shape)


def push_to_pull_request(  # noqa: PLR0913
    scene: Scene,
    repo: str,
    number: int,
    by: str,
    *,
    files: Sequence[ChangedFile] = (),
    message: str = "Mend it",
) -> Happening:
    """Push a commit, optionally with new changed files: pull_request, action synchronize."""
    with scene.world.lock:
        issue, pull, user = _records_of(scene, repo, number, by)
        before, pull.head_sha = pull.head_sha, fake_sha("head", scene.world.next_id())
        now = issue.updated_at = scene.world.clock()
        pull.commits.append(CommitRecord(pull.head_sha, user, message, now))
        pull.files = list(files) or pull.files
        scene.journal.add(f"{by} pushes to {repo}#{number}: {message}")
        shas = {"before": before, "after": pull.head_sha}
        return about_pull(scene, "pull_request", "synchronize", issue, user, **shas)


def rename_pull_request(scene: Scene, repo: str, number: int, by: str, title: str) -> Happening:
    """Change the title: pull_request, action edited."""
    with scene.world.lock:
        issue, _pull, user = _records_of(scene, repo, number, by)
        changes = {"title": {"from": issue.title}}
        issue.title, issue.updated_at = title, scene.world.clock()
        scene.journal.add(f"{by} renames {repo}#{number}: {title}")
        return about_pull(scene, "pull_request", "edited", issue, user, changes=changes)


def reopen_pull_request(scene: Scene, repo: str, number: int, by: str) -> Happening:
    """Reopen a pull request: pull_request, action reopened."""
    with scene.world.lock:
        issue, _pull, user = _records_of(scene, repo, number, by)
        scene.world.reopen(issue)
        scene.journal.add(f"{by} reopens pull request {repo}#{number}")
        return about_pull(scene, "pull_request", "reopened", issue, user)


def request_review(scene: Scene, repo: str, number: int, by: str, reviewer: str) -> Happening:
    """Request a review: pull_request, action review_requested."""
    with scene.world.lock:
        issue, pull, user = _records_of(scene, repo, number, by)
        account = scene.world.account(reviewer)
        if account not in pull.requested:
            pull.requested.append(account)
        issue.updated_at = scene.world.clock()
        scene.journal.add(f"{by} asks {reviewer} to review {repo}#{number}")
        shape = accounts.user(scene.world, account)
        action = "review_requested"
        return about_pull(scene, "pull_request", action, issue, user, requested_reviewer=shape)


def pull(scene: Scene, repo: str, number: int) -> Pull:
    """Return the record of a pull request, to inspect or change: conflicts, files, draft."""
    with scene.world.lock:
        return pull_of(issue_of(scene, repo, number))


def _new_pull(scene: Scene, repo: str, author: Account, title: str, body: str | None) -> Issue:
    issue = scene.world.issue(repository_of(scene, repo), author, title, body)
    number = scene.world.next_id()
    head = fake_sha("head", number)
    issue.pull = Pull(number, head, fake_sha("base", number))
    issue.pull.commits.append(CommitRecord(head, author, title, issue.created_at))
    return issue


def _records_of(scene: Scene, repo: str, number: int, by: str) -> tuple[Issue, Pull, Account]:
    issue = issue_of(scene, repo, number)
    return issue, pull_of(issue), scene.world.account(by)
