"""The subcommand `doctor`, for people and scripts."""

import json
import os
import re
import time
from pathlib import Path

import pytest

from bot.rules import RULES, needs
from bot.store.board import SqlBoard
from bot_deploy import doctor
from bot_deploy.config import load
from bot_deploy.wiring.doctor import checks, is_new, open_files
from bot_deploy.wiring.parts import open_parts
from luggage.fake_github import FakeGithub
from tests.support.migrated import migrated_for
from tests.support.registering import registered

NAMES = [
    "settings",
    "secrets",
    "app",
    "clock",
    "permissions",
    "events",
    "installations",
    "webhook",
    "deliveries",
    "database",
    "disk",
    "modes",
    "descriptors",
    "loop",
    "refusals",
]


@pytest.fixture
def github():
    """An App that has what the rules need, with a webhook that leads to nobody."""
    fake = FakeGithub()
    fake.add_organization("snakes", installed=False)
    everything = needs(load({}).settings.enabled(RULES))
    with fake.serve() as server:
        fake.world.server_url = server.url
        fake.server = server
        location = registered(
            fake,
            default_permissions=everything.permissions,
            default_events=sorted(everything.events),
        )
        fake.world.replace_app(fake.world.registered.pop(location.partition("code=")[2]))
        fake.install("snakes")
        yield fake


@pytest.fixture
def environ(github, tmp_path, monkeypatch):
    found = {
        "GITHUB_APP_ID": str(github.app_id),
        "GITHUB_PRIVATE_KEY": github.private_key,
        "GITHUB_API_URL": github.server.url,
        "GITHUB_SERVER_URL": github.server.url,
        "BOT_RECEIVE": "poll",
        "BOT_DATA": str(tmp_path / "data"),
    }
    monkeypatch.setattr(os, "environ", found)
    return found


@pytest.fixture
def run(environ, capsys):
    def run(*arguments):
        code = doctor.main(["doctor", *arguments])
        return code, capsys.readouterr().out

    return run


def verdicts(out):
    return {one["check"]: one["verdict"] for one in json.loads(out)}


def test_before_the_first_start_nothing_failed(run, environ):
    """Before the first start no check fails, and none makes the data directory."""
    code, out = run()
    lines = [line for line in out.splitlines() if not line.startswith(" ")]
    assert (code, [line.split()[1] for line in lines]) == (0, NAMES)
    assert sum(line.startswith("ok ") for line in lines) == 12
    assert not Path(environ["BOT_DATA"]).exists()


def test_a_bot_that_runs_is_well(run, environ):
    """With a database and a loop that beats, every check is ok."""
    config = load(environ)
    migrated_for(config)
    with open_parts(config) as parts:
        SqlBoard(parts.engine, clock=time.time).beat("loop")
    code, out = run("--json")
    assert (code, verdicts(out)) == (0, dict.fromkeys(NAMES, "ok"))


def test_a_failure_is_reported_with_its_remedy(run, github):
    """A failed check prints its remedy and ends with exit code 1."""
    github.world.installations.clear()
    code, out = run()
    assert code == 1
    failure = out.index("FAILED   installations")
    assert "-> install it: http" in out[failure:]


def test_settings_that_cannot_be_used_skip_all_the_rest(run, environ):
    """Invalid settings skip all other checks."""
    environ["PORT"] = "far away"
    code, out = run("--json")
    expected = dict.fromkeys(NAMES, "skipped") | {"settings": "failed"}
    assert (code, verdicts(out)) == (1, expected)


def test_without_an_app_this_machine_is_looked_at(run, environ):
    """Without an App the local checks still run, and the remedy is `register`."""
    del environ["GITHUB_APP_ID"], environ["GITHUB_PRIVATE_KEY"]
    code, out = run("--json")
    found = verdicts(out)
    assert (code, found["secrets"], found["app"], found["disk"]) == (1, "failed", "skipped", "ok")
    assert "`register`" in out


def test_a_secret_that_does_not_open_is_reported(run, environ):
    """An invalid private key fails the check `secrets`."""
    environ["GITHUB_PRIVATE_KEY"] = "hunter2"
    code, out = run("--json")
    assert (code, verdicts(out)["secrets"]) == (1, "failed")
    assert "hunter2" not in out


def test_a_webhook_secret_is_needed_where_deliveries_come(run, environ):
    """With BOT_RECEIVE=webhook a missing webhook secret fails `secrets`."""
    environ["BOT_RECEIVE"] = "webhook"
    code, out = run("--json")
    assert (code, verdicts(out)["secrets"]) == (1, "failed")
    assert "GITHUB_WEBHOOK_SECRET" in out


