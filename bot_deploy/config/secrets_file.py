"""Options, files and errors that the subcommands for sealed secrets share."""

import argparse
import contextlib
import os
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import bot_deploy
from bot_deploy.arguments import CONFIG_HELP, subcommand_parser
from bot_deploy.config.files import ConfigFile, UnusableTextError, read_bytes
from bot_deploy.config.keys import private_keys
from bot_deploy.config.private_file import make_private
from bot_deploy.config.sources import PARTS, config_file, operators_file
from luggage.crypto import PrivateKey, PublicKey, SecretError, Secrets, open_secrets
from luggage.crypto.document import Document

_HERE = Path(bot_deploy.__file__).parent
# Anyone may read a config.toml: its secrets are sealed.
_MODE = 0o644


class FileError(SecretError):
    """A config.toml or key file that cannot be found, read or made."""


def new_parser(argv: list[str], description: str) -> argparse.ArgumentParser:
    """Return a parser for the subcommand argv[0], with --config."""
    parser = subcommand_parser(argv, description, config=False)
    parser.allow_abbrev = False
    parser.add_argument(
        "--config",
        type=Path,
        metavar="PATH",
        help=CONFIG_HELP,
    )
    return parser


def add_key_file(parser: argparse.ArgumentParser) -> None:
    """Add the option --key-file, for subcommands that open values."""
    parser.add_argument(
        "--key-file",
        type=Path,
        metavar="PATH",
        help="file with the private key (default: SECRET_KEY_FILE, SECRET_KEY, or secret.key next "
        "to config.toml)",
    )


def add_part(parser: argparse.ArgumentParser) -> None:
    """Add the option --part, for a process that is started by itself."""
    parser.add_argument(
        "--part",
        choices=PARTS,
        default="",
        help="only what this process needs, where it is started by itself",
    )


def add_private_half(parser: argparse.ArgumentParser, default: str) -> None:
    """Add the options for the destination of a new private half."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--private-key",
        type=Path,
        metavar="PATH",
        help=f"new file for the private key, mode 0600 (default: {default} next to config.toml)",
    )
    where.add_argument("--stdout", action="store_true", help="print the private key instead")
    parser.add_argument(
        "--parts",
        action="store_true",
        help="a pair for each process too, for those that are started separately: PATH.web and "
        "PATH.loop open only what each uses, PATH opens all",
    )


def parse(parser: argparse.ArgumentParser, argv: list[str]) -> argparse.Namespace:
    """Return the options in `argv`, or end with exit code 2.

    Unlike argparse, it does not print surplus arguments, which may be secret values.
    """
    options, rest = parser.parse_known_args(argv[1:])
    if rest:
        parser.error(
            f"{len(rest)} arguments too many; never put a secret on the command line, where others "
            "can read it: `encrypt` prompts for it, or reads stdin or a file"
        )
    return options


def say(line: str) -> None:
    """Write one line to stdout."""
    sys.stdout.write(f"{line}\n")


def config_to_write(option: Path | None) -> Path:
    """Return the operator's config.toml, which may not exist yet; --config names another one.

    A checkout whose own config.toml has a key pair keeps using that, as earlier releases did.
    """
    mine = option or operators_file(os.environ)
    if option or config_file(os.environ) == mine:
        return mine
    return next(filter(_has_key_pair, _of_checkout()), mine)


def _of_checkout() -> list[Path]:
    """Return where a checkout has a config.toml: around this code, and in the current directory."""
    packages = (_HERE, Path("bot_deploy"))
    return [each / "config.toml" for each in packages if (each.parent / "setup.py").exists()]


def _has_key_pair(path: Path) -> bool:
    """Return whether a config.toml has been in use: it names public keys, or is broken."""
    try:
        return path.exists() and bool(tomllib.loads(path.read_text("utf-8-sig")).get("keys"))
    except ValueError:
        return True


def private_half(path: Path, default: str) -> Path:
    """Return the place of a new private key for a config.toml: next to it.

    That of the bot's own config.toml goes into the current directory, as in earlier releases.
    """
    return Path(default) if path in _of_checkout() else path.with_name(default)


def read_config(option: Path | None) -> ConfigFile:
    """Return the file, by default the operator's config.toml.

    Raises FileError, and what `open_secrets` raises for its [keys] and its names.
    """
    source = option or config_file(os.environ)
    try:
        file = ConfigFile.parse(str(source), read_bytes(source))
    except UnusableTextError as error:
        problem = str(error)
    except FileNotFoundError:
        problem = f"{source} does not exist: name another, or run `keygen`, which creates it"
    except OSError as error:
        problem = f"{source} cannot be read ({error.strerror}): name a file that you may read"
    else:
        open_secrets(file.values, (), file.place)
        return file
    raise FileError(problem)


def read_or_begin(path: Path) -> ConfigFile:
    """Return the file, or the bot's own config.toml if it does not exist."""
    if path.exists():
        return read_config(path)
    return replace(read_config(_HERE / "config.toml"), source=str(path))


