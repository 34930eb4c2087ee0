"""Recovery of missed deliveries from GitHub's delivery log, which keeps three days.

GitHub does not retry a failed delivery. A run reads the log from the newest attempt back to the
point an earlier run reached, records missing deliveries and then fetches them, oldest first.

A delivery is missing if the Inbox does not know it, whatever status the log shows; this also
repairs a lost database. Asking GitHub to redeliver (POST .../attempts) would need a reachable
webhook and would not keep the order.

Sources: https://docs.github.com/rest/apps/webhooks ("List deliveries for an app webhook"),
https://docs.github.com/webhooks/using-webhooks/handling-failed-webhook-deliveries
"""

import json
import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Protocol, TypedDict

import msgspec

from luggage.github.client import Client
from luggage.github.errors import (
    Invalid,
    Malformed,
    NotFound,
    RateLimited,
    Unauthorized,
    Unreachable,
)
from luggage.github.webhooks import Delivery, decode

# How long GitHub keeps its log.
KEPT_SECONDS = 3 * 24 * 3600.0
# An attempt appears in the log only when it has ended, at least ten seconds after it began, so each
# full scan reads the last minutes again.
OVERLAP_SECONDS = 600.0
# Frequent runs do a full scan only this often.
FULL_SCAN_SECONDS = 240.0
# Installation tokens count towards the same hourly limit; keep this share for them.
RESERVED_SHARE = 0.1
# Skip a delivery after this many failures, so it does not block the others. Too many skipped
# deliveries mean GitHub has a problem, and the run ends.
TRIES_BEFORE_SKIP = 3
MAX_SKIPPED = 10

LOG = "/app/hook/deliveries"

_log = logging.getLogger("luggage.github")


@dataclass(frozen=True, slots=True)
class Progress:
    """Position in the log; times in epoch seconds by GitHub's clock.

    Every attempt before `since` has been read. While `cursor` is set, a run that began at `until`
    is unfinished and continues at the cursor.
    """

    since: float = 0.0
    until: float = 0.0
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class Missed:
    """A delivery to fetch: the id of its latest attempt, the time of its first, failed `tries`."""

    guid: str
    id: int
    attempted_at: float
    tries: int = 0


class Inbox(Protocol):
    """Storage for deliveries and for the state between runs.

    What a method stores is durable when it returns; storing it again changes nothing. An exception
    ends the run, and a later run continues.
    """

    def known(self, guids: Collection[str]) -> Collection[str]:
        """Return those of `guids` that were received or are permanently lost."""

    def progress(self) -> Progress:
        """Return the progress noted last; Progress() at first."""

    def note(self, missed: Sequence[Missed], progress: Progress) -> None:
        """Store both atomically. If a delivery is already noted, the earlier time counts."""

    def missed(self) -> Sequence[Missed]:
        """Return noted deliveries that were not fetched yet, earliest attempt first."""

    def put(self, delivery: Delivery, body: bytes) -> None:
        """Store a received delivery and its JSON `body`; it is no longer missed."""

    def arrived(self, guid: str) -> None:
        """Remove a missed delivery that arrived by webhook in the meantime."""

    def tried(self, missed: Missed) -> None:
        """Count a failed fetch."""

    def lost(self, missed: Missed, reason: str) -> None:
        """Record that the delivery cannot be recovered; it is known and no longer missed."""


# The names that webhooks.decode accepts; a delivery with another guid could never be fetched.
_Guid = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]{1,100}\Z")]


