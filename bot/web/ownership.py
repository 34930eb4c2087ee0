"""Ownership: which organisations a person owns that may sign in, as GitHub says clearly.

Owners of the App's organisation see the whole bot; owners of others see their own organisation. The
questions are asked with the person's own token. Whatever is not a clear yes is a no: a 404, a
malformed answer, an App whose owner GitHub does not show.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self

from luggage.github import Blocked, Client, Forbidden, NotFound

# Anybody may install a public App on many organisations of their own.
_MOST_INSTALLATIONS = 300
_MOST_REASONS = 5


class NotAllowedError(Exception):
    """The person may not sign in; the message says why, for the page and the log."""


@dataclass(frozen=True, slots=True)
class ConsoleScope:
    """What a person may see and change: some installations, or the whole bot.

    `organizations` are the logins of their organisations, by the installation's id as text; None
    means the whole bot, with what belongs to no installation.
    """

    organizations: Mapping[str, str] | None

    @property
    def is_whole(self) -> bool:
        """Whether it is the whole bot."""
        return self.organizations is None

    @property
    def tenants(self) -> Collection[str] | None:
        """The installations, as the queue names its tenants; None for all."""
        return None if self.organizations is None else frozenset(self.organizations)

    def has(self, tenant: str) -> bool:
        """Whether an installation, or the jobs of this tenant, may be seen."""
        return self.organizations is None or tenant in self.organizations

    def has_place(self, place: str) -> bool:
        """Whether an organisation, or a repository `owner/name`, may be seen."""
        if self.organizations is None:
            return True
        owner = place.partition("/")[0].lower()
        return owner in {login.lower() for login in self.organizations.values()}

    def encode(self) -> str:
        """The scope as a session stores it."""
        return json.dumps(None if self.organizations is None else dict(self.organizations))

    @classmethod
    def decode(cls, text: str) -> Self:
        """The stored scope; what cannot be read sees nothing."""
        try:
            said = json.loads(text)
        except ValueError:
            said = {}
        return cls(said if said is None or isinstance(said, dict) else {})


#: The scope of the operators of the whole bot, and of everybody who can run its commands.
WHOLE = ConsoleScope(None)


@dataclass(frozen=True, slots=True)
class Owner:
    """A person who may sign in, and what they may see."""

    login: str
    scope: ConsoleScope


@dataclass(frozen=True)
class _Installation:
    """An active installation of the App on an organisation."""

    id: int
    app_id: int
    slug: str
    organization_id: int
    organization: str


def owner(client: Client, organizations: Collection[str]) -> Owner:
    """The person who may sign in; `client` uses that person's token.

    Owners of `organizations` may; if it is empty, those of the organisation that owns the App.
    Raises NotAllowedError, and RequestFailed if GitHub does not answer.
    """
    login = _text(client.get("/user"), "login")
    found = list(_installations(client))
    if not found:
        raise NotAllowedError(
            f"{login} cannot sign in: the App is not installed in any of your organisations"
        )
    allowed = _named(found, organizations) if organizations else _of_app_owner(client, found)
    why_not = {each: _why_not(client, each) for each in allowed}
    if owned := [each for each in allowed if not why_not[each]]:
        return Owner(login, _scope(client, owned, is_of_app_owner=not organizations))
    reasons = [
        why_not.get(each)
        or f"owners of {each.organization} cannot sign in (see console.organizations)"
        for each in found[:_MOST_REASONS]
    ]
    raise NotAllowedError(f"{login} cannot sign in: {'; '.join(reasons)}")


def _scope(client: Client, owned: list[_Installation], *, is_of_app_owner: bool) -> ConsoleScope:
    """The whole bot for owners of the App's organisation; the owned organisations for others."""
    try:
        is_whole = is_of_app_owner or bool(_of_app_owner(client, owned))
    except NotAllowedError:  # GitHub hides whose App it is.
        is_whole = False
    return WHOLE if is_whole else ConsoleScope({str(each.id): each.organization for each in owned})


def _installations(client: Client) -> Iterator[_Installation]:
    """The App's active installations on organisations of the person."""
    for each in islice(client.pages("/user/installations"), _MOST_INSTALLATIONS):
        if isinstance(each, Mapping) and each.get("suspended_at", "missing") is None:
            if each.get("target_type") != "Organization":
                continue
            account = each.get("account")
            yield _Installation(
                id=_id(each, "id"),
                app_id=_id(each, "app_id"),
                slug=_text(each, "app_slug"),
                organization_id=_id(account, "id"),
                organization=_text(account, "login"),
            )


def _named(found: Collection[_Installation], organizations: Collection[str]) -> list[_Installation]:
    names = {name.lower() for name in organizations}
    return [each for each in found if each.organization.lower() in names]


def _of_app_owner(client: Client, found: list[_Installation]) -> list[_Installation]:
    """The installations on the organisation that owns the App, which GitHub must show.

    A private App is shown to the members of its organisation.
    """
    first = found[0]
    try:
        app = client.get("/apps/{slug}", slug=first.slug)
    except (NotFound, Forbidden):
        raise NotAllowedError(
            "GitHub does not show whose App this is: name the organisations whose owners may sign "
            "in (console.organizations, BOT_CONSOLE_ORGANIZATIONS)"
        ) from None
    if _id(app, "id") != first.app_id:
        raise _unclear("id")
    owner_id = _id(app.get("owner"), "id")
    return [each for each in found if each.organization_id == owner_id]


def _why_not(client: Client, installation: _Installation) -> str:
    """Why the person is no active owner of the organisation; "" if GitHub says that they are."""
    name = installation.organization
    path = "/user/memberships/orgs/{organization}"
    try:
        membership = client.get(path, organization=name)
    except NotFound:
        return f"not an owner of {name}"
    except (Forbidden, Blocked) as error:
        return f"GitHub does not say who owns {name} ({error.message} -- {error.remedy})"
    role, state = _text(membership, "role"), _text(membership, "state")
    is_same = _id(membership.get("organization"), "id") == installation.organization_id
    is_owner = is_same and (role, state) == ("admin", "active")
    return "" if is_owner else f"not an owner of {name}"


def _text(value: Any, name: str) -> str:
    found = value.get(name) if isinstance(value, Mapping) else None
    if not isinstance(found, str) or not found:
        raise _unclear(name)
    return found


def _id(value: Any, name: str) -> int:
    found = value.get(name) if isinstance(value, Mapping) else None
    if not isinstance(found, int) or isinstance(found, bool) or found <= 0:
        raise _unclear(name)
    return found


def _unclear(name: str) -> NotAllowedError:
    return NotAllowedError(f"GitHub's answer is not clear (it has no valid {name})")
