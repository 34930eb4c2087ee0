"""One delivery: bytes and headers in, a value out, or the reason why not. Pure; no I/O.

The signature is checked first, over the raw bytes, before anything is decoded: whatever follows
then works on what GitHub sent, and an attacker reaches no parser. Only `X-Hub-Signature-256`
counts; the older SHA-1 header is ignored, and there is no mode without a secret (gidgethub has
one, and with it a forgotten setting opens the door).

Source: https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
"""

import hashlib
import hmac
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from luggage.github.errors import BadSignature, ConfigurationError, Malformed, Unsigned
from luggage.github.secret import SecretBytes

# Real payloads nest 8 deep or so. A bound well under Python's own keeps every later walk
# over the payload (copying, dumping, templates) safe as well, not only the parser.
_MAX_DEPTH = 64

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_SIGNATURE = re.compile(r"sha256=[0-9a-f]{64}")
_FULL_NAME = re.compile(r"(?!\.{1,2}/)[A-Za-z0-9._-]+/(?!\.{1,2}\Z)[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Delivery:
    """A verified delivery.

    `id` is GitHub's X-GitHub-Delivery (the same when GitHub or a person redelivers it), `event`
    the name of the event, `payload` the decoded object, not shown in the repr because it may be
    private.
    """

    id: str
    event: str
    payload: dict[str, Any] = field(repr=False)

    @property
    def action(self) -> str | None:
        """Return what happened within the event, such as "opened"; None for events without."""
        action = self.payload.get("action")
        return action if isinstance(action, str) else None

    @property
    def installation_id(self) -> int | None:
        """Return the installation the delivery is about; None where there is none."""
        installation = self.payload.get("installation")
        return installation.get("id") if isinstance(installation, dict) else None


def read(headers: Mapping[str, str], body: bytes, secrets: Sequence[bytes | str]) -> Delivery:
    """Verify a delivery, then decode it; safe to repeat.

    `headers` are matched without regard to case; `body` is the raw bytes; each of `secrets` is
    live, so that one can be exchanged for another without a gap. Raises Unsigned or BadSignature
    (401), Malformed (400), and ConfigurationError when there is no secret to verify with.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    verify(lowered.get("x-hub-signature-256", ""), body, secrets)
    return decode(lowered.get("x-github-delivery", ""), lowered.get("x-github-event", ""), body)


def decode(delivery_id: str, event: str, body: bytes) -> Delivery:
    """Decode a delivery that certainly comes from GitHub, such as one read from GitHub's own log.

    Whatever somebody posted belongs to `read`. Safe to repeat. Raises Malformed.
    """
    for name, value in (("X-GitHub-Event", event), ("X-GitHub-Delivery", delivery_id)):
        if not _NAME.fullmatch(value):
            raise Malformed(f"{name} is missing, or is not 1 to 100 of A-Z a-z 0-9 _ . -")
    payload = _decode(body)
    _check_shape(payload)
    return Delivery(delivery_id, event, payload)


def verify(signature: str, body: bytes, secrets: Sequence[bytes | str]) -> None:
    """Check `signature` (the value of X-Hub-Signature-256) over the raw `body`; safe to repeat.

    Raises Unsigned when it is empty, BadSignature when it was made with none of `secrets`, and
    ConfigurationError when a secret is missing. Takes the same time whichever byte differs.
    """
    keys = usable_secrets(secrets)
    if not signature:
        raise Unsigned("the delivery has no X-Hub-Signature-256; set a secret in the App's webhook")
    # Only now is it ASCII for certain: compare_digest raises on text that is not.
    given = signature.encode() if _SIGNATURE.fullmatch(signature) else b""
    digests = (hmac.new(key, body, hashlib.sha256).hexdigest() for key in keys)
    # All are compared before any() looks, so that the time does not tell which secret it was.
    matches = [hmac.compare_digest(given, b"sha256=" + digest.encode()) for digest in digests]
    if not any(matches):
        raise BadSignature("the signature matches no webhook secret; compare it with the App's")


def usable_secrets(secrets: Sequence[bytes | str]) -> tuple[SecretBytes, ...]:
    """Return the secrets as bytes that hide themselves; raises ConfigurationError without any."""
    if isinstance(secrets, bytes | str):
        raise ConfigurationError("webhook secrets are a sequence: write [secret], not secret")
    keys = tuple(SecretBytes(key.encode() if isinstance(key, str) else key) for key in secrets)
    if not keys or not all(key.strip() for key in keys):
        raise ConfigurationError(
            "a webhook secret is missing or blank: without one anybody could post deliveries; "
            "set the one from the App's settings page"
        )
    return keys


def _decode(body: bytes) -> dict[str, Any]:
    if body.startswith(b"payload="):
        raise Malformed("the body is a form; set the webhook's content type to application/json")
    try:
        text = body.decode()
        payload = json.loads(text, parse_float=_finite, parse_constant=_finite)
        _refuse_lone_surrogates(text, payload)
    except RecursionError:
        raise Malformed("the body is nested too deeply") from None
    except UnicodeError:
        raise Malformed("the body is not UTF-8 text") from None
    except ValueError:
        raise Malformed("the body is not JSON") from None
    if not isinstance(payload, dict):
        raise Malformed("the body is JSON, but not an object")
    return payload


def _finite(number: str) -> float:
    value = float(number)  # "1e999" is valid JSON and becomes infinite only here
    if not math.isfinite(value):
        raise ValueError("JSON has no such number")
    return value


def _refuse_lone_surrogates(text: str, payload: object) -> None:
    # Raw bytes cannot hold one (UTF-8 was decoded strictly); only an escape can. They would break
    # each later encoder: the database's, the log's, the page's.
    if "\\ud" in text or "\\uD" in text:
        json.dumps(payload, ensure_ascii=False).encode()


def _check_shape(payload: dict[str, Any]) -> None:
    _check_depth(payload)
    for path, (wanted, acceptable) in _SHAPE.items():
        value: Any = payload
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if value is not None and not acceptable(value):
            raise Malformed(f"{path} is not {wanted}")


def _check_depth(payload: dict[str, Any]) -> None:
    level: list[Any] = [payload]
    for _ in range(_MAX_DEPTH):
        children = (c for node in level for c in (node.values() if type(node) is dict else node))
        level = [child for child in children if type(child) in (dict, list)]
        if not level:
            return
    raise Malformed("the body is nested too deeply")


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_string(value: object) -> bool:
    return isinstance(value, str)


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_full_name(value: object) -> bool:
    return isinstance(value, str) and _FULL_NAME.fullmatch(value) is not None


_OBJECT = ("an object", _is_object)
_STRING = ("a string", _is_string)
_INTEGER = ("a whole number", _is_integer)

# What the rest of the program relies on, and nothing more: GitHub may add fields whenever it likes.
# Each may be absent or null. Objects stand before what is in them.
_SHAPE: Mapping[str, tuple[str, Callable[[object], bool]]] = {
    "action": _STRING,
    "number": _INTEGER,
    "installation": _OBJECT,
    "installation.id": _INTEGER,
    "repository": _OBJECT,
    "repository.id": _INTEGER,
    "repository.full_name": ("of the form owner/name", _is_full_name),
    "organization": _OBJECT,
    "organization.login": _STRING,
    "sender": _OBJECT,
    "sender.login": _STRING,
    "sender.type": _STRING,
    "issue": _OBJECT,
    "issue.number": _INTEGER,
    "issue.body": _STRING,
    "pull_request": _OBJECT,
    "pull_request.number": _INTEGER,
    "pull_request.body": _STRING,
    "comment": _OBJECT,
    "comment.id": _INTEGER,
    "comment.in_reply_to_id": _INTEGER,
    "comment.body": _STRING,
    "review": _OBJECT,
    "review.id": _INTEGER,
    "review.body": _STRING,
}
