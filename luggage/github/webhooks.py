"""Webhook deliveries: verifies and decodes them, without I/O.

The signature of the raw bytes is checked before any parser runs. Only `X-Hub-Signature-256` counts,
not the older SHA-1 header, and a secret is required.

Source: https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
"""

import hmac
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from luggage.github.errors import BadSignature, ConfigurationError, Malformed, Unsigned
from luggage.github.event_table import EVENT_TYPES
from luggage.github.payload import Payload
from luggage.github.secret import SecretBytes

# Real payloads nest about 8 levels. A bound well below Python's also protects later recursive code,
# such as copying and templates.
_MAX_DEPTH = 64

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_SHALLOW = msgspec.json.Decoder(Payload)
_SIGNATURE = re.compile(r"sha256=[0-9a-f]{64}")

#: The names of GitHub's webhook events, as sent in X-GitHub-Event.
#: https://docs.github.com/webhooks/webhook-events-and-payloads
EVENTS = frozenset(EVENT_TYPES)


@dataclass(frozen=True)
class Delivery:
    """A verified delivery.

    `id` is X-GitHub-Delivery, which redeliveries share; `event` is the event's name. The repr hides
    `payload`, the decoded object, because it may be private.
    """

    id: str
    event: str
    payload: dict[str, Any] = field(repr=False)

    @property
    def action(self) -> str | None:
        """Return the event's action, such as "opened"; None if the event has none."""
        action = self.payload.get("action")
        return action if isinstance(action, str) else None

    @property
    def installation_id(self) -> int | None:
        """Return the delivery's installation; None if it has none."""
        installation = self.payload.get("installation")
        return installation.get("id") if isinstance(installation, dict) else None


def documented_event(name: str) -> str:
    """Return the name of an event that GitHub documents, else "other": a bounded set for labels."""
    return name if name in EVENTS else "other"


def read(headers: Mapping[str, str], body: bytes, secrets: Sequence[bytes | str]) -> Delivery:
    """Verify and decode a delivery; safe to repeat.

    Header names are case-insensitive; `body` is the raw bytes. A signature by any of `secrets` is
    valid, so secrets can be rotated. Raises Unsigned or BadSignature (401), Malformed (400), and
    ConfigurationError if there is no secret.
    """
    delivery_id, event = _verified(headers, body, secrets)
    return decode(delivery_id, event, body)


def read_shallow(
    headers: Mapping[str, str], body: bytes, secrets: Sequence[bytes | str]
) -> Delivery:
    """Like `read` in a tenth of the time, with only the fields of Payload.

    The whole body is parsed, but out-of-range numbers, lone surrogates and deep nesting are not
    reported; decode the full body later. If a key occurs twice, both values must be valid.
    docs/decisions/0108 says more.
    Raises Unsigned, BadSignature, Malformed and ConfigurationError, as `read` does.
    """
    delivery_id, event = _verified(headers, body, secrets)
    _check_names(delivery_id, event)
    try:
        body.decode()
        payload = _SHALLOW.decode(body)
    except UnicodeError:
        raise Malformed("the body is not UTF-8 text") from None
    except RecursionError:
        raise Malformed("the body is nested too deeply") from None
    except msgspec.ValidationError as error:
        raise Malformed(f"the body does not match GitHub's schema: {error}") from None
    except msgspec.DecodeError:
        _decode(body)  # raises the specific error
        raise Malformed("the body is not JSON") from None
    return Delivery(delivery_id, event, dict(payload))


def _verified(
    headers: Mapping[str, str], body: bytes, secrets: Sequence[bytes | str]
) -> tuple[str, str]:
    """Verify the body; return the delivery's id and event from the headers."""
    lowered = {name.lower(): value for name, value in headers.items()}
    verify(lowered.get("x-hub-signature-256", ""), body, secrets)
    return lowered.get("x-github-delivery", ""), lowered.get("x-github-event", "")


def decode(delivery_id: str, event: str, body: bytes) -> Delivery:
    """Decode a delivery that is known to come from GitHub, such as one from its delivery log.

    Use `read` for received requests. Safe to repeat. Raises Malformed.
    """
    _check_names(delivery_id, event)
    payload = _decode(body)
    _check_shape(payload)
    return Delivery(delivery_id, event, payload)


def _check_names(delivery_id: str, event: str) -> None:
    for name, value in (("X-GitHub-Event", event), ("X-GitHub-Delivery", delivery_id)):
        if not _NAME.fullmatch(value):
            raise Malformed(f"{name} must be 1 to 100 characters of A-Z a-z 0-9 _ . -")


def verify(signature: str, body: bytes, secrets: Sequence[bytes | str]) -> None:
    """Check `signature` (the value of X-Hub-Signature-256) of the raw `body`; safe to repeat.

    Raises Unsigned if it is empty, BadSignature if no secret matches, ConfigurationError if a
    secret is missing. The comparison takes constant time.
    """
    keys = usable_secrets(secrets)
    if not signature:
        raise Unsigned(
            "the delivery has no X-Hub-Signature-256; set a webhook secret in the App's settings"
        )
    # compare_digest raises on non-ASCII text.
    candidate = signature.encode() if _SIGNATURE.fullmatch(signature) else b""
    digests = (hmac.digest(key, body, "sha256").hex() for key in keys)
    # Compare all before any(), so that the time does not reveal which secret matched.
    matches = [hmac.compare_digest(candidate, b"sha256=" + digest.encode()) for digest in digests]
    if not any(matches):
        raise BadSignature(
            "the signature matches no webhook secret; compare the secret with the App's settings"
        )


def usable_secrets(secrets: Sequence[bytes | str]) -> tuple[SecretBytes, ...]:
    """Return the secrets as bytes with a hidden repr; raises ConfigurationError if unusable."""
    if isinstance(secrets, bytes | str):
        raise ConfigurationError("webhook secrets are a sequence: write [secret], not secret")
    keys = tuple(SecretBytes(_as_bytes(key)) for key in secrets)
    if not keys or not all(key.strip() for key in keys):
        raise ConfigurationError(
            "a webhook secret is missing or blank, so anyone could send deliveries; "
            "set the secret from the App's settings page"
        )
    return keys


def _as_bytes(key: bytes | str) -> bytes:
    try:
        return key.encode() if isinstance(key, str) else key
    except UnicodeEncodeError:
        del key
    # Raised outside the `except`, because the codec's error contains the secret.
    raise ConfigurationError("a webhook secret is not UTF-8 text: copy it again")


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
    value = float(number)  # "1e999" is valid JSON but infinite as a float
    if not math.isfinite(value):
        raise ValueError("the number is not finite")
    return value


def _refuse_lone_surrogates(text: str, payload: object) -> None:
    # Only an escape can contain one, because UTF-8 decoding is strict. It would break the encoders
    # of the database, the log and the pages.
    if "\\ud" in text or "\\uD" in text:
        json.dumps(payload, ensure_ascii=False).encode()


def _check_shape(payload: dict[str, Any]) -> None:
    _check_depth(payload)
    try:
        msgspec.convert(payload, Payload)
    except msgspec.ValidationError as error:
        raise Malformed(f"the body does not match GitHub's schema: {error}") from None


def _check_depth(payload: dict[str, Any]) -> None:
    level: list[Any] = [payload]
    for _ in range(_MAX_DEPTH):
        children = (c for node in level for c in (node.values() if type(node) is dict else node))
        level = [child for child in children if type(child) in (dict, list)]
        if not level:
            return
    raise Malformed("the body is nested too deeply")
