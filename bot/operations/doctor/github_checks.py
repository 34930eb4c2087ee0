"""Health checks at GitHub: the App, its permissions and its installations."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bot.operations.doctor.examination import (
    Finding,
    failed,
    ok,
    reads_answers,
    skipped,
    warning,
)
from bot.rules import HELPFUL_EVENTS, Needs
from bot.store.refusals import account_of, lacking, refusal_of
from luggage.github import Ambiguous, Client, GithubApp, NotFound, Unauthorized, Unreachable

# The client follows GitHub's clock, but leases use ours, and machines share a queue.
SLOPPY_SECONDS = 5.0
WRONG_SECONDS = 60.0
_PARTS = {"name", "html_url", "permissions", "events"}


class GithubChecks:
    """Asks GitHub as the App from `make`, which opens the secrets; `needed` is what rules need."""

    def __init__(self, make: Callable[[], GithubApp], needed: Needs, *, server_url: str) -> None:
        self._make = make
        self._needed = needed
        self._server_url = server_url
        self._app: GithubApp | None = None
        self._about: Mapping[str, Any] = {}

    @property
    def client(self) -> Client:
        """The App's own client, read-only; requires that `secrets` succeeded."""
        assert self._app is not None  # noqa: S101  `secrets` runs first
        return self._app.app_client.read_only()

    def secrets(self) -> Finding:
        """Every secret exists and can be opened."""
        self._app = self._make()
        return ok(f"the secrets of App {self._app.app_id} can be opened")

    @reads_answers
    def app(self) -> Finding:
        """GitHub knows the App by its id and key."""
        try:
            about = self.client.get("/app")
        except (Unauthorized, NotFound) as error:
            return failed(
                f"GitHub does not know the App by this id and key ({error.status})",
                "check the id, or create a new private key on the App's page and `encrypt` it",
            )
        except (Unreachable, Ambiguous) as error:
            return failed(
                f"GitHub does not respond: {error.message}",
                "check the network, GITHUB_API_URL and HTTPS_PROXY",
            )
        if not isinstance(about, dict) or None in map(about.get, _PARTS):
            return failed("the server is not GitHub's API", "check GITHUB_API_URL")
        self._about = about
        return ok(f"{about['name']} ({about['html_url']})")

    def clock(self) -> Finding:
        """GitHub's clock and this machine's agree."""
        skew = self._app.skew_seconds if self._app else None
        if skew is None:
            return skipped("GitHub could not be reached")
        detail = f"GitHub's clock is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}"
        if abs(skew) <= SLOPPY_SECONDS:
            return ok("agrees with GitHub's")
        remedy = "synchronize this machine's clock with NTP"
        return failed(detail, remedy) if abs(skew) > WRONG_SECONDS else warning(detail, remedy)

    @reads_answers
    def permissions(self) -> Finding:
        """The App has the permissions that the enabled rules need, and no more."""
        needed, granted = self._needed.permissions, self._about["permissions"]
        missing = list(lacking(needed, granted))
        if missing:
            remedy = f"add them on {self._page('permissions')}"
            return failed(f"missing: {', '.join(missing)}", remedy)
        return self._extra(lacking(granted, {"metadata": "read", **needed}))

    @reads_answers
    def events(self) -> Finding:
        """The App subscribes to the events that the enabled rules need, and no more."""
        needed, subscribed = self._needed.events, set(self._about["events"])
        missing = sorted(needed - subscribed)
        if missing:
            remedy = f"subscribe on {self._page('permissions')}"
            return failed(f"not subscribed to: {', '.join(missing)}", remedy)
        return self._extra(sorted(subscribed - needed - HELPFUL_EVENTS))

    @reads_answers
    def installations(self) -> Finding:
        """The App is installed, not suspended, and its owners have accepted its permissions."""
        installations = list(self.client.pages("/app/installations"))
        if not installations:
            return failed("none", f"install it: {self._about['html_url']}/installations/new")
        needed = self._needed.permissions
        refused = [found for each in installations if (found := refusal_of(each, needed))]
        if refused:
            return failed(
                "; ".join(f"{each.account}: {each.words}" for each in refused),
                "; ".join(each.remedy for each in refused),
            )
        return ok(", ".join(map(account_of, installations)))

    def _extra(self, names: Iterable[str]) -> Finding:
        extra = ", ".join(names)
        if extra:
            return warning(f"more than needed: {extra}", f"see {self._page('permissions')}")
        return ok("what the enabled rules need")

    def _page(self, name: str) -> str:
        """The address of a page of the App's settings, for its owners."""
        owner = self._about.get("owner") or {}
        of = f"organizations/{owner.get('login')}/" if owner.get("type") == "Organization" else ""
        return f"{self._server_url}/{of}settings/apps/{self._about.get('slug')}/{name}"
