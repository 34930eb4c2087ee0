"""Load from `wrk`: connections with one request each.

wrk uses little of the processor that it shares with the server; a generator in Python would be the
bottleneck.
"""

import json
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bench.cache import program_path
from bench.delivery import Delivery
from bench.processes import FailedError

_SCRIPT = Path(__file__).with_name("deliver.lua")
# Has the length of an id, and does not occur elsewhere in a request.
_PLACEHOLDER = "@" * 36
_REMEDY = "apt install wrk, or see https://github.com/wg/wrk"


@dataclass(frozen=True)
class Load:
    """A load: concurrent connections, kept open or new for each request."""

    connections: int
    kept: bool = False

    def __str__(self) -> str:
        return f"{self.connections}, {'kept open' if self.kept else 'new for each request'}"


@dataclass(frozen=True)
class Slice:
    """The result of one slice; `answered` counts accepted deliveries.

    Their ids start with `prefix`. `broken` connections ended without an answer.
    """

    prefix: str
    answered: int
    refused: int
    broken: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        """Accepted deliveries a second."""
        return self.answered / self.seconds


def wrk() -> str:
    """The path of wrk; raises UnavailableError if it is not installed."""
    return program_path("wrk", _REMEDY)


def send(url: str, delivery: Delivery, load: Load, *, seconds: int, scratch: Path) -> Slice:
    """Load a server for `seconds`. Raises FailedError if wrk fails."""
    request = scratch / "request"
    request.write_bytes(as_sent(url, delivery, load))
    # The first 24 characters of an id; the script counts in the last 12.
    prefix = str(uuid.uuid4())[:24]
    options = ["-t1", f"-c{load.connections}", f"-d{seconds}s", "--timeout", "10s", "--latency"]
    done = subprocess.run(
        [wrk(), *options, "-s", str(_SCRIPT), url, "--", str(request), prefix],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise FailedError(f"wrk: {done.stdout}{done.stderr}")
    return read(done.stdout, prefix)


def read(printed: str, prefix: str) -> Slice:
    """Parse the last line that the script prints."""
    result = json.loads(printed.strip().splitlines()[-1])
    return Slice(
        prefix=prefix,
        answered=result["requests"] - result["refused"],
        refused=result["refused"],
        broken=result["broken"],
        seconds=result["seconds"],
        p50_ms=result["p50_ms"],
        p99_ms=result["p99_ms"],
    )


def as_sent(url: str, delivery: Delivery, load: Load) -> bytes:
    """The raw request, with a placeholder for the id."""
    parts = urlsplit(url)
    headers = {
        "Host": parts.netloc,
        **delivery.headers(_PLACEHOLDER),
        "Content-Length": str(len(delivery.body)),
        "Connection": "keep-alive" if load.kept else "close",
    }
    lines = [
        f"POST {parts.path} HTTP/1.1",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + delivery.body
