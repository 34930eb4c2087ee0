"""Sealing of a new App's secrets into config.toml.

GitHub gives the secrets once. So `prepare` tries every step before, and if `seal` fails, the sealed
lines for config.toml are printed in the terminal.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bot_deploy.config.secrets_file import (
    FileError,
    edit,
    read_config,
    read_or_begin,
    write_config,
)
from bot_deploy.config.sources import KNOWN, part_of, shown
from luggage.crypto import PublicKey, SecretError
from luggage.crypto.document import Document
from luggage.github.manifest import Registered

NAMES = (
    "github.app_id",
    "github.private_key",
    "github.webhook_secrets",
    "github.client_id",
    "github.client_secret",
)


RECEIVE = KNOWN["github.receive"].variable


class AppPresentError(SecretError):
    """An App is configured already; the message says where, and how to replace it."""


@dataclass(frozen=True)
class SecretsTarget:
    """A config.toml that can take an App's secrets, and the key to seal each name for.

    `receive` is how the App's deliveries come in: "webhook" or "poll".
    """

    path: Path
    keys: Mapping[str, PublicKey]
    receive: str = "webhook"


def prepare(
    path: Path, environ: Mapping[str, str], *, replace: bool, receive: str = "webhook"
) -> SecretsTarget:
    """Return the target if a new App's secrets can be sealed into it; changes no value.

    Raises KeyMissing without a key pair, AppPresentError if there is an App (unless `replace`),
    another SecretError or OSError for a file that cannot be read or written.
    """
    shadows = [v for name in NAMES for v in KNOWN[name].variables if environ.get(v)]
    if shadows:
        raise AppPresentError(
            f"{shadows[0]} is set and would override the new App's: unset it first"
        )
    if environ.get(RECEIVE, receive).strip() not in ("", receive):
        raise AppPresentError(
            f"{RECEIVE} is set to {shown(environ[RECEIVE])}, and this App needs {receive}: "
            "unset it; `register` writes the choice into config.toml"
        )
    file = read_or_begin(path)
    document = edit(file)
    present = [name for name in NAMES if name in document.names()]
    if present and not replace:
        raise AppPresentError(
            f"{path} already has an App ({present[0]}): use --replace to replace it"
        )
    keys = _keys(document)
    _fill(document, dict.fromkeys(NAMES, "a trial"), keys)
    # Only a real write shows that the file can be replaced.
    write_config(path, edit(file))
    return SecretsTarget(path, keys, receive)


def seal(target: SecretsTarget, app: Registered, say: Callable[[str], None]) -> None:
    """Seal the App's id and secrets into the file, all or nothing.

    Raises FileError if that fails, after it gave the sealed lines to `say`.
    """
    values = _values(app)
    try:
        document = edit(read_config(target.path))  # again: an hour may have passed
        _fill(document, values, _keys(document))
        document.put("github.receive", target.receive)
        write_config(target.path, document)
    except OSError as error:
        problem = str(error.strerror)
    except SecretError as error:
        problem = str(error)
    else:
        return
    for line in (*_lines(values, target.keys), f'receive = "{target.receive}"'):
        say(line)
    raise FileError(
        f"{target.path} was not changed ({problem}): copy the sealed lines above into it"
    )


def _values(app: Registered) -> dict[str, str]:
    values = (str(app.id), app.private_key, app.webhook_secret, app.client_id, app.client_secret)
    return {name: value for name, value in zip(NAMES, values, strict=True) if value}


def _keys(document: Document) -> dict[str, PublicKey]:
    return {name: document.key_for(part_of(name)) for name in NAMES}


def _fill(document: Document, values: Mapping[str, str], keys: Mapping[str, PublicKey]) -> None:
    for name, value in values.items():
        sealed = keys[name].seal(name, value)
        if KNOWN[name].is_list:
            document.put_in_list(name, sealed, keep=False)
        else:
            document.put(name, sealed)


def _lines(values: Mapping[str, str], keys: Mapping[str, PublicKey]) -> list[str]:
    """Return the sealed values as TOML, which anyone may see, as in config.toml."""
    lines = ["[github]"]
    for name, value in values.items():
        sealed = f'"{keys[name].seal(name, value)}"'
        short = name.removeprefix("github.")
        lines.append(f"{short} = {f'[{sealed}]' if KNOWN[name].is_list else sealed}")
    return lines
