"""bot.actions.work: refusals in a locked conversation, and others that sound like them."""

import pytest

from bot.actions.work import is_locked
from luggage.github import Forbidden, Invalid

REQUEST = {"method": "POST", "path": "/repos/o/r/issues/1/comments"}
PAGE = "https://docs.github.com/articles/locking-conversations/"


@pytest.mark.parametrize(
    ("message", "page", "status", "is_it"),
    [
        ("Unable to create comment because issue is locked.", "", 403, True),
        ("Forbidden", PAGE, 403, True),
        ("User is blocked", "", 403, False),
        ("Repository access blocked", "", 403, False),
        ("Resource not accessible by integration", "", 403, False),
        ("the lock file is missing", "", 403, False),
    ],
)
def test_only_a_locked_conversation_counts(message, page, status, is_it):
    """Neither who is blocked nor another refusal is taken for it."""
    error = Forbidden(message, status=status, documentation_url=page, **REQUEST)
    assert is_locked(error) is is_it


def test_another_status_is_no_lock():
    """A word in a validation error says nothing."""
    assert not is_locked(Invalid("the title is locked", status=422, **REQUEST))
