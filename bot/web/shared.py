"""What all pages share: how they are protected, and how they write times.

Nothing is loaded from elsewhere and no script stands inside a page, so that a payload that brings
its own finds nothing to run it (docs/architecture.md).
"""

from collections.abc import Callable
from datetime import UTC, datetime

from flask import Blueprint, Response

from luggage.telemetry.redact import moment

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
PROTECTION = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def protect(response: Response) -> Response:
    """`response`, not to be framed, sniffed, kept, or filled from elsewhere. Safe to repeat."""
    if "Content-Security-Policy" not in response.headers:
        response.headers.extend(PROTECTION)
    return response


def furnish(blueprint: Blueprint, clock: Callable[[], float]) -> None:
    """Give a blueprint's pages what they share: headers, and the filters of the templates."""
    blueprint.after_request(protect)
    blueprint.add_app_template_filter(moment, "moment")
    blueprint.add_app_template_filter(iso, "iso")
    blueprint.add_app_template_filter(hour_of_day, "hour")
    blueprint.add_app_template_filter(lambda at: ago(clock() - at), "ago")
    blueprint.add_app_template_filter(lambda at: span(max(0.0, at - clock())), "until")


def iso(seconds: float) -> str:
    """A time for machines: ISO 8601, UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def hour_of_day(seconds: float) -> str:
    """The hour of a time, UTC: `06:00`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%H:00")


def span(seconds: float) -> str:
    """A length of time in the largest unit that fits: `40 s`, `3 min`, `5 h`, `2 d`."""
    for length, name in _UNITS:
        if seconds >= length:
            return f"{int(seconds / length)} {name}"
    return f"{int(seconds)} s"


def ago(seconds: float) -> str:
    """How long ago, for people; a clock that runs ahead is not held against anybody."""
    return "just now" if seconds < 1 else f"{span(seconds)} ago"
