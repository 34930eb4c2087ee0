"""Local page of `register`: takes the operator to GitHub and back, and prints the next steps."""

import argparse
import getpass
import os
import shlex
import sys
import time
import webbrowser
from collections.abc import Iterator, Mapping
from pathlib import Path

from bot.web.registration import Registration, listen, make_app, serving
from bot_deploy import keygen
from bot_deploy.arguments import program
from bot_deploy.config.secrets_file import config_to_write, say
from bot_deploy.config.sources import ConfigError, key_file
from bot_deploy.registration.app_secrets import SecretsTarget, prepare
from bot_deploy.registration.exchange import finish, request, settings
from luggage.crypto import KeyMissing
from luggage.github.manifest import Registered


def register(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Serve the page until the App is made or an hour has passed; returns the exit code.

    Raises ConfigError for settings that cannot be used, SecretError for a config.toml that cannot.
    """
    path = config_to_write(options.config)
    config = settings(path, environ)
    target = _prepared(path, options, environ)
    try:
        listener = listen(options.port)
    except OSError as error:
        problem = os.strerror(error.errno or 0)
        raise ConfigError(f"port {options.port}: {problem}; choose another --port") from None
    port = listener.getsockname()[1]
    registration = Registration(
        request(config, port, options.organization, url=options.url, name=options.name),
        lambda code: finish(code, options.organization, config, target),
        clock=time.time,
        tell=say,
    )
    with serving(make_app(registration), listener):
        _invite(port, environ, with_browser=not options.no_browser)
        _wait(registration)
    return _conclude(registration, target, options, environ)


def _prepared(path: Path, options: argparse.Namespace, environ: Mapping[str, str]) -> SecretsTarget:
    receive = "webhook" if options.url else "poll"
    try:
        return prepare(path, environ, replace=options.replace, receive=receive)
    except KeyMissing:
        if not _wants_key_pair(path):
            raise
    keygen.main(["keygen", "--config", str(path)])
    return prepare(path, environ, replace=options.replace, receive=receive)


def _wants_key_pair(path: Path) -> bool:
    if not sys.stdin.isatty():
        return False
    answer = input(f"{path} has no key pair to seal secrets for. Create one now? [Y/n] ")
    return answer.strip().lower() in {"", "y", "yes"}


def _invite(port: int, environ: Mapping[str, str], *, with_browser: bool) -> None:
    address = f"http://127.0.0.1:{port}/"
    say(f"Open this page in your browser to continue:\n\n  {address}\n")
    if environ.get("SSH_CONNECTION"):
        say(
            f"It is on this machine. To reach it, run this on yours:\n\n  {tunnel(port, environ)}\n"
        )
    elif with_browser and has_screen(environ, sys.platform):
        webbrowser.open(address)
    say("Waiting up to an hour for you to return from GitHub. Press Ctrl-C to stop.")
    sys.stdout.flush()


def _wait(registration: Registration) -> None:
    """Return at the end of the registration, after an hour, or at Ctrl-C."""
    try:
        registration.over.wait(registration.remaining_seconds)
    except KeyboardInterrupt:
        # `serving` waits for an exchange in progress: GitHub gives the secrets out once.
        say("")


def _conclude(
    registration: Registration,
    target: SecretsTarget,
    options: argparse.Namespace,
    environ: Mapping[str, str],
) -> int:
    ended = registration.ended
    if ended is None:
        problem = "no App was registered: you did not return from GitHub"
    elif ended.app is None:
        problem = ended.message
    else:
        where, more = _relative(target.path), ""
        if options.config is not None:
            environ = {**environ, "BOT_CONFIG": str(where)}
            more = f" --config {shlex.quote(str(where))}"
        has_key = bool(environ.get("SECRET_KEY") or key_file(environ))
        for line in next_steps(ended.app, where, more=more, has_key=has_key):
            say(line)
        return 0
    sys.stderr.write(f"{program()} register: {problem}\n")
    return 1


def _relative(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def tunnel(port: int, environ: Mapping[str, str]) -> str:
    """Return the ssh command that makes the local page reachable from the operator's machine."""
    _, _, host, ssh_port = environ["SSH_CONNECTION"].split()
    other = "" if ssh_port == "22" else f"-p {ssh_port} "
    return f"ssh {other}-L {port}:127.0.0.1:{port} {getpass.getuser()}@{host}"


def has_screen(environ: Mapping[str, str], platform: str) -> bool:
    """Return whether a browser would open in a window, not in the terminal."""
    return platform == "darwin" or any(map(environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))


def next_steps(app: Registered, path: Path, *, more: str, has_key: bool) -> Iterator[str]:
    """Yield the result and the next steps, whose commands end with the options `more`."""
    yield f"{app.name} is registered; its secrets are sealed in {path}."
    if not app.webhook_secret:
        yield "GitHub created no webhook secret: set one on the App's page, and `encrypt` it"
    steps = [f"Install the App:\n   {app.page}/installations/new"]
    if not has_key:
        steps.append("Tell the bot where its key is:\n   export SECRET_KEY_FILE=secret.key")
    steps.append(f"Check the installation:\n   {program()} doctor{more}")
    steps.append(f"Run the bot:\n   {program()} start{more}")
    yield ""
    for number, step in enumerate(steps, start=1):
        yield f"{number}. {step}"
