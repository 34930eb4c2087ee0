"""`register`: make the GitHub App, and seal its secrets into config.toml."""

import argparse
import os
import sys
import time
import webbrowser
from collections.abc import Mapping
from pathlib import Path

from bot.web.registration import Registration, listen, make_app, serving
from bot_deploy import keygen
from bot_deploy.arguments import address, port_number, program
from bot_deploy.config.secrets_file import config_to_write, guarded, new_parser, parse, say
from bot_deploy.config.sources import ConfigError
from bot_deploy.registration.app_secrets import Place, prepare
from bot_deploy.registration.exchange import (
    finish,
    has_screen,
    is_login,
    next_steps,
    settings,
    tunnel,
    wanted,
)
from luggage.crypto import KeyMissing
from luggage.github.manifest import LONGEST_NAME

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "make the GitHub App in two clicks, and seal its secrets into config.toml"


def main(argv: list[str]) -> int:
    """Serve the page until the App is made; return 0, or 1 when it was not, in words on stderr.

    Raises ConfigError for settings that cannot be used.
    """
    parser = _parser(argv)
    options = parse(parser, argv)
    if not is_login(options.organization):
        parser.error("--organization must be the organisation's name as in its address at GitHub")
    return guarded(argv, lambda: _register(options, os.environ))


def _parser(argv: list[str]) -> argparse.ArgumentParser:
    parser = new_parser(argv, f"{SUMMARY}. docs/tutorial.md leads through it.")
    add = parser.add_argument
    add("--organization", required=True, metavar="ORG", help="the App belongs to it")
    add(
        "--url",
        type=address,
        metavar="https://HOST",
        help="where GitHub reaches the bot; without it deliveries are fetched (BOT_RECEIVE=poll)",
    )
    add("--name", help=f"of the App, up to {LONGEST_NAME} letters; GitHub's page asks again")
    add("--port", type=port_number, default=0, help="of the local page; default: a free one")
    add("--replace", action="store_true", help="put the new App in the place of one there is")
    add("--no-browser", action="store_true", help="only print the address of the local page")
    return parser


def _register(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    path = config_to_write(options.config)
    place = _prepared(path, options, environ)
    config = settings(path, environ)
    try:
        listener = listen(options.port)
    except OSError as error:
        problem = os.strerror(error.errno or 0)
        raise ConfigError(f"port {options.port}: {problem}; choose another --port") from None
    port = listener.getsockname()[1]
    registration = Registration(
        wanted(config, port, options.organization, url=options.url, name=options.name),
        lambda code: finish(code, options.organization, config, place),
        clock=time.time,
        tell=say,
    )
    with serving(make_app(registration), listener):
        _invite(port, environ, with_browser=not options.no_browser)
        _wait(registration)
    return _conclude(registration, place, options)


def _prepared(path: Path, options: argparse.Namespace, environ: Mapping[str, str]) -> Place:
    try:
        return prepare(path, environ, replace=options.replace)
    except KeyMissing:
        if not _wants_key_pair(path):
            raise
    # Its own words say where the private half is.
    if keygen.main(["keygen", "--config", str(path)]) != 0:
        raise KeyMissing("without a key pair nothing can be sealed: mend that, and begin again")
    return prepare(path, environ, replace=options.replace)


def _wants_key_pair(path: Path) -> bool:
    if not sys.stdin.isatty():
        return False
    answer = input(f"{path} has no key pair to seal secrets for. Make one now? [Y/n] ")
    return answer.strip().lower() in {"", "y", "yes"}


def _invite(port: int, environ: Mapping[str, str], *, with_browser: bool) -> None:
    address = f"http://127.0.0.1:{port}/"
    say(f"Open this page in your browser, and go on there:\n\n  {address}\n")
    if environ.get("SSH_CONNECTION"):
        say(f"It is on this machine. On yours, let this lead to it:\n\n  {tunnel(port, environ)}\n")
    elif with_browser and has_screen(environ, sys.platform):
        webbrowser.open(address)
    say("Waiting for GitHub to lead back, for an hour at most; Ctrl-C ends it.")
    sys.stdout.flush()


def _wait(registration: Registration) -> None:
    """Return when it is over, when its hour has passed, or at Ctrl-C."""
    try:
        registration.over.wait(registration.remaining_seconds)
    except KeyboardInterrupt:
        # An exchange under way is waited for: GitHub gives the secrets out once.
        say("")


def _conclude(registration: Registration, place: Place, options: argparse.Namespace) -> int:
    ended = registration.ended
    if ended is None:
        problem = "nothing was registered: no App came back from GitHub"
    elif ended.app is None:
        problem = ended.message
    else:
        where, named = _nearby(place.path), options.config is not None
        for line in next_steps(ended.app, where, polls=not options.url, named=named):
            say(line)
        return 0
    sys.stderr.write(f"{program()} register: {problem}\n")
    return 1


def _nearby(path: Path) -> Path:
    """The path as somebody would type it here."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
