"""The App's webhook configuration and delivery log."""

from luggage.fake_github.hooks import Sent
from luggage.fake_github.messages import Answer, Refused, existing
from luggage.fake_github.routing import RouteCall, RouteTable
from luggage.fake_github.shapes import hooks as shapes

routes = RouteTable()
_FIRST_FAILURE = 400
_MOST_PER_PAGE = 100


@routes("GET", "/app/hook/config", by_app=True)
def get_config(call: RouteCall) -> Answer:
    """Return the webhook's configuration, without the secret."""
    return Answer(200, shapes.config(call.world))


@routes("GET", "/app/hook/deliveries", by_app=True)
def list_deliveries(call: RouteCall) -> Answer:
    """List attempts, newest first; the Link header has the next cursor."""
    status = call.request.query.get("status", "")
    if status not in {"", "success", "failure"}:
        raise Refused(422, f"Invalid status {status!r}")
    attempts = [one for one in call.hooks.kept() if _has_status(one, status)]
    cursor = call.request.query.get("cursor", "")
    if cursor:
        first = _number(cursor)
        attempts = [one for one in attempts if one.id <= first]
    size = min(max(call.count("per_page", 30), 1), _MOST_PER_PAGE)
    headers = {}
    if len(attempts) > size:
        headers["Link"] = f'<{call.url(cursor=f"v1_{attempts[size].id}")}>; rel="next"'
    return Answer(200, [shapes.delivery(one) for one in attempts[:size]], headers)


@routes("GET", "/app/hook/deliveries/{delivery_id}", by_app=True)
def get_delivery(call: RouteCall) -> Answer:
    """Return an attempt with headers and payload."""
    return Answer(200, shapes.full_delivery(_delivery(call)))


@routes("POST", "/app/hook/deliveries/{delivery_id}/attempts", by_app=True)
def redeliver(call: RouteCall) -> Answer:
    """Accept the request; `FakeGithub.redeliver()` sends it."""
    call.hooks.redelivery_requests.append(_delivery(call))
    return Answer(202, {})


def _has_status(one: Sent, status: str) -> bool:
    failed = one.status >= _FIRST_FAILURE
    return not status or failed == (status == "failure")


def _number(cursor: str) -> int:
    text = cursor.removeprefix("v1_")
    if not text.isdecimal():
        raise Refused(422, "Invalid cursor")
    return int(text)


def _delivery(call: RouteCall) -> Sent:
    attempt_id = call.number("delivery_id")
    return existing(next((one for one in call.hooks.kept() if one.id == attempt_id), None))
