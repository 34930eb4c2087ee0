"""What GitHub tried to deliver, compared with what came in; what is missing is fetched.

GitHub does not repeat a delivery that failed, but it keeps a log of the past three days, with the
payloads. A turn follows this log back, from the newest attempt to where an earlier turn has been,
notes what is missing, and then fetches that, oldest first.

Chosen: what counts is whether the inbox knows a delivery, never the status in the log, so that a
lost database is made up for too. Against: asking GitHub to deliver it once more (POST
.../attempts), as the script in its documentation does; that needs a webhook which can be reached
this very moment, and leaves the order to chance.

There is no database here: an Inbox is handed in.

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
    Ambiguous,
    Invalid,
    Malformed,
    NotFound,
    RateLimited,
    RequestFailed,
    Transient,
)
from luggage.github.webhooks import Delivery, decode

# How long GitHub keeps its log.
KEPT_SECONDS = 3 * 24 * 3600.0
# An attempt shows in the log when it is over, ten seconds after it began or (who knows) later: so
# the last minutes are looked through again ...
OVERLAP_SECONDS = 600.0
# ... though not by every turn, for those who take turns every few seconds.
THOROUGH_EVERY_SECONDS = 240.0
# Installation tokens are had under the same hourly limit of the App; without them all else stops.
RESERVED_SHARE = 0.1
# After so many failures a delivery is passed over, so that one does not hold up all others; when
# so many were passed over in a turn, GitHub is not well, and the turn ends.
PATIENT_TRIES = 3
MOST_PASSED_OVER = 10

LOG = "/app/hook/deliveries"

_log = logging.getLogger("luggage.github")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the log has been followed; times in seconds since the epoch by GitHub's clock.

    Whatever was attempted before `since` has been looked at. While `cursor` is set, a turn is on
    its way back: it began at `until`, and goes on at the cursor.
    """

    since: float = 0.0
    until: float = 0.0
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class Missed:
    """A delivery to be fetched: `id` is that of its latest attempt, `attempted_at` of the first.

    `tries` counts how often it was asked for in vain.
    """

    guid: str
    id: int
    attempted_at: float
    tries: int = 0


class Inbox(Protocol):
    """Where deliveries go, and what is remembered between turns.

    Whatever a method stores is durable when it returns, and storing it again changes nothing. What
    a method raises ends the turn; a later one goes on.
    """

    def known(self, guids: Collection[str]) -> Collection[str]:
        """Return those of `guids` that were received, or are lost for good."""

    def progress(self) -> Progress:
        """Return what was noted last; Progress() at first."""

    def note(self, missed: Sequence[Missed], progress: Progress) -> None:
        """Keep both at once. Of a delivery that is noted already, the earlier time counts."""

    def missed(self) -> Sequence[Missed]:
        """Return what was noted and not yet fetched, the earliest attempt first."""

    def put(self, delivery: Delivery, body: bytes) -> None:
        """Receive a delivery, `body` being its JSON; it is missed no longer."""

    def arrived(self, guid: str) -> None:
        """It came in by itself meanwhile; it is missed no longer."""

    def tried(self, missed: Missed) -> None:
        """Count a try that was in vain."""

    def lost(self, missed: Missed, reason: str) -> None:
        """It can never be had. It is missed no longer, and known."""


# As webhooks.decode takes it: what is noted under another guid could never be fetched.
_Guid = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]{1,100}\Z")]


class _Entry(TypedDict):
    """What is read of an entry of the log, as GitHub sends it."""

    id: int
    guid: _Guid
    event: str
    action: str | None
    delivered_at: str


@dataclass(frozen=True, slots=True)
class _Attempt:
    """An entry of the log."""

    id: int
    guid: str
    event: str
    action: str | None
    at: float


