"""Request credentials, and retries after GitHub rejects them.

Only rejected requests are retried. Nothing was done then, so this is safe for writes too.
"""

import itertools
from collections.abc import Callable
from typing import Protocol

from luggage.github.answers import ApiResponse
from luggage.github.secret import SecretText
from luggage.github.tokens import AppCredentials, InstallationTokens, Skew, Token

# A new token takes a moment to reach all of GitHub's servers. Until then they answer 401, or 403 if
# only its permissions are missing. Source: https://github.com/octokit/auth-app.js/issues/65 and
# /589
FRESH_SECONDS = 5.0
_FRESH_WAITS = (0.5, 1.0, 1.5, 2.0)

# Tolerated JWT clock error; `iat` is backdated by 60 seconds.
_HARMLESS_SKEW_SECONDS = 5.0


class RequestAuth(Protocol):
    """The credentials of one request and its retries."""

    def secret(self) -> SecretText:
        """Return the bearer token; raises RequestFailed if none is available."""

    def retry_delay(self, answer: ApiResponse) -> float | None:
        """Return the seconds to wait before a retry; None if `answer` is final."""


class AppAuth:
    """JWT of the App, renewed once if GitHub's clock turns out to differ from ours."""

    def __init__(self, credentials: AppCredentials, skew: Skew) -> None:
        self._credentials = credentials
        self._skew = skew
        self._made_with = 0.0
        self._corrections = itertools.repeat(0.0, 1)

    def secret(self) -> SecretText:
        """Return a JWT dated by GitHub's clock."""
        self._made_with = self._skew.seconds
        return self._credentials.make()

    def retry_delay(self, answer: ApiResponse) -> float | None:
        """Return 0 once, for a 401 that revealed a clock skew."""
        skewed = abs(self._skew.seconds - self._made_with) > _HARMLESS_SKEW_SECONDS
        rejected = answer.status == 401  # noqa: PLR2004 -- Unauthorized
        return next(self._corrections, None) if rejected and skewed else None


class InstallationAuth:
    """Installation token: retried while it is fresh, renewed once after that."""

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
        """Return the installation's token, renewed if it is about to expire."""
        self._token = self._tokens.get(self._installation_id)
        return self._token.value

    def retry_delay(self, answer: ApiResponse) -> float | None:
        """Return a short wait after a fresh token's 401 or 403, 0 once after an older one's 401."""
        if self._token is None or answer.status not in {401, 403}:
            return None
        fresh = self._clock() - self._token.made_at <= FRESH_SECONDS
        wait = next(self._waits, None) if fresh else None
        if wait is None and answer.status == 401:  # noqa: PLR2004 -- Unauthorized
            self._tokens.drop(self._installation_id, self._token)
            wait = next(self._renewals, None)
        return wait
