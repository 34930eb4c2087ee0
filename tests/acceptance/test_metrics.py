"""/metrics of a running bot: counts all processes, and no kill -9 loses counts."""

import os
import signal

import psutil
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from luggage.fake_github import FakeGithub
from tests.support.documented import blocks, shell
from tests.support.running import running, until

TOKEN = "0123456789abcdef"
REPO = "private-snakes/secret-garden"


@pytest.fixture
def bot(tmp_path):
    """A running bot, and its GitHub."""
    github = FakeGithub()
    github.add_repository(REPO)
    with github.serve() as server:
        settings = {
            "GITHUB_APP_ID": str(github.app_id),
            "GITHUB_PRIVATE_KEY": github.private_key,
            "GITHUB_WEBHOOK_SECRET": github.webhook_secret,
            "GITHUB_API_URL": server.url,
            "BOT_METRICS_TOKEN": TOKEN,
        }
        with running(tmp_path, settings) as started:
            started.wait_until_ready()
            yield started, github


def scrape(bot):
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = requests.get(f"{bot.url}/metrics", headers=headers, timeout=10)
    return answer.text


def counters(text):
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        if family.type in ("counter", "histogram")
        for sample in family.samples
    }


def stored(bot):
    found = counters(scrape(bot))
    return found.get(("portmanteau_deliveries_total", "issues", "stored"), 0.0)


def children(bot, what):
    """The bot's processes whose command line ends like this, and their children."""
    everyone = psutil.Process(bot.process.pid).children(recursive=True)
    return [each for each in everyone if what in " ".join(each.cmdline())]


def deliver(github, bot, number):
    for _ in range(number):
        assert github.deliver(*github.open_issue(REPO, "ada", "/ping"), to=bot.hook) == 202


def test_the_command_of_the_page(bot, tmp_path):
    """docs/howto/observe.md: with the token in a file, curl gets the figures."""
    (tmp_path / "secret.metrics").write_text(TOKEN)
    commands = "\n".join(blocks("howto/observe", "sh running"))
    said = shell(commands.replace("http://localhost:8000", bot[0].url), cwd=tmp_path)
    assert "portmanteau_database_up 1" in said


def test_counters_of_all_processes_survive_a_kill_of_each(bot):
    """After kills of web workers and the loop, counts stay and go on."""
    bot, github = bot
    deliver(github, bot, 10)
    until(lambda: stored(bot) == 10, "both web workers have told")
    done = ("portmanteau_jobs_total", "delivery", "ignored")
    until(lambda: counters(scrape(bot)).get(done) == 10, "the loop has told")
    before = counters(scrape(bot))
    assert before["portmanteau_jobs_total", "delivery", "ignored"] == 10
    master = next(each for each in children(bot, "gunicorn") if each.children())
    for victim in (*master.children(), *children(bot, "loop")):
        os.kill(victim.pid, signal.SIGKILL)
    until(bot.is_ready, "the bot is back")
    after = counters(scrape(bot))
    assert {name: value for name, value in before.items() if after.get(name, 0) < value} == {}
    deliver(github, bot, 5)
    until(lambda: stored(bot) == 15, "the new workers have told")
    text = scrape(bot)
    assert "snakes" not in text
    assert "garden" not in text