def test_two_secrets_in_one_variable_are_a_warning(run, environ):
    """Two secrets in one variable are a warning that quotes neither."""
    half = "0123456789abcdef" * 2
    environ |= {"BOT_RECEIVE": "webhook", "GITHUB_WEBHOOK_SECRET": f"{half} {half}"}
    _, out = run("--json")
    assert verdicts(out)["settings"] == "warning"
    assert "move the old one to GITHUB_WEBHOOK_SECRET_OLD" in out
    assert half not in out
    environ["GITHUB_WEBHOOK_SECRET"] = "It's a Secret to Everybody"
    assert verdicts(run("--json")[1])["settings"] == "ok"


def test_a_client_secret_is_needed_where_people_sign_in(run, environ):
    """A client id without its secret fails `secrets`."""
    environ["GITHUB_CLIENT_ID"] = "Iv1.7"
    code, out = run("--json")
    assert (code, verdicts(out)["secrets"]) == (1, "failed")
    assert "GITHUB_CLIENT_SECRET" in out


def test_the_webhook_is_asked_for_our_healthz(run, environ, github):
    """The check `webhook` requests /healthz at the App's webhook address."""
    environ |= {"BOT_RECEIVE": "webhook", "GITHUB_WEBHOOK_SECRET": github.webhook_secret}
    github.webhook_url = "http://127.0.0.1:1/webhook/github"
    code, out = run()
    assert code == 1
    assert "http://127.0.0.1:1/healthz, requested from here: no answer" in out


def test_what_others_may_use_is_a_warning(run, environ):
    """The check `modes` names the directory and changes nothing."""
    data = Path(environ["BOT_DATA"])
    data.mkdir()
    data.chmod(0o755)
    out = run()[1]
    assert f"others may use {data} (mode 0755)" in out
    assert data.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(("files", "verdict"), [(1024, "warning"), (2256, "ok")])
def test_few_open_files_are_a_warning(files, verdict):
    """The check `descriptors` names how many connections a worker holds."""
    finding = open_files(files)
    assert (finding.verdict, "connections" in finding.detail) == (verdict, True)


def test_each_check_is_on_the_page():
    """docs/howto/doctor.md lists the checks in their order."""
    page = Path(doctor.__file__).parents[1] / "docs/howto/doctor.md"
    rows = re.findall(r"^\| `(\w+)` \|", page.read_text(), re.MULTILINE)
    assert rows == [check.name for check in checks({}, "loop")]
    assert [check.name for check in checks({})] == NAMES
    assert [name for name in rows if name != "privilege"] == NAMES


def test_no_secret_is_said(run, github):
    """Neither output shows a secret."""
    shown = run()[1] + run("--json")[1]
    assert github.private_key.splitlines()[1] not in shown
    assert github.webhook_secret not in shown


def test_a_database_that_is_elsewhere_is_never_new(environ):
    """Only a missing SQLite file counts as new."""
    assert not is_new("postgresql://nobody@nowhere/none")
    assert is_new("sqlite:///nowhere/none.sqlite")


def test_a_part_is_told_what_it_opens_too_much(run, environ):
    """With --part, a process that can open another's secret is warned, with the remedy."""
    environ["BOT_METRICS_TOKEN"] = "a token of the web process"
    code, out = run("--part", "loop")
    assert code == 0
    assert "the loop can open what it does not use: metrics.token (BOT_METRICS_TOKEN)" in out
    assert "-> unset BOT_METRICS_TOKEN for it" in out


@pytest.mark.parametrize("part", ["web", "loop"])
def test_a_part_with_its_own_secrets_is_well(run, environ, part):
    """A process that has what it uses, and no more, is well."""
    environ["BOT_RECEIVE"] = "webhook"
    del environ["GITHUB_PRIVATE_KEY" if part == "web" else "BOT_RECEIVE"]
    if part == "web":
        environ["GITHUB_WEBHOOK_SECRET"] = "s3cret"
    _, out = run("--part", part, "--json")
    found = verdicts(out)
    assert found["privilege"] == "ok"
    assert ("app" in found) == (part == "loop")


def test_a_web_process_without_its_secret_failed(run, environ):
    """A web process that can verify no delivery is a failure, with the remedy."""
    environ["BOT_RECEIVE"] = "webhook"
    code, out = run("--part", "web")
    assert code == 1
    assert "GITHUB_WEBHOOK_SECRET is missing" in out
