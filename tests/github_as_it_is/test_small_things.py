"""Small things: commands from telephones and below HTML, odd names, odd directories."""

import os
import subprocess
import sys

import pytest

from tests.support.running import ROOT


@pytest.mark.parametrize(
    "text",
    ["/Ping", "/PING\r\n", "/ping\u200b", "\ufeff/ping\u00a0", '<img src="x">\r\n/ping\r\n'],
    ids=["capital", "capitals and CRLF", "zero width", "byte-order mark", "below an image"],
)
def test_a_ping_is_seen_however_it_is_typed(scene, text):
    """Telephones write a capital, copied texts bring invisible characters, images stand above."""
    scene.deliver(scene.github.open_issue(scene.repo, "alice", body=text))
    scene.until(lambda: scene.github.comments(scene.repo, 1), "the bot answers")


def test_a_resumption_with_a_capital_is_heard_during_the_pause(scene):
    """It does not wait for itself; what waited is done then."""
    home = f"{scene.organization}/.github"
    scene.github.add_repository(home)
    scene.github.add_member(scene.organization, "olga", role="admin")
    scene.deliver(scene.github.open_issue(home, "olga", body="/Bot pause"))
    scene.until(lambda: scene.github.comments(home, 1), "the bot is paused")
    scene.deliver(scene.github.open_issue(scene.repo, "alice", body="/ping!"))
    scene.deliver(scene.github.comment(home, 1, "olga", "\u200b/Bot resume."))
    scene.until(lambda: scene.github.comments(scene.repo, 1), "the bot answers again")


@pytest.mark.parametrize("name", ["..", ".", "@", "@../x", "a`b", "\u200b..", "%2e%2e", "x" * 300])
def test_an_odd_name_is_answered(scene, name):
    """`/invite` with something that is no login is answered, and nothing is dead."""
    scene.github.add_member(scene.organization, "olga", role="admin")
    scene.github.open_issue(scene.repo, "alice")
    scene.deliver(scene.github.comment(scene.repo, 1, "olga", f"/invite {name}"))
    scene.until(lambda: len(scene.github.comments(scene.repo, 1)) > 1, "the bot answers")
    _order, comment = scene.github.comments(scene.repo, 1)
    assert "I could not find" in comment.body
    assert "dead" not in {job["state"] for job in scene.jobs()}


@pytest.mark.parametrize("name", ["a?b", "a%3Fb", "a#b", "a:b", "a b", "a@b&c=d", "ä[x]"])
def test_the_database_is_in_the_data_directory(tmp_path, name):
    """Whatever the directory's name, `migrate` puts the database there and `doctor` finds it."""
    data = tmp_path / name
    for subcommand in ("migrate", "deliveries"):
        subprocess.run(
            [sys.executable, "-m", "bot_deploy", subcommand],
            cwd=ROOT,
            env={**os.environ, "BOT_DATA": str(data)},
            check=True,
            capture_output=True,
        )
    assert [each.name for each in tmp_path.iterdir()] == [name]
    assert (data / "bot.sqlite").stat().st_size > 0
