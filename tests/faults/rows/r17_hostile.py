"""Hostile neighbours, beside an honest organisation: the rows of docs/security.md.

Each attack comes from somebody who may write a comment, open a pull request, write to one
repository, or open a connection. While they last, and after them, the honest organisation is
answered, and the attacker gets nothing that is not theirs.
"""

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from luggage.fake_github import FakeGithub, Happening
from luggage.fake_github.records import ChangedFile, Comment
from tests.faults.campaign import Row, Run
from tests.faults.load import Delivery, Town, meanwhile
from tests.faults.site import Process, Site, children, command_of

HONEST = "honest/repo"
EVIL = "evil/repo"
MEMBERS_ONLY = "evil/secret-plans"
# GitHub wants one write a second in an installation, and an answer takes two. The short form has
# another pace.
_PER_SECOND, _PER_SECOND_SHORT = 0.2, 2.0
_PROMISED_SECONDS = 10.0
_WRITES_OF_AN_HOUR = 500
_SILENT = (
    b"POST /webhook/github HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"X-GitHub-Event: star\r\nContent-Length: 26214400\r\n\r\n"
)
_PIPELINED = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 40


@dataclass
class Attack:
    """The attacked bot, and the means of an attacker."""

    run: Run
    site: Site
    town: Town
    bot: Process
    connections: list[socket.socket] = field(default_factory=list)

    @property
    def fake(self) -> FakeGithub:
        """The simulated GitHub."""
        return self.town.fake

    @property
    def scale(self) -> float:
        """The part of the full attack that this run makes."""
        return self.run.size

    def times(self, count: int) -> int:
        """A count of the full attack, scaled, at least one."""
        return max(1, int(count * self.scale))

    def post(self, *happenings: Happening) -> None:
        """Deliver events; any answer will do."""
        sender = self.run.sender(self.site)
        for happening in happenings:
            sender.post(self.town.delivery(happening, None))

    def connect(self, sent: bytes = b"") -> None:
        """Open a connection, send something, and keep it open without reading."""
        with contextlib.suppress(OSError):
            line = socket.create_connection(("127.0.0.1", self.site.port), timeout=5)
            self.connections.append(line)
            line.sendall(sent)

    def get(self, path: str, **headers: str) -> http.client.HTTPResponse:
        """The answer to a GET."""
        line = http.client.HTTPConnection("127.0.0.1", self.site.port, timeout=30)
        with contextlib.closing(line):
            line.request("GET", path, headers=headers)
            answer = line.getresponse()
            answer.read()
            return answer


def patterns(attack: Attack) -> None:
    """Row 1: path patterns made to backtrack, committed and in a pull request."""
    rule = f'[label]\n[label.paths]\nbug = ["{"**/" * attack.times(21_000)}x"]\n'
    number = _pull(attack, [".github/bot.toml", *(f"a/b/c/{n}.py" for n in range(100))], rule)
    for turn in range(attack.times(20)):
        attack.post(attack.fake.rename_pull_request(EVIL, number, "mallory", f"Try {turn}"))
        attack.post(attack.fake.push_to_pull_request(EVIL, number, "mallory"))
    attack.post(attack.fake.push(EVIL, "mallory", files={".github/bot.toml": rule}))


def line_feeds(attack: Attack) -> None:
    """Row 2: comments that make a regular expression backtrack."""
    number = attack.town.issue(EVIL)
    for text in ("\n", " ", "\t\n", "/", "`", "> ", "@a", "<!--"):
        body = (text * 65_500)[:65_500]
        for _ in range(attack.times(6)):
            attack.post(attack.fake.comment(EVIL, number, "mallory", body))


def wider_settings(attack: Attack) -> None:
    """Rows 3 and 4: a repository's file that invites, and that asks in a private repository."""
    wide = (
        '[invite]\nenabled = true\nmode = "automatic"\nmerged_pull_requests = 1\n'
        'approval_in = "secret-plans"\napproval_message = "Psst @evil/everyone $person"\n'
    )
    strict = '[invite]\nenabled = false\nmode = "approval"\nmerged_pull_requests = 100\n'
    attack.post(attack.fake.push("evil/.github", "root", files={".github/bot.toml": strict}))
    attack.post(attack.fake.push(EVIL, "mallory", files={".github/bot.toml": wide}))
    attack.site.drained()
    for turn in range(attack.times(10)):
        attack.post(attack.fake.merge_pull_request(EVIL, f"friend{turn}"))
    attack.site.drained()
    invited = [n for n in range(10) if attack.fake.membership("evil", f"friend{n}")]
    attack.run.expect(not invited, f"invited against the organisation's settings: {invited}")
    asked = attack.fake.calls_to("POST", f"/repos/{MEMBERS_ONLY}/issues")
    attack.run.expect(not asked, "an issue was opened in another repository")


