"""The bot as its operator runs it: real processes, a data directory of their own, a free port."""

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
# Generous: a machine that tests several things at once must not make a test fail.
PATIENCE_SECONDS = 60.0


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(
    holds: Callable[[], object], what: str, *, patience_seconds: float = PATIENCE_SECONDS
) -> None:
    """Wait until something holds; AssertionError names it when it never does."""
    give_up_at = time.monotonic() + patience_seconds
    while not holds():
        assert time.monotonic() < give_up_at, f"in vain: {what}"
        time.sleep(0.05)


class Running:
    """A started bot: its base URL, its processes, and all that it has printed."""

    def __init__(self, process: subprocess.Popen, port: int, log: Path) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self._log = log

    @property
    def hook(self) -> str:
        """Where deliveries go."""
        return f"{self.url}/webhook/github"

    @property
    def output(self) -> str:
        """Everything printed so far."""
        return self._log.read_text()

    def is_ready(self) -> bool:
        """Whether /readyz says so."""
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"{self.url}/readyz", timeout=5).status_code == 200
        return False

    def wait_until_ready(self) -> None:
        """Wait for /readyz; AssertionError with the output when the bot ended instead."""
        until(lambda: self.is_ready() or self.process.poll() is not None, "the bot is ready")
        assert self.process.poll() is None, self.output

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, and return the exit code."""
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
    """Start the bot with these settings; whatever happens, nothing of it is left running."""
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
        # Tests of how it ends have ended it themselves; the others do not wait for that.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
