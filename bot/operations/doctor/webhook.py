"""Deliveries on their way to us: their address at GitHub, whether we answer there, and its log."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import requests

from bot.operations.doctor.examination import Finding, failed, ok, warning
from luggage.github import Client
from luggage.github.deliveries import LOG
from luggage.github.manifest import NO_WEBHOOK_URL

PATH = "/webhook/github"
DAY_SECONDS = 86400.0
# A thousand deliveries tell enough; a busy App has many more in a day.
MOST_PAGES = 10
_PATIENCE_SECONDS = (5.0, 10.0)
_LONGEST_ANSWER = 1000
_GOOD = range(200, 400)


class WebhookChecks:
    """Compares what GitHub knows of the webhook with what this bot is.

    `client` gives the App's own client; `answers(url)` says what is wrong with what answers there,
    "" for nothing; `polls` is set where deliveries are fetched.
    """

    def __init__(
        self,
        client: Callable[[], Client],
        answers: Callable[[str], str],
        *,
        polls: bool,
        clock: Callable[[], float],
    ) -> None:
        self._client = client
        self._answers = answers
        self._polls = polls
        self._clock = clock

    def address(self) -> Finding:
        """GitHub has our address, sends JSON there, checks its certificate, and it is us."""
        told = self._client().get("/app/hook/config")
        url = told.get("url") or ""
        if not url:
            words = "the App has no webhook address, so GitHub makes no deliveries"
            return failed(words, "set one on the App's page; see docs/howto/register.md")
        if self._polls:
            return ok("none is needed: deliveries are fetched from GitHub's log")
        if url == NO_WEBHOOK_URL:
            words = "its address is nobody's: the App was registered without one"
            return failed(words, "set BOT_RECEIVE=poll, or an address on the App's page")
        return _setting(told) or self._answering(url)

    def _answering(self, url: str) -> Finding:
        parts = urlsplit(url)
        if not parts.path.endswith(PATH):
            return failed(f"{url} does not end in {PATH}", "mend it on the App's page")
        base = url[: url.rindex(PATH)]
        # No token goes along: whoever answers there may be somebody else.
        problem = self._answers(f"{base}/healthz")
        if problem:
            remedy = "is the bot started, and does the proxy before it lead here?"
            return failed(f"{base}/healthz, asked from here: {problem}", remedy)
        return ok(f"{url} is this bot")

    def deliveries(self) -> Finding:
        """Those of the last day have arrived."""
        found = self._last_day()
        newest: dict[str, int] = {}
        for one in found:  # newest first: a redelivery counts, not what it made up for
            newest.setdefault(one["guid"], one["status_code"])
        if not newest:
            return ok("none in the last day (there are none while the webhook is not active)")
        if self._polls:
            return ok(f"{len(newest)} in the last day")
        bad = [status for status in newest.values() if status not in _GOOD]
        if not bad:
            return ok(f"{len(newest)} in the last day, all arrived")
        words = f"{len(bad)} of {len(newest)} in the last day failed, the newest with {bad[0]}"
        if next(iter(newest.values())) not in _GOOD:
            return failed(words, f"{_meaning(bad[0])}; what was missed is fetched")
        return warning(words, "they arrive again; what was missed is fetched")

    def _last_day(self) -> list[Mapping[str, Any]]:
        """The attempts of the last day, newest first, as many as tell enough."""
        since = self._clock() - DAY_SECONDS
        found: list[Mapping[str, Any]] = []
        params: Mapping[str, str] | None = None
        for _ in range(MOST_PAGES):
            page = self._client().page(LOG, params=params)
            recent = [one for one in page.items if _at(one) >= since]
            found += recent
            params = page.following
            if params is None or len(recent) < len(page.items):
                break
        return found


def who_answers(session: requests.Session, url: str) -> str:
    """What is wrong with the answer at the address; "" where it is a bot's /healthz.

    Sends no credential, and follows no redirect. Repeating is safe.
    """
    try:
        with session.get(
            url, timeout=_PATIENCE_SECONDS, allow_redirects=False, stream=True
        ) as answer:
            text = answer.raw.read(_LONGEST_ANSWER, decode_content=True)
    except requests.RequestException as error:
        return f"no answer ({type(error).__name__})"
    if answer.status_code != requests.codes.ok:
        return f"answered {answer.status_code}"
    return "" if b'"alive"' in text else "something else answers there"


def _setting(told: Mapping[str, Any]) -> Finding | None:
    if told.get("content_type") != "json":
        words = f"the content type is {told.get('content_type')!r}"
        return failed(words, "set it to application/json on the App's page")
    if str(told.get("insecure_ssl", "0")) != "0":
        words = "GitHub does not check the certificate"
        return warning(words, 'switch "SSL verification" on, on the App\'s page')
    return None


def _meaning(status: int) -> str:
    if status == requests.codes.unauthorized:
        return "the webhook secret differs from that on the App's page"
    if status in {requests.codes.bad_gateway, 0}:
        return "nobody listened: see `webhook`"
    return "see the log of the web process at that time"


def _at(one: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(one["delivered_at"]).timestamp()
