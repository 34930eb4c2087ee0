"""App manifests: builds one, and exchanges the resulting code for the App's secrets.

GitHub creates the App when a person confirms the manifest, and redirects back with a code. The code
is worth the App's secrets for one hour or until it is used, so no message contains it.

Source: https://docs.github.com/apps/sharing-github-apps/registering-a-github-app-from-a-manifest
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from luggage.github.answers import ApiResponse, failure, limited_until
from luggage.github.client import API_VERSION, decode
from luggage.github.errors import Ambiguous, Invalid
from luggage.github.secret import SecretText
from luggage.github.transport import BadAddress, Transport, configured_origin, expand

CODE_SECONDS = 3600.0
LONGEST_NAME = 34
# GitHub only creates and logs deliveries for an active webhook with an address. This host can never
# exist (RFC 6761, section 6.4); docs/decisions/0075 says why.
NO_WEBHOOK_URL = "https://nobody-listens.invalid/webhook/github"

_CONVERSION = "/app-manifests/{code}/conversions"


def manifest(  # noqa: PLR0913 -- keyword-only manifest fields
    *,
    name: str,
    url: str,
    webhook_url: str,
    redirect_url: str,
    callback_urls: Collection[str],
    permissions: Mapping[str, str],
    events: Collection[str],
) -> dict[str, Any]:
    """Return the manifest of a private App as a JSON object, without I/O.

    `webhook_url` may be NO_WEBHOOK_URL. `hook_attributes` is always set: without it GitHub logs no
    deliveries, and the bot could not poll for them.
    """
    return {
        "name": name[:LONGEST_NAME],
        "url": url,
        "hook_attributes": {"url": webhook_url, "active": True},
        "redirect_url": redirect_url,
        "callback_urls": list(callback_urls),
        "public": False,
        "default_permissions": dict(sorted(permissions.items())),
        "default_events": sorted(events),
    }


@dataclass(frozen=True, kw_only=True)
class Registered:
    """A newly created App; GitHub returns its secrets only once.

    `owner` is the organization's login, `page` the App's public page. `webhook_secret` is "" if
    GitHub created none.
    """

    id: int
    slug: str
    name: str
    owner: str
    page: str
    client_id: str
    client_secret: SecretText = field(repr=False)
    webhook_secret: SecretText = field(repr=False)
    private_key: SecretText = field(repr=False)


def convert(
    code: str,
    *,
    api_url: str,
    user_agent: str,
    session: requests.Session,
    clock: Callable[[], float],
) -> Registered:
    """Exchange the code for the App and its secrets.

    Raises ConfigurationError for an unusable API address. Raises NotFound or Invalid for a wrong,
    used or expired code; Unreachable if nothing was sent, so a retry is safe; Ambiguous if the code
    may have been used; other RequestFailed. No message contains the code.
    """
    url = configured_origin(api_url).url + _path(code)
    headers = {
        "Accept": "application/vnd.github+json",
        "User-Agent": user_agent,
        "X-GitHub-Api-Version": API_VERSION,
    }
    transport = Transport(session, clock=clock)
    answer = transport.send("POST", url, path=_CONVERSION, headers=headers, body=None)
    if not answer.ok:
        raise failure(answer, retry_at=limited_until(answer, skew_seconds=0.0))
    return _registered(answer)


def _path(code: str) -> str:
    try:
        return expand(_CONVERSION, {"code": code})
    except BadAddress:
        # `from None`: the cause contains the code.
        raise Invalid("this is not a manifest code", method="POST", path=_CONVERSION) from None


def _registered(answer: ApiResponse) -> Registered:
    data = decode(answer)
    try:
        owner = data["owner"]
        return Registered(
            id=int(data["id"]),
            slug=str(data["slug"]),
            name=str(data["name"]),
            owner=str(owner.get("login") or owner["slug"]),
            page=str(data["html_url"]),
            client_id=str(data["client_id"]),
            client_secret=SecretText(data["client_secret"]),
            webhook_secret=SecretText(data["webhook_secret"] or ""),
            private_key=SecretText(data["pem"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
        # `from None`: the cause may contain the response and its secrets.
        raise Ambiguous(
            "the response does not describe an App",
            method="POST",
            path=_CONVERSION,
            status=answer.status,
        ) from None
