"""Tests of bot.store.refusals: what GitHub refuses, by name for operators, by number for others."""

import pytest

from bot.store.refusals import Refusal, RefusalKind, Refusals, public_words, refusal_of
from luggage.github.errors import (
    AddressRefused,
    Blocked,
    NoToken,
    RepositoryBlocked,
    Suspended,
    Uninstalled,
)


@pytest.fixture
def refusals(store, clock):
    return Refusals(store, clock=clock)


def error(kind):
    return kind("words", method="GET", path="/x", status=403)


def test_a_refusal_is_kept_with_the_time_when_it_began(refusals, clock):
    """A refusal that is noticed again keeps its first time; another kind replaces it."""
    began = clock()
    refusals.heard(7, "snakes", error(Suspended))
    clock.advance(60)
    refusals.heard(7, "snakes", error(Suspended))
    (found,) = refusals.all()
    assert (found.words, found.since) == ("the App is suspended", began)
    refusals.heard(7, "snakes", error(AddressRefused))
    (found,) = refusals.all()
    assert (found.kind, "allow list" in found.words) == (RefusalKind.ADDRESS, True)
    assert "add the bot's address" in found.remedy
    refusals.end([7])
    assert refusals.all() == []


@pytest.mark.parametrize("kind", [Blocked, NoToken, Uninstalled, RepositoryBlocked])
def test_other_refusals_are_not_of_an_installation(refusals, kind):
    """A blocked repository, or an installation that is gone, is no refusal of an installation."""
    refusals.heard(7, "snakes", error(kind))
    assert refusals.all() == []


def test_strangers_see_numbers_and_no_names(refusals):
    """The public words count the organisations, and name none."""
    refusals.heard(7, "snakes", error(Suspended))
    refusals.heard(8, "birds", error(AddressRefused))
    refusals.heard(9, "fish", error(AddressRefused))
    words = public_words(refusals.counts())
    assert words == (
        "I am suspended in one organisation, kept out of 2 organisations by an IP allow list; "
        "an owner can change that"
    )
    assert public_words({}) == ""


NEEDED = {"issues": "write", "contents": "read"}
LISTED = {
    "id": 7,
    "account": {"login": "snakes"},
    "html_url": "https://github.test/organizations/snakes/settings/installations/7",
    "suspended_at": None,
    "permissions": {"issues": "write", "contents": "write"},
}


def test_an_installation_as_it_should_be_has_none():
    """An installation with all permissions is not refused."""
    assert refusal_of(LISTED, NEEDED) is None


@pytest.mark.parametrize(
    ("change", "kind", "words", "remedy"),
    [
        (
            {"suspended_at": "2026-11-30T18:00:00Z", "permissions": {}},
            "suspended",
            "the App is suspended",
            f"unsuspend it: {LISTED['html_url']}",
        ),
        (
            {"permissions": {"contents": "read", "issues": "read"}},
            "permissions",
            "has not accepted: issues: write",
            f"ask an owner to accept them: {LISTED['html_url']}/permissions/update",
        ),
    ],
)
def test_the_list_of_installations_says_what_is_refused(change, kind, words, remedy):
    """A suspension comes before a permission that was not accepted; each names its remedy."""
    assert refusal_of({**LISTED, **change}, NEEDED) == Refusal(7, "snakes", kind, words, remedy)
