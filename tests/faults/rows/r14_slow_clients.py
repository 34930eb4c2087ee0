"""Two hundred slow connections (a byte a second), and one healthy client."""

import socket
import threading
import time

from tests.faults.campaign import Row, Run
from tests.faults.load import Sender, meanwhile
from tests.faults.site import SQLITE
from tests.support import needs
from tests.support.nginx import running_nginx
from tests.support.running import free_port

_PROMISED_SECONDS = 1.0
_HEAD = b"POST /webhook/github HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\nX-Slow: "


def run(run: Run) -> None:
    """Behind nginx as docs/deploy/nginx.conf configures it; for comparison, without it."""
    fake = run.github()
    town = run.town(fake, 4)
    with run.site(fake) as site:
        site.web()
        without = _measure(run, site.port, town, tries=2)
        run.note(**{"without a proxy: longest wait s": without})
        try:
            nginx = needs.program("nginx")
        except needs.AbsentError as error:
            run.leave_out("behind nginx", error)
            return
        port = free_port()
        with running_nginx(nginx, run.home, port=port, bot_port=site.port) as proxy:
            behind = _measure(run, port, town, tries=5 if run.short else 30)
            run.note(**{"behind nginx: longest wait s": behind})
            run.expect_in_time(behind <= _PROMISED_SECONDS, f"{behind:.1f} s behind nginx")
            run.expect(proxy.poll() is None, "nginx has ended")


def _measure(run: Run, port: int, town, *, tries: int) -> float:
    """The longest wait of a healthy client for its 202, in seconds; 10 without one."""
    slow = [_slow(port) for _ in range(run.count)]
    longest = 0.0
    sender = Sender(port)
    with meanwhile(lambda stop: _drip(slow, stop)):
        time.sleep(2.0)
        for _ in range(tries):
            began = time.monotonic()
            status = sender.post(town.noise(town.repositories[0]))
            sender.hang_up()
            longest = max(longest, time.monotonic() - began if status == 202 else 10.0)
            time.sleep(0.2)
    for line in slow:
        line.close()
    return longest


def _slow(port: int) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", port), timeout=10)
    line.sendall(_HEAD)
    return line


def _drip(slow: list[socket.socket], stop: threading.Event) -> None:
    """Send a byte a second on each connection."""
    while not stop.wait(1.0):
        for line in slow:
            try:
                line.send(b"x")
            except OSError:
                continue


ROW = Row(
    name="slow-clients",
    fault="200 connections that send a byte a second",
    target="a healthy client still gets its `202` within a second, behind the documented set-up",
    size="connections",
    full=200,
    short=40,
    run=run,
    databases=(SQLITE,),
)