def many_keys(attack: Attack) -> None:
    """Row 8: a settings file with thousands of unknown keys."""
    file = "".join(f"key{n} = 1\n" for n in range(attack.times(6_000)))
    _pull(attack, [".github/bot.toml"], file)
    attack.post(attack.fake.push(EVIL, "mallory", files={".github/bot.toml": file}))


def silence(attack: Attack) -> None:
    """Row 5: connections that announce 25 MB and send nothing, for the webhook and elsewhere."""
    for _ in range(attack.times(60)):
        attack.connect(_SILENT)
        attack.connect(_SILENT.replace(b"/webhook/github", b"/console/"))
        time.sleep(0.05)


def idle(attack: Attack) -> None:
    """Row 19: idle connections, and heads that never end."""
    for turn in range(attack.times(900)):
        attack.connect(b"GET / HTTP/1.1\r\nX: " if turn % 2 else b"")


def pings(attack: Attack) -> None:
    """Row 6: commands of a stranger, more than an hour's writes."""
    number = attack.town.issue(EVIL)
    for _ in range(attack.times(320)):
        attack.post(attack.fake.comment(EVIL, number, "mallory", "/ping"))
    attack.site.drained()
    written = len(attack.fake.comments(EVIL, number))
    attack.run.note(**{"writes for a stranger's commands": written - attack.times(320)})


def large_pull_requests(attack: Attack) -> None:
    """Row 7: pushes to a pull request of thousands of files."""
    before = len(attack.fake.calls)
    number = _pull(attack, [f"src/{n}.py" for n in range(attack.times(3_000))])
    pushes = attack.times(100)
    for _ in range(pushes):
        attack.post(attack.fake.push_to_pull_request(EVIL, number, "mallory"))
    attack.site.drained()
    requests = (len(attack.fake.calls) - before) / pushes
    attack.run.note(**{"requests for each push to a large pull request": round(requests, 1)})


def hosts(attack: Attack) -> None:
    """Row 11: a Host and forwarded headers that are not ours."""
    evil = "evil.example"
    foreign = {"Host": evil, "X-Forwarded-Host": evil, "X-Forwarded-Proto": "gopher"}
    for path in ("/console", "/console/", "/console/sign-in", "/", "//evil.example/console"):
        answer = attack.get(path, **foreign)
        place = answer.getheader("Location") or ""
        attack.run.expect(f"//{evil}" not in place, f"{path} leads to {place}")


def hung_up(attack: Attack) -> None:
    """Row 12: pipelined requests on connections that are closed."""
    for turn in range(attack.times(50)):
        attack.connect(_PIPELINED if turn % 2 else _SILENT[: 40 + turn])
        if attack.connections:
            attack.connections.pop().close()
    attack.run.expect("Traceback" not in attack.bot.output, "a hung-up client is a crash report")


def callbacks(attack: Attack) -> None:
    """Row 13: sign-ins that never were."""
    statuses = {
        attack.get(f"/console/sign-in/callback?code=bad{turn}&state=x").status
        for turn in range(attack.times(50))
    }
    attack.run.expect(503 not in statuses, f"callbacks were answered {sorted(statuses)}")


def no_person(attack: Attack) -> None:
    """Row 15: accounts that are no person, and comments of an App under a person's login."""
    number = attack.town.issue(EVIL)
    before = len(attack.fake.comments(EVIL, number))
    for kind in ("Organization", "Mannequin", "Bot"):
        event, payload = attack.fake.comment(EVIL, number, f"odd-{kind}", "/ping")
        for actor in (payload["comment"]["user"], payload["sender"]):
            actor["type"] = kind
        attack.post(Happening(event, payload))
    event, payload = attack.fake.comment(EVIL, number, "mallory", "/ping")
    payload["comment"]["performed_via_github_app"] = {"id": 9, "slug": "other"}
    attack.post(Happening(event, payload))
    attack.site.drained()
    said = len(attack.fake.comments(EVIL, number)) - before - 4
    attack.run.expect(not said, f"{said} answers to what no person wrote")


def unwanted(attack: Attack) -> None:
    """Row 20: large events that no rule wants."""
    for turn in range(attack.times(50)):
        event, payload = attack.fake.star(EVIL, f"fan{turn}")
        text = attack.run.rng.randbytes(40_000).hex()
        attack.post(Happening(event, {**payload, "text": text}))
    [(size,)] = attack.site.ask(
        "SELECT coalesce(sum(length(body)), 0) FROM job_body WHERE length(body) > 20000"
    )
    attack.run.note(**{"bytes of large bodies that are stored": size})


def environments(attack: Attack) -> None:
    """Row 10: no process shows the secrets of another in its environment or arguments."""
    for pid in _family(attack.bot.pid):
        shown = b"".join(_told(pid, name) for name in ("environ", "cmdline"))
        open_to_all = b"BEGIN" in shown and pid != attack.bot.pid
        attack.run.expect(not open_to_all, f"the private key is shown by: {command_of(pid)}")


