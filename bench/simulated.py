"""Simulated GitHub that servers call and that delivers to them."""

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
    """The library's simulated GitHub, without tight limits; it knows its address."""

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
        """The calls of installations, without those for tokens."""
        return [call for call in self.calls if call.installation_id is not None]

    def member_merges(self, login: str, hook: str) -> float:
        """Merge a new member's pull request and deliver it; returns when it was sent."""
        self.add_member(ORGANIZATION, login)
        occurrence = self.merge_pull_request(REPOSITORY, login)
        return self.bring(occurrence, hook)

    def bring(self, occurrence: tuple[str, object], hook: str) -> float:
        """Deliver an event; returns when it was sent (epoch seconds, as in `calls`)."""
        event, payload = occurrence
        began_at = time.time()
        status = self.deliver(event, payload, to=hook)
        if status not in _ACCEPTED:
            raise FailedError(f"{hook} answered {status} to {event}")
        return began_at


_ACCEPTED = (200, 202)


@contextlib.contextmanager
def simulated(host: str = "127.0.0.1") -> Iterator[Github]:
    """A simulated GitHub at its `address`, on all addresses of `host`."""
    github = Github()
    with github.serve(host=host) as server:
        github.address = f"http://127.0.0.1:{server.port}"
        yield github
