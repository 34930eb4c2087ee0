"""Loader of custom rules: files or modules that the operator names in config.toml or BOT_RULES.

A custom rule is trusted like the bot's own code.
"""

import importlib
import importlib.util
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from bot.rule import Rule
from bot.settings.custom_rules import faults
from bot_deploy.config.sources import ConfigError, shown

_LONGEST = 500


def custom_names(
    table: object, variable: str, *, folder: Path, source: str = "config.toml"
) -> Sequence[str]:
    """Return the names of the custom rules, from BOT_RULES or from the table `[rules]`.

    In the variable, spaces and line ends separate names; a line that is a file's path, relative to
    `folder`, is one name. Raises ConfigError, which begins with `source`, unless `own` is a list of
    texts.
    """
    if variable.strip():
        return [name for line in variable.split("\n") for name in _names_on_line(line, folder)]
    names = table.get("own", []) if isinstance(table, Mapping) else None
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise ConfigError(
            f'{source}: rules.own must be a list of files or modules, such as ["greet.py"]'
        )
    return names


def _names_on_line(line: str, folder: Path) -> list[str]:
    try:
        return [line] if (folder / line).is_file() else line.split()
    except OSError:  # too long for a path
        return line.split()


def with_custom(
    known: Sequence[Rule[Any]],
    names: Sequence[str],
    *,
    folder: Path,
    source: str,
    reserved: Collection[str] = (),
) -> tuple[Rule[Any], ...]:
    """Return the known rules, then the custom ones; file names are relative to `folder`.

    `reserved` are names that no rule may have. Raises ConfigError, one line that begins with
    `source`, for a rule that cannot be loaded or used.
    """
    rules = list(known)
    for name in names:
        try:
            rule: Any = getattr(_module(name, folder), "RULE", None)
        except ConfigError as error:
            raise ConfigError(f"{source}: {error}") from error
        if wrong := faults(rule, {*reserved, *(other.name for other in rules)}):
            problem = f"the rule {_on_one_line(name)} cannot be used: {'; '.join(wrong)}"
            raise ConfigError(f"{source}: {problem}")
        rules.append(rule)
    return tuple(rules)


def _on_one_line(text: str | Path) -> str:
    return shown(str(text), _LONGEST)[1:-1]


def _module(name: str, folder: Path) -> ModuleType:
    try:
        if not name.endswith(".py"):
            return importlib.import_module(name)
        return _from_file((folder / name).resolve())
    except ConfigError:
        raise
    except (Exception, SystemExit) as error:
        words = _on_one_line(" ".join(str(error).split()))
        raise ConfigError(
            f"the rule {_on_one_line(name)} cannot be loaded: {type(error).__name__}: {words}"
        ) from error


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ConfigError(
            f"the rule {_on_one_line(path)} does not exist: correct the path, which is relative to "
            "BOT_DATA"
        )
    # The prefix keeps it from hiding another module; pickle and dataclasses look it up by name.
    name = f"own_rules.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"the rule {_on_one_line(path)} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
