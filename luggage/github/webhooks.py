"""One delivery: bytes and headers in, a value out, or the reason why not. Pure; no I/O.

The signature is checked first, over the raw bytes, before anything is decoded: whatever follows
then works on what GitHub sent, and an attacker reaches no parser. Only `X-Hub-Signature-256`
counts; the older SHA-1 header is ignored, and there is no mode without a secret (gidgethub has
one, and with it a forgotten setting opens the door).

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
from luggage.github.payload import Payload
from luggage.github.secret import SecretBytes

# Real payloads nest 8 deep or so. A bound well under Python's own keeps every later walk
# over the payload (copying, dumping, templates) safe as well, not only the parser.
_MAX_DEPTH = 64

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_GLANCE = msgspec.json.Decoder(Payload)
_SIGNATURE = re.compile(r"sha256=[0-9a-f]{64}")


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
    delivery_id, event = _verified(headers, body, secrets)
    return decode(delivery_id, event, body)


def glance(headers: Mapping[str, str], body: bytes, secrets: Sequence[bytes | str]) -> Delivery:
    """Do what `read` does, in a tenth of the time; the payload has the fields of Payload alone.

    All of the body is read, but only these become objects. What is not seen is a number that Python
    does not take, half of a surrogate pair, or nesting deeper than it can stand: that is for who
    decodes all of it. Of a key that stands twice, both have to be as GitHub sends it.
    """
    delivery_id, event = _verified(headers, body, secrets)
    _check_names(delivery_id, event)
    try:
        body.decode()
        payload = _GLANCE.decode(body)
    except UnicodeError:
        raise Malformed("the body is not UTF-8 text") from None
    except RecursionError:
        raise Malformed("the body is nested too deeply") from None
    except msgspec.ValidationError as error:
        raise Malformed(f"the body is not as GitHub sends it: {error}") from None
    except msgspec.DecodeError:
        _decode(body)  # says what is wrong
        raise Malformed("the body is not JSON") from None
    return Delivery(delivery_id, event, dict(payload))


def _verified(
    headers: Mapping[str, str], body: bytes, secrets: Sequence[bytes | str]
) -> tuple[str, str]:
    """Return what the headers say of the delivery's id and event, once the body is verified."""
    given = {name.lower(): value for name, value in headers.items()}
    verify(given.get("x-hub-signature-256", ""), body, secrets)
    return given.get("x-github-delivery", ""), given.get("x-github-event", "")


def decode(delivery_id: str, event: str, body: bytes) -> Delivery:
    """Decode a delivery that certainly comes from GitHub, such as one read from GitHub's own log.

    Whatever somebody posted belongs to `read`. Safe to repeat. Raises Malformed.
    """
    _check_names(delivery_id, event)
    payload = _decode(body)
    _check_shape(payload)
    return Delivery(delivery_id, event, payload)


def _check_names(delivery_id: str, event: str) -> None:
    for name, value in (("X-GitHub-Event", event), ("X-GitHub-Delivery", delivery_id)):
        if not _NAME.fullmatch(value):
            raise Malformed(f"{name} is missing, or is not 1 to 100 of A-Z a-z 0-9 _ . -")


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
    digests = (hmac.digest(key, body, "sha256").hex() for key in keys)
    # All are compared before any() looks, so that the time does not tell which secret it was.
    matches = [hmac.compare_digest(given, b"sha256=" + digest.encode()) for digest in digests]
    if not any(matches):
        raise BadSignature("the signature matches no webhook secret; compare it with the App's")


def usable_secrets(secrets: Sequence[bytes | str]) -> tuple[SecretBytes, ...]:
    """Return the secrets as bytes that hide themselves; raises ConfigurationError without any."""
    if isinstance(secrets, bytes | str):
        raise ConfigurationError("webhook secrets are a sequence: write [secret], not secret")
    keys = tuple(SecretBytes(_as_bytes(key)) for key in secrets)
    if not keys or not all(key.strip() for key in keys):
        raise ConfigurationError(
            "a webhook secret is missing or blank: without one anybody could post deliveries; "
            "set the one from the App's settings page"
        )
    return keys


def _as_bytes(key: bytes | str) -> bytes:
    try:
        return key.encode() if isinstance(key, str) else key
    except UnicodeEncodeError:
        del key
    # Not raised in the `except`: the error of the codec holds the secret.
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
    try:
        msgspec.convert(payload, Payload)
    except msgspec.ValidationError as error:
        raise Malformed(f"the body is not as GitHub sends it: {error}") from None


def _check_depth(payload: dict[str, Any]) -> None:
    level: list[Any] = [payload]
    for _ in range(_MAX_DEPTH):
        children = (c for node in level for c in (node.values() if type(node) is dict else node))
        level = [child for child in children if type(child) in (dict, list)]
        if not level:
            return
    raise Malformed("the body is nested too deeply")
