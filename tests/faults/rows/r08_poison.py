"""Rules that raise, loop, exhaust memory or end the process; and the largest body."""

import http.client
import json
import threading
import time

from tests.faults.campaign import Row, Run
from tests.faults.load import Delivery, Town, meanwhile
from tests.faults.poison import KINDS
from tests.faults.site import Site

_PER_SECOND = 4.0
# Each kind alone, for longer than a loop takes to find expired leases.
_BETWEEN_SECONDS = 25.0
_MEMORY = 1_600_000_000
_LARGEST = 25 * 1024 * 1024
# A rule may run ten minutes before its process is ended; here five seconds.
_TIMES = {"luggage.jobs.worker:Worker.limit_seconds": 5.0}
_DEAD = "SELECT key, attempt FROM job WHERE queue = 'delivery' AND state = 'dead'"
# The deliveries that were retried, or had an action retried.
_IN_HAND = """
SELECT coalesce(one.key, job.key) FROM job LEFT JOIN job one ON job.parent = one.id
WHERE job.attempt > 1
"""
_PROMISED_SECONDS = 5.0


def run(run: Run) -> None:
    """Send one kind after the other, while others keep working."""
    fake = run.github()
    town = run.town(fake, 30)
    kinds = list(KINDS)[: run.count]
    with run.site(fake, poison=True, memory=_MEMORY, times=_TIMES) as site:
        bot = site.run("start")
        site.until(site.answers, "the bot answers")
        sender = run.sender(site)
        posted: list[tuple[Delivery, float]] = []
        with meanwhile(lambda stop: _others(run, site, town, stop, posted)):
            for kind in kinds:
                run.expect(sender.post(_poison(town, kind)) == 202, f"{kind} is stored")
                time.sleep(1.0 if run.short else _BETWEEN_SECONDS)
            sizes = [_large(site, town, extra) for extra in (0, 1)]
            site.until(lambda: len(site.ask(_DEAD)) >= len(kinds), "the poisons are dead")
            took = max(row[0] for row in site.ask("SELECT max(changed_at - created_at) FROM job"))
        site.drained()
        tries = {attempt for _, attempt in site.ask(_DEAD)}
        run.note(poisons=len(kinds), dead=len(site.ask(_DEAD)), tries=max(tries), last_dead_s=took)
        run.expect(tries == {5}, f"dead after {tries} tries")
        run.expect(sizes == [202, 413], f"a body of 25 MB and one byte more: {sizes}")
        run.expect(bot.lives, "the supervisor has ended")
        _delays(run, town, posted, {row[0] for row in site.ask(_IN_HAND)})
        run.judge(fake, [delivery for delivery, _ in posted])


def _poison(town: Town, kind: str) -> Delivery:
    repository = town.repositories[-1]
    happening = town.fake.open_issue(repository, "poisoner", body=f"poison {kind}")
    return town.delivery(happening, None, guid=f"poison-{kind}")


def _others(
    run: Run, site: Site, town: Town, stop: threading.Event, posted: list[tuple[Delivery, float]]
) -> None:
    sender = run.sender(site)
    turn = 0
    while not stop.wait(1.0 / _PER_SECOND):
        repository = town.repositories[turn % len(town.repositories)]
        delivery = town.ping(repository, town.issue(repository))
        at = time.time()
        if sender.post(delivery) == 202:
            posted.append((delivery, at))
        turn += 1


def _large(site: Site, town: Town, extra: int) -> int:
    """The status for a signed delivery of 25 MB plus some bytes."""
    event, payload = town.fake.star(town.repositories[0], "asker")
    room = _LARGEST + extra - len(json.dumps(payload, separators=(",", ":"))) - len(',"x":""')
    headers, body = town.fake.signed(event, {**payload, "x": "y" * room})
    assert len(body) == _LARGEST + extra
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    try:
        connection.request("POST", "/webhook/github", body, headers)
        return connection.getresponse().status
    except (BrokenPipeError, ConnectionResetError):
        # It was refused before it was read completely.
        return connection.getresponse().status
    finally:
        connection.close()


def _delays(run: Run, town: Town, posted: list[tuple[Delivery, float]], in_hand: set[str]) -> None:
    """Jobs in progress when their process ended wait for the lease; they are counted apart."""
    delays: dict[bool, list[float]] = {True: [0.0], False: [0.0]}
    for delivery, at in posted:
        effect = delivery.effect
        said = town.fake.comments(effect.repository, effect.number)
        waited = [c.created_at - at for c in said if effect.marker in c.body]
        delays[delivery.guid in in_hand] += waited
    longest = max(delays[False])
    late = sum(delay > _PROMISED_SECONDS for delay in delays[False])
    run.note(others=len(posted), longest_delay_of_others_s=longest, late=late)
    run.note(
        in_hand_of_a_killed_process=len(delays[True]) - 1, their_longest_delay_s=max(delays[True])
    )
    run.expect_in_time(not late, f"{late} others waited for up to {longest:.0f} s")


ROW = Row(
    name="poison",
    fault="a rule that raises, loops, exhausts memory, ends the process; 25 MB body",
    target="dead after 5 tries, others not delayed by more than 5 s",
    size="poisons",
    full=len(KINDS),
    short=4,
    run=run,
)
