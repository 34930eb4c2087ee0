"""Security headers and template filters of all pages.

Pages have no inline scripts and load nothing from other hosts, so nothing runs a script that is
hidden in a payload (docs/architecture.md).
"""

from collections.abc import Callable
from datetime import UTC, datetime

from flask import Blueprint, redirect, request
from werkzeug import Response
from werkzeug.routing import RequestRedirect

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
    """Add the security headers to a response. Safe to repeat."""
    if "Content-Security-Policy" not in response.headers:
        response.headers.extend(PROTECTION)
    return response


def redirect_relatively() -> Response | None:
    """Answer the router's own redirects (`/console`) with a path instead of an address.

    The router would build the address from the Host header, which anybody can choose.
    """
    error = request.routing_exception
    if not isinstance(error, RequestRedirect):
        return None
    # By hand, because a forged host may be no host at all. Two slashes at the beginning would name
    # one.
    path = error.new_url.partition("://")[2].partition("/")[2]
    return redirect(f"/{path.lstrip('/')}", error.code)


def set_up_pages(blueprint: Blueprint, clock: Callable[[], float]) -> None:
    """Add the security headers and the template filters to a blueprint."""
    blueprint.after_request(protect)
    blueprint.add_app_template_filter(moment, "moment")
    blueprint.add_app_template_filter(iso, "iso")
    blueprint.add_app_template_filter(hour_of_day, "hour")
    blueprint.add_app_template_filter(lambda at: ago(clock() - at), "ago")
    blueprint.add_app_template_filter(lambda at: span(max(0.0, at - clock())), "until")


def iso(seconds: float) -> str:
    """A time in ISO 8601, UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def hour_of_day(seconds: float) -> str:
    """The hour of a time, UTC: `06:00`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%H:00")


def span(seconds: float) -> str:
    """A duration in its largest unit: `40 s`, `3 min`, `5 h`, `2 d`."""
    for length, name in _UNITS:
        if seconds >= length:
            return f"{int(seconds / length)} {name}"
    return f"{int(seconds)} s"


def ago(seconds: float) -> str:
    """A past time in words: `5 min ago`; "just now" also for times in the future."""
    return "just now" if seconds < 1 else f"{span(seconds)} ago"
