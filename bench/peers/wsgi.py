"""What gunicorn serves beside the bot, from nothing at all to what a small web hook does."""

import hmac
import json
import os
from collections.abc import Callable, Iterable

from flask import Flask, request
from flask.typing import ResponseReturnValue

SECRET = os.environ.get("WEBHOOK_SECRET", "").encode()
Start = Callable[[str, list[tuple[str, str]]], object]

flask = Flask("flask")
careful = Flask("careful")


def bare(environ: dict[str, object], start: Start) -> Iterable[bytes]:
    """WSGI alone: the body is read, nothing is done with it."""
    environ["wsgi.input"].read(int(str(environ["CONTENT_LENGTH"])))  # type: ignore[attr-defined]
    start("200 OK", [("Content-Length", "0")])
    return [b""]


@flask.post("/webhook")
def receive() -> ResponseReturnValue:
    """Flask alone: the body is read, nothing is done with it."""
    request.get_data()
    return "", 200


@careful.post("/webhook")
def verify() -> ResponseReturnValue:
    """Verify and parse."""
    body = request.get_data()
    expected = "sha256=" + hmac.digest(SECRET, body, "sha256").hex()
    given = request.headers.get("X-Hub-Signature-256", "")
    if not hmac.compare_digest(expected.encode(), given.encode()):
        return "", 401
    json.loads(body)
    return "", 200
