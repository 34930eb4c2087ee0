"""The App of a test, at the simulated GitHub."""

from typing import Any

from luggage.fake_github import FakeGithub
from luggage.github import GithubApp
from tests.support.clock import FakeClock


def app_at(url: str, github: FakeGithub, clock: FakeClock, **more: Any) -> GithubApp:
    """Return the App of `github`, which answers at `url`; it raises RateLimited, never waits."""
    return GithubApp(
        app_id=github.app_id,
        private_key=github.private_key,
        webhook_secrets=[github.webhook_secret],
        user_agent="test-bot",
        api_url=url,
        clock=clock,
        sleep=clock.advance,
        wait=None,
        **more,
    )
