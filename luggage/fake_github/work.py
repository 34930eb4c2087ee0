"""What people do with issues and pull requests after they were opened, as in Story."""

from collections.abc import Sequence

from luggage.fake_github.belonging import Happening
from luggage.fake_github.records import Account, ChangedFile, Commit, Issue, Pull
from luggage.fake_github.shapes import accounts
from luggage.fake_github.shapes.common import fake_sha
from luggage.fake_github.story import Story


class Work(Story):
    """More that people do; each method is safe from any thread, and raises LookupError as Story."""

    def push_to_pull_request(
        self,
        repo: str,
        number: int,
        by: str,
        *,
        files: Sequence[ChangedFile] = (),
        message: str = "Mend it",
    ) -> Happening:
        """Someone pushes a commit to its branch: pull_request, action synchronize.

        `files` are all files that the pull request changes then; without them it stays as it was.
        """
        with self.world.lock:
            issue, pull, user = self._work_on(repo, number, by)
            before, pull.head_sha = pull.head_sha, fake_sha("head", self.world.next_id())
            now = issue.updated_at = self.world.clock()
            pull.commits.append(Commit(pull.head_sha, user, message, now))
            pull.files = list(files) or pull.files
            self.journal.tell(f"{by} pushes to {repo}#{number}: {message}")
            shas = {"before": before, "after": pull.head_sha}
            return self._about_pull("pull_request", "synchronize", issue, user, **shas)

    def rename_pull_request(self, repo: str, number: int, by: str, title: str) -> Happening:
        """Someone changes its title: pull_request, action edited."""
        with self.world.lock:
            issue, _pull, user = self._work_on(repo, number, by)
            changes = {"title": {"from": issue.title}}
            issue.title, issue.updated_at = title, self.world.clock()
            self.journal.tell(f"{by} renames {repo}#{number}: {title}")
            return self._about_pull("pull_request", "edited", issue, user, changes=changes)

    def reopen_pull_request(self, repo: str, number: int, by: str) -> Happening:
        """Someone opens it again: pull_request, action reopened."""
        with self.world.lock:
            issue, _pull, user = self._work_on(repo, number, by)
            self.world.reopen(issue)
            self.journal.tell(f"{by} reopens pull request {repo}#{number}")
            return self._about_pull("pull_request", "reopened", issue, user)

    def request_review(self, repo: str, number: int, by: str, reviewer: str) -> Happening:
        """Someone asks for a review: pull_request, action review_requested."""
        with self.world.lock:
            issue, pull, user = self._work_on(repo, number, by)
            asked = self.world.account(reviewer)
            if asked not in pull.requested:
                pull.requested.append(asked)
            issue.updated_at = self.world.clock()
            self.journal.tell(f"{by} asks {reviewer} to review {repo}#{number}")
            shape = accounts.user(self.world, asked)
            action = "review_requested"
            return self._about_pull("pull_request", action, issue, user, requested_reviewer=shape)

    def assign(self, repo: str, number: int, by: str, person: str) -> Happening:
        """Someone gives an issue to somebody: issues, action assigned."""
        with self.world.lock:
            issue, user = self._issue(repo, number), self.world.account(by)
            assignee = self.world.account(person)
            self.world.assign(issue, assignee, user, on=True)
            self.journal.tell(f"{by} assigns {person} to {repo}#{number}")
            shape = accounts.user(self.world, assignee)
            return self._about_issue("issues", "assigned", issue, user, assignee=shape)

    def pull(self, repo: str, number: int) -> Pull:
        """The record of a pull request, to look at and to set: conflicts, files, draft."""
        with self.world.lock:
            return self._pull_of(self._issue(repo, number))

    def issue(self, repo: str, number: int) -> Issue:
        """The record of an issue or pull request, to look at: state, labels, assignees."""
        with self.world.lock:
            return self._issue(repo, number)

    def _work_on(self, repo: str, number: int, by: str) -> tuple[Issue, Pull, Account]:
        issue = self._issue(repo, number)
        return issue, self._pull_of(issue), self.world.account(by)
