"""The bot in other locales, time zones, umasks and Python settings."""

import subprocess
import sys

import pytest

from tests.support.running import ROOT, free_port

SURROUNDINGS = {
    "optimised, C, open": (("-O",), {"LC_ALL": "C", "PYTHONHASHSEED": "0"}, 0o000),
    "POSIX, closed": (
        ("-OO", "-X", "utf8=0"),
        {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "TZ": "Pacific/Chatham"},
        0o077,
    ),
}


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_the_demo_answers_all_it_is_sent(name, tmp_path):
    """It works whatever the umask, and leaves nothing behind."""
    options, environ, umask = SURROUNDINGS[name]
    done = subprocess.run(
        [sys.executable, *options, "-m", "bot_deploy", "demo", "--deliveries", "4", "--every", "0"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path), "PORT": str(free_port()), **environ},
        umask=umask,
        capture_output=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert b"Traceback" not in done.stdout + done.stderr
    assert not any(tmp_path.iterdir())
