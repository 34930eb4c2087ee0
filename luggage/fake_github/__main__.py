"""Interactive simulated GitHub: `python -m luggage.fake_github`.

It prints the settings for a bot; `register` can also create an App there. Each line you type is
posted as a comment and delivered to the bot; `merge NAME` merges a pull request by NAME. Press
Ctrl-C to stop.
"""

import argparse
import signal
import sys
import tempfile
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TextIO

from luggage.fake_github.fake import FakeGithub
from luggage.fake_github.hooks import CONNECTION_FAILED
from luggage.fake_github.server import HttpServer

REPOSITORY = "example/hello"
PERSON = "you"


def main(
    arguments: Sequence[str] | None = None,
    *,
    typed: Iterable[str] = sys.stdin,
    out: TextIO = sys.stdout,
) -> int:
    """Serve until KeyboardInterrupt, even after `typed` ends; return exit code 0."""
    options = _parser().parse_args(arguments)
    fake = FakeGithub(webhook_url=options.webhook_url)
    happening = fake.open_pull_request(REPOSITORY, PERSON, "Say hello")
    fake.journal.subscribe(lambda line: _say(out, f"  {line}"))
    try:
        with (
            tempfile.TemporaryDirectory(prefix="fake-github-") as directory,
            fake.serve(port=options.port) as server,
        ):
            fake.world.server_url = server.url
            key = Path(directory, "private-key.pem")
            key.touch(mode=0o600)
            key.write_text(fake.private_key)
            _introduce(out, fake, server, key, happening.payload["installation"]["id"])
            for line in typed:
                _act(out, fake, line.strip())
            threading.Event().wait()
    except KeyboardInterrupt:
        _say(out, "")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m luggage.fake_github", description=__doc__)
    parser.add_argument(
        "--port", type=int, default=0, help="port to listen on (default: a free port)"
    )
    parser.add_argument("--webhook-url", default="", help="URL where the bot receives webhooks")
    return parser


def _introduce(
    out: TextIO, fake: FakeGithub, server: HttpServer, key: Path, installation_id: int
) -> None:
    settings = {
        "url": server.url,
        "app id": fake.app_id,
        "private key": key,
        "webhook secret": fake.webhook_secret,
        "installation": installation_id,
        "pull request": f"{REPOSITORY}#1",
    }
    for name, value in settings.items():
        _say(out, f"{name + ':':<16}{value}")
    if fake.webhook_url:
        _say(out, f"Events are delivered to {fake.webhook_url}")
    _say(out, "Type a comment, such as /ping, or `merge NAME`. Press Ctrl-C to stop.")


def _act(out: TextIO, fake: FakeGithub, text: str) -> None:
    if not text:
        return
    verb, _, name = text.partition(" ")
    if verb == "merge" and name:
        event, payload = fake.merge_pull_request(REPOSITORY, name)
    else:
        event, payload = fake.comment(REPOSITORY, 1, PERSON, text)
    status = fake.notify(event, payload)
    if status is not None:
        unreachable = " (connection failed)" if status == CONNECTION_FAILED[0] else ""
        _say(out, f"  delivered: {status}{unreachable}")
    elif "installation" not in payload:
        _say(out, "  not delivered: the App is not installed")


def _say(out: TextIO, line: str) -> None:
    out.write(f"{line}\n")
    out.flush()


if __name__ == "__main__":
    # Without this, a supervisor's SIGTERM would leave the key file behind, and a shell's background
    # job would ignore SIGINT.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    sys.exit(main())
