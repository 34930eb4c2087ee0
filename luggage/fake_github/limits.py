"""Rate limits: requests per hour, searches per minute, and optionally new content.

They follow "Rate limits for the REST API" in GitHub's documentation. The content limit is off by
default, so that a test may post a hundred comments.
"""

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass

from luggage.fake_github.messages import Refused

HOUR_SECONDS = 3600.0
MINUTE_SECONDS = 60.0


@dataclass
class RequestBudget:
    """Usage of one resource by one caller in the current window."""

    caller: int
    resource: str
    limit: int
    resets_at: float
    used: int = 0

    def take(self) -> None:
        """Count one request; raises Refused(403) beyond the primary limit."""
        if self.used >= self.limit:
            raise Refused(403, f"API rate limit exceeded for installation ID {self.caller}.")
        self.used += 1

    def refund(self) -> None:
        """Uncount one request, because a 304 is free."""
        self.used -= 1

    def headers(self) -> dict[str, str]:
        """Return the x-ratelimit headers; the reset is in whole epoch seconds."""
        return {f"X-RateLimit-{name.title()}": str(value) for name, value in self.shape().items()}

    def shape(self) -> dict[str, int | str]:
        """Return the JSON of GET /rate_limit."""
        return {
            "limit": self.limit,
            "remaining": max(self.limit - self.used, 0),
            "used": self.used,
            "reset": int(self.resets_at),
            "resource": self.resource,
        }


class Limits:
    """Budgets of all callers, by installation id (0 is the App itself).

    The limits may change while the simulation runs. The caller holds the world's lock.
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
        """Return the caller's budget for that path in the current window."""
        is_search = path.startswith("/search/")
        resource = "search" if is_search else "graphql" if path == "/graphql" else "core"
        now, budget = self._clock(), self._budgets.get((caller, resource))
        if budget is None or budget.resets_at <= now:
            window = MINUTE_SECONDS if is_search else HOUR_SECONDS
            budget = RequestBudget(caller, resource, 0, now + window)
            self._budgets[caller, resource] = budget
        budget.limit = self.searches_per_minute if is_search else self.requests_per_hour
        return budget

    def check_content(self, caller: int) -> None:
        """Raise Refused(403) for too much new content, as the secondary limit does."""
        times, now = self._content[caller], self._clock()
        while times and times[0] <= now - HOUR_SECONDS:
            times.popleft()
        last_minute = sum(at > now - MINUTE_SECONDS for at in times)
        per_minute, per_hour = self.content_per_minute, self.content_per_hour
        if _reached(last_minute, per_minute) or _reached(len(times), per_hour):
            raise Refused(
                403,
                "You have exceeded a secondary rate limit and have been temporarily blocked from "
                "content creation. Please retry your request again later.",
                headers={"retry-after": "60"},
            )

    def count_content(self, caller: int) -> None:
        """Count one new comment or other content."""
        self._content[caller].append(self._clock())


def _reached(count: int, limit: int | None) -> bool:
    return limit is not None and count >= limit
