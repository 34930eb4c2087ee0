"""Requests: the cost of each kind of delivery in GitHub's hourly limit."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from bench.bot import Bot, Site, running
from bench.measure import Measure, Size, Table
from bench.processes import scratch, until
from bench.simulated import ORGANIZATION, REPOSITORY, Github, simulated
from luggage.fake_github.fake import Recorded

HEAD = ("delivery", "requests", "which")
Kind = tuple[str, str, Callable[[Github], Any]]


def _by_member(github: Github) -> Any:
    github.add_member(ORGANIZATION, "mara")
    return github.merge_pull_request(REPOSITORY, "mara")


def _ping(github: Github) -> Any:
    number = github.open_issue(REPOSITORY, "alice").payload["issue"]["number"]
    return github.comment(REPOSITORY, number, "alice", "/ping")


def _chat(github: Github) -> Any:
    number = github.open_issue(REPOSITORY, "alice").payload["issue"]["number"]
    return github.comment(REPOSITORY, number, "alice", "It fails here too.")


def _closed(github: Github) -> Any:
    opened = github.open_pull_request(REPOSITORY, "zoe")
    return github.close_pull_request(REPOSITORY, opened.payload["number"], "zoe")


# The order matters: earlier deliveries warm the caches for later ones.
KINDS: Sequence[Kind] = (
    ("cold", "the first of all after the start: a member's merged pull request", _by_member),
    ("known_member_warm", "a merged pull request of a member who is known", _by_member),
    (
        "first_merge",
        "a newcomer's first merged pull request: invited and welcomed",
        lambda github: github.merge_pull_request(REPOSITORY, "alice"),
    ),
    (
        "second_merge",
        "the next one of somebody who is invited",
        lambda github: github.merge_pull_request(REPOSITORY, "alice"),
    ),
    ("ping", "a comment with `/ping`: answered, with a heart", _ping),
    ("comment", "a comment without a command", _chat),
    (
        "opened",
        "a pull request is opened",
        lambda github: github.open_pull_request(REPOSITORY, "zoe"),
    ),
    ("closed", "a pull request is closed without a merge", _closed),
    ("star", "a star", lambda github: github.star(REPOSITORY, "zoe")),
)


_NOTE = (
    "Counted at the simulated GitHub; a request for an installation's token counts too. Whatever "
    "comes in, the bot asks every five minutes what it has missed: one request, free of charge "
    "where that is nothing."
)


def run(_size: Size) -> Table:
    """Count the requests; both sizes are the same."""
    with scratch("requests") as home, simulated() as github:
        settings = {
            "GITHUB_API_URL": github.address,
            "BOT_SETTLE_SECONDS": "0",
            "BOT_WRITE_LIMITS": "0 0 0",
        }
        site = Site(home, f"sqlite:///{home / 'bot.sqlite'}", settings)
        with running(site, "start") as bot:
            bot.wait("/readyz")
            counted = [(kind, requests_for(kind, site, bot, github)) for kind in KINDS]
    return Table(
        head=HEAD,
        rows=[(kind[1], str(len(calls)), words(calls)) for kind, calls in counted],
        notes=[_NOTE],
        figures={f"requests.{kind[0]}": len(calls) for kind, calls in counted},
    )


def requests_for(kind: Kind, site: Site, bot: Bot, github: Github) -> list[Recorded]:
    """The requests for one delivery, until no job is left."""
    occurrence = kind[2](github)
    before = len(github.calls)
    github.bring(occurrence, bot.hook)
    until(site.is_idle, f"{kind[1]} is processed")
    return [call for call in github.calls[before:] if not call.path.startswith("/app/hook")]


def words(calls: Sequence[Recorded]) -> str:
    """Requests in words: methods and paths, with N for each number."""
    return ", ".join(f"`{call.method} {re.sub('[0-9]+', 'N', call.path)}`" for call in calls)


MEASURE = Measure(
    name="requests",
    question="How many requests does GitHub get for each kind of delivery?",
    run=run,
)
