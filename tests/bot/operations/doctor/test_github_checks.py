"""bot.operations.doctor.github_checks: the App as GitHub knows it."""

from dataclasses import replace

import pytest

from bot.operations.doctor import GithubChecks, Verdict
from bot.operations.doctor.github_checks import WRONG_SECONDS
from bot.rules import Needs
from luggage.fake_github import Answer, FakeGithub, HttpServer, Outcome, faults
from luggage.fake_github.credentials import new_private_key
from luggage.github import GithubApp
from tests.support.openapi import CheckingServer

NEEDS = Needs({"issues": "write", "contents": "read"}, frozenset({"issues", "push"}))


@pytest.fixture
def github(clock):
    """A GitHub whose App has exactly what is needed, installed on one organisation."""
    fake = FakeGithub(clock=clock, app_slug="charmer")
    app = replace(
        fake.world.app,
        permissions={"issues": "write", "contents": "read", "metadata": "read"},
        events=("issues", "push"),
        owner="snakes",
    )
    fake.add_organization("snakes", installed=False)
    fake.world.replace_app(app)
    fake.install("snakes")
    return fake


@pytest.fixture
def judge(github):
    with CheckingServer(github) as server:
        yield server
    assert server.violations == []


@pytest.fixture
def doctor(github, judge, clock):
    """Checks that have opened the secrets and requested the App."""

    def make(private_key=github.private_key, url=judge.url):
        return GithubApp(
            app_id=github.app_id,
            private_key=private_key,
            webhook_secrets=["s"],
            user_agent="doctor",
            api_url=url,
            clock=clock,
            wait=None,
        )

    made = GithubChecks(make, NEEDS, server_url="https://github.test")
    made.make = make
    return made


def examined(doctor):
    assert doctor.secrets().verdict is Verdict.OK
    assert doctor.app().verdict is Verdict.OK
    return doctor


def change(github, **fields):
    github.world.app = replace(github.world.app, **fields)


def test_a_well_app_is_well(doctor):
    """An App in order passes every check."""
    examined(doctor)
    checks = (doctor.clock, doctor.permissions, doctor.events, doctor.installations)
    findings = [check() for check in checks]
    assert [finding.verdict for finding in findings] == [Verdict.OK] * 4
    assert findings[3].detail == "snakes"


def test_making_the_app_opens_the_secrets(doctor, github):
    """The finding names the App and no secret."""
    assert str(github.app_id) in doctor.secrets().detail


def test_a_wrong_key_is_reported(doctor, github, judge):
    """A wrong key fails with a remedy; the clock is still compared."""
    other = github.private_key
    github.credentials.replace_key(new_private_key())
    doctor._make = lambda: doctor.make(other)
    doctor.secrets()
    finding = doctor.app()
    assert (finding.verdict, "encrypt" in finding.remedy) == (Verdict.FAILED, True)
    assert doctor.clock().verdict is Verdict.OK


def test_a_github_that_does_not_answer_is_reported(doctor, judge):
    """An unreachable GitHub fails, and its clock is unknown."""
    judge.stop()
    doctor.secrets()
    finding = doctor.app()
    assert (finding.verdict, "GITHUB_API_URL" in finding.remedy) == (Verdict.FAILED, True)
    assert doctor.clock().verdict is Verdict.SKIPPED


def test_a_github_in_trouble_is_reported(doctor, github):
    """A 502 is GitHub's failure, not the key's."""
    github.faults.append(faults.plan(faults.failed(502, done=False), path="/app"))
    doctor.secrets()
    assert "does not respond" in doctor.app().detail


@pytest.mark.parametrize("body", [[], {"status": "alive"}])
def test_another_service_is_reported(doctor, clock, body):
    """A server other than GitHub's API is reported."""
    with HttpServer(lambda _: Outcome(answer=Answer(200, body)), clock=clock) as server:
        doctor._make = lambda: doctor.make(url=server.url)
        doctor.secrets()
        finding = doctor.app()
    assert (finding.verdict, "GITHUB_API_URL" in finding.remedy) == (Verdict.FAILED, True)


