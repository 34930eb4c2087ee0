"""Comment text and reply paths for the five kinds of conversation, without I/O.

Paths contain only `repository.full_name`, numbers and ids. The URLs in a payload are not used: a
forged payload could send the installation token to any host.
"""

import re
from collections.abc import Mapping
from typing import Any

_FULL_NAME = re.compile(r"(?!\.{1,2}/)[A-Za-z0-9._-]+/(?!\.{1,2}\Z)[A-Za-z0-9._-]+")

# event -> payload object that holds the text
_TEXT_IN = {
    "issues": "issue",
    "pull_request": "pull_request",
    "issue_comment": "comment",
    "pull_request_review_comment": "comment",
    "pull_request_review": "review",
}

# event -> payload object that holds the number
_NUMBER_IN = {
    "issues": "issue",
    "issue_comment": "issue",
    "pull_request": "pull_request",
    "pull_request_review": "pull_request",
    "pull_request_review_comment": "pull_request",
}


def get_comment_body(event: str, payload: Mapping[str, Any]) -> str:
    """Return the Markdown text, "" for null; raises ValueError for an unsuitable payload."""
    return _object(payload, _lookup(_TEXT_IN, event)).get("body") or ""


def reply_url(event: str, payload: Mapping[str, Any]) -> str:
    """Return the path to POST `{"body": ...}` to, such as `/repos/o/r/issues/7/comments`.

    A reply to a review comment goes to the first comment of its thread: "This must be the ID of a
    top-level review comment" (REST, "Create a reply for a review comment"). Raises ValueError for
    another event, or if the payload lacks a name, number or id.
    """
    number = _integer(_object(payload, _lookup(_NUMBER_IN, event)), "number")
    if event != "pull_request_review_comment":
        return f"/repos/{_full_name(payload)}/issues/{number}/comments"
    comment = _object(payload, "comment")
    thread = "in_reply_to_id" if comment.get("in_reply_to_id") is not None else "id"
    first = _integer(comment, thread)
    return f"/repos/{_full_name(payload)}/pulls/{number}/comments/{first}/replies"


def reaction_url(event: str, payload: Mapping[str, Any]) -> str | None:
    """Return the path to POST `{"content": "heart"}` to; None for reviews. Raises ValueError."""
    number_in = _lookup(_NUMBER_IN, event)
    if event == "pull_request_review":
        return None
    if event in {"issues", "pull_request"}:
        number = _integer(_object(payload, number_in), "number")
        return f"/repos/{_full_name(payload)}/issues/{number}/reactions"
    kind = "issues" if event == "issue_comment" else "pulls"
    comment_id = _integer(_object(payload, "comment"), "id")
    return f"/repos/{_full_name(payload)}/{kind}/comments/{comment_id}/reactions"


def _lookup(table: Mapping[str, str], event: str) -> str:
    try:
        return table[event]
    except KeyError:
        known = ", ".join(table)
        raise ValueError(f"{event!r} is not a conversation event; use one of: {known}") from None


def _object(payload: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = payload.get(name)
    if not isinstance(value, Mapping):
        raise ValueError(f"the payload has no object {name!r}")  # noqa: TRY004 -- bad data, not a bug
    return value


def _integer(source: Mapping[str, Any], name: str) -> int:
    value = source.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{name!r} is not a whole number")  # noqa: TRY004 -- bad data, not a bug
    return value


def _full_name(payload: Mapping[str, Any]) -> str:
    name = _object(payload, "repository").get("full_name")
    if not isinstance(name, str) or not _FULL_NAME.fullmatch(name):
        raise ValueError("repository.full_name is not of the form owner/name")
    return name
