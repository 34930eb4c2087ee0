"""What happens in the demo: invented people at work on the simulated GitHub. Not a subcommand."""

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
_REMARKS = ("Nice!", "Could this be slower?", "I like snakes.", "See the manual, chapter 3.")
_ONLY_MENTIONED = (
    "Try `/ping` to see whether the bot is awake.",
    "> /ping\n\nDoes that still work?",
    "```\n/ping\n```\nThat is what I wrote.",
)


@dataclass(frozen=True)
class SceneDelivery:
    """A delivery to send: the event with its payload, and the id, the same for a redelivery."""

    happening: Happening
    id: str
    repeated: bool = False


def deliveries(github: FakeGithub, rng: random.Random) -> Iterator[SceneDelivery]:
    """Yield deliveries without end, each when it is asked for; the same for the same `rng`.

    It begins with what the bot is for and goes on with what may come. The journal of `github` tells
    each as it happens, but for redeliveries, which nobody on GitHub sees.
    """
    for happening in _happenings(_Scenes(github, rng), rng):
        delivery = SceneDelivery(happening, str(uuid.UUID(int=rng.getrandbits(128), version=4)))
        yield delivery
        if rng.random() < _REPEATED:
            yield replace(delivery, repeated=True)


_REPEATED = 0.15


def _happenings(scenes: "_Scenes", rng: random.Random) -> Iterator[Happening]:
    for scene in (scenes.newcomer, scenes.ping_in_a_comment, scenes.star, scenes.robot):
        yield from scene()
    while True:
        (scene,) = rng.choices(scenes.all, scenes.weights)
        yield from scene()


class _Scenes:
    """Each method lets somebody do something, and yields an event when it has happened."""

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
        """The first pull request of somebody new is merged."""
        author = next(self._newcomers)
        self._known.append(author)
        yield self._merged(author)

    def known(self) -> Iterator[Happening]:
        """One more pull request of somebody who has been invited."""
        yield self._merged(self._somebody())

    def robot(self) -> Iterator[Happening]:
        """A pull request of a bot is merged: nobody to invite."""
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
        yield self._github.open_issue(self._repo(), self._somebody(), "Is the bot there?", body)

    def ping_in_a_pull_request(self) -> Iterator[Happening]:
        """A command in the text of a pull request."""
        yield self._pull_request("This is ready.\n\n/ping")

    def ping_on_the_diff(self) -> Iterator[Happening]:
        """A command in a comment on the diff."""
        opened = self._pull_request()
        yield opened
        yield self._github.review_comment(*_where(opened), self._somebody(), "/ping")

    def ping_in_a_review(self) -> Iterator[Happening]:
        """A command in a review, the one place that has no reactions."""
        opened = self._pull_request()
        yield opened
        yield self._github.review(*_where(opened), MAINTAINER, "Good work.\n\n/ping", "approved")

    def only_mentioned(self) -> Iterator[Happening]:
        """Somebody writes about the command without giving it."""
        yield from self._conversation(self._rng.choice(_ONLY_MENTIONED))

    def remark(self) -> Iterator[Happening]:
        """Somebody says something."""
        yield from self._conversation(self._rng.choice(_REMARKS))

    def star(self) -> Iterator[Happening]:
        """Somebody likes it."""
        yield self._github.star(self._repo(), self._somebody())

    def push(self) -> Iterator[Happening]:
        """Somebody pushes."""
        yield self._github.push(self._repo(), MAINTAINER)

    def _merged(self, author: str) -> Happening:
        repo = self._repo()
        return self._github.merge_pull_request(repo, author, self._title(), by=MAINTAINER)

    def _conversation(self, remark: str) -> Iterator[Happening]:
        opened = self._github.open_issue(self._repo(), self._somebody(), self._title())
        yield opened
        yield self._github.comment(*_where(opened), self._somebody(), remark)

    def _pull_request(self, body: str | None = None) -> Happening:
        repo = self._repo()
        return self._github.open_pull_request(repo, self._somebody(), self._title(), body)

    def _repo(self) -> str:
        return self._rng.choice(REPOSITORIES)

    def _somebody(self) -> str:
        return self._rng.choice(self._known)

    def _title(self) -> str:
        return self._rng.choice(_TITLES)


def _where(opened: Happening) -> tuple[str, int]:
    """Return the repository and the number of what was opened."""
    about = opened.payload.get("pull_request") or opened.payload["issue"]
    return opened.payload["repository"]["full_name"], about["number"]


def _newcomers(rng: random.Random) -> Iterator[str]:
    """Yield names of people, none twice."""
    for generation in itertools.count(1):
        for name in rng.sample(PEOPLE, len(PEOPLE)):
            yield name if generation == 1 else f"{name}-{generation}"