class Recovery:
    """Takes turns at making up for missed deliveries; for one thread at a time.

    `client` is that of the App itself. `wants(event, action)` says whether anybody is interested:
    what is unwanted costs no request of its own. `clock` gives seconds since the epoch.
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
        self._top: int | None = None  # where the log began when it was last followed
        self._thorough_at = float("-inf")

    def turn(self) -> int:
        """Fetch what is missing; return how many deliveries were put into the inbox.

        Raises RequestFailed, and whatever the inbox raises: the turn is broken off, what it had
        fetched is kept, and the next one goes on where it was. When nothing has happened since
        the last turn it costs one request, which counts towards no limit.
        """
        self._follow()
        return self._fetch()

    # Following the log

    def _follow(self) -> None:
        """Note what is missing, from the top of the log, or from where a turn was broken off."""
        progress = self._inbox.progress()
        now, cursors = self._clock(), {""}
        floor = max(now - KEPT_SECONDS, progress.since - OVERLAP_SECONDS)
        is_thorough = not 0.0 <= now - self._thorough_at < THOROUGH_EVERY_SECONDS
        stop = None if is_thorough else self._top
        top: _Attempt | None = None
        while True:
            attempts, cursor = self._page(progress)
            top = attempts[0] if attempts and not progress.cursor else top
            until = max(progress.until, progress.since) if top is None else top.at
            over = not cursor or _reaches(attempts, floor, stop)
            after = Progress(since=until) if over else Progress(progress.since, until, cursor)
            self._note(attempts, progress, after)
            if over:
                break
            if cursor in cursors:
                raise Invalid("the pages go round in a circle", method="GET", path=LOG)
            cursors.add(cursor)
            progress = after
        self._top = None if top is None else top.id
        self._thorough_at = now if is_thorough else self._thorough_at

    def _page(self, progress: Progress) -> tuple[list[_Attempt], str]:
        """Return the attempts of a page, newest first, and the cursor of the next; "" for none."""
        self._leave_some()
        try:
            page = self._client.page(LOG, params={"cursor": progress.cursor or None})
        except Invalid:
            if progress.cursor:  # GitHub knows it no longer: from the top again, next time
                self._inbox.note([], Progress(since=progress.since))
            raise
        return list(_attempts(page.items)), (page.following or {}).get("cursor", "")

    def _note(self, attempts: Sequence[_Attempt], before: Progress, after: Progress) -> None:
        found: dict[str, Missed] = {}
        for each in attempts:
            if self._wants(each.event, each.action):
                latest = found.get(each.guid)
                found[each.guid] = Missed(each.guid, latest.id if latest else each.id, each.at)
        known = self._inbox.known(found) if found else ()
        missed = [each for each in found.values() if each.guid not in known]
        if missed or after != before:
            self._inbox.note(missed, after)

    # Fetching what is missing

    def _fetch(self) -> int:
        fetched, spoiled = 0, list[RequestFailed]()
        for missed in self._inbox.missed():
            try:
                fetched += self._fetch_one(missed)
            except (Ambiguous, Transient) as error:
                self._inbox.tried(missed)
                spoiled.append(error)
                if missed.tries + 1 < PATIENT_TRIES or len(spoiled) >= MOST_PASSED_OVER:
                    raise
        if spoiled:
            raise spoiled[0]
        return fetched

    def _fetch_one(self, missed: Missed) -> bool:
        """Put a delivery into the inbox; False when it came by itself, or can never be had."""
        if self._inbox.known([missed.guid]):
            self._inbox.arrived(missed.guid)
            return False
        self._leave_some()
        try:
            told = self._client.get(f"{LOG}/{{delivery_id}}", delivery_id=missed.id)
            delivery, body = _read(missed, told)
        except (NotFound, Invalid, Malformed) as error:
            _log.error("delivery %s is lost: %s", missed.guid, error)
            self._inbox.lost(missed, str(error))
            return False
        self._inbox.put(delivery, body)
        _log.info("delivery %s: fetched, %s %s", missed.guid, delivery.event, delivery.action or "")
        return True

    def _leave_some(self) -> None:
        seen = self._client.rate_limit
        if seen is None or seen.remaining >= seen.limit * RESERVED_SHARE:
            return
        if seen.reset_at > self._clock():
            words = "the rest of the App's hourly limit is left to whoever needs a token"
            raise RateLimited(words, retry_at=seen.reset_at, method="GET", path=LOG)


def _reaches(attempts: Sequence[_Attempt], floor: float, stop: int | None) -> bool:
    """Say whether this page goes back to what is known already."""
    ids = {each.id for each in attempts}
    return stop in ids or any(each.at < floor for each in attempts)


def _attempts(items: Sequence[Any]) -> Iterator[_Attempt]:
    for item in items:
        try:
            told = msgspec.convert(item, _Entry)
            at = datetime.fromisoformat(told["delivered_at"]).timestamp()
            yield _Attempt(told["id"], told["guid"], told["event"], told["action"], at)
        except (ValueError, OverflowError):
            # One that cannot be read must not hold up the others for three days.
            _log.warning("an entry of GitHub's log of deliveries is not as documented")


def _read(missed: Missed, told: Any) -> tuple[Delivery, bytes]:
    """Return the delivery and its JSON; raises Malformed.

    There is no signature to check: it comes from GitHub itself, over TLS, because we asked.
    """
    try:
        event, payload = msgspec.convert(told["event"], str), told["request"]["payload"]
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    except (KeyError, TypeError, ValueError, RecursionError):
        raise Malformed("GitHub's log shows it without a payload that can be read") from None
    return decode(missed.guid, event, body), body
