"""Health checks at GitHub: the App, its permissions and its installations."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from bot.operations.doctor.examination import Finding, failed, ok, skipped, warning
from bot.rules import HELPFUL_EVENTS, Needs
from luggage.github import Ambiguous, Client, GithubApp, NotFound, Unauthorized, Unreachable

# The client follows GitHub's clock, but leases use ours, and machines share a queue.
SLOPPY_SECONDS = 5.0
WRONG_SECONDS = 60.0
_PARTS = {"name", "html_url", "permissions", "events"}
_LEVELS = {"read": 1, "write": 2, "admin": 3}


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
        if not isinstance(about, dict) or not about.keys() >= _PARTS:
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

    def permissions(self) -> Finding:
        """The App has the permissions that the enabled rules need, and no more."""
        needed, granted = self._needed.permissions, self._about["permissions"]
        missing = list(_lacking(needed, granted))
        if missing:
            remedy = f"add them on {self._page('permissions')}"
            return failed(f"missing: {', '.join(missing)}", remedy)
        return self._extra(_lacking(granted, {"metadata": "read", **needed}))

    def events(self) -> Finding:
        """The App subscribes to the events that the enabled rules need, and no more."""
        needed, subscribed = self._needed.events, set(self._about["events"])
        missing = sorted(needed - subscribed)
        if missing:
            remedy = f"subscribe on {self._page('permissions')}"
            return failed(f"not subscribed to: {', '.join(missing)}", remedy)
        return self._extra(sorted(subscribed - needed - HELPFUL_EVENTS))

    def installations(self) -> Finding:
        """The App is installed, not suspended, and its owners have accepted its permissions."""
        installations = list(self.client.pages("/app/installations"))
        if not installations:
            return failed("none", f"install it: {self._about['html_url']}/installations/new")
        for installation in installations:
            problem = self._problem(installation)
            if problem:
                return problem
        return ok(", ".join(map(_login, installations)))

    def _extra(self, names: Iterable[str]) -> Finding:
        extra = ", ".join(names)
        if extra:
            return warning(f"more than needed: {extra}", f"see {self._page('permissions')}")
        return ok("what the enabled rules need")

    def _problem(self, installation: Mapping[str, Any]) -> Finding | None:
        if installation.get("suspended_at"):
            return failed(
                f"suspended on {_login(installation)}", f"unsuspend it: {installation['html_url']}"
            )
        missing = list(_lacking(self._needed.permissions, installation["permissions"]))
        if missing:
            return failed(
                f"{_login(installation)} has not accepted: {', '.join(missing)}",
                f"ask an owner to accept them: {installation['html_url']}/permissions/update",
            )
        return None

    def _page(self, name: str) -> str:
        """The address of a page of the App's settings, for its owners."""
        owner = self._about.get("owner") or {}
        of = f"organizations/{owner.get('login')}/" if owner.get("type") == "Organization" else ""
        return f"{self._server_url}/{of}settings/apps/{self._about.get('slug')}/{name}"


def _lacking(required: Mapping[str, str], granted: Mapping[str, str]) -> Iterator[str]:
    """Each permission that is granted at a lower level than required."""
    for name, level in sorted(required.items()):
        if _LEVELS.get(level, 0) > _LEVELS.get(granted.get(name, ""), 0):
            yield f"{name}: {level}"


def _login(installation: Mapping[str, Any]) -> str:
    account = installation.get("account") or {}
    return str(account.get("login") or account.get("slug") or installation["id"])
