"""Tests of bot.loop.periodic.installations: refusals are noticed, and so is their end."""

import pytest

from bot.loop.periodic.installations import InstallationsCheck
from bot.store.refusals import Refusals, public_words, unreachable
from luggage.fake_github import faults
from luggage.github.errors import AddressRefused
from luggage.github.manifest import NO_WEBHOOK_URL

NEEDED = {"metadata": "read", "issues": "write"}


@pytest.fixture
def refusals(store, clock):
    return Refusals(store, clock=clock)


@pytest.fixture
def check(app, refusals):
    return InstallationsCheck(app=app, refusals=refusals, needed=NEEDED)


def told(refusals):
    return [(each.account, each.kind) for each in refusals.all()]


def test_a_suspension_and_its_end_are_noticed(check, refusals, github):
    """A suspension is stored until it ends."""
    github.add_repository("birds/nest")
    github.suspend("snakes")
    check()
    assert told(refusals) == [("snakes", "suspended")]
    github.unsuspend("snakes")
    check()
    assert told(refusals) == []


def test_a_permission_that_was_not_accepted_is_noticed(check, refusals, github):
    """An installation without a needed permission is stored until its owner accepts it."""
    granted = dict(github.install("snakes").permissions)
    github.accept_permissions("snakes", metadata="read")
    check()
    assert [each.words for each in refusals.all()] == ["has not accepted: issues: write"]
    github.accept_permissions("snakes", **granted)
    check()
    assert told(refusals) == []


def test_an_allow_list_stays_noticed_until_github_answers(check, refusals, github):
    """An installation with an allow list is asked again; the others are not asked at all."""
    github.add_repository("birds/nest")
    github.set_allow_list("snakes")
    error = AddressRefused("IP allow list", method="GET", path="/x", status=403)
    refusals.heard(github.install("snakes").id, "snakes", error)
    check()
    assert told(refusals) == [("snakes", "address")]
    github.set_allow_list("snakes", on=False)
    check()
    assert told(refusals) == []
    asked = {call.installation_id for call in github.calls_to("GET", "/installation/*")}
    assert github.install("birds").id not in asked


def test_an_uninstalled_app_is_refused_nothing(check, refusals, github):
    """The refusals of an installation that is gone are deleted."""
    github.suspend("snakes")
    check()
    github.uninstall("snakes")
    check()
    assert told(refusals) == []


def test_one_installation_that_fails_stops_no_other(check, refusals, github, monkeypatch):
    """Whatever one installation raises, the others are checked."""
    github.add_repository("birds/nest")
    github.suspend("snakes")
    github.suspend("birds")
    note = refusals.note

    def refuse(refused):
        if refused.account == "snakes":
            raise RuntimeError("a bug")
        note(refused)

    monkeypatch.setattr(refusals, "note", refuse)
    with pytest.raises(ExceptionGroup):
        check()
    assert told(refusals) == [("birds", "suspended")]


def test_a_list_that_cannot_be_had_changes_nothing(check, refusals, github):
    """While GitHub does not list the installations, what is known stays."""
    github.suspend("snakes")
    check()
    github.faults.append(
        faults.plan(faults.failed(502, done=False), path="/app/installations", times=None)
    )
    with pytest.raises(Exception, match="502"):
        check()
    assert told(refusals) == [("snakes", "suspended")]


def test_an_app_without_an_address_is_noticed(check, refusals, github, caplog):
    """A bot that waits for a webhook says that none comes, once, until there is an address."""
    github.webhook_url = NO_WEBHOOK_URL
    check()
    check()
    assert told(refusals) == [("the App", "webhook")]
    assert caplog.text.count("no delivery comes in by itself") == 1
    assert 'set receive = "poll"' in caplog.text
    assert "no delivery reaches me" in public_words(refusals.counts())
    github.webhook_url = "https://bot.example/webhook/github"
    check()
    assert told(refusals) == []


def test_a_bot_that_fetches_needs_no_server(app, refusals, github):
    """The placeholder is enough for GitHub to create deliveries."""
    github.webhook_url = NO_WEBHOOK_URL
    InstallationsCheck(app=app, refusals=refusals, needed=NEEDED, polls=True)()
    assert told(refusals) == []


@pytest.mark.parametrize("polls", [True, False])
def test_without_any_address_no_delivery_is_created(polls):
    """However deliveries come in, GitHub needs an address, and the remedy names one."""
    found = unreachable("", polls=polls)
    assert found
    assert "no webhook address" in found.words
    assert "on the App's page" in found.remedy