def _told(pid: int, name: str) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/{name}").read_bytes()
    return b""


ATTACKS: dict[str, Callable[[Attack], None]] = {
    each.__name__.replace("_", " "): each
    for each in (
        patterns,
        line_feeds,
        wider_settings,
        many_keys,
        silence,
        idle,
        pings,
        large_pull_requests,
        hosts,
        hung_up,
        callbacks,
        no_person,
        unwanted,
        environments,
    )
}


def run(run: Run) -> None:
    """Run one attack after the other, beside an honest organisation."""
    fake = run.github()
    town = run.town(fake, 0)
    for repository in (HONEST, EVIL, MEMBERS_ONLY, "evil/.github"):
        town.repositories.append(repository)
        fake.add_repository(repository, private=repository == MEMBERS_ONLY)
    fake.add_collaborator(EVIL, "mallory", "write")
    honest: list[Delivery] = []
    with run.site(fake) as site:
        bot = site.run("start")
        site.until(site.answers, "the bot answers")
        with meanwhile(lambda stop: _honest(run, site, town, honest, stop)):
            for name, attack in ATTACKS.items():
                _try(run, name, attack, Attack(run, site, town, bot), honest)
        site.drained()
        dead = site.ask("SELECT key FROM job WHERE state = 'dead'")
        run.expect(not dead, f"dead jobs: {dead[:3]}")
        run.expect(bot.lives, "the supervisor has ended")
        _conclude(run, town, honest)


def _conclude(run: Run, town: Town, honest: list[Delivery]) -> None:
    """Each honest delivery is accepted and has one comment; what else was said is not judged."""
    said = [len(_answers(town, delivery)) for delivery in honest]
    accepted = sum(delivery.accepted for delivery in honest)
    run.note(deliveries=len(honest), accepted=accepted)
    run.note(lost=said.count(0), repeated=sum(count > 1 for count in said))
    run.expect(accepted == len(honest), f"{len(honest) - accepted} honest deliveries refused")
    run.expect(set(said) <= {1}, f"comments for honest deliveries: {sorted(set(said))}")


def _answers(town: Town, delivery: Delivery) -> list[Comment]:
    effect = delivery.effect
    assert effect is not None
    comments = town.fake.comments(effect.repository, effect.number)
    return [comment for comment in comments if effect.marker in comment.body]


def _try(
    run: Run, name: str, attack: Callable[[Attack], None], means: Attack, honest: list[Delivery]
) -> None:
    first, began = len(honest), time.monotonic()
    try:
        attack(means)
        # The wait of who comes during the attack counts, and of who comes after it.
        time.sleep(1.0)
    finally:
        for line in means.connections:
            line.close()
    refused = [d.statuses for d in honest[first:] if d.statuses and not d.accepted]
    run.expect(not refused, f"{name}: an honest delivery was refused: {refused[:3]}")
    waited = _longest_wait(means.town, honest[first:])
    run.note(**{f"{name}: honest wait s": waited})
    run.say(f"{name}: {time.monotonic() - began:.0f} s, honest waited {waited:.1f} s")
    run.expect_in_time(waited <= _PROMISED_SECONDS, f"{name}: honest waited {waited:.0f} s")


def _honest(
    run: Run, site: Site, town: Town, posted: list[Delivery], stop: threading.Event
) -> None:
    sender = run.sender(site)
    pace = _PER_SECOND_SHORT if run.short else _PER_SECOND
    while not stop.wait(1.0 / pace):
        delivery = town.ping(HONEST, town.issue(HONEST))
        delivery.posted_at = time.time()
        posted.append(delivery)
        sender.post(delivery)


def _longest_wait(town: Town, posted: list[Delivery]) -> float:
    """The longest time from a delivery to its comment, in seconds; of those that have it."""
    waits = (
        comment.created_at - delivery.posted_at
        for delivery in list(posted)
        for comment in _answers(town, delivery)
    )
    return max(waits, default=0.0)


def _pull(attack: Attack, paths: list[str], text: str = "") -> int:
    """A pull request of an outsider that changes these files; delivers its events."""
    opened = attack.fake.open_pull_request(EVIL, "mallory")
    number = int(opened.payload["number"])
    changed = [ChangedFile(path) for path in paths]
    push = attack.fake.push_to_pull_request(EVIL, number, "mallory", files=changed)
    if text:
        head = attack.fake.pull(EVIL, number).head_sha
        attack.fake.add_file(EVIL, ".github/bot.toml", text, commit=head)
    attack.post(opened, push)
    return number


def _family(pid: int) -> Iterator[int]:
    yield pid
    for child in children(pid):
        yield from _family(child)


ROW = Row(
    name="hostile",
    fault="strangers with comments, pull requests, a repository, connections",
    target="honest deliveries are accepted and answered within 10 s; nothing is said for strangers",
    size="part of the full attack",
    full=1.0,
    short=0.05,
    run=run,
)
