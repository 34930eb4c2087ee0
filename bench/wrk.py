"""Load from `wrk`: so many connections, each with one request under way.

Chosen: wrk, which costs little of the processor that it shares with what it loads, and is in every
distribution. Against: a generator in Python, which would be the bottleneck.
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
# As long as an id, and nothing that a request has otherwise.
_PLACE = "@" * 36
_REMEDY = "apt install wrk, or see https://github.com/wg/wrk"


@dataclass(frozen=True)
class Load:
    """What a server is put under: connections at once, each kept or new for each request."""

    connections: int
    kept: bool = False

    def __str__(self) -> str:
        return f"{self.connections}, {'kept open' if self.kept else 'new for each request'}"


@dataclass(frozen=True)
class Slice:
    """What one server did in one slice. `answered` are those that it accepted.

    Their ids begin with `prefix`. `broken` are connections that ended without an answer.
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
    """Where wrk is; raises UnavailableError where it is not installed."""
    return program_path("wrk", _REMEDY)


def send(url: str, delivery: Delivery, load: Load, *, seconds: int, scratch: Path) -> Slice:
    """Put a server under load for so long. Raises FailedError where wrk does not succeed."""
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
    """What the last line that the script prints says."""
    told = json.loads(printed.strip().splitlines()[-1])
    return Slice(
        prefix=prefix,
        answered=told["requests"] - told["refused"],
        refused=told["refused"],
        broken=told["broken"],
        seconds=told["seconds"],
        p50_ms=told["p50_ms"],
        p99_ms=told["p99_ms"],
    )


def as_sent(url: str, delivery: Delivery, load: Load) -> bytes:
    """The request as it goes over the line, with a place for the id."""
    parts = urlsplit(url)
    headers = {
        "Host": parts.netloc,
        **delivery.headers(_PLACE),
        "Content-Length": str(len(delivery.body)),
        "Connection": "keep-alive" if load.kept else "close",
    }
    lines = [
        f"POST {parts.path} HTTP/1.1",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + delivery.body
