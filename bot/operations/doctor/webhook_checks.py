"""Health checks of the webhook: its address at GitHub, our response, recent deliveries."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import requests

from bot.operations.doctor.examination import Finding, failed, ok, reads_answers, warning
from luggage.github import Client
from luggage.github.deliveries import LOG
from luggage.github.manifest import NO_WEBHOOK_URL

PATH = "/webhook/github"
DAY_SECONDS = 86400.0
# A thousand deliveries are enough; a busy App has many more in a day.
MOST_PAGES = 10
_TIMEOUT_SECONDS = (5.0, 10.0)
_MOST_BYTES = 1000
_NO_ADDRESS = 'set receive = "poll" under [github] in config.toml, or an address on the App\'s page'
_GOOD = range(200, 400)


class WebhookChecks:
    """Compares GitHub's webhook settings and log with this bot.

    `client` returns the App's own client; `problem_at(url)` returns what is wrong with the server
    at an address, "" for nothing; `polls` is set if the bot fetches its deliveries.
    """

    def __init__(
        self,
        client: Callable[[], Client],
        problem_at: Callable[[str], str],
        *,
        polls: bool,
        clock: Callable[[], float],
    ) -> None:
        self._client = client
        self._problem_at = problem_at
        self._polls = polls
        self._clock = clock

    @reads_answers
    def address(self) -> Finding:
        """GitHub has our address, sends JSON, verifies the certificate, and reaches this bot."""
        hook = self._client().get("/app/hook/config")
        url = hook.get("url") or ""
        if not url:
            detail = "the App has no webhook address, so GitHub sends no deliveries"
            return failed(detail, "set one on the App's page; see docs/howto/register.md")
        if self._polls:
            return ok("not needed: the bot fetches deliveries from GitHub's log")
        if url == NO_WEBHOOK_URL:
            detail = "its address is a placeholder: the App was registered without one"
            return failed(detail, _NO_ADDRESS)
        return _settings_problem(hook) or self._reachable(url)

    def _reachable(self, url: str) -> Finding:
        parts = urlsplit(url)
        if not parts.path.endswith(PATH):
            return failed(f"{url} does not end in {PATH}", "fix it on the App's page")
        base = url[: url.rindex(PATH)]
        # Without a token: the server may be someone else's.
        problem = self._problem_at(f"{base}/healthz")
        if problem:
            remedy = "check that the bot runs, and that the proxy in front of it leads here"
            return failed(f"{base}/healthz, requested from here: {problem}", remedy)
        return ok(f"{url} reaches this bot")

    @reads_answers
    def deliveries(self) -> Finding:
        """The deliveries of the last day have arrived."""
        attempts = self._last_day()
        newest: dict[str, int] = {}
        for one in attempts:  # newest first: a redelivery counts, not the failure before it
            newest.setdefault(one["guid"], one["status_code"])
        if not newest:
            return ok("none in the last day (an inactive webhook has none)")
        if self._polls:
            return ok(f"{len(newest)} in the last day")
        failures = [status for status in newest.values() if status not in _GOOD]
        if not failures:
            return ok(f"{len(newest)} in the last day, all arrived")
        count = f"{len(failures)} of {len(newest)} in the last day"
        detail = f"{count} failed, the latest with {failures[0]}"
        if next(iter(newest.values())) not in _GOOD:
            return failed(detail, f"{_meaning(failures[0])}; the bot fetches missed deliveries")
        return warning(detail, "they arrive again; the bot fetches missed deliveries")

    def _last_day(self) -> list[Mapping[str, Any]]:
        """The attempts of the last day, newest first, a thousand at most."""
        since = self._clock() - DAY_SECONDS
        attempts: list[Mapping[str, Any]] = []
        params: Mapping[str, str] | None = None
        for _ in range(MOST_PAGES):
            page = self._client().page(LOG, params=params)
            recent = [one for one in page.items if _at(one) >= since]
            attempts += recent
            params = page.following
            if params is None or len(recent) < len(page.items):
                break
        return attempts


def healthz_problem(session: requests.Session, url: str) -> str:
    """What is wrong with the response at a /healthz address; "" for a bot's.

    Sends no credential and follows no redirect. Safe to repeat.
    """
    try:
        with session.get(
            url, timeout=_TIMEOUT_SECONDS, allow_redirects=False, stream=True
        ) as response:
            text = response.raw.read(_MOST_BYTES, decode_content=True)
    except requests.RequestException as error:
        return f"no answer ({type(error).__name__})"
    if response.status_code != requests.codes.ok:
        return f"answered {response.status_code}"
    return "" if b'"alive"' in text else "something else problem_at there"


def _settings_problem(hook: Mapping[str, Any]) -> Finding | None:
    if hook.get("content_type") != "json":
        detail = f"the content type is {hook.get('content_type')!r}"
        return failed(detail, "set it to application/json on the App's page")
    if str(hook.get("insecure_ssl", "0")) != "0":
        detail = "GitHub does not check the certificate"
        return warning(detail, 'switch "SSL verification" on, on the App\'s page')
    return None


def _meaning(status: int) -> str:
    if status == requests.codes.unauthorized:
        return "the webhook secret differs from the one on the App's page"
    if status in {requests.codes.bad_gateway, 0}:
        return "no process listened: see `webhook`"
    return "read the web process's log of that time"


def _at(one: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(one["delivered_at"]).timestamp()
