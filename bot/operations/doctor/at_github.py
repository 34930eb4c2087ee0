"""What GitHub says of the App: that it knows it, what it may do, and where it is installed."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bot.operations.doctor.examination import Finding, failed, ok, skipped, warning
from bot.rules import Needs
from luggage.github import Ambiguous, Client, GithubApp, NotFound, Unauthorized, Unreachable

# The client follows GitHub's clock; but leases are by our own, and machines share a queue.
SLOPPY_SECONDS = 5.0
WRONG_SECONDS = 60.0
_PARTS = {"name", "html_url", "permissions", "events"}
_LEVELS = {"read": 1, "write": 2, "admin": 3}


class GithubChecks:
    """Asks GitHub as the App itself; what one check learns, later ones use.

    `make` opens the secrets and gives the App. `needed` is what the enabled rules need.
    """

    def __init__(self, make: Callable[[], GithubApp], needed: Needs, *, server_url: str) -> None:
        self._make = make
        self._needed = needed
        self._server_url = server_url
        self._app: GithubApp | None = None
        self._told: Mapping[str, Any] = {}

    @property
    def client(self) -> Client:
        """The App's own client, which cannot write. After `secrets` went well."""
        assert self._app is not None  # noqa: S101 - `secrets` is what all checks come after
        return self._app.app_client.read_only()

    def secrets(self) -> Finding:
        """All that is needed is there, and opens."""
        self._app = self._make()
        return ok(f"the secrets of the App {self._app.app_id} open")

    def app(self) -> Finding:
        """GitHub knows the App by its id and key."""
        try:
            told = self.client.get("/app")
        except (Unauthorized, NotFound) as error:
            return failed(
                f"GitHub does not know the App by this id and key ({error.status})",
                "compare the id, and make a new private key on the App's page and `encrypt` it",
            )
        except (Unreachable, Ambiguous) as error:
            return failed(
                f"GitHub does not answer: {error.message}",
                "see the network, GITHUB_API_URL, and HTTPS_PROXY",
            )
        if not isinstance(told, dict) or not told.keys() >= _PARTS:
            return failed("what answers is not GitHub's API", "see GITHUB_API_URL")
        self._told = told
        return ok(f"{told['name']} ({told['html_url']})")

    def clock(self) -> Finding:
        """GitHub's clock and that of this machine agree."""
        skew = self._app.skew_seconds if self._app else None
        if skew is None:
            return skipped("GitHub was not reached")
        words = f"GitHub's clock is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}"
        if abs(skew) <= SLOPPY_SECONDS:
            return ok("as GitHub's")
        remedy = "set this machine's clock by NTP"
        return failed(words, remedy) if abs(skew) > WRONG_SECONDS else warning(words, remedy)

    def permissions(self) -> Finding:
        """The App has what the enabled rules need, and no more."""
        wanted, granted = self._needed.permissions, self._told["permissions"]
        missing = list(_lacking(wanted, granted))
        if missing:
            words = f"missing: {', '.join(missing)}"
            return failed(words, f"add them on {self._page('permissions')}")
        return self._too_many(_lacking(granted, {"metadata": "read", **wanted}), "permissions")

    def events(self) -> Finding:
        """The App hears what the enabled rules want to see, and no more."""
        wanted, heard = self._needed.events, set(self._told["events"])
        missing = sorted(wanted - heard)
        if missing:
            words = f"not subscribed to: {', '.join(missing)}"
            return failed(words, f"subscribe on {self._page('permissions')}")
        return self._too_many(sorted(heard - wanted), "permissions")

    def installations(self) -> Finding:
        """It is installed, not suspended, and its owners have accepted what it needs."""
        found = list(self.client.pages("/app/installations"))
        if not found:
            return failed("none", f"install it: {self._told['html_url']}/installations/new")
        for one in found:
            problem = self._problem(one)
            if problem:
                return problem
        return ok(", ".join(_login(one) for one in found))

    def _too_many(self, found: Any, page: str) -> Finding:
        more = list(found)
        if more:
            return warning(f"more than needed: {', '.join(more)}", f"see {self._page(page)}")
        return ok("as the enabled rules need")

    def _problem(self, one: Mapping[str, Any]) -> Finding | None:
        if one.get("suspended_at"):
            return failed(f"suspended on {_login(one)}", f"unsuspend it: {one['html_url']}")
        missing = list(_lacking(self._needed.permissions, one["permissions"]))
        if missing:
            return failed(
                f"{_login(one)} has not accepted: {', '.join(missing)}",
                f"an owner accepts them: {one['html_url']}/permissions/update",
            )
        return None

    def _page(self, name: str) -> str:
        """The address of the App's settings, for its owners."""
        owner = self._told.get("owner") or {}
        of = f"organizations/{owner.get('login')}/" if owner.get("type") == "Organization" else ""
        return f"{self._server_url}/{of}settings/apps/{self._told.get('slug')}/{name}"


def _lacking(wanted: Mapping[str, str], granted: Mapping[str, str]) -> Iterator[str]:
    """Each permission that is granted less than it is wanted."""
    for name, level in sorted(wanted.items()):
        if _LEVELS.get(level, 0) > _LEVELS.get(granted.get(name, ""), 0):
            yield f"{name}: {level}"


def _login(one: Mapping[str, Any]) -> str:
    account = one.get("account") or {}
    return str(account.get("login") or account.get("slug") or one["id"])
