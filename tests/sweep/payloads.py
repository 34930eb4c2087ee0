"""Payloads: each field that GitHub may leave out of a delivery, null or missing, one at a time."""

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from bot.events import Event, view
from bot.operations.preview.check import EVENTS as PREVIEWED
from bot.rules import RULES, rules_for
from bot.store.enqueue import job_of
from luggage.github.webhooks import decode
from luggage.jobs import NewJob
from tests.support.octokit import examples
from tests.support.openapi import description
from tests.sweep.answers import Reply
from tests.sweep.fields import Path, odd_ways, paths_of, schema_of_payload, without
from tests.sweep.judge import ENDS, Verdict, judge, life_of
from tests.sweep.play import usual
from tests.sweep.stage import Asked, Place, staged
from tests.sweep.stories import STORIES, tell


@dataclass(frozen=True)
class Heard:
    """A delivery that a rule hears: in which story, as which of its deliveries."""

    event: str
    action: str | None
    payload: Any
    story: str = ""
    number: int = 0

    @property
    def name(self) -> str:
        """The event and its action."""
        return " ".join(filter(None, (self.event, self.action)))


def heard_events() -> set[tuple[str, str]]:
    """Each event, with its action, that a rule or the bot itself hears."""
    of_rules = {each for rule in RULES for each in rule.events}
    return {*of_rules, *PREVIEWED, ("push", "")}


def is_heard(event: str, action: str | None) -> bool:
    """Whether a rule or the bot itself hears such a delivery."""
    return bool(rules_for(event, action)) or (event, action or "") in heard_events()


@functools.cache
def of_stories() -> tuple[Heard, ...]:
    """The first delivery of each event in the stories."""
    found: dict[tuple[str, str | None], Heard] = {}
    for story in STORIES:
        with staged() as stage:
            tell(story, stage)
        for number, (event, payload) in enumerate(stage.heard):
            action = payload.get("action")
            found.setdefault((event, action), Heard(event, action, payload, story, number))
    return tuple(found.values())


@functools.cache
def of_github() -> tuple[Heard, ...]:
    """GitHub's own examples of the deliveries that are heard."""
    return tuple(
        Heard(each.event, each.payload.get("action"), each.payload)
        for each in examples()
        if is_heard(each.event, each.payload.get("action"))
    )


def left_out(heard: Heard) -> Iterator[tuple[Path, str]]:
    """The fields of a payload that GitHub may leave out, and how."""
    schema = schema_of_payload(description(), heard.event, heard.action)
    assert schema is not None, heard.name
    for path in paths_of(heard.payload):
        yield from ((path, how) for how in odd_ways(schema, path))


def seen(event: str, payload: Any) -> tuple[Event, NewJob]:
    """What the bot makes of a payload before a rule runs: the view, and the job without its body.

    Raises what the webhook or the loop would.
    """
    body = json.dumps(payload).encode()
    delivery = decode("guid", event, body)
    return view(event, delivery.payload), job_of(delivery, b"", run_at=0.0)


def cells() -> Iterator[tuple[Heard, Path, str]]:
    """The fields whose absence changes what the rules see, in the deliveries of the stories."""
    for heard in of_stories():
        if not is_heard(heard.event, heard.action):
            continue
        usually = seen(heard.event, heard.payload)
        for path, how in left_out(heard):
            if seen(heard.event, without(heard.payload, path, how)) != usually:
                yield heard, path, how


def verdict(heard: Heard, path: Path, how: str) -> Verdict:
    """What comes of a delivery without that field; the bot may do less, and must not end."""
    changes = {heard.number: partial(without, path=path, how=how)}
    with staged() as stage:
        stage.changes = changes
        tell(heard.story, stage)
        odd = life_of(stage)
    nobody = Asked(Place("settings", "", ""), ("", "", ""))
    reply = Reply(how, lambda _request, ask: ask(), passes=False)
    found = judge(usual(heard.story), odd, nobody, reply)
    wrongs = [each for each in found.wrong.split("; ") if each and each != "lost without a word"]
    if found.outcome == ENDS:
        wrongs.append("ends, although the field may be left out")
    return Verdict(found.outcome, "; ".join(wrongs))
