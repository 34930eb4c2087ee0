"""Load of the campaign: events at the simulated GitHub, and their expected effects."""

import contextlib
import http.client
import itertools
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.actions import Comment, marker
from luggage.fake_github import FakeGithub, Happening
from luggage.fake_github.faults import Fault
from luggage.fake_github.messages import Request

ACCEPTED = 202
# Faults after which the request has taken effect, by name; see tests.faults.load.done.
DONE = {"done, then 502", "done, then reset", "done, then silence"}
# Gunicorn closes an idle connection after two seconds; the next post must not race that.
_IDLE_SECONDS = 1.0
_MARKER = re.compile(r"<!-- portmanteau:[0-9a-f]+ -->")


@dataclass(frozen=True)
class Effect:
    """An expected comment of the bot; with `person`, after an invitation."""

    repository: str
    number: int
    marker: str
    person: str = ""
    reaction: int = 0


@dataclass(eq=False)
class Delivery:
    """A delivery to post; `statuses` are its answers, 0 for a broken connection."""

    guid: str
    event: str
    headers: dict[str, str]
    body: bytes = field(repr=False)
    effect: Effect | None
    statuses: list[int] = field(default_factory=list)
    posted_at: float = 0.0

    @property
    def accepted(self) -> bool:
        """Whether the bot has accepted it once."""
        return ACCEPTED in self.statuses

    @property
    def subject(self) -> str:
        """Its ordered subject; none without an effect."""
        effect = self.effect
        return f"{effect.repository}#{effect.number}" if effect else self.guid


class Town:
    """Organizations with a repository each, and their people; all drawn from a seed."""

    def __init__(self, fake: FakeGithub, *, organizations: int, seed: object) -> None:
        self.fake = fake
        self.rng = random.Random(f"town {seed}")
        self.repositories = [f"org{number}/repo" for number in range(organizations)]
        for name in self.repositories:
            fake.add_repository(name)
        self._people = itertools.count()
        self._guids = itertools.count()

    def delivery(
        self, happening: Happening, effect: Effect | None, guid: str | None = None
    ) -> Delivery:
        """An event, signed."""
        guid = guid or f"guid-{next(self._guids)}"
        headers, body = self.fake.signed(*happening, delivery_id=guid)
        return Delivery(guid, happening.event, headers, body, effect)

    def person(self) -> str:
        """A new person; one person's commands have a rate."""
        return f"person{next(self._people)}"

    def merge(self, repository: str) -> Delivery:
        """A person's first merged pull request: an invitation, then a welcome."""
        person = self.person()
        happening = self.fake.merge_pull_request(repository, person)
        owner, number = repository.split("/", 1)[0], happening.payload["number"]
        effect = answer(repository, number, f"welcome {owner}/{person}", person=person)
        return self.delivery(happening, effect)

    def issue(self, repository: str) -> int:
        """The number of a new issue; its event is not delivered."""
        return int(self.fake.open_issue(repository, "asker").payload["issue"]["number"])

    def ping(self, repository: str, number: int) -> Delivery:
        """`/ping` in a comment of a new person: a reply and a heart."""
        person = self.person()
        happening = self.fake.comment(repository, number, person, "/ping")
        comment = happening.payload["comment"]["id"]
        about = f"ping {repository}/issues/comments/{comment}"
        return self.delivery(happening, answer(repository, number, about, reaction=comment))

    def noise(self, repository: str) -> Delivery:
        """A star, which no rule handles."""
        return self.delivery(self.fake.star(repository, "asker"), None)

    def mixed(self, count: int, *, pings: int = 5) -> Iterator[Delivery]:
        """Deliveries, half merges, half pings; `pings` of them on each issue."""
        made = 0
        for turn in itertools.count():
            # Each organization gets some of both, because GitHub's pace is per organization.
            batches, others = divmod(turn, pings + 1)
            at = turn if others else batches
            repository = self.repositories[at % len(self.repositories)]
            if others:
                batch = [self.merge(repository)]
            else:
                number = self.issue(repository)
                batch = [self.ping(repository, number) for _ in range(pings)]
            yield from batch[: count - made]
            made += len(batch)
            if made >= count:
                return


