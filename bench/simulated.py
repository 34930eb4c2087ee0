"""A simulated GitHub that servers call, and whoever brings them its deliveries."""

import contextlib
import time
from collections.abc import Iterator

from bench.bot import private_key
from bench.delivery import SECRET
from bench.processes import FailedError
from luggage.fake_github import FakeGithub
from luggage.fake_github.fake import Recorded

ORGANIZATION = "snakes"
REPOSITORY = f"{ORGANIZATION}/trio"


class Github(FakeGithub):
    """The library's own simulated GitHub, with limits that do not bind; it knows its address."""

    def __init__(self) -> None:
        super().__init__(
            private_key=private_key(),
            webhook_secret=SECRET,
            requests_per_hour=10_000_000,
            searches_per_minute=10_000_000,
        )
        self.add_repository(REPOSITORY)
        self.address = ""

    def of_installations(self) -> list[Recorded]:
        """What was asked for an installation, its tokens left out."""
        return [call for call in self.calls if call.installation_id is not None]

    def member_merges(self, login: str, hook: str) -> float:
        """A member's pull request is merged and delivered to `hook`; when it was sent.

        The member is a new one where the login is. Raises FailedError where it is not accepted.
        """
        self.add_member(ORGANIZATION, login)
        happening = self.merge_pull_request(REPOSITORY, login)
        return self.bring(happening, hook)

    def bring(self, happening: tuple[str, object], hook: str) -> float:
        """Deliver something that happened; when it was sent, in the seconds of `calls`."""
        event, payload = happening
        began_at = time.time()
        status = self.deliver(event, payload, to=hook)
        if status not in _ACCEPTED:
            raise FailedError(f"{hook} answered {status} to {event}")
        return began_at


_ACCEPTED = (200, 202)


@contextlib.contextmanager
def simulated(host: str = "127.0.0.1") -> Iterator[Github]:
    """A simulated GitHub that answers at its `address`, and at all addresses of a `host`."""
    github = Github()
    with github.serve(host=host) as server:
        github.address = f"http://127.0.0.1:{server.port}"
        yield github
