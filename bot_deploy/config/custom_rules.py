"""Rules of one's own: each is one file, or one module, that config.toml names. Not a subcommand.

Such a file is part of the bot, trusted as its code is: only the operator can name one.
"""

import importlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from bot.rule import Rule
from bot.settings.custom_rules import faults
from bot_deploy.config.sources import ConfigError, shown

_LONGEST = 500


def own_names(document: Mapping[str, Any], variable: str, *, folder: Path) -> Sequence[str]:
    """The rules that are named: those of BOT_RULES, or `[rules] own` of config.toml.

    In the variable, spaces separate them, and so do line ends; but a line that is the path of a
    file, from `folder` on, is that file. Raises ConfigError where there is no list of texts.
    """
    if variable.strip():
        return [name for line in variable.split("\n") for name in _on_a_line(line, folder)]
    table = document.get("rules", {})
    own = table.get("own", []) if isinstance(table, Mapping) else None
    if not isinstance(own, list) or not all(isinstance(name, str) and name for name in own):
        raise ConfigError(
            'config.toml: rules.own must be a list of files or modules, such as ["greet.py"]'
        )
    return own


def _on_a_line(line: str, folder: Path) -> list[str]:
    try:
        return [line] if (folder / line).is_file() else line.split()
    except OSError:  # too long for a path
        return line.split()


def with_own(
    known: Sequence[Rule[Any]], names: Sequence[str], *, folder: Path, source: str
) -> tuple[Rule[Any], ...]:
    """The known rules and, behind them, those that are named; a file is sought from `folder`.

    Raises ConfigError, on one line, for a rule that cannot be loaded or used; it begins with
    `source`, where the names come from.
    """
    rules = list(known)
    for name in names:
        try:
            rule: Any = getattr(_module(name, folder), "RULE", None)
        except ConfigError as error:
            raise ConfigError(f"{source}: {error}") from error
        wrong = faults(rule, rules)
        if wrong:
            problem = f"the rule {_named(name)} cannot be used: {'; '.join(wrong)}"
            raise ConfigError(f"{source}: {problem}")
        rules.append(rule)
    return tuple(rules)


def _named(name: str | Path) -> str:
    """A name, or what is said of it, fit for one line."""
    return shown(str(name), _LONGEST)[1:-1]


def _module(name: str, folder: Path) -> ModuleType:
    try:
        if not name.endswith(".py"):
            return importlib.import_module(name)
        return _from_file((folder / name).resolve())
    except ConfigError:
        raise
    except (Exception, SystemExit) as error:
        # Whatever is wrong in somebody's file: its kind and its words, on one line.
        said = " ".join(str(error).split())
        raise ConfigError(
            f"the rule {_named(name)} cannot be loaded: {type(error).__name__}: {_named(said)}"
        ) from error


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ConfigError(
            f"the rule {_named(path)} is not there; a relative path begins in BOT_DATA"
        )
    # Under a name of its own, so that it hides no module, and is found by pickle and dataclasses.
    name = f"own_rules.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"the rule {_named(path)} is no file of Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
