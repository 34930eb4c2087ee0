"""What `register` asks of GitHub, does with the answer, and says. Not a subcommand."""

import getpass
import re
import secrets
import shlex
import time
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlencode

import requests

from bot.rules import needs
from bot.web.registration import RETURN_PATH, RegistrationError, RegistrationRequest, TryAgain
from bot_deploy.arguments import program
from bot_deploy.config import Config, load
from bot_deploy.config.secrets_file import read_config, say
from bot_deploy.config.settings import DEFAULT_USER_AGENT
from bot_deploy.config.sources import ConfigError
from bot_deploy.registration.app_secrets import Place, seal
from luggage.crypto import SecretError
from luggage.github import (
    Ambiguous,
    GithubError,
    RateLimited,
    Transient,
    Unreachable,
    make_session,
)
from luggage.github.manifest import NO_WEBHOOK_URL, Registered, convert, manifest
from luggage.github.urls import expand

# Where GitHub sends people back to who sign in to the console.
CONSOLE_CALLBACK = "/console/sign-in/callback"
_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}")


def settings(path: Path, environ: Mapping[str, str]) -> Config:
    """The settings, without what is sealed: nothing of it is needed here.

    Raises ConfigError for one that cannot be used.
    """
    document = tomllib.loads(read_config(path))
    sealed = ("keys", "github", "database", "sentry")
    config = load(environ, {name: it for name, it in document.items() if name not in sealed})
    if (config.api_url == "https://api.github.com") != (config.server_url == "https://github.com"):
        raise ConfigError(
            "GITHUB_API_URL and GITHUB_SERVER_URL belong together: set both, or none "
            "(https://HOST/api/v3 and https://HOST)"
        )
    return config


def wanted(
    config: Config, port: int, organization: str, *, url: str | None, name: str | None
) -> RegistrationRequest:
    """What is asked of GitHub: exactly what the enabled rules need. The state is a new one."""
    needed = needs(config.settings.enabled(config.rules))
    state = secrets.token_urlsafe(32)
    path = expand("/organizations/{org}/settings/apps/new", {"org": organization})
    base = (url or f"http://localhost:{config.port}").rstrip("/")
    return RegistrationRequest(
        organization=organization,
        address=f"{config.server_url}{path}?{urlencode({'state': state})}",
        state=state,
        manifest=manifest(
            name=name or f"portmanteau-{organization}",
            url=url or f"{config.server_url}/{organization}",
            webhook_url=f"{base}/webhook/github" if url else NO_WEBHOOK_URL,
            redirect_url=f"http://127.0.0.1:{port}{RETURN_PATH}",
            callback_urls=[f"{base}{CONSOLE_CALLBACK}"],
            permissions=needed.permissions,
            events=needed.events,
        ),
    )


def finish(code: str, organization: str, config: Config, place: Place) -> Registered:
    """Exchange the code, and seal what it is worth.

    Raises TryAgain where GitHub could not be asked, RegistrationError for what is final.
    """
    session = make_session(
        proxies=requests.utils.get_environ_proxies(config.api_url), verify=config.ca_bundle or True
    )
    try:
        with session:
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
        seal(place, app, say)
    except SecretError as error:
        raise RegistrationError(str(error)) from None
    return app


def _refused(error: GithubError, organization: str, config: Config) -> str:
    apps = f"{config.server_url}/organizations/{organization}/settings/apps"
    return (
        f"GitHub does not take the code ({getattr(error, 'status', None) or error}): it is good "
        f"for an hour, and once. If the App is on {apps}, delete it there, and begin again"
    )


def tunnel(port: int, environ: Mapping[str, str]) -> str:
    """The command that makes the local page reachable from where the person sits."""
    _, _, host, ssh_port = environ["SSH_CONNECTION"].split()
    other = "" if ssh_port == "22" else f"-p {ssh_port} "
    return f"ssh {other}-L {port}:127.0.0.1:{port} {getpass.getuser()}@{host}"


def has_screen(environ: Mapping[str, str], platform: str) -> bool:
    """Whether a browser would show itself; one in the terminal would only be in the way."""
    return platform == "darwin" or any(map(environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))


def next_steps(app: Registered, path: Path, *, polls: bool, named: bool) -> Iterator[str]:
    """The lines that say what is done, and what is to be done next.

    `named` says that the bot would not find the file at `path` by itself.
    """
    yield f"{app.name} is registered; its secrets are sealed in {path}."
    if not app.webhook_secret:
        yield "GitHub made no webhook secret: set one on the App's page, and seal it with `encrypt`"
    start = f"BOT_RECEIVE=poll {program()}" if polls else program()
    yield f"\n1. Install it:\n   {app.page}/installations/new"
    yield "2. Tell the bot where its key is:\n   export SECRET_KEY_FILE=secret.key"
    if named:
        yield f"   export BOT_CONFIG={shlex.quote(str(path))}"
    yield f"3. See whether all is well:\n   {start} doctor"
    yield f"4. Run it:\n   {start} start"


def is_login(text: str) -> bool:
    """Whether an account at GitHub can be called so."""
    return _LOGIN.fullmatch(text) is not None
