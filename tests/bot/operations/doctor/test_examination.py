"""bot.operations.doctor.examination: checks run in order; dependents of failures skip."""

import pytest
from sqlalchemy.exc import OperationalError

from bot.operations.doctor.examination import (
    Finding,
    HealthCheck,
    Verdict,
    examine,
    failed,
    ok,
    skipped,
    warning,
)
from luggage.database import SchemaError
from luggage.github import Unreachable


def raising(error):
    def look():
        raise error

    return look


def found(*checks, expected=()):
    return dict(examine(checks, expected=expected))


def test_each_finding_comes_with_its_name():
    """Findings come in the order of the checks."""
    checks = [
        HealthCheck("one", lambda: ok("fine")),
        HealthCheck("two", lambda: warning("so so", "look")),
    ]
    assert list(examine(checks)) == [
        ("one", Finding(Verdict.OK, "fine")),
        ("two", Finding(Verdict.WARNING, "so so", "look")),
    ]


@pytest.mark.parametrize("first", [failed("broken", "mend it"), skipped("not there")])
def test_a_check_that_depends_on_a_failed_one_is_skipped(first):
    """A dependent check is skipped and names its dependency; others run."""
    seen = found(
        HealthCheck("first", lambda: first),
        HealthCheck("second", raising(AssertionError("looked")), ("first",)),
        HealthCheck("third", lambda: ok("fine")),
    )
    assert seen["second"].verdict is Verdict.SKIPPED
    assert "`first`" in seen["second"].detail
    assert seen["third"].verdict is Verdict.OK


def test_a_warning_stops_nothing():
    """A warning does not skip dependent checks."""
    seen = found(
        HealthCheck("first", lambda: warning("so so", "look")),
        HealthCheck("second", lambda: ok("fine"), ("first",)),
    )
    assert seen["second"].verdict is Verdict.OK


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Unreachable("refused", method="GET", path="/app"), "GET /app: refused"),
        (SchemaError("too\nold"), "too old"),
        (PermissionError(13, "Permission denied", "var"), "var: Permission denied"),
        (OSError("odd"), "check: odd"),
        (OperationalError("SELECT 'hunter2'", {}, Exception("hunter2")), "OperationalError"),
    ],
)
def test_an_expected_error_becomes_a_finding(error, words):
    """Expected errors become findings of one line, without SQL."""
    finding = found(HealthCheck("check", raising(error)))["check"]
    assert finding.verdict is Verdict.FAILED
    assert words in finding.detail
    assert "hunter2" not in finding.detail


def test_more_can_be_mended_where_the_caller_says_so():
    """Callers can add expected errors."""
    seen = found(HealthCheck("check", raising(KeyError("no key"))), expected=(KeyError,))
    assert seen["check"].verdict is Verdict.FAILED


def test_a_fault_of_the_bot_is_raised():
    """A bug is raised."""
    with pytest.raises(ZeroDivisionError):
        found(HealthCheck("check", raising(ZeroDivisionError())))
