"""`completion`: prints a shell's completion script, made from the parsers.

A Tab does not start Python: docs/decisions/0123-completion.md.
"""

import argparse
import importlib
from collections.abc import Mapping
from pathlib import Path

import shtab

from bot_deploy.arguments import describe, program, subcommand_parser

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "print a completion script for bash, zsh or fish"

_EXAMPLES = """where to save the script:
  bash  {program} completion bash > ~/.local/share/bash-completion/completions/{name}
  zsh   {program} completion zsh > DIR/_{name}, with DIR in $fpath before compinit
  fish  {program} completion fish > ~/.config/fish/completions/{name}.fish"""


def main(argv: list[str]) -> int:
    """Print the script; returns 0."""
    parser = subcommand_parser(
        argv, f"{SUMMARY}.", epilog=_EXAMPLES.format(**_names()), config=False
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("shell", choices=("bash", "zsh", "fish"))
    options = parser.parse_args(argv[1:])
    print(shtab.complete(whole_parser(), shell=options.shell))
    return 0


def whole_parser() -> argparse.ArgumentParser:
    """Return one parser with all subcommands; loads them all."""
    from bot_deploy.__main__ import subcommands  # noqa: PLC0415  it imports this module

    summaries = subcommands()
    parser = argparse.ArgumentParser(prog=_names()["name"])
    parser.add_argument("--version", action="store_true", help="print the version")
    commands = parser.add_subparsers()
    for name, summary in sorted(summaries.items()):
        found = describe(importlib.import_module(f"bot_deploy.{name}").main, name)
        _mark_files(found)
        commands.add_parser(name, help=summary, parents=[found], add_help=False)
    return parser


def _names() -> Mapping[str, str]:
    """Return the program as it was called, and the file name that a shell completes."""
    called = program()
    return {"program": called, "name": "portmanteau" if " " in called else Path(called).name}


def _mark_files(parser: argparse.ArgumentParser) -> None:
    """Tell shtab which values are files and directories."""
    for action in parser._actions:  # noqa: SLF001  shtab reads them in the same way
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for inner in action.choices.values():
                _mark_files(inner)
        elif action.type is Path:
            kind = shtab.DIRECTORY if action.metavar == "DIR" else shtab.FILE
            action.complete = kind  # type: ignore[attr-defined]
