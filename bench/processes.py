"""Child processes that end with the measure that started them."""

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

TIMEOUT_SECONDS = 60.0
_END_SECONDS = 10.0


class FailedError(Exception):
    """A program failed; the message has the end of its output."""


@contextlib.contextmanager
def scratch(name: str) -> Iterator[Path]:
    """A temporary directory on a disk."""
    with tempfile.TemporaryDirectory(prefix=f"bench-{name}-", dir=ON_DISK) as home:
        yield Path(home)


def free_port() -> int:
    """A free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def listening() -> Iterator[tuple[socket.socket, int]]:
    """A listening socket and its port; processes that inherit it share the connections."""
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
    """Run a program in its own process group, which is killed at the end.

    Its environment is PATH, HOME and LANG of this process, and `environ`.
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
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> None:
    """Wait until a condition holds; raises FailedError at the timeout."""
    deadline = time.monotonic() + timeout_seconds
    while not holds():
        if time.monotonic() > deadline:
            raise FailedError(f"timed out after {timeout_seconds:.0f} s: {what}")
        time.sleep(pause_seconds)
