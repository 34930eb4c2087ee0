"""Modules that each process loads.

A loaded module keeps its memory: one needless import costs 10 to 40 MiB.
"""

import subprocess
import sys

import pytest

from luggage.fake_github import FakeGithub
from tests.support.running import free_port

# The subcommand, as `start` runs it; where it would begin its work, it says what it has loaded.
_PROBE = """
import os, sys
from {module} import {name}
from bot_deploy.__main__ import main

def tell(*_, **__):
    print("loaded", *{{name.partition(".")[0] for name in sys.modules}}, flush=True)
    os._exit(0)

{name}.{method} = tell
main(["bot", "{subcommand}"], os.environ)
"""


def loaded_by(subcommand, begins, environ):
    """The packages that a process has loaded when its work begins."""
    module, name, method = begins
    script = _PROBE.format(module=module, name=name, method=method, subcommand=subcommand)
    done = subprocess.run(
        [sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=False
    )
    said = done.stdout.splitlines()[-1].split() if done.stdout else []
    assert said[:1] == ["loaded"], done.stderr
    return set(said)


@pytest.fixture
def environ(tmp_path):
    """A bot that could start, with a database of its own."""
    github = FakeGithub()
    return {
        "GITHUB_APP_ID": "1",
        "GITHUB_PRIVATE_KEY": github.private_key,
        "GITHUB_WEBHOOK_SECRET": github.webhook_secret,
        "BOT_DATA": str(tmp_path),
        "PORT": str(free_port()),
    }


def test_no_process_carries_what_another_needs(environ):
    """No process loads what only another needs: Alembic, Flask, Twisted."""
    start = loaded_by("start", ("luggage.run.supervisor", "Supervisor", "run"), environ)
    loop = loaded_by("loop", ("luggage.jobs", "Worker", "__init__"), environ)
    web = loaded_by("gunicorn", ("bot_deploy.wiring.server", "Server", "run"), environ)
    assert not start & {"alembic", "bot", "cryptography", "flask", "requests", "sqlalchemy"}
    assert not loop & {"alembic", "flask", "ncolony", "twisted", "zope"}
    assert not web & {"alembic", "ncolony", "twisted", "zope"}
