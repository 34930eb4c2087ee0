"""Goals for the figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Goal:
    """A bound for one figure: a minimum if `at_least`, otherwise a maximum."""

    what: str
    figure: str
    bound: float
    at_least: bool = False

    def row(self, figures: Mapping[str, float]) -> Sequence[str]:
        """The goal, the figure, and whether it is met."""
        words = f"at {'least' if self.at_least else 'most'} {_number(self.bound)}"
        measured = figures.get(self.figure)
        if measured is None:
            return (self.what, words, NOT_MEASURED, "")
        met = measured >= self.bound if self.at_least else measured <= self.bound
        return (self.what, words, _number(measured), "met" if met else "**not met**")


GOALS = (
    Goal(
        "durable ingest on SQLite, requests/s against Probot",
        "ingest.sqlite_against_probot",
        1.0,
        at_least=True,
    ),
    Goal("its p99 against Probot's", "ingest.sqlite_p99_against_probot", 1.0),
    Goal(
        "durable ingest on PostgreSQL, requests/s against Probot",
        "ingest.postgresql_against_probot",
        0.6,
        at_least=True,
    ),
    Goal(
        "ingest with 2 ms added to each sync, against the disk as it is, 32 connections",
        "slow_disk.sqlite_against_fast",
        0.8,
        at_least=True,
    ),
    Goal(
        "memory (PSS) of all processes of the bot, against Probot's two",
        "memory.against_probot",
        0.6,
    ),
    Goal(
        "delivery to first call at GitHub on SQLite, idle, p50 against Probot's",
        "latency.sqlite_p50_against_probot",
        3.0,
    ),
    Goal(
        "the same on PostgreSQL",
        "latency.postgresql_p50_against_probot",
        3.0,
    ),
    Goal(
        "the slowest of those on SQLite in ms: never a nap of the loop's",
        "latency.sqlite_slowest_ms",
        1000,
    ),
    Goal("the same on PostgreSQL", "latency.postgresql_slowest_ms", 1000),
    Goal(
        "the loop, rules that want nothing, against bare claims, SQLite",
        "loop.sqlite_against_claims",
        0.5,
        at_least=True,
    ),
    Goal("the same on PostgreSQL", "loop.postgresql_against_claims", 0.5, at_least=True),
    Goal("two loops on PostgreSQL, against one", "loop.two_against_one", 1.6, at_least=True),
    Goal(
        "a claim beside a million finished jobs, against an empty table, SQLite",
        "claims.sqlite_million_against_empty",
        1.3,
    ),
    Goal("the same on PostgreSQL", "claims.postgresql_million_against_empty", 1.3),
    *(
        Goal(
            f"an organisation's wait beside {hostile}, p99 against alone, {kind}",
            f"neighbours.{kind.lower()}_p99_beside_{number}_against_alone",
            3.0,
        )
        for kind in ("SQLite", "PostgreSQL")
        for number, hostile in ((1, "a hostile one"), (10, "ten hostile ones"))
    ),
    Goal("start to ready, pex against venv", "start.pex_against_venv", 1.5),
    Goal(
        "requests to GitHub for a delivery of a known member, warm",
        "requests.known_member_warm",
        0,
    ),
)


def rows(figures: Mapping[str, float], goals: Sequence[Goal] = GOALS) -> list[Sequence[str]]:
    """A row for each goal: measure, goal, figure, met or not."""
    return [goal.row(figures) for goal in goals]


def _number(value: float) -> str:
    return f"{value:g}" if value == int(value) else f"{value:.2f}"
