"""docs/deploy/Procfile, run as Heroku does: a shell a line, PostgreSQL, an empty disk."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.support.running import ROOT, running, until

TRIO = "snakes/trio"
LINES = dict(
    re.findall(r"^(\w+): (.+)$", (ROOT / "docs/deploy/Procfile").read_text(), re.MULTILINE)
)


@pytest.fixture
def config(github, judge, postgresql_url):
    """The config vars of every dyno; Heroku writes `postgres://`."""
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "DATABASE_URL": postgresql_url.replace("postgresql://", "postgres://", 1),
        "GITHUB_APP_ID": str(github.app_id),
        "GITHUB_PRIVATE_KEY": github.private_key,
        "GITHUB_WEBHOOK_SECRET": github.webhook_secret,
        "GITHUB_API_URL": judge.url,
        "LOG_FORMAT": "json",
    }


@pytest.fixture
def dyno(config, tmp_path):
    """Start a line of the Procfile on an empty disk."""
    started = iter(range(100))

    def _dyno(name):
        disk = tmp_path / f"{name}-{next(started)}"
        return running(disk, config, program=("/bin/sh", "-c", LINES[name]), arguments=())

    return _dyno


@pytest.fixture
def released(config, tmp_path):
    """The release phase ends before any dyno starts."""
    done = subprocess.run(
        ["/bin/sh", "-c", LINES["release"]],
        cwd=ROOT,
        env={**config, "BOT_DATA": str(tmp_path / "release")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("released")
def test_web_and_loop_do_the_main_job(dyno, github, judge):
    """The web dyno stores a delivery, the worker comments, and both end on SIGTERM."""
    with dyno("web") as web, dyno("loop") as loop:
        web.wait_until_ready()
        happening = github.merge_pull_request(TRIO, "alice")
        assert github.deliver(*happening, to=web.hook) == 202
        until(lambda: github.comments(TRIO, 1), "the welcome is posted")
        assert (web.end(), loop.end()) == (0, 0)
        assert "Traceback" not in web.output + loop.output
    assert judge.violations == []


@pytest.mark.usefixtures("released")
def test_nothing_is_lost_with_the_disk_of_a_dyno(dyno, github):
    """A later loop handles what a replaced web dyno stored."""
    with dyno("web") as web:
        until(lambda: is_alive(web), "the web process answers")
        assert github.deliver(*github.merge_pull_request(TRIO, "alice"), to=web.hook) == 202
    with dyno("loop"):
        until(lambda: github.comments(TRIO, 1), "the welcome is posted")


def is_alive(web):
    try:
        return requests.get(f"{web.url}/healthz", timeout=5).status_code == 200
    except requests.RequestException:
        return False


def test_each_dyno_lacks_the_secret_of_the_other():
    """Each line unsets the variable before Python starts."""
    everything = {
        "GITHUB_PRIVATE_KEY": "k",
        "GITHUB_WEBHOOK_SECRET": "s",
        "PATH": os.environ["PATH"],
    }
    seen = {}
    for name in ("web", "loop"):
        line = LINES[name].partition(" python ")[0] + " env"
        done = subprocess.run(
            ["/bin/sh", "-c", line], env=everything, capture_output=True, text=True, check=True
        )
        seen[name] = {name for name in everything if f"{name}=" in done.stdout}
    assert seen == {
        "web": {"GITHUB_WEBHOOK_SECRET", "PATH"},
        "loop": {"GITHUB_PRIVATE_KEY", "PATH"},
    }
