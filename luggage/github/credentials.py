"""Which credentials a request goes with, and when it is worth another try with others.

Only answers that say "refused" lead to another try: nothing was done then, so that it is safe for
writes too.
"""

import itertools
from collections.abc import Callable
from typing import Protocol

from luggage.github.answers import ApiResponse
from luggage.github.secret import SecretText
from luggage.github.tokens import AppCredentials, InstallationTokens, Skew, Token

# A token just made is not known to all of GitHub's servers at once: 401 means that the token, 403
# that its permissions have not arrived there. Five seconds in all.
# Source: https://github.com/octokit/auth-app.js/issues/65 and /589
FRESH_SECONDS = 5.0
_FRESH_WAITS = (0.5, 1.0, 1.5, 2.0)

# A JWT may be off by this much without harm (it is dated back by 60 s).
_HARMLESS_SKEW_SECONDS = 5.0


class Attempt(Protocol):
    """The credentials of one request, over all its tries."""

    def secret(self) -> SecretText:
        """Return what to send as the bearer; raises RequestFailed when it cannot be had."""

    def again(self, answer: ApiResponse) -> float | None:
        """Return how many seconds to wait before another try, None when `answer` is final."""


class AppAttempt:
    """The App itself: a JWT, made anew when GitHub's clock turns out to differ from ours."""

    def __init__(self, credentials: AppCredentials, skew: Skew) -> None:
        self._credentials = credentials
        self._skew = skew
        self._made_with = 0.0
        self._corrections = itertools.repeat(0.0, 1)

    def secret(self) -> SecretText:
        """Return a JWT dated by what is known of GitHub's clock."""
        self._made_with = self._skew.seconds
        return self._credentials.make()

    def again(self, answer: ApiResponse) -> float | None:
        """Return 0 once for a 401 that came with a Date we did not know of."""
        skewed = abs(self._skew.seconds - self._made_with) > _HARMLESS_SKEW_SECONDS
        refused = answer.status == 401  # noqa: PLR2004 -- Unauthorized
        return next(self._corrections, None) if refused and skewed else None


class InstallationAttempt:
    """One installation: its token, given time when it is fresh, renewed once when it is not."""

    def __init__(
        self, tokens: InstallationTokens, installation_id: int, *, clock: Callable[[], float]
    ) -> None:
        self._tokens = tokens
        self._installation_id = installation_id
        self._clock = clock
        self._token: Token | None = None
        self._waits = iter(_FRESH_WAITS)
        self._renewals = itertools.repeat(0.0, 1)

    def secret(self) -> SecretText:
        """Return the installation's token, renewed where it is about to expire."""
        self._token = self._tokens.get(self._installation_id)
        return self._token.value

    def again(self, answer: ApiResponse) -> float | None:
        """Return a short wait for a fresh token's 401 or 403, 0 once for a 401 of an older one."""
        if self._token is None or answer.status not in {401, 403}:
            return None
        fresh = self._clock() - self._token.made_at <= FRESH_SECONDS
        wait = next(self._waits, None) if fresh else None
        if wait is None and answer.status == 401:  # noqa: PLR2004 -- Unauthorized
            self._tokens.drop(self._installation_id, self._token)
            wait = next(self._renewals, None)
        return wait