@pytest.mark.parametrize(
    ("ahead", "verdict"),
    [
        (0, Verdict.OK),
        (20, Verdict.WARNING),
        (-20, Verdict.WARNING),
        (WRONG_SECONDS + 5, Verdict.FAILED),
        (-WRONG_SECONDS - 5, Verdict.FAILED),
    ],
)
def test_a_wrong_clock_is_reported(doctor, clock, ahead, verdict):
    """The finding says how far the clock is off, in which direction, and the remedy."""
    github_now = clock()
    doctor._make = lambda: _behind(doctor.make(), lambda: github_now - ahead)
    doctor.secrets()
    doctor.app()
    finding = doctor.clock()
    assert finding.verdict is verdict
    if ahead:
        assert ("ahead" if ahead > 0 else "behind") in finding.detail
        assert "NTP" in finding.remedy


def _behind(app, clock):
    """The same App, seen from a machine with another clock."""
    app._wire.transport._clock = clock
    return app


def test_a_missing_permission_is_reported(doctor, github):
    """A missing permission is reported with its level and the page to add it."""
    change(github, permissions={"issues": "read", "metadata": "read"})
    finding = examined(doctor).permissions()
    assert finding.verdict is Verdict.FAILED
    assert finding.detail == "missing: contents: read, issues: write"
    address = "https://github.test/organizations/snakes/settings/apps/charmer/permissions"
    assert address in finding.remedy


def test_a_permission_too_many_is_reported(doctor, github):
    """An extra permission is a warning; the default one does not count."""
    change(github, permissions={**github.world.app.permissions, "members": "write"})
    finding = examined(doctor).permissions()
    assert (finding.verdict, finding.detail) == (
        Verdict.WARNING,
        "more than needed: members: write",
    )


def test_more_than_is_needed_of_one_is_reported(doctor, github):
    """A higher level than needed is a warning."""
    change(github, permissions={**github.world.app.permissions, "contents": "write"})
    finding = examined(doctor).permissions()
    assert (finding.verdict, "contents: write" in finding.detail) == (Verdict.WARNING, True)


def test_a_missing_event_is_reported(doctor, github):
    """A missing event is a failure: rules would not see it."""
    change(github, events=("issues",))
    finding = examined(doctor).events()
    assert (finding.verdict, finding.detail) == (Verdict.FAILED, "not subscribed to: push")


def test_an_event_too_many_is_reported(doctor, github):
    """An extra event is a warning: it causes useless deliveries."""
    change(github, events=("issues", "push", "star"))
    finding = examined(doctor).events()
    assert (finding.verdict, finding.detail) == (Verdict.WARNING, "more than needed: star")


def test_an_app_of_a_person_has_another_page(doctor, github):
    """A person's App has another settings page than an organisation's."""
    github.world.app_owner = github.add_user("olga")
    change(github, events=())
    assert "https://github.test/settings/apps/charmer" in examined(doctor).events().remedy


def test_an_app_that_is_installed_nowhere_is_reported(doctor, github):
    """An App without installations fails, with the address to install it."""
    github.world.installations.clear()
    finding = examined(doctor).installations()
    assert finding.verdict is Verdict.FAILED
    assert "/apps/charmer/installations/new" in finding.remedy


def test_permissions_that_were_not_accepted_are_reported(doctor, github):
    """Permissions that an organisation has not accepted are reported."""
    github.install("snakes").permissions = {"contents": "read"}
    finding = examined(doctor).installations()
    assert finding.verdict is Verdict.FAILED
    assert finding.detail == "snakes: has not accepted: issues: write"
    assert "/settings/installations/" in finding.remedy


def test_a_suspended_installation_is_reported(doctor, github, clock):
    """A suspended installation is reported."""
    github.install("snakes").suspended_at = clock()
    finding = examined(doctor).installations()
    assert (finding.verdict, finding.detail) == (Verdict.FAILED, "snakes: the App is suspended")


def test_every_refused_installation_is_named(doctor, github, clock):
    """One line names each installation that GitHub refuses, and each remedy."""
    github.add_organization("birds")
    github.install("birds").suspended_at = clock()
    github.install("snakes").permissions = {"contents": "read"}
    finding = examined(doctor).installations()
    assert "birds: the App is suspended" in finding.detail
    assert "snakes: has not accepted: issues: write" in finding.detail
    assert finding.remedy.count("https://") == 2


def test_the_doctor_writes_nothing(doctor, github):
    """The checks send only GET requests."""
    examined(doctor).installations()
    assert {call.method for call in github.calls} == {"GET"}
