"""`kill -9` of gunicorn's workers while they answer; each 202 must be in the database."""

import os
import signal
import socket
import threading
import time

from luggage.jobs.inserts import unpack
from tests.faults.campaign import Row, Run
from tests.faults.load import ACCEPTED, Delivery, Sender, meanwhile
from tests.faults.site import Process, Site, children

_HALVES = 10  # one in so many posts is halfway when its worker dies, if it is unlucky


def run(run: Run) -> None:
    """Post in parallel while workers are killed; then read the database."""
    fake = run.github()
    town = run.town(fake, 4)
    deliveries = [town.noise(run.rng.choice(town.repositories)) for _ in range(run.count)]
    with run.site(fake) as site:
        web = site.web()
        sender = HalfwaySender(site.port, threads=6)
        killed: list[int] = []
        with meanwhile(lambda stop: _kill(run, web, stop, killed)):
            sender.post_all(deliveries, said=run.progress("posted", run.count))
        _judge(run, site, deliveries)
        run.note(workers_killed=len(killed))
        run.expect(killed, "no worker was killed")


class HalfwaySender(Sender):
    """Some posts pause in the middle of the body, so that kills hit them there."""

    def post(self, delivery: Delivery) -> int:
        """Post a delivery."""
        if int(delivery.guid.split("-")[1]) % _HALVES:
            return super().post(delivery)
        head = "".join(f"{name}: {value}\r\n" for name, value in delivery.headers.items())
        size = len(delivery.body)
        status = 0
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=10) as line:
                first = f"POST /webhook/github HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n"
                line.sendall(f"{first}Connection: close\r\n{head}\r\n".encode())
                line.sendall(delivery.body[: size // 2])
                time.sleep(0.02)
                line.sendall(delivery.body[size // 2 :])
                answer = line.recv(64)
                status = int(answer.split()[1]) if answer else 0
        except OSError:
            pass
        delivery.statuses.append(status)
        return status


def _kill(run: Run, web: Process, stop: threading.Event, killed: list[int]) -> None:
    # The master replaces a worker within a tenth of a second; both may be dead at times.
    while not stop.wait(run.rng.uniform(0.05, 0.6)):
        workers = children(web.pid)
        if workers:
            victim = run.rng.choice(workers)
            os.kill(victim, signal.SIGKILL)
            killed.append(victim)


def _judge(run: Run, site: Site, deliveries: list[Delivery]) -> None:
    query = "SELECT key, codec, body FROM job JOIN job_body ON job_id = id"
    stored = {key: unpack(codec, bytes(body)) for key, codec, body in site.ask(query)}
    accepted = [delivery for delivery in deliveries if delivery.accepted]
    lost = [delivery.guid for delivery in accepted if stored.get(delivery.guid) != delivery.body]
    others = [status for d in deliveries for status in d.statuses if status not in (0, ACCEPTED)]
    run.note(
        posts=len(deliveries),
        accepted=len(accepted),
        cut_off=len(deliveries) - len(accepted),
        accepted_but_not_stored=len(lost),
    )
    run.expect(not lost, f"answered 202 and not stored: {lost[:5]}")
    run.expect(not others, f"other answers: {sorted(set(others))}")


ROW = Row(
    name="web-worker-killed",
    fault="`kill -9` of a web worker in mid-request",
    target="each `202` is in the database",
    size="posts",
    full=10_000,
    short=300,
    run=run,
)
