"""The secrets of an App that was just registered, on their way into config.toml. Not a subcommand.

GitHub tells them once. So whatever could fail is tried before, and what fails all the same leaves
them in the terminal: sealed, as lines for config.toml.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bot_deploy.config.secrets_file import FileError, read_config, read_or_begin, write_config
from bot_deploy.config.sources import KNOWN
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


class AppPresentError(SecretError):
    """There is an App already; the message says where, and how another can take its place."""


@dataclass(frozen=True)
class Place:
    """A config.toml that can take an App's secrets, and the key that they are sealed for."""

    path: Path
    key: PublicKey


def prepare(path: Path, environ: Mapping[str, str], *, replace: bool) -> Place:
    """The place for a new App's secrets, when they can be sealed there; changes no value.

    Raises KeyMissing where there is no key pair, AppPresentError where there is an App (unless
    `replace`), another SecretError or OSError for a file that cannot be read or written.
    """
    shadows = [v for name in NAMES for v in KNOWN[name].variables if environ.get(v)]
    if shadows:
        raise AppPresentError(
            f"{shadows[0]} is set and would override the new App's: unset it first"
        )
    text = read_or_begin(path)
    document = Document(text)
    found = [name for name in NAMES if name in document.names()]
    if found and not replace:
        raise AppPresentError(
            f"{path} has an App already ({found[0]}): --replace puts a new one in its place"
        )
    key = document.current_key()
    _fill(document, dict.fromkeys(NAMES, "a trial"), key)
    # The one honest test of whether the file can be replaced is to do it, with what it holds.
    write_config(path, Document(text))
    return Place(path, key)


def seal(place: Place, app: Registered, say: Callable[[str], None]) -> None:
    """Seal the App's id and secrets into the file, all or nothing.

    Raises FileError when that fails; the sealed lines have then been given to `say`, so that
    nothing is lost.
    """
    values = _values(app)
    try:
        document = Document(read_config(place.path))  # again: an hour may have passed
        _fill(document, values, document.current_key())
        write_config(place.path, document)
    except OSError as error:
        problem = str(error.strerror)
    except SecretError as error:
        problem = str(error)
    else:
        return
    for line in _lines(values, place.key):
        say(line)
    raise FileError(
        f"{place.path} was not changed ({problem}); put the sealed lines in the terminal into it"
    )


def _values(app: Registered) -> dict[str, str]:
    values = (str(app.id), app.private_key, app.webhook_secret, app.client_id, app.client_secret)
    return {name: value for name, value in zip(NAMES, values, strict=True) if value}


def _fill(document: Document, values: Mapping[str, str], key: PublicKey) -> None:
    for name, value in values.items():
        sealed = key.seal(name, value)
        if KNOWN[name].is_list:
            document.put_in_list(name, sealed, keep=False)
        else:
            document.put(name, sealed)


def _lines(values: Mapping[str, str], key: PublicKey) -> list[str]:
    """The sealed values as TOML; they may be seen by anybody, as in config.toml."""
    lines = ["[github]"]
    for name, value in values.items():
        sealed = f'"{key.seal(name, value)}"'
        short = name.removeprefix("github.")
        lines.append(f"{short} = {f'[{sealed}]' if KNOWN[name].is_list else sealed}")
    return lines
