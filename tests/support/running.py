"""The bot as operators run it: real processes, a data directory, a free port."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import requests

ROOT = Path(__file__).parents[2]
# Generous, because a busy machine must not fail a test.
PATIENCE_SECONDS = 60.0


def free_port() -> int:
    """A free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(
    holds: Callable[[], object], what: str, *, patience_seconds: float = PATIENCE_SECONDS
) -> None:
    """Wait until a condition holds; AssertionError names it at the timeout."""
    give_up_at = time.monotonic() + patience_seconds
    while not holds():
        assert time.monotonic() < give_up_at, f"timed out: {what}"
        time.sleep(0.05)


class Running:
    """A running bot: its base URL, its processes and its output."""

    def __init__(self, process: subprocess.Popen, port: int, log: Path) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self._log = log

    @property
    def hook(self) -> str:
        """The webhook's address."""
        return f"{self.url}/webhook/github"

    @property
    def output(self) -> str:
        """The output so far."""
        return self._log.read_text()

    def is_ready(self) -> bool:
        """Whether /readyz reports ready."""
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"{self.url}/readyz", timeout=5).status_code == 200
        return False

    def wait_until_ready(self) -> None:
        """Wait for /readyz; AssertionError with the output when the bot exits instead."""
        until(lambda: self.is_ready() or self.process.poll() is not None, "the bot is ready")
        assert self.process.poll() is None, self.output

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the exit, and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)


@contextlib.contextmanager
def running(
    data: Path,
    environ: Mapping[str, str],
    *,
    arguments: tuple[str, ...] = ("start",),
    program: tuple[str, ...] = (sys.executable, "-m", "bot_deploy"),
    cwd: Path = ROOT,
) -> Iterator[Running]:
    """Run the bot with these settings; stops all its processes at the end."""
    port = free_port()
    data.mkdir(parents=True, exist_ok=True)
    log = data / "output.log"
    clean = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    settings = {"BOT_DATA": str(data), "PORT": str(port), "BOT_SETTLE_SECONDS": "0"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*program, *arguments],
            cwd=cwd,
            env={**clean, **settings, **environ},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    bot = Running(process, port, log)
    try:
        yield bot
    finally:
        # Tests of the shutdown have stopped it themselves; the others need not wait.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
