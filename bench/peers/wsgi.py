"""WSGI apps to compare with: from an empty one to a small webhook."""

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
    """Bare WSGI: reads the body and ignores it."""
    environ["wsgi.input"].read(int(str(environ["CONTENT_LENGTH"])))  # type: ignore[attr-defined]
    start("200 OK", [("Content-Length", "0")])
    return [b""]


@flask.post("/webhook")
def receive() -> ResponseReturnValue:
    """Bare Flask: reads the body and ignores it."""
    request.get_data()
    return "", 200


@careful.post("/webhook")
def verify() -> ResponseReturnValue:
    """Verify and parse."""
    body = request.get_data()
    expected = "sha256=" + hmac.digest(SECRET, body, "sha256").hex()
    signature = request.headers.get("X-Hub-Signature-256", "")
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        return "", 401
    json.loads(body)
    return "", 200
