"""Checks in their order, and what each found."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.exc import SQLAlchemyError

from luggage.database import SchemaError
from luggage.github import GithubError


class Verdict(StrEnum):
    """How a check ended; only `failed` makes the bot unwell."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check saw, and what to do; each one line without a secret."""

    verdict: Verdict
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A name, how to look, and the checks that must have gone well before."""

    name: str
    look: Callable[[], Finding]
    after: tuple[str, ...] = ()


def ok(detail: str) -> Finding:
    """A finding that all is well."""
    return Finding(Verdict.OK, detail)


def warning(detail: str, remedy: str) -> Finding:
    """A finding of what works, and should be looked at."""
    return Finding(Verdict.WARNING, detail, remedy)


def failed(detail: str, remedy: str) -> Finding:
    """A finding of what does not work."""
    return Finding(Verdict.FAILED, detail, remedy)


def skipped(detail: str) -> Finding:
    """A finding that nothing could be seen, and why."""
    return Finding(Verdict.SKIPPED, detail)


def examine(
    checks: Sequence[HealthCheck], *, mendable: tuple[type[Exception], ...] = ()
) -> Iterator[tuple[str, Finding]]:
    """Make each check, in order, and give its name and finding as soon as it is known.

    An error of GitHub's, the database's or the system's is a finding, and so is one of `mendable`,
    whose message has the remedy; any other is a fault of the bot, and raised.
    """
    verdicts: dict[str, Verdict] = {}
    for check in checks:
        missing = next((name for name in check.after if not _went_well(verdicts[name])), None)
        if missing is None:
            finding = _look(check, mendable)
        else:
            finding = skipped(f"cannot be looked at, because of `{missing}`")
        verdicts[check.name] = finding.verdict
        yield check.name, finding


def _went_well(verdict: Verdict) -> bool:
    return verdict in {Verdict.OK, Verdict.WARNING}


def _look(check: HealthCheck, mendable: tuple[type[Exception], ...]) -> Finding:
    with_remedy: tuple[type[Exception], ...] = (GithubError, SchemaError, *mendable)
    try:
        return check.look()
    except with_remedy as error:
        return Finding(Verdict.FAILED, _line(error))
    except SQLAlchemyError as error:
        words = f"the database does not answer ({type(error).__name__})"
        return failed(words, "see that it runs, and what DATABASE_URL says")
    except OSError as error:
        return failed(f"{error.filename or check.name}: {error.strerror or error}", "mend that")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
