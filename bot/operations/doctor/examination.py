"""Runner of health checks, and their findings."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import wraps
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from luggage.database import DamagedFileError, FileAccessError, SchemaError
from luggage.github import GithubError

_Checks = TypeVar("_Checks")


class Verdict(StrEnum):
    """The verdict of a check; only `failed` means that the bot is unhealthy."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """The finding of a check and its remedy: one line each, without secrets."""

    verdict: Verdict
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A health check: its name, its function, and the checks that it depends on."""

    name: str
    run: Callable[[], Finding]
    after: tuple[str, ...] = ()


def ok(detail: str) -> Finding:
    """A finding without a problem."""
    return Finding(Verdict.OK, detail)


def warning(detail: str, remedy: str) -> Finding:
    """A finding of something that works but needs attention."""
    return Finding(Verdict.WARNING, detail, remedy)


def failed(detail: str, remedy: str) -> Finding:
    """A finding of something that does not work."""
    return Finding(Verdict.FAILED, detail, remedy)


def skipped(detail: str) -> Finding:
    """A finding of a check that could not run, and why."""
    return Finding(Verdict.SKIPPED, detail)


def reads_answers(check: Callable[[_Checks], Finding]) -> Callable[[_Checks], Finding]:
    """The check, which also finds an answer that is not as GitHub documents it."""

    @wraps(check)
    def run(checks: _Checks) -> Finding:
        try:
            return check(checks)
        except (AttributeError, TypeError, LookupError, ValueError) as error:
            if isinstance(error, GithubError):
                raise
            return failed(
                f"the server's answer is not GitHub's ({type(error).__name__})",
                "check GITHUB_API_URL, and the proxy in front of it",
            )

    return run


def examine(
    checks: Sequence[HealthCheck], *, expected: tuple[type[Exception], ...] = ()
) -> Iterator[tuple[str, Finding]]:
    """Run the checks in order; yield each name and finding as soon as it is known.

    Errors of GitHub, the database and the system are findings, and so are those in `expected`,
    whose messages name the remedy. Any other exception is a bug, and is raised.
    """
    verdicts: dict[str, Verdict] = {}
    for check in checks:
        blocker = next((name for name in check.after if not _succeeded(verdicts[name])), None)
        finding = skipped(f"depends on `{blocker}`") if blocker else _run(check, expected)
        verdicts[check.name] = finding.verdict
        yield check.name, finding


def _succeeded(verdict: Verdict) -> bool:
    return verdict in {Verdict.OK, Verdict.WARNING}


def _run(check: HealthCheck, expected: tuple[type[Exception], ...]) -> Finding:
    with_remedy: tuple[type[Exception], ...] = (
        GithubError,
        SchemaError,
        DamagedFileError,
        FileAccessError,
        *expected,
    )
    try:
        return check.run()
    except with_remedy as error:
        return Finding(Verdict.FAILED, _line(error))
    except SQLAlchemyError as error:
        detail = f"the database does not respond ({type(error).__name__})"
        return failed(detail, "check that it runs, and check DATABASE_URL")
    except OSError as error:
        return failed(
            f"{error.filename or check.name}: {error.strerror or error}",
            "check the path, and who may use it",
        )


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
