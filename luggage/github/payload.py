"""Payload fields that the library relies on; each may be absent or null."""

from typing import Annotated, TypedDict

from msgspec import Meta

# Becomes part of URLs, so only a repository's path is valid.
FullName = Annotated[
    str, Meta(pattern=r"^(?!\.{1,2}/)[A-Za-z0-9._-]+/(?!\.{1,2}\Z)[A-Za-z0-9._-]+\Z")
]


class Installation(TypedDict, total=False):
    """The App's installation in an organisation."""

    id: int | None


class Repository(TypedDict, total=False):
    """A repository."""

    id: int | None
    full_name: FullName | None


class Account(TypedDict, total=False):
    """An organisation, a person or an App."""

    id: int | None
    login: str | None
    type: str | None


class Thread(TypedDict, total=False):
    """An issue or a pull request."""

    number: int | None
    body: str | None
    merged: bool | None
    author_association: str | None


class Remark(TypedDict, total=False):
    """A comment or a review."""

    id: int | None
    in_reply_to_id: int | None
    body: str | None
    author_association: str | None


class Payload(TypedDict, total=False):
    """The object that GitHub posts."""

    action: str | None
    number: int | None
    installation: Installation | None
    repository: Repository | None
    organization: Account | None
    sender: Account | None
    issue: Thread | None
    pull_request: Thread | None
    comment: Remark | None
    review: Remark | None
