"""GitHub's limits: requests in an hour, searches in a minute, and, where asked for, new content.

"Rate limits for the REST API" in GitHub's documentation; the figures are arguments. The content
budget is off unless it is asked for: a test that posts a hundred comments is no abuse.
"""

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass

from luggage.fake_github.messages import Refused

HOUR_SECONDS = 3600.0
MINUTE_SECONDS = 60.0


@dataclass
class RequestBudget:
    """What one caller has used of one resource in the running window."""

    caller: int
    resource: str
    limit: int
    resets_at: float
    used: int = 0

    def take(self) -> None:
        """Count one request; raises Refused(403) in the words of the primary limit."""
        if self.used >= self.limit:
            raise Refused(403, f"API rate limit exceeded for installation ID {self.caller}.")
        self.used += 1

    def give_back(self) -> None:
        """Not counted after all: a 304 is free."""
        self.used -= 1

    def headers(self) -> dict[str, str]:
        """The x-ratelimit headers; the reset is in whole seconds since the epoch."""
        return {f"X-RateLimit-{name.title()}": str(value) for name, value in self.shape().items()}

    def shape(self) -> dict[str, int | str]:
        """As GET /rate_limit shows it."""
        return {
            "limit": self.limit,
            "remaining": max(self.limit - self.used, 0),
            "used": self.used,
            "reset": int(self.resets_at),
            "resource": self.resource,
        }


class Limits:
    """The budgets of all callers, by installation (0: the App itself).

    The figures may be changed while the simulation runs. The caller holds the world's lock.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        requests_per_hour: int = 5000,
        searches_per_minute: int = 30,
        content_per_minute: int | None = None,
        content_per_hour: int | None = None,
    ) -> None:
        self.requests_per_hour = requests_per_hour
        self.searches_per_minute = searches_per_minute
        self.content_per_minute = content_per_minute
        self.content_per_hour = content_per_hour
        self._clock = clock
        self._budgets: dict[tuple[int, str], RequestBudget] = {}
        self._content: dict[int, deque[float]] = defaultdict(deque)

    def budget(self, caller: int, path: str) -> RequestBudget:
        """What the caller has left for requests of that path, in the window that is running."""
        is_search = path.startswith("/search/")
        resource = "search" if is_search else "graphql" if path == "/graphql" else "core"
        now, found = self._clock(), self._budgets.get((caller, resource))
        if found is None or found.resets_at <= now:
            window = MINUTE_SECONDS if is_search else HOUR_SECONDS
            found = RequestBudget(caller, resource, 0, now + window)
            self._budgets[caller, resource] = found
        found.limit = self.searches_per_minute if is_search else self.requests_per_hour
        return found

    def check_content(self, caller: int) -> None:
        """Raises Refused(403), the secondary limit, when there was too much new content."""
        made, now = self._content[caller], self._clock()
        while made and made[0] <= now - HOUR_SECONDS:
            made.popleft()
        last_minute = sum(at > now - MINUTE_SECONDS for at in made)
        per_minute, per_hour = self.content_per_minute, self.content_per_hour
        if _reached(last_minute, per_minute) or _reached(len(made), per_hour):
            raise Refused(
                403,
                "You have exceeded a secondary rate limit and have been temporarily blocked from "
                "content creation. Please retry your request again later.",
                headers={"retry-after": "60"},
            )

    def count_content(self, caller: int) -> None:
        """Count one new comment or the like."""
        self._content[caller].append(self._clock())


def _reached(count: int, limit: int | None) -> bool:
    return limit is not None and count >= limit
