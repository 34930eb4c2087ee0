"""Board on Parse Servers, in boredbot's format: lines in one application, the mood in another.

A line is an object of the class `lines`, with its text in `status`; the mood is the only object of
the class `current`, in `feeling`. Boredbot's page shows both. We add `uid`, which identifies a
line, and `saidAt`, because the bot may send a line late.

Each call has a time limit, even if the server responds slowly or endlessly.
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
# The time limit of a whole call, however slowly the response arrives.
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
    """Client of one application; threads may share it. `clock` returns epoch seconds.

    Source: https://docs.parseplatform.org/rest/guide/. It follows no redirects, which would leak
    the key.
    """

    application: Application
    session: requests.Session
    clock: Callable[[], float]

    def find(self, name: str, *, order: str, limit: int, **where: str) -> Sequence[Any]:
        """The objects of a class with these values; raises BoardAway."""
        params = {"order": order, "limit": str(limit), "where": json.dumps(where)}
        results = self._call("GET", name, params=params).get("results")
        if not isinstance(results, list):
            raise BoardAway("the Parse Server returned no results")
        return [each for each in results if isinstance(each, dict)]

    def create(self, name: str, values: Mapping[str, Any], *, not_after: float) -> None:
        """Create an object, but not after `not_after` (epoch seconds).

        Raises BoardAway, and may still have created the object. Repeating creates another one.
        """
        if self.clock() > not_after:
            raise BoardAway("the time to send it is over")
        self._call("POST", name, json=values)

    def change(self, name: str, object_id: str, values: Mapping[str, Any]) -> None:
        """Change an object; raises BoardAway. Safe to repeat."""
        if not _OBJECT_ID.fullmatch(object_id):
            raise BoardAway("the Parse Server returned an invalid object id")
        self._call("PUT", f"{name}/{object_id}", json=values)

    def _call(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        deadline = self.clock() + CALL_SECONDS
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
                **arguments,
            ) as response:
                body = b"".join(self._chunks(response, deadline))
        except (OSError, ValueError) as error:  # requests' errors are OSErrors
            # Only the type: the message may contain a proxy's URL with its password.
            kind = type(error).__name__
            raise BoardAway(f"cannot reach the Parse Server ({kind})") from None
        return _read(response.status_code, body)

    def _chunks(self, response: requests.Response, deadline: float) -> Iterator[bytes]:
        size = 0
        for chunk in response.iter_content(16 * 1024):
            size += len(chunk)
            if size > _MOST_BYTES or self.clock() > deadline:
                raise BoardAway("the Parse Server's response is too large or too slow")
            yield chunk


@dataclass(frozen=True)
class ParseBoard:
    """A `bot.store.board.Board` on a Parse Server. Every method raises BoardAway."""

    client: ParseClient

    def say(self, text: str) -> None:
        """Add a line. Repeating adds another line."""
        now = self.client.clock()
        self.add(Line(now, text), secrets.token_hex(16), not_after=now + CALL_SECONDS)

    def add(self, line: Line, uid: str, *, not_after: float) -> None:
        """Add a line with a `uid`, but not after `not_after` (epoch seconds).

        If it raises BoardAway, the line may still be there: ask `has` a little later.
        """
        values = {"status": line.text, "uid": uid, "saidAt": _date(line.said_at)}
        self.client.create("lines", values, not_after=not_after)

    def has(self, uid: str) -> bool:
        """Whether the line with this `uid` is there."""
        return bool(self.client.find("lines", order="createdAt", limit=1, uid=uid))

    def lines(self, limit: int = 20) -> Sequence[Line]:
        """The newest lines first, those of other programs too; skips invalid ones."""
        objects = self.client.find("lines", order="-createdAt", limit=limit)
        return [line for line in map(_line, objects) if line is not None]


@dataclass(frozen=True)
class ParseMood:
    """The mood on a Parse Server: one object, the oldest if there are several."""

    client: ParseClient

    def felt(self) -> str | None:
        """The mood on the server, or None; raises BoardAway."""
        current = self._object()
        return None if current is None else str(current.get("feeling"))

    def feel(self, mood: Mood, *, not_after: float) -> None:
        """Replace the mood; raises BoardAway. Safe to repeat a minute later."""
        values = {"feeling": mood.value}
        current = self._object()
        if current is None:
            self.client.create("current", values, not_after=not_after)
        else:
            self.client.change("current", str(current.get("objectId")), values)

    def _object(self) -> Mapping[str, Any] | None:
        return next(iter(self.client.find("current", order="createdAt", limit=1)), None)


def _read(status: int, body: bytes) -> dict[str, Any]:
    """The object in a response. Raises BoardAway for an error, with the server's message."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        data = None
    data = data if isinstance(data, dict) else {}
    if status in (HTTPStatus.OK, HTTPStatus.CREATED):
        return data
    message = data.get("error")
    detail = f": {message[:200]}" if isinstance(message, str) else ""
    raise BoardAway(f"the Parse Server refused the request ({status}{detail})")


def _line(data: Mapping[str, Any]) -> Line | None:
    """The line in an object; lines of other programs have no `saidAt`."""
    text, said_at = data.get("status"), data.get("saidAt")
    iso = said_at.get("iso") if isinstance(said_at, dict) else data.get("createdAt")
    try:
        at = datetime.fromisoformat(str(iso)).timestamp()
    except (ValueError, OverflowError):
        return None
    return Line(at, text[:_LONGEST_TEXT]) if isinstance(text, str) else None


def _date(seconds: float) -> dict[str, str]:
    """A time in Parse's format."""
    iso = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return {"__type": "Date", "iso": iso.replace("+00:00", "Z")}
