"""The App, its installations and their tokens."""

from luggage.fake_github.records import Account, Installation
from luggage.fake_github.shapes.accounts import user
from luggage.fake_github.shapes.common import Json, node_id, optional_timestamp, timestamp
from luggage.fake_github.world import World


def integration(world: World) -> Json:
    """Return the App, as in GET /app and in the comments it wrote."""
    app = world.app
    return {
        "id": app.id,
        "client_id": app.client_id,
        "slug": app.slug,
        "node_id": node_id("A", app.id),
        "owner": user(world, world.app_owner),
        "name": app.name,
        "description": "",
        "external_url": app.external_url,
        "html_url": f"{world.server_url}/apps/{app.slug}",
        "created_at": timestamp(app.created_at),
        "updated_at": timestamp(app.created_at),
        "permissions": dict(app.permissions),
        "events": list(app.events),
    }


def installation(world: World, one: Installation) -> Json:
    """Return an installation of the App."""
    account, app = one.account, world.app
    folder = f"organizations/{account.login}/" if account.is_organization else ""
    return {
        "id": one.id,
        "account": user(world, account),
        "repository_selection": "all",
        "access_tokens_url": f"{world.api_url}/app/installations/{one.id}/access_tokens",
        "repositories_url": f"{world.api_url}/installation/repositories",
        "html_url": f"{world.server_url}/{folder}settings/installations/{one.id}",
        "app_id": app.id,
        "client_id": app.client_id,
        "app_slug": app.slug,
        "target_id": account.id,
        "target_type": account.kind,
        "permissions": dict(one.permissions),
        "events": list(one.events),
        "created_at": timestamp(one.created_at),
        "updated_at": timestamp(one.created_at),
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": None if one.suspended_at is None else user(world, account),
        "suspended_at": optional_timestamp(one.suspended_at),
    }


def installation_context(world: World, account: Account) -> Json:
    """Return the "installation" key of a payload; nothing without an installation."""
    one = world.installation_of(account)
    if one is None:
        return {}
    return {"installation": {"id": one.id, "node_id": node_id("IN", one.id)}}


def token(value: str, expires_at: float, one: Installation) -> Json:
    """Return an installation token."""
    return {
        "token": value,
        "expires_at": timestamp(expires_at),
        "permissions": dict(one.permissions),
        "repository_selection": "all",
    }
