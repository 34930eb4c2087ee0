"""Request for a new App, and the exchange of GitHub's code for the App's secrets."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

from bot.rules import HELPFUL_EVENTS, needed_by, needs
from bot.web.registration import RETURN_PATH, RegistrationError, RegistrationRequest, TryAgain
from bot_deploy.config import Config, load
from bot_deploy.config.secrets_file import read_or_begin, say
from bot_deploy.config.settings import DEFAULT_USER_AGENT
from bot_deploy.config.sources import ConfigError
from bot_deploy.registration.app_secrets import SecretsTarget, seal
from bot_deploy.wiring.parts import http_session
from luggage.crypto import SecretError
from luggage.github import (
    Ambiguous,
    GithubError,
    RateLimited,
    Transient,
    Unreachable,
)
from luggage.github.manifest import NO_WEBHOOK_URL, Registered, convert, manifest
from luggage.github.transport import expand

# GitHub sends people who sign in to the console back to this path.
CONSOLE_CALLBACK = "/console/sign-in/callback"


def settings(path: Path, environ: Mapping[str, str]) -> Config:
    """Return the settings without the sealed tables. Raises ConfigError for an invalid one."""
    file = read_or_begin(path)
    sealed = {"keys", "github", "database", "sentry"}
    unsealed = {name: value for name, value in file.values.items() if name not in sealed}
    config = load(environ, replace(file, values=unsealed))
    if (config.api_url == "https://api.github.com") != (config.server_url == "https://github.com"):
        raise ConfigError(
            "GITHUB_API_URL and GITHUB_SERVER_URL belong together: set both, or none "
            "(https://HOST/api/v3 and https://HOST)"
        )
    return config


def request(
    config: Config, port: int, organization: str, *, url: str | None, name: str | None
) -> RegistrationRequest:
    """Return the request for an App with exactly what the enabled rules need, and a new state."""
    enabled = config.settings.enabled(config.rules)
    needed = needs(enabled)
    state = secrets.token_urlsafe(32)
    path = expand("/organizations/{org}/settings/apps/new", {"org": organization})
    base = (url or f"http://localhost:{config.port}").rstrip("/")
    return RegistrationRequest(
        organization=organization,
        address=f"{config.server_url}{path}?{urlencode({'state': state})}",
        state=state,
        needed_by=needed_by(enabled),
        manifest=manifest(
            name=name or f"portmanteau-{organization}",
            url=url or f"{config.server_url}/{organization}",
            webhook_url=f"{base}/webhook/github" if url else NO_WEBHOOK_URL,
            redirect_url=f"http://127.0.0.1:{port}{RETURN_PATH}",
            callback_urls=[f"{base}{CONSOLE_CALLBACK}"],
            permissions=needed.permissions,
            events=needed.events | HELPFUL_EVENTS,
        ),
    )


def finish(code: str, organization: str, config: Config, target: SecretsTarget) -> Registered:
    """Exchange the code, and seal the App's secrets.

    Raises TryAgain if GitHub could not answer, RegistrationError for a final failure.
    """
    try:
        with http_session(config, config.api_url) as session:
            app = convert(
                code,
                api_url=config.api_url,
                user_agent=DEFAULT_USER_AGENT,
                session=session,
                clock=time.time,
            )
    except (Unreachable, Ambiguous, Transient, RateLimited) as error:
        raise TryAgain(f"{config.api_url} did not give the secrets ({error.message})") from None
    except GithubError as error:
        raise RegistrationError(_refused(error, organization, config)) from None
    if app.owner.lower() != organization.lower():
        raise RegistrationError(
            f"the App {app.name} belongs to {app.owner}, not to {organization}: "
            "it was not taken; delete it at GitHub if it is yours"
        )
    try:
        seal(target, app, say)
    except SecretError as error:
        raise RegistrationError(str(error)) from None
    return app


def _refused(error: GithubError, organization: str, config: Config) -> str:
    apps = f"{config.server_url}/organizations/{organization}/settings/apps"
    return (
        f"GitHub does not take the code ({getattr(error, 'status', None) or error}): it is good "
        f"for an hour, and once. If the App is on {apps}, delete it there, and begin again"
    )