def answer(
    repository: str, number: int, about: str, *, person: str = "", reaction: int = 0
) -> Effect:
    said = Comment(about=about, repository=repository, number=number, text="")
    return Effect(repository, number, marker(said.key), person, reaction)


class Sender:
    """Posts deliveries as GitHub does: once each, with a timeout of ten seconds."""

    def __init__(self, port: int, *, threads: int = 4, patience: float = 10.0) -> None:
        self._port = port
        self._threads = threads
        self._patience = patience
        self._local = threading.local()
        self._open: set[http.client.HTTPConnection] = set()
        self.stopping = threading.Event()

    def post(self, delivery: Delivery) -> int:
        """Post a delivery; returns and records the status, 0 without an answer."""
        try:
            connection = self._connection()
            connection.request("POST", "/webhook/github", delivery.body, delivery.headers)
            answer = connection.getresponse()
            answer.read()
            status = answer.status
        except (OSError, http.client.HTTPException):
            status = 0
            self.hang_up()
        delivery.statuses.append(status)
        return status

    def hang_up(self) -> None:
        """Close this thread's connection."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._open.discard(connection)
            self._local.connection = None

    def close(self) -> None:
        """Close the connections of all finished threads."""
        for connection in self._open:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        now = time.monotonic()
        if now - getattr(self._local, "used_at", now) > _IDLE_SECONDS:
            self.hang_up()
        self._local.used_at = now
        if getattr(self._local, "connection", None) is None:
            self._local.connection = http.client.HTTPConnection(
                "127.0.0.1", self._port, timeout=self._patience
            )
            self._open.add(self._local.connection)
        connection: http.client.HTTPConnection = self._local.connection
        return connection

    def post_all(
        self,
        deliveries: Iterable[Delivery],
        *,
        per_second: float | None = None,
        again_seconds: float | None = None,
        said: Callable[[int], object] = lambda _count: None,
    ) -> list[Delivery]:
        """Post all, those of one subject in order; retries refused ones after `again_seconds`."""
        sent: list[Delivery] = []
        lanes: list[list[Delivery]] = [[] for _ in range(self._threads)]
        for delivery in deliveries:
            lanes[hash(delivery.subject) % self._threads].append(delivery)
            sent.append(delivery)
        began, count = time.monotonic(), itertools.count(1)

        def work(lane: Sequence[Delivery]) -> None:
            for at, delivery in enumerate(lane):
                if per_second is not None:
                    due = began + at * self._threads / per_second
                    self.stopping.wait(max(0.0, due - time.monotonic()))
                if self.stopping.is_set():
                    break
                while self.post(delivery) != ACCEPTED and again_seconds is not None:
                    time.sleep(again_seconds)
                said(next(count))
            self.hang_up()

        together(*(lambda lane=lane: work(lane) for lane in lanes))
        return sent


def together(*calls: Callable[[], object]) -> None:
    """Call all at once, each in a thread; return when all have returned."""
    barrier = threading.Barrier(len(calls))
    failures: list[BaseException] = []

    def run(call: Callable[[], object]) -> None:
        barrier.wait()
        try:
            call()
        except BaseException as failure:  # noqa: BLE001  # raised by whoever waits
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(call,), daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


@contextlib.contextmanager
def meanwhile(call: Callable[[threading.Event], object]) -> Iterator[None]:
    """Run a call in another thread; stops it and waits for it at the end."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def run() -> None:
        try:
            call(stop)
        except BaseException as failure:  # noqa: BLE001  # raised at the end
            failures.append(failure)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if failures:
        raise failures[0]


