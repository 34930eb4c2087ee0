"""`check`: reports whether every value that the bot needs is present and can be opened."""

import argparse
import json
import os
from collections.abc import Iterator, Mapping

from bot_deploy.config import load, secrets_file
from bot_deploy.config.files import ConfigFile
from bot_deploy.config.sources import KNOWN, ConfigError, Setting, Sources
from luggage.crypto import SecretError, Secrets

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "check that every value the bot needs is present, can be opened, and can be used"


def main(argv: list[str]) -> int:
    """Print a line for each value, without the value; returns 0 if none failed, else 1."""
    parser = secrets_file.new_parser(
        argv, f"{SUMMARY}, in config.toml or the environment; exits with 1 if one fails"
    )
    secrets_file.add_key_file(parser)
    secrets_file.add_part(parser)
    parser.add_argument("--json", action="store_true", help="print a JSON list")
    options = secrets_file.parse(parser, argv)
    file = secrets_file.read_config(options.config)
    secrets = secrets_file.open_config(file, options.key_file, options.config)
    environ = _environ(options)
    unusable = _unusable(file, environ, options.part)
    verdicts = list(_verdicts(secrets, environ, options.part, unusable))
    failures = [line for is_ok, line in verdicts if not is_ok]
    # One that is missing is already told.
    if "" in unusable and not failures:
        verdicts.append((False, unusable[""]))
    if options.json:
        found = [{"ok": is_ok, "detail": line} for is_ok, line in verdicts]
        secrets_file.say(json.dumps(found, indent=2))
    for is_ok, line in () if options.json else verdicts:
        secrets_file.say(f"{'ok' if is_ok else 'FAILED':6}  {line}")
    return 0 if all(is_ok for is_ok, _ in verdicts) else 1


def _environ(options: argparse.Namespace) -> Mapping[str, str]:
    """Return the environment in which the options are variables."""
    if options.key_file is None:
        return os.environ
    return {**os.environ, "SECRET_KEY": "", "SECRET_KEY_FILE": str(options.key_file)}


def _unusable(file: ConfigFile, environ: Mapping[str, str], part: str) -> Mapping[str, str]:
    """Return why values cannot be used, by name; under "" why the settings cannot be read."""
    problems = {}
    try:
        config = load(environ, file, part=part)
        checks = config.secrets_of(part) if config.app else {}
    except (ConfigError, SecretError) as error:
        return {"": str(error)}
    for name, check in checks.items():
        try:
            check()
        except (ConfigError, SecretError) as error:
            problems[name] = str(error)
    return problems


def _verdicts(
    secrets: Secrets, environ: Mapping[str, str], part: str, unusable: Mapping[str, str]
) -> Iterator[tuple[bool, str]]:
    sources = Sources(environ, secrets)
    for name, setting in KNOWN.items():
        variable = next((v for v in setting.current if environ.get(v)), "")
        if not setting.is_for(part) or not (name in secrets or variable):
            if setting.is_for(part) and _is_needed(setting, sources):
                yield False, f"{name}: missing; run `encrypt {name}` or set {setting.variable}_FILE"
        elif name in unusable:
            yield False, unusable[name]
        else:
            yield _verdict(name, secrets) if name in secrets else (True, f"{name}: from {variable}")
    for name in sorted(secrets.keys() - KNOWN.keys()):
        if secrets[name].is_sealed():
            yield _verdict(name, secrets)


def _is_needed(setting: Setting, sources: Sources) -> bool:
    if setting.for_parse:
        return sources.value("board.backend").strip() == "parse"
    polls = sources.value("github.receive").strip() == "poll"
    return setting.needed and not (setting.for_webhook and polls)


def _verdict(name: str, secrets: Secrets) -> tuple[bool, str]:
    sealed = secrets[name].is_sealed()
    try:
        values = secrets[name].reveal_all()
    except SecretError as error:
        return False, str(error)
    if not all(values):
        return False, f"{name}: empty; run `encrypt {name}`"
    if not sealed and name in KNOWN and KNOWN[name].secret:
        return (
            False,
            f"{name}: not sealed; replace this secret, then run `encrypt {name}`",
        )
    return True, f"{name}: {'opens' if sealed else 'plain'}"