def edit(file: ConfigFile) -> Document:
    """Return the file for changes. Raises DocumentError for TOML newer than this Python's."""
    return Document(file.text, file.source, file.place)


def open_config(file: ConfigFile, key_file: Path | None, config: Path | None) -> Secrets:
    """Return the values of the file, which `keys_from(key_file, config)` open.

    Raises SecretError for a bad key.
    """
    return open_secrets(file.values, keys_from(key_file, config), file.place)


def keys_from(option: Path | None, config: Path | None) -> tuple[PrivateKey, ...]:
    """Return the keys in the file of --key-file, of the environment, or next to config.toml."""
    if option:
        return private_keys({"SECRET_KEY_FILE": str(option)})
    return private_keys({**os.environ, "BOT_CONFIG": str(config)} if config else os.environ)


def write_config(path: Path, document: Document) -> None:
    """Replace `path` with the document, all or nothing; its mode stays."""
    path = path.resolve()  # a symbolic link stays one
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # as the data directory
    mode = path.stat().st_mode & 0o777 if path.exists() else _MODE
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(handle, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123  # a handle
            file.write(document.text)
            file.flush()
            os.fchmod(handle, mode)
            os.fsync(handle)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise


@dataclass(frozen=True)
class NewPairs:
    """A new key pair for what both processes use, and one for each part, if there are parts."""

    shared: PrivateKey
    parts: Mapping[str, PrivateKey]

    @classmethod
    def generate(cls, *, with_parts: bool) -> "NewPairs":
        """Return random pairs."""
        names = PARTS if with_parts else ()
        return cls(PrivateKey.generate(), {name: PrivateKey.generate() for name in names})

    @property
    def public_parts(self) -> dict[str, PublicKey]:
        """The public halves of the parts' pairs."""
        return {part: key.public for part, key in self.parts.items()}

    def files(self, path: Path) -> dict[Path, list[PrivateKey]]:
        """Return which files hold which private halves: `path` all, others those of one part."""
        return {path: [self.shared, *self.parts.values()]} | {
            path.with_name(f"{path.name}.{part}"): [self.shared, key]
            for part, key in self.parts.items()
        }


def refuse_parts_on_stdout(parser: argparse.ArgumentParser, *, stdout: bool, parts: bool) -> None:
    """End with exit code 2 where the keys of several parts would go to stdout."""
    if stdout and parts:
        parser.error("the keys of parts go into files, one for each: omit --stdout")


@contextlib.contextmanager
def handed_over(pairs: NewPairs, path: Path | None) -> Iterator[str]:
    """Write the private halves to new files, or to stdout; yields the places in words.

    The keys are written before the document changes, so that a crash leaves no value without its
    key. If the change fails, the files are removed.
    """
    if path is None:
        say(pairs.shared.reveal())
        sys.stdout.flush()
        yield "stdout"
        return
    with contextlib.ExitStack() as on_failure:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file, keys in pairs.files(path).items():
            _make_private(file, "".join(f"{key.reveal()}\n" for key in keys))
            on_failure.callback(file.unlink)
        yield ", ".join(map(str, pairs.files(path)))
        on_failure.pop_all()


def _make_private(path: Path, text: str) -> None:
    try:
        make_private(path, text.encode("ascii"))
    except FileExistsError:
        problem = (
            f"{path} exists, and `keygen` and `rotate` never overwrite a private key: "
            "move the file, or name another one with --private-key"
        )
    else:
        return
    raise FileError(problem)  # outside of `except`: the error's context would hold the text