class _Entry(TypedDict):
    """The fields read from a log entry."""

    id: int
    guid: _Guid
    event: str
    action: str | None
    delivered_at: str


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A parsed log entry."""

    id: int
    guid: str
    event: str
    action: str | None
    at: float


class Recovery:
    """Fetches missed deliveries; for one thread at a time.

    `client` acts for the App itself. `wants(event, action)` returns whether to fetch such a
    delivery; others cost no request. `clock` returns epoch seconds.
    """

    def __init__(
        self,
        client: Client,
        inbox: Inbox,
        *,
        wants: Callable[[str, str | None], bool],
        clock: Callable[[], float],
    ) -> None:
        self._client = client
        self._inbox = inbox
        self._wants = wants
        self._clock = clock
        self._newest: int | None = None  # id of the newest entry of the last scan
        self._full_scan_at = float("-inf")

    def run(self) -> int:
        """Fetch missed deliveries; return how many were put into the inbox.

        Raises RequestFailed and the inbox's exceptions. Fetched deliveries are kept, and the next
        run resumes. A delivery that keeps failing, in whatever way, does not block others. A run
        without news costs one request, which counts towards no limit.
        """
        self._scan()
        return self._fetch()

    turn = run  # deprecated: the name in 0.1

    # Reading the log

    def _scan(self) -> None:
        """Record missing deliveries, from the top of the log or an unfinished run's cursor."""
        progress = self._inbox.progress()
        now, cursors = self._clock(), {""}
        floor = max(now - KEPT_SECONDS, progress.since - OVERLAP_SECONDS)
        is_full = not 0.0 <= now - self._full_scan_at < FULL_SCAN_SECONDS
        stop = None if is_full else self._newest
        newest: _Attempt | None = None
        while True:
            attempts, cursor = self._page(progress)
            newest = attempts[0] if attempts and not progress.cursor else newest
            until = max(progress.until, progress.since) if newest is None else newest.at
            done = not cursor or _reaches(attempts, floor, stop)
            after = Progress(since=until) if done else Progress(progress.since, until, cursor)
            self._note(attempts, progress, after)
            if done:
                break
            if cursor in cursors:
                raise Invalid("the cursors form a loop", method="GET", path=LOG)
            cursors.add(cursor)
            progress = after
        self._newest = None if newest is None else newest.id
        self._full_scan_at = now if is_full else self._full_scan_at

    def _page(self, progress: Progress) -> tuple[list[_Attempt], str]:
        """Return a page of attempts, newest first, and the next cursor, "" on the last page."""
        self._keep_reserve()
        try:
            page = self._client.page(LOG, params={"cursor": progress.cursor or None})
        except Invalid:
            if progress.cursor:  # it may have expired: the next run starts at the top
                self._inbox.note([], Progress(since=progress.since))
            raise
        return list(_attempts(page.items)), (page.following or {}).get("cursor", "")

    def _note(self, attempts: Sequence[_Attempt], before: Progress, after: Progress) -> None:
        candidates: dict[str, Missed] = {}
        for each in attempts:
            if self._wants(each.event, each.action):
                latest = candidates.get(each.guid)
                latest_id = latest.id if latest else each.id
                candidates[each.guid] = Missed(each.guid, latest_id, each.at)
        known = self._inbox.known(candidates) if candidates else ()
        missed = [each for each in candidates.values() if each.guid not in known]
        if missed or after != before:
            self._inbox.note(missed, after)

    # Fetching

    def _fetch(self) -> int:
        fetched, errors = 0, list[Exception]()
        for missed in self._inbox.missed():
            try:
                fetched += self._fetch_one(missed)
            except (RateLimited, Unauthorized, Unreachable):
                raise  # the others would fail alike
            except Exception as error:  # counted, and raised at the end
                self._inbox.tried(missed)  # raises if the inbox is away
                errors.append(error)
                if missed.tries + 1 < TRIES_BEFORE_SKIP or len(errors) >= MAX_SKIPPED:
                    raise
        if errors:
            raise errors[0]
        return fetched

    def _fetch_one(self, missed: Missed) -> bool:
        """Put a delivery into the inbox; False if it arrived meanwhile or is lost."""
        if self._inbox.known([missed.guid]):
            self._inbox.arrived(missed.guid)
            return False
        self._keep_reserve()
        try:
            detail = self._client.get(f"{LOG}/{{delivery_id}}", delivery_id=missed.id)
            delivery, body = _read(missed, detail)
        except (NotFound, Invalid, Malformed) as error:
            _log.error("delivery %s is lost: %s", missed.guid, error)
            self._inbox.lost(missed, str(error))
            return False
        self._inbox.put(delivery, body)
        _log.info("delivery %s: fetched, %s %s", missed.guid, delivery.event, delivery.action or "")
        return True

    def _keep_reserve(self) -> None:
        seen = self._client.rate_limit
        if seen is None or seen.remaining >= seen.limit * RESERVED_SHARE:
            return
        if seen.reset_at > self._clock():
            message = "the rest of the App's hourly limit is reserved for installation tokens"
            raise RateLimited(message, retry_at=seen.reset_at, method="GET", path=LOG)


def _reaches(attempts: Sequence[_Attempt], floor: float, stop: int | None) -> bool:
    """Return whether this page reaches an entry that was read before."""
    ids = {each.id for each in attempts}
    return stop in ids or any(each.at < floor for each in attempts)


def _attempts(items: Sequence[Any]) -> Iterator[_Attempt]:
    for item in items:
        try:
            entry = msgspec.convert(item, _Entry)
            at = datetime.fromisoformat(entry["delivered_at"]).timestamp()
            yield _Attempt(entry["id"], entry["guid"], entry["event"], entry["action"], at)
        except (ValueError, OverflowError):
            # An unreadable entry must not block the others for three days.
            _log.warning("skipped a malformed entry of GitHub's delivery log")


def _read(missed: Missed, detail: Any) -> tuple[Delivery, bytes]:
    """Return the delivery and its JSON, which TLS authenticates; raises Malformed."""
    try:
        event, payload = msgspec.convert(detail["event"], str), detail["request"]["payload"]
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    except (KeyError, TypeError, ValueError, RecursionError):
        raise Malformed("GitHub's delivery log has no readable payload for it") from None
    return decode(missed.guid, event, body), body
