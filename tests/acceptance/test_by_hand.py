"""An operator finds a dead job, fixes the cause, retries it, and asks `why`."""

import os
from contextlib import closing

import pytest

from bot_deploy import deliveries, why
from bot_deploy.config import load
from bot_deploy.migrate import migrate
from bot_deploy.wiring.loop import make_loop
from bot_deploy.wiring.parts import Parts, open_database, open_parts
from bot_deploy.wiring.web import make_app
from luggage.fake_github import faults
from luggage.jobs import State
from luggage.jobs.wake import LocalWakeup

TRIO = "snakes/trio"
INVITE = {"method": "PUT", "path": "*/memberships/*"}


@pytest.fixture
def bot(github, tmp_path, monkeypatch):
    """A bot of this GitHub: delivers an event and runs the loop until it is idle."""
    with github.serve() as server:
        environ = {
            "GITHUB_APP_ID": str(github.app_id),
            "GITHUB_PRIVATE_KEY": github.private_key,
            "GITHUB_WEBHOOK_SECRET": github.webhook_secret,
            "GITHUB_API_URL": server.url,
            "BOT_DATA": str(tmp_path),
            "BOT_SETTLE_SECONDS": "0",
            "BOT_WRITE_LIMITS": "0 0 0",
        }
        monkeypatch.setattr(os, "environ", environ)
        config = load(environ)
        migrate(config)
        engine = open_database(config, pool_size=5)
        with closing(LocalWakeup()) as wakeup:
            worker, _duties = make_loop(Parts(config=config, engine=engine), wakeup, threads=1)
            yield Bot(github, make_app(config).test_client(), worker)
        engine.dispose()


class Bot:
    """The web process and the loop in one process."""

    def __init__(self, github, web, worker):
        self.github, self.web, self.worker = github, web, worker

    def receive(self, happening):
        """Post a delivery as GitHub does, and return its GUID."""
        headers, body = self.github.signed(*happening)
        assert self.web.post("/webhook/github", data=body, headers=headers).status_code == 202
        return headers["X-GitHub-Delivery"]


def states(config):
    with open_parts(config) as parts:
        return {row.key: row.state for row in parts.queue.search("action")}


@pytest.mark.parametrize("status", [403, 404])
def test_a_dead_delivery_is_found_mended_tried_again_and_explained(bot, github, capsys, status):
    """`--state dead` finds it, a retry performs it, and `why` explains the welcome."""
    refused = faults.Fault(name="no", answer=faults.Refused(status, "No permission").answer)
    github.faults.append(faults.plan(refused, times=99, **INVITE))
    guid = bot.receive(github.merge_pull_request(TRIO, "alice"))
    bot.worker.drain()
    assert github.comments(TRIO, 1) == []

    assert deliveries.main(["deliveries", "--state", "dead"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.split("\t")[2] == guid
    assert "No permission" in line

    github.faults.clear()
    assert deliveries.main(["deliveries", "retry", guid]) == 0
    bot.worker.drain()
    (welcome,) = github.comments(TRIO, 1)
    assert deliveries.main(["deliveries", "--state", "dead"]) == 0
    assert set(states(load(os.environ)).values()) == {State.DONE}

    capsys.readouterr()
    address = f"https://github.com/{TRIO}/pull/1#issuecomment-{welcome.id}"
    assert why.main(["why", address]) == 0
    told = capsys.readouterr().out
    for part in ("rule      invite", guid, "pull_request, closed", "see       " + address):
        assert part in told
