"""What people do on GitHub: each method changes the world and gives the webhook that tells of it.

The payloads carry what GitHub's own carry; tests/contracts/test_fake_against_openapi.py compares
them with the description and with real examples.
"""

from collections.abc import Mapping
from typing import Any

from luggage.fake_github.belonging import Belonging, Happening
from luggage.fake_github.records import Account, Commit, Issue, Pull, Repository, Review
from luggage.fake_github.shapes import accounts, hooks, issues, pulls, pushes, repositories
from luggage.fake_github.shapes.common import Json, fake_sha, timestamp


class Story(Belonging):
    """People at work; every method may be called from any thread.

    Who and what does not exist yet is made: users, the repository, and its owner as an organization
    with the App installed. Numbers are those of the repository; LookupError for one that is none.
    """

    def open_issue(
        self, repo: str, author: str, title: str = "It fails", body: str | None = None
    ) -> Happening:
        """Someone opens an issue: issues, action opened."""
        with self.world.lock:
            repository, user = self._repository(repo), self.world.account(author)
            issue = self.world.issue(repository, user, title, body)
            self.journal.tell(f"{author} opens {repo}#{issue.number}: {title}")
            return self._about_issue("issues", "opened", issue, user)

    def close_issue(self, repo: str, number: int, by: str) -> Happening:
        """Someone closes an issue: issues, action closed."""
        with self.world.lock:
            issue, user = self._issue(repo, number), self.world.account(by)
            self.world.close(issue, user)
            self.journal.tell(f"{by} closes {repo}#{number}")
            return self._about_issue("issues", "closed", issue, user)

    def label_issue(self, repo: str, number: int, by: str, label: str) -> Happening:
        """Someone labels an issue: issues, action labeled."""
        with self.world.lock:
            issue, user = self._issue(repo, number), self.world.account(by)
            one = self.world.label(issue.repository, label)
            if one not in issue.labels:
                issue.labels.append(one)
            self.journal.tell(f"{by} labels {repo}#{number}: {label}")
            shape = repositories.label(self.world, issue.repository, one)
            return self._about_issue("issues", "labeled", issue, user, label=shape)

    def open_pull_request(
        self, repo: str, author: str, title: str = "Improve it", body: str | None = None
    ) -> Happening:
        """Someone opens a pull request: pull_request, action opened."""
        with self.world.lock:
            user = self.world.account(author)
            issue = self._new_pull(repo, user, title, body)
            self.journal.tell(f"{author} opens pull request {repo}#{issue.number}: {title}")
            return self._about_pull("pull_request", "opened", issue, user)

    def merge_pull_request(
        self,
        repo: str,
        author: str,
        title: str = "Improve it",
        *,
        number: int | None = None,
        by: str = "maintainer",
    ) -> Happening:
        """A pull request is merged: pull_request, action closed, merged true.

        Without a number the author opens one first (its own event is not told).
        """
        with self.world.lock:
            user, merger = self.world.account(author), self.world.account(by)
            issue = self._issue(repo, number) if number else self._new_pull(repo, user, title, None)
            pull = self._pull_of(issue)
            self.world.merge(issue, pull, merger, fake_sha("merge", pull.id))
            self.journal.tell(f"{by} merges {author}'s pull request {repo}#{issue.number}")
            return self._about_pull("pull_request", "closed", issue, merger)

    def close_pull_request(self, repo: str, number: int, by: str) -> Happening:
        """A pull request is closed without a merge: pull_request, action closed, merged false."""
        with self.world.lock:
            issue, user = self._issue(repo, number), self.world.account(by)
            self._pull_of(issue)
            self.world.close(issue, user)
            self.journal.tell(f"{by} closes pull request {repo}#{number} unmerged")
            return self._about_pull("pull_request", "closed", issue, user)

    def comment(self, repo: str, number: int, author: str, body: str) -> Happening:
        """Someone comments on an issue or a pull request: issue_comment, action created."""
        with self.world.lock:
            issue, user = self._issue(repo, number), self.world.account(author)
            comment = self.world.comment(issue, user, body)
            self.journal.tell(f"{author} comments on {repo}#{number}: {body}")
            shape = issues.comment(self.world, comment)
            return self._about_issue("issue_comment", "created", issue, user, comment=shape)

    def review_comment(
        self, repo: str, number: int, author: str, body: str, *, in_reply_to: int | None = None
    ) -> Happening:
        """Someone comments on the diff: pull_request_review_comment, action created."""
        with self.world.lock:
            issue, user = self._issue(repo, number), self.world.account(author)
            first = None if in_reply_to is None else self.world.review_comments[in_reply_to]
            comment = self.world.review_comment(issue, user, body, in_reply_to=first)
            self.journal.tell(f"{author} comments on the diff of {repo}#{number}: {body}")
            shape = pulls.review_comment(self.world, comment)
            event = "pull_request_review_comment"
            return self._about_pull(event, "created", issue, user, comment=shape)

    def review(
        self, repo: str, number: int, author: str, body: str | None, state: str = "commented"
    ) -> Happening:
        """Someone reviews a pull request: pull_request_review, action submitted."""
        with self.world.lock:
            issue, user = self._issue(repo, number), self.world.account(author)
            review = Review(self.world.next_id(), user, body, state, self.world.clock())
            pull = self._pull_of(issue)
            pull.reviews.append(review)
            # Who has reviewed is not waited for any more.
            pull.requested = [each for each in pull.requested if each is not user]
            issue.updated_at = review.submitted_at
            self.journal.tell(f"{author} reviews {repo}#{number}: {body or state}")
            shape = pulls.review(self.world, issue, review, shout=False)
            return self._about_pull("pull_request_review", "submitted", issue, user, review=shape)

    def star(self, repo: str, user: str) -> Happening:
        """Someone likes the repository: star, action created; noise for most bots."""
        with self.world.lock:
            repository, account = self._repository(repo), self.world.account(user)
            if account not in repository.stargazers:
                repository.stargazers.append(account)
            self.journal.tell(f"{user} stars {repo}")
            more = {"starred_at": timestamp(self.world.clock())}
            return Happening("star", self._payload("created", repository, account, **more))

    def push(
        self,
        repo: str,
        author: str,
        message: str = "Tidy up",
        *,
        files: Mapping[str, str] | None = None,
    ) -> Happening:
        """Someone pushes to the default branch, perhaps `files`: push (it has no action)."""
        with self.world.lock:
            repository, account = self._repository(repo), self.world.account(author)
            changed = files or {}
            repository.files |= {path: text.encode() for path, text in changed.items()}
            self.journal.tell(f"{author} pushes to {repo}: {message}")
            modified = sorted(changed) or ["README.md"]
            shape = pushes.push(self.world, repository, account, message, modified)
            return Happening("push", shape)

    def ping(self) -> Happening:
        """What GitHub sends when a webhook is set up: ping, without an installation."""
        with self.world.lock:
            hook = hooks.app_hook(self.world)
            zen = "Keep it logically awesome."
            return Happening("ping", {"zen": zen, "hook_id": hook["id"], "hook": hook})

    def _repository(self, full_name: str) -> Repository:
        repository = self.world.repositories.get(full_name.lower())
        if repository is None:
            repository = self.world.repository(full_name)
            self.world.install(repository.owner)
        return repository

    def _issue(self, repo: str, number: int) -> Issue:
        issue = self._repository(repo).issues.get(number)
        if issue is None:
            raise LookupError(f"{repo} has no #{number}; open it first.")
        return issue

    def _new_pull(self, repo: str, author: Account, title: str, body: str | None) -> Issue:
        issue = self.world.issue(self._repository(repo), author, title, body)
        number = self.world.next_id()
        head = fake_sha("head", number)
        issue.pull = Pull(number, head, fake_sha("base", number))
        issue.pull.commits.append(Commit(head, author, title, issue.created_at))
        return issue

    @staticmethod
    def _pull_of(issue: Issue) -> Pull:
        if issue.pull is None:
            raise LookupError(
                f"{issue.repository.full_name}#{issue.number} is an issue, no pull request."
            )
        return issue.pull

    def _payload(self, action: str, repository: Repository, sender: Account, **more: Any) -> Json:
        context = repositories.repository_context(self.world, repository)
        return {"action": action, **more, **context, "sender": accounts.user(self.world, sender)}

    def _about_issue(
        self, event: str, action: str, issue: Issue, sender: Account, **more: Any
    ) -> Happening:
        shape = issues.issue(self.world, issue)
        return Happening(
            event, self._payload(action, issue.repository, sender, issue=shape, **more)
        )

    def _about_pull(
        self, event: str, action: str, issue: Issue, sender: Account, **more: Any
    ) -> Happening:
        if event == "pull_request":
            more = {
                "number": issue.number,
                "pull_request": pulls.full_pull(self.world, issue),
                **more,
            }
        else:
            more = {"pull_request": pulls.simple_pull(self.world, issue), **more}
        return Happening(event, self._payload(action, issue.repository, sender, **more))
