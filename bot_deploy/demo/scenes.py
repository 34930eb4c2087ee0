"""Scenes of the demo: invented people at work on the simulated GitHub."""

import itertools
import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from luggage.fake_github import FakeGithub, Happening

ORGANIZATION = "snake-charmers"
REPOSITORIES = (f"{ORGANIZATION}/terrarium", f"{ORGANIZATION}/venom", f"{ORGANIZATION}/shed")
MAINTAINER = "odalys"
ROBOT = "hatchling[bot]"
PEOPLE = (
    "tamiko", "bjarne-o", "wanjiru", "esteban", "nilufar", "kofi-a", "marit", "tuan", "ximena",
    "leszek", "aroha", "dimitra", "yusuf", "solveig", "chidi", "ines-p", "rohan", "maeve", "pavel",
    "siosaia", "hana", "luca", "amara", "jonas", "zeynep", "teuila", "oskar", "priya", "mateo",
)  # fmt: skip
_TITLES = (
    "Warm the egg before it hatches", "Fix the off-by-one in coil()", "Say what a fang is for",
    "Shed the old skin in one piece", "Do not hiss at empty input", "Spell slither right",
    "Stop the basilisk from looking back", "Teach the tests to constrict", "Feed it twice a week",
)  # fmt: skip
_REPEATED = 0.15
_REMARKS = ("Nice!", "Could this be slower?", "I like snakes.", "See the manual, chapter 3.")
_ONLY_MENTIONED = (
    "Try `/ping` to see whether the bot is awake.",
    "> /ping\n\nDoes that still work?",
    "```\n/ping\n```\nThat is what I wrote.",
)


@dataclass(frozen=True)
class SceneDelivery:
    """A delivery to send; a redelivery has the id of the first."""

    happening: Happening
    id: str
    repeated: bool = False


def deliveries(github: FakeGithub, rng: random.Random) -> Iterator[SceneDelivery]:
    """Yield deliveries without end; the same for the same `rng`.

    The first four show the bot's purpose, the others are random. The journal of `github` has each,
    except redeliveries, which no user of GitHub sees.
    """
    for happening in _happenings(_Scenes(github, rng), rng):
        delivery = SceneDelivery(happening, str(uuid.UUID(int=rng.getrandbits(128), version=4)))
        yield delivery
        if rng.random() < _REPEATED:
            yield replace(delivery, repeated=True)


def _happenings(scenes: "_Scenes", rng: random.Random) -> Iterator[Happening]:
    for scene in (scenes.newcomer, scenes.ping_in_a_comment, scenes.star, scenes.robot):
        yield from scene()
    while True:
        (scene,) = rng.choices(scenes.all, scenes.weights)
        yield from scene()


class _Scenes:
    """The scenes: each method lets a person act, and yields the events."""

    def __init__(self, github: FakeGithub, rng: random.Random) -> None:
        self._github = github
        self._rng = rng
        self._newcomers = _newcomers(rng)
        self._known = [MAINTAINER]
        github.add_organization(ORGANIZATION)
        github.add_member(ORGANIZATION, MAINTAINER)
        github.add_user(ROBOT, bot=True)
        weighted: dict[Callable[[], Iterator[Happening]], int] = {
            self.newcomer: 4,
            self.known: 2,
            self.robot: 1,
            self.unmerged: 1,
            self.ping_in_a_comment: 2,
            self.ping_in_an_issue: 1,
            self.ping_in_a_pull_request: 1,
            self.ping_on_the_diff: 1,
            self.ping_in_a_review: 1,
            self.only_mentioned: 1,
            self.remark: 1,
            self.star: 2,
            self.push: 1,
        }
        self.all = list(weighted)
        self.weights = list(weighted.values())

    def newcomer(self) -> Iterator[Happening]:
        """The first pull request of a newcomer is merged."""
        author = next(self._newcomers)
        self._known.append(author)
        yield self._merged(author)

    def known(self) -> Iterator[Happening]:
        """Another pull request of an invited person is merged."""
        yield self._merged(self._person())

    def robot(self) -> Iterator[Happening]:
        """A pull request of a bot is merged; there is no one to invite."""
        yield self._merged(ROBOT)

    def unmerged(self) -> Iterator[Happening]:
        """A pull request is closed without being merged."""
        opened = self._pull_request()
        yield opened
        yield self._github.close_pull_request(*_where(opened), MAINTAINER)

    def ping_in_a_comment(self) -> Iterator[Happening]:
        """A command in a comment."""
        yield from self._conversation("/ping")

    def ping_in_an_issue(self) -> Iterator[Happening]:
        """A command in the text of an issue."""
        body = "Before I report anything:\n\n/ping"
        yield self._github.open_issue(self._repo(), self._person(), "Is the bot there?", body)

    def ping_in_a_pull_request(self) -> Iterator[Happening]:
        """A command in the text of a pull request."""
        yield self._pull_request("This is ready.\n\n/ping")

    def ping_on_the_diff(self) -> Iterator[Happening]:
        """A command in a comment on the diff."""
        opened = self._pull_request()
        yield opened
        yield self._github.review_comment(*_where(opened), self._person(), "/ping")

    def ping_in_a_review(self) -> Iterator[Happening]:
        """A command in a review, which cannot have reactions."""
        opened = self._pull_request()
        yield opened
        yield self._github.review(*_where(opened), MAINTAINER, "Good work.\n\n/ping", "approved")

    def only_mentioned(self) -> Iterator[Happening]:
        """A person mentions the command without giving it."""
        yield from self._conversation(self._rng.choice(_ONLY_MENTIONED))

    def remark(self) -> Iterator[Happening]:
        """A person comments."""
        yield from self._conversation(self._rng.choice(_REMARKS))

    def star(self) -> Iterator[Happening]:
        """A person stars a repository."""
        yield self._github.star(self._repo(), self._person())

    def push(self) -> Iterator[Happening]:
        """The maintainer pushes."""
        yield self._github.push(self._repo(), MAINTAINER)

    def _merged(self, author: str) -> Happening:
        repo = self._repo()
        return self._github.merge_pull_request(repo, author, self._title(), by=MAINTAINER)

    def _conversation(self, remark: str) -> Iterator[Happening]:
        opened = self._github.open_issue(self._repo(), self._person(), self._title())
        yield opened
        yield self._github.comment(*_where(opened), self._person(), remark)

    def _pull_request(self, body: str | None = None) -> Happening:
        repo = self._repo()
        return self._github.open_pull_request(repo, self._person(), self._title(), body)

    def _repo(self) -> str:
        return self._rng.choice(REPOSITORIES)

    def _person(self) -> str:
        return self._rng.choice(self._known)

    def _title(self) -> str:
        return self._rng.choice(_TITLES)


def _where(opened: Happening) -> tuple[str, int]:
    """Return the repository and the number of an issue or pull request."""
    about = opened.payload.get("pull_request") or opened.payload["issue"]
    return opened.payload["repository"]["full_name"], about["number"]


def _newcomers(rng: random.Random) -> Iterator[str]:
    """Yield names without repetition."""
    for generation in itertools.count(1):
        for name in rng.sample(PEOPLE, len(PEOPLE)):
            yield name if generation == 1 else f"{name}-{generation}"
