"""A GitHub App from a manifest: what is asked for, and the secrets that come back.

GitHub makes the App when a person confirms its page, and leads back with a code; the code is good
for one hour and for one exchange, and is worth the App's secrets until then. So it stands in no
message here.

Source: https://docs.github.com/apps/sharing-github-apps/registering-a-github-app-from-a-manifest
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from luggage.github.answers import ApiResponse, failure
from luggage.github.errors import Ambiguous, ConfigurationError, Invalid
from luggage.github.exchange import API_VERSION, decode
from luggage.github.secret import SecretText
from luggage.github.transport import Transport
from luggage.github.urls import BadAddress, Origin, expand

CODE_SECONDS = 3600.0
LONGEST_NAME = 34
# Deliveries are made, and kept in the log, only where the webhook is active and has an address.
# This one is never anybody's (RFC 6761, section 6.4): nobody can receive what is sent there.
NOBODY = "https://nobody-listens.invalid/webhook/github"

_CONVERSION = "/app-manifests/{code}/conversions"


def manifest(  # noqa: PLR0913 -- the fields of a manifest, by keyword
    *,
    name: str,
    url: str,
    webhook_url: str,
    redirect_url: str,
    callback_urls: Collection[str],
    permissions: Mapping[str, str],
    events: Collection[str],
) -> dict[str, Any]:
    """The manifest of an App that only its owner installs, as a JSON object. Pure.

    `webhook_url` may be NOBODY. `hook_attributes` is never left out: without it GitHub makes no
    deliveries, and so there would be nothing to fetch either.
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
    """An App that was just made; its secrets are told this once.

    `owner` is the login of its organization, `page` its public page. `webhook_secret` is "" where
    GitHub made none.
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

    Raises ConfigurationError for an address that cannot be used, and RequestFailed: NotFound or
    Invalid for a code that is wrong, spent or older than an hour; Unreachable where nothing was
    sent, so that it may be repeated; Ambiguous where it may have been spent. No message holds the
    code.
    """
    url = _origin(api_url).url + _path(code)
    headers = {
        "Accept": "application/vnd.github+json",
        "User-Agent": user_agent,
        "X-GitHub-Api-Version": API_VERSION,
    }
    transport = Transport(session, clock=clock)
    answer = transport.send("POST", url, path=_CONVERSION, headers=headers, body=None)
    if not answer.ok:
        raise failure(answer, retry_at=None)
    return _registered(answer)


def _origin(api_url: str) -> Origin:
    try:
        return Origin(api_url)
    except BadAddress as error:
        raise ConfigurationError(f"api_url: {error}") from None


def _path(code: str) -> str:
    try:
        return expand(_CONVERSION, {"code": code})
    except BadAddress:
        # `from None`: the cause quotes the code.
        raise Invalid("that is no code", method="POST", path=_CONVERSION) from None


def _registered(answer: ApiResponse) -> Registered:
    told = decode(answer)
    try:
        owner = told["owner"]
        return Registered(
            id=int(told["id"]),
            slug=str(told["slug"]),
            name=str(told["name"]),
            owner=str(owner.get("login") or owner["slug"]),
            page=str(told["html_url"]),
            client_id=str(told["client_id"]),
            client_secret=SecretText(told["client_secret"]),
            webhook_secret=SecretText(told["webhook_secret"] or ""),
            private_key=SecretText(told["pem"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
        # `from None`: the cause may quote the answer, and with it the secrets.
        raise Ambiguous(
            "the answer holds no App", method="POST", path=_CONVERSION, status=answer.status
        ) from None
