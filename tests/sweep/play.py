"""Sweep: every answer of the table, at every place where the bot asks GitHub something."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache

from tests.sweep.answers import REPLIES, Reply
from tests.sweep.judge import Life, Verdict, judge, life_of
from tests.sweep.stage import Asked, Interference, Place, staged
from tests.sweep.stories import STORIES, tell


@cache
def usual(story: str) -> Life:
    """The life of a story when nothing odd happens."""
    with staged() as stage:
        tell(story, stage)
        return life_of(stage)


@cache
def places() -> Mapping[Place, tuple[str, Asked]]:
    """Each place, with the first request there in the shortest story that makes one."""
    found: dict[Place, tuple[str, Asked]] = {}
    for story in sorted(STORIES, key=lambda name: len(usual(name).asked)):
        for asked in usual(story).asked:
            found.setdefault(asked.place, (story, asked))
    return dict(sorted(found.items(), key=lambda item: _order(item[0])))


def _order(place: Place) -> tuple[str, str, str]:
    return place.template, place.method, place.maker


def at(asked: Asked, reply: Reply) -> Interference:
    """The reply to this very request: the first time, or each time."""
    interference = Interference(lambda _: False, reply.does)

    def meets(each: Asked) -> bool:
        is_due = not reply.passes or interference.hits == 0
        return is_due and each.exact == asked.exact and each.place == asked.place

    interference.meets = meets
    return interference


def odd(place: Place, reply: Reply) -> Life:
    """The life in which one request gets this reply."""
    story, asked = places()[place]
    with staged(at(asked, reply)) as stage:
        tell(story, stage)
        return life_of(stage)


def verdict(place: Place, reply: str) -> Verdict:
    """What comes of one answer at one place."""
    story, asked = places()[place]
    return judge(usual(story), odd(place, REPLIES[reply]), asked, REPLIES[reply])


def cells() -> Iterator[tuple[Place, str]]:
    """Each place with each answer."""
    return ((place, reply) for place in places() for reply in REPLIES)


Say = Callable[[str], None]
