"""The bot in other locales, time zones, umasks and Python settings."""

import stat
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
    """It works, and its data are private whatever the umask."""
    options, environ, umask = SURROUNDINGS[name]
    data = tmp_path / "data"
    done = subprocess.run(
        [sys.executable, *options, "-m", "bot_deploy", "demo", "--deliveries", "4", "--every", "0"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "BOT_DATA": str(data), "PORT": str(free_port()), **environ},
        umask=umask,
        capture_output=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert b"Traceback" not in done.stdout + done.stderr
    homes = [each for each in data.iterdir() if each.is_dir()]
    assert homes
    assert {stat.S_IMODE(each.stat().st_mode) for each in (data, *homes)} == {0o700}
