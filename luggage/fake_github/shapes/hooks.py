"""The App's webhook, and GitHub's delivery log."""

from typing import Any

from luggage.fake_github.hooks import Sent
from luggage.fake_github.shapes.common import Json, timestamp
from luggage.fake_github.world import World


def config(world: World) -> Json:
    """Return the webhook's configuration."""
    app = world.app
    return {
        "content_type": app.hook_content_type,
        "insecure_ssl": app.hook_insecure_ssl,
        "secret": "********",
        "url": app.hook_url or "https://example.com/webhook",
    }


def app_hook(world: World) -> Json:
    """Return the App's webhook, as in its ping."""
    created_at = timestamp(world.app.created_at)
    return {
        "type": "App",
        "id": 1,
        "name": "web",
        "active": world.app.hook_active,
        "events": list(world.app.events),
        "config": config(world),
        "updated_at": created_at,
        "created_at": created_at,
        "app_id": world.app.id,
        "deliveries_url": f"{world.api_url}/app/hook/deliveries",
    }


def delivery(one: Sent) -> Json:
    """Return a delivery attempt, as in the list."""
    sent = one.payload
    payload = sent if isinstance(sent, dict) else {}
    return {
        "id": one.id,
        "guid": one.guid,
        "delivered_at": timestamp(one.delivered_at),
        "redelivery": one.redelivery,
        "duration": round(one.duration_seconds, 2),
        "status": one.reason,
        "status_code": one.status,
        "event": one.event,
        "action": payload.get("action"),
        "installation_id": _id_of(payload.get("installation")),
        "repository_id": _id_of(payload.get("repository")),
        "throttled_at": None,
    }


def full_delivery(one: Sent) -> Json:
    """Return a delivery attempt with its request; GitHub does not show the signatures."""
    headers = {name: text for name, text in one.headers.items() if "Signature" not in name}
    return {
        **delivery(one),
        "url": one.url,
        "request": {"headers": headers, "payload": one.payload},
        "response": {"headers": {}, "payload": ""},
    }


def _id_of(thing: Any) -> int | None:
    return thing["id"] if isinstance(thing, dict) else None
