"""Processes that a measure starts, and that are gone when it is over."""

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from bench.circumstances import ON_DISK

PATIENCE_SECONDS = 60.0
_END_SECONDS = 10.0


class FailedError(Exception):
    """What was started did not do as it should; the message has the end of its output."""


@contextlib.contextmanager
def scratch(name: str) -> Iterator[Path]:
    """A directory on a disk, for as long as it is wanted."""
    with tempfile.TemporaryDirectory(prefix=f"bench-{name}-", dir=ON_DISK) as home:
        yield Path(home)


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def listening() -> Iterator[tuple[socket.socket, int]]:
    """A socket that listens, and its port: several processes that inherit it share the work."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(2048)
        listener.set_inheritable(True)
        yield listener, int(listener.getsockname()[1])


@contextlib.contextmanager
def started(
    command: Sequence[str],
    log: Path,
    environ: Mapping[str, str],
    *,
    cwd: Path,
    pass_fds: Sequence[int] = (),
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program in a group of its own; at the end nothing of it is left.

    It is given PATH, HOME and LANG of this process, and `environ`.
    """
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**kept, **environ},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=pass_fds,
        )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_END_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def until(
    holds: Callable[[], object],
    what: str,
    *,
    pause_seconds: float = 0.02,
    patience_seconds: float = PATIENCE_SECONDS,
) -> None:
    """Wait until something holds; raises FailedError when it never does."""
    give_up_at = time.monotonic() + patience_seconds
    while not holds():
        if time.monotonic() > give_up_at:
            raise FailedError(f"in vain for {patience_seconds:.0f} s: {what}")
        time.sleep(pause_seconds)
