"""SENTRY_DSN: what breaks in either process arrives at a real HTTP server, and nothing private."""

import gzip
import http.server
import json
import subprocess
import sys
import threading

import pytest

from luggage.database import migrate, open_engine
from luggage.fake_github import FakeGithub
from luggage.jobs import NewJob, Queue
from tests.bot.conftest import HISTORIES
from tests.support.running import ROOT, free_port, running, until

PRIVATE = "s3cret-of-a-private-repository"

# The web process's own app, in which one thing is broken; a stranger could not break it.
WEB = """
import os, sys
from bot.web import webhook
from bot_deploy.config import load
from bot_deploy.wiring.parts import report_crashes
from bot_deploy.wiring.web import make_app
import sentry_sdk

def receive(self, delivery, body):
    payload = body.decode()
    raise LookupError(f"broken over {payload}")

webhook.Webhook.receive = receive
config = load(os.environ)
report_crashes(config)
body = sys.argv[1].encode()
headers = dict(line.split(": ", 1) for line in sys.argv[2:])
client = make_app(config).test_client()
answer = client.post("/webhook/github?key=" + sys.argv[1], data=body, headers=headers)
assert answer.status_code == 500
sentry_sdk.flush(10)
"""


class Sink(http.server.ThreadingHTTPServer):
    """Keeps what is sent to it, as Sentry would."""

    daemon_threads = True

    def __init__(self):
        self.events = []
        self.raw = ""
        super().__init__(("127.0.0.1", 0), Envelopes)

    @property
    def dsn(self):
        return f"http://public@127.0.0.1:{self.server_port}/1"


class Envelopes(http.server.BaseHTTPRequestHandler):
    """Takes envelopes apart. Source: https://develop.sentry.dev/sdk/data-model/envelopes/."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        text = body.decode()
        self.server.raw += text
        lines = [json.loads(line) for line in text.splitlines() if line]
        self.server.events += [line for line in lines if "exception" in line]
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def sink():
    with Sink() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def github():
    return FakeGithub()


@pytest.fixture
def settings(github, sink, tmp_path):
    return {
        "SENTRY_DSN": sink.dsn,
        "GITHUB_APP_ID": str(github.app_id),
        "GITHUB_PRIVATE_KEY": github.private_key,
        "GITHUB_WEBHOOK_SECRET": github.webhook_secret,
        "GITHUB_API_URL": f"http://127.0.0.1:{free_port()}",
        "BOT_DATA": str(tmp_path),
        "PATH": "/usr/bin:/bin",
    }


def the_report(sink, settings):
    (report,) = sink.events
    for private in (PRIVATE, settings["GITHUB_WEBHOOK_SECRET"], "BEGIN RSA", "vars"):
        assert private not in sink.raw
    assert report["release"].count("+") == 1
    return report, [error["type"] for error in report["exception"]["values"]]


def test_a_crash_in_the_loop_is_reported(settings, sink, tmp_path):
    """With the delivery's id and the stack; not with the payload, a variable or a secret."""
    engine = open_engine(f"sqlite:///{tmp_path / 'bot.sqlite'}")
    migrate(engine, HISTORIES, log=lambda _: None)
    # No payload that has been verified breaks the loop; so here is one that cannot even be read.
    body = f'{{"private": "{PRIVATE}'.encode()
    queue = Queue(engine, clock=lambda: 0.0)
    queue.put(NewJob(queue="delivery", key="guid-1", kind="issues", body=body, run_at=0.0))
    engine.dispose()
    with running(tmp_path, settings, arguments=("loop",)) as loop:
        until(lambda: sink.events or loop.process.poll() is not None, "a report arrives")
        report, types = the_report(sink, settings)
    assert types == ["JSONDecodeError"]
    assert report["tags"] == {"delivery": "guid-1"}
    assert "s3cret" not in loop.output


def test_a_crash_in_the_web_process_is_reported(settings, sink, github, tmp_path):
    """The same: the delivery's id and the stack, and nothing of the request but its method."""
    github.add_repository("snakes/trio")
    headers, body = github.signed(*github.open_issue("snakes/trio", "ada", PRIVATE))
    written = [f"{name}: {value}" for name, value in headers.items()]
    engine = open_engine(f"sqlite:///{tmp_path / 'bot.sqlite'}")
    migrate(engine, HISTORIES, log=lambda _: None)
    engine.dispose()
    done = subprocess.run(
        [sys.executable, "-c", WEB, body.decode(), *written],
        cwd=ROOT,
        env=settings,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    report, types = the_report(sink, settings)
    assert types == ["LookupError"]
    assert report["tags"] == {"delivery": headers["X-GitHub-Delivery"]}
    assert report["request"] == {"method": "POST"}
