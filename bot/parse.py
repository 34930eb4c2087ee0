"""The board on Parse Servers, as boredbot kept it: lines in one application, the mood in another.

A line is an object of the class `lines`, its text in `status`; the mood is the one object of the
class `current`, in `feeling`. Boredbot's own page shows both. What we add to a line is `uid`, by
which it is known again, and `saidAt`, because it may be sent later.

A server that is slow, or that answers nonsense without end, costs at most the time that is given
for each call; whoever calls is a thread that nobody waits for.
"""

import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import requests

from bot.store.board import BoardAway, Line, Mood

CONNECT_SECONDS = 3.0
READ_SECONDS = 5.0
# A call is given up after this long, however slowly its answer drips.
CALL_SECONDS = 10.0
_MOST_BYTES = 1024 * 1024
_LONGEST_TEXT = 500
_OBJECT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, kw_only=True)
class Application:
    """One application of a Parse Server; `url` is the mount: https://parse.example/parse."""

    url: str
    application_id: str = field(repr=False)
    rest_key: str = field(repr=False)


@dataclass(frozen=True)
class ParseClient:
    """Calls of one application. `clock` gives epoch seconds; threads may share it.

    Source: https://docs.parseplatform.org/rest/guide/. No redirect is followed: it would take the
    key along.
    """

    application: Application
    session: requests.Session
    clock: Callable[[], float]

    def find(self, name: str, *, order: str, limit: int, **where: str) -> Sequence[Any]:
        """The objects of a class that have these values; raises BoardAway."""
        params = {"order": order, "limit": str(limit), "where": json.dumps(where)}
        results = self._call("GET", name, params=params).get("results")
        if not isinstance(results, list):
            raise BoardAway("the board's server answered without results")
        return [each for each in results if isinstance(each, dict)]

    def create(self, name: str, values: Mapping[str, Any], *, not_after: float) -> None:
        """Make an object, unless it is later than `not_after`; raises BoardAway.

        When that is raised, the object may be there or not. Repeating makes another one.
        """
        if self.clock() > not_after:
            raise BoardAway("it is too late to send it")
        self._call("POST", name, json=values)

    def change(self, name: str, object_id: str, values: Mapping[str, Any]) -> None:
        """Change an object; raises BoardAway. Safe to repeat."""
        if not _OBJECT_ID.fullmatch(object_id):
            raise BoardAway("the board's server has an object with an id that is none")
        self._call("PUT", f"{name}/{object_id}", json=values)

    def _call(self, method: str, path: str, **said: Any) -> dict[str, Any]:
        give_up_at = self.clock() + CALL_SECONDS
        try:
            with self.session.request(
                method,
                f"{self.application.url}/classes/{path}",
                headers={
                    "X-Parse-Application-Id": self.application.application_id,
                    "X-Parse-REST-API-Key": self.application.rest_key,
                },
                allow_redirects=False,
                stream=True,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                **said,
            ) as response:
                body = b"".join(self._pieces(response, give_up_at))
        except (OSError, ValueError) as error:  # requests' own errors are OSErrors
            # The type alone: the text may hold the address of a proxy, with its password.
            raise BoardAway(f"the board's server cannot be reached ({_kind(error)})") from None
        return _read(response.status_code, body)

    def _pieces(self, response: requests.Response, give_up_at: float) -> Iterator[bytes]:
        size = 0
        for piece in response.iter_content(16 * 1024):
            size += len(piece)
            if size > _MOST_BYTES or self.clock() > give_up_at:
                raise BoardAway("the board's server answers without end")
            yield piece


@dataclass(frozen=True)
class ParseBoard:
    """The `bot.store.board.Board` on a Parse Server. Each call raises BoardAway."""

    client: ParseClient

    def say(self, text: str) -> None:
        """Leave a line. Repeating it leaves another line."""
        now = self.client.clock()
        self.add(Line(now, text), secrets.token_hex(16), not_after=now + CALL_SECONDS)

    def add(self, line: Line, uid: str, *, not_after: float) -> None:
        """Leave a line that is known by `uid`, unless it is later than `not_after`.

        When BoardAway is raised, it may be there or not: `has` says so, a little later.
        """
        values = {"status": line.text, "uid": uid, "saidAt": _date(line.said_at)}
        self.client.create("lines", values, not_after=not_after)

    def has(self, uid: str) -> bool:
        """Whether the line that is known by `uid` is there."""
        return bool(self.client.find("lines", order="createdAt", limit=1, uid=uid))

    def lines(self, limit: int = 20) -> Sequence[Line]:
        """The lines, also those of others, newest first; what cannot be read is left out."""
        found = self.client.find("lines", order="-createdAt", limit=limit)
        return [line for line in map(_line, found) if line is not None]


@dataclass(frozen=True)
class ParseMood:
    """The mood on a Parse Server: one object, the oldest where there are several."""

    client: ParseClient

    def felt(self) -> str | None:
        """The mood as it stands there, None for nothing; raises BoardAway."""
        found = self._object()
        return None if found is None else str(found.get("feeling"))

    def feel(self, mood: Mood, *, not_after: float) -> None:
        """Show a mood, whatever stood there; raises BoardAway. Safe to repeat, a minute later."""
        values = {"feeling": mood.value}
        found = self._object()
        if found is None:
            self.client.create("current", values, not_after=not_after)
        else:
            self.client.change("current", str(found.get("objectId")), values)

    def _object(self) -> Mapping[str, Any] | None:
        return next(iter(self.client.find("current", order="createdAt", limit=1)), None)


def _read(status: int, body: bytes) -> dict[str, Any]:
    """The object in an answer. Raises BoardAway for an error, with what the server says of it."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    told = told if isinstance(told, dict) else {}
    if status in (HTTPStatus.OK, HTTPStatus.CREATED):
        return told
    words = told.get("error")
    said = f": {words[:200]}" if isinstance(words, str) else ""
    raise BoardAway(f"the board's server refused ({status}{said})")


def _line(found: Mapping[str, Any]) -> Line | None:
    """A line as it stands on the server; without `saidAt` where it is not ours."""
    text, said = found.get("status"), found.get("saidAt")
    iso = said.get("iso") if isinstance(said, dict) else found.get("createdAt")
    try:
        at = datetime.fromisoformat(str(iso)).timestamp()
    except (ValueError, OverflowError):
        return None
    return Line(at, text[:_LONGEST_TEXT]) if isinstance(text, str) else None


def _date(seconds: float) -> dict[str, str]:
    """A time as Parse has it."""
    iso = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return {"__type": "Date", "iso": iso.replace("+00:00", "Z")}


def _kind(error: BaseException) -> str:
    return type(error).__name__