@dataclass(frozen=True)
class Verdict:
    """GitHub's final state, compared with what was answered 202."""

    deliveries: int
    accepted: int
    lost: int
    repeated: int
    out_of_order: int
    examples: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether nothing is lost, repeated or out of order."""
        return not (self.lost or self.repeated or self.out_of_order)


def judge(fake: FakeGithub, deliveries: Sequence[Delivery]) -> Verdict:
    """Compare. A delivery without a 202 may have one effect, but not two."""
    with fake.world.lock:
        said = _said(fake)
        hearts = _hearts(fake)
    offered = _offered(fake)
    effects = {delivery.effect for delivery in deliveries if delivery.effect}
    wanted = {d.effect for d in deliveries if d.effect and d.accepted}
    lost, surplus = [], []
    for effect in wanted:
        place = effect.repository, effect.number
        if effect.marker not in said.get(place, []):
            lost.append(f"no comment on {effect.repository}#{effect.number}")
        if effect.person and not offered[_owner(effect), effect.person]:
            lost.append(f"no invitation of {effect.person}")
        if effect.reaction and effect.reaction not in hearts:
            lost.append(f"no heart for {effect.reaction}")
    expected = {(e.repository, e.number, e.marker) for e in effects}
    for (repository, number), markers in said.items():
        for mark, count in Counter(markers).items():
            allowed = int((repository, number, mark) in expected)
            surplus += [f"{count} times on {repository}#{number}"] * (count - allowed)
    surplus += [f"{who} invited {n} times" for who, n in offered.items() for _ in range(n - 1)]
    disorder = list(_out_of_order(fake, deliveries, said))
    return Verdict(
        len(deliveries),
        sum(delivery.accepted for delivery in deliveries),
        len(lost),
        len(surplus),
        len(disorder),
        tuple([*lost, *surplus, *disorder][:10]),
    )


def _owner(effect: Effect) -> str:
    return effect.repository.split("/")[0]


def _said(fake: FakeGithub) -> dict[tuple[str, int], list[str]]:
    """The bot's comments by issue, in order: markers, or texts without one."""
    found: dict[tuple[str, int], list[str]] = {}
    for comment in fake.world.comments.values():
        if comment.author is fake.world.bot:
            mark = _MARKER.search(comment.body)
            place = comment.issue.repository.full_name, comment.issue.number
            found.setdefault(place, []).append(mark[0] if mark else comment.body)
    return found


def _hearts(fake: FakeGithub) -> set[int]:
    return {
        comment.id
        for comment in fake.world.comments.values()
        if any(r.user is fake.world.bot and r.content == "heart" for r in comment.reactions)
    }


def _offered(fake: FakeGithub) -> Counter[tuple[str, str]]:
    """The number of invitations that took effect, by person."""
    found: Counter[tuple[str, str]] = Counter()
    for call in fake.calls:
        if call.method == "PUT" and (call.status == 200 or call.fault in DONE):
            _, _, organization, _, person = call.path.split("/")
            found[organization, person] += 1
    return found


def _out_of_order(
    fake: FakeGithub, deliveries: Sequence[Delivery], said: dict[tuple[str, int], list[str]]
) -> Iterator[str]:
    subjects: dict[tuple[str, int], list[str]] = {}
    for delivery in deliveries:
        effect = delivery.effect
        if effect and delivery.statuses[:1] == [ACCEPTED]:
            subjects.setdefault((effect.repository, effect.number), []).append(effect.marker)
            if effect.person:
                yield from _uninvited(fake, effect)
    for place, wanted in subjects.items():
        there = [mark for mark in dict.fromkeys(said.get(place, [])) if mark in set(wanted)]
        expected = [mark for mark in dict.fromkeys(wanted) if mark in set(there)]
        if there != expected:
            yield f"wrong order on {place[0]}#{place[1]}"


def _uninvited(fake: FakeGithub, effect: Effect) -> Iterator[str]:
    """The welcomes that came before their invitations."""
    place = fake.membership(_owner(effect), effect.person)
    comments = fake.comments(effect.repository, effect.number)
    written = [comment.created_at for comment in comments if effect.marker in comment.body]
    if written and (place is None or place.since_at > written[0]):
        yield f"{effect.person} was told of an invitation that was not there"


def some(
    fault: Fault, share: float, rng: random.Random, fits: Callable[[Request], bool]
) -> Callable[[Request], Fault | None]:
    """A plan: the fault affects this share of the matching requests."""
    lock = threading.Lock()

    def decide(request: Request) -> Fault | None:
        with lock:
            return fault if fits(request) and rng.random() < share else None

    return decide


def write(request: Request) -> bool:
    """Whether a request has an effect."""
    return request.method != "GET" and "access_tokens" not in request.path


def calls_of(fake: FakeGithub, installation: int) -> list[Any]:
    """The requests of one installation."""
    return [call for call in fake.calls if call.installation_id == installation]
