"""Fixtures for tests of actions."""

import pytest

from bot.actions import kinds


@pytest.fixture
def registry(monkeypatch):
    """A copy of the registry, so that a test's kind is gone after it."""
    known = {action.kind.replace(" ", "-"): action for action in kinds().values()}
    monkeypatch.setattr("bot.actions.base._KINDS", known)
    return known
