"""Types of arguments, and usage errors, of all subcommands."""

import importlib
import os
from argparse import ArgumentTypeError
from pathlib import Path
from unittest.mock import Mock

import pytest

from bot_deploy import arguments
from bot_deploy.__main__ import main, subcommands
from bot_deploy.arguments import (
    address,
    describe,
    no_options,
    port_number,
    seconds,
    subcommand_parser,
    whole_number,
)
from tests.support.running import until


@pytest.mark.parametrize(
    ("understand", "text", "meant"),
    [
        (whole_number, "1", 1),
        (whole_number, "020", 20),
        (port_number, "0", 0),
        (port_number, "65535", 65535),
        (seconds, "0", 0.0),
        (seconds, "2.5", 2.5),
        (address, "https://bot.example.org", "https://bot.example.org"),
        (address, "http://localhost:8000/bot", "http://localhost:8000/bot"),
    ],
)
def test_valid_arguments_are_accepted(understand, text, meant):
    """Valid arguments are accepted, including both ends of a range."""
    assert understand(text) == meant


@pytest.mark.parametrize(
    ("understand", "text", "words"),
    [
        (whole_number, "0", "a whole number of at least 1, not '0'"),
        (whole_number, "-3", "a whole number of at least 1"),
        (whole_number, "1.5", "a whole number of at least 1"),
        (whole_number, "\u0663", "a whole number of at least 1"),
        (port_number, "65536", "a port from 0 to 65535, not '65536'"),
        (port_number, "http", "a port"),
        (seconds, "-1", "a number of seconds, 0 or more, not '-1'"),
        (seconds, "nan", "seconds, 0 or more"),
        (seconds, "inf", "seconds, 0 or more"),
        (seconds, "soon", "seconds, 0 or more"),
        (address, "bot.example.org", "look like https://bot.example.org, not 'bot.example.org'"),
        (address, "ftp://bot.example.org", "look like"),
        (address, "https://", "look like"),
        (address, "https://a@bot.example.org", "look like"),
        (address, "https://bot.example.org/?a=b", "look like"),
        (address, "https://[bot", "look like"),
    ],
)
def test_invalid_arguments_are_refused_with_the_rule(understand, text, words):
    """The error names the rule and the argument."""
    with pytest.raises(ArgumentTypeError, match=words):
        understand(text)


def test_a_subcommand_calls_itself_as_its_operator_does(capsys):
    """Wrong usage ends with exit code 2 and the subcommand's name."""
    with pytest.raises(SystemExit) as ended:
        no_options(["pause", "--now"], "decide nothing")
    assert ended.value.code == 2
    assert "python -m bot_deploy pause: error: unrecognized arguments: --now" in (
        capsys.readouterr().err
    )


def test_help_tells_what_it_does_and_more():
    """The help has the description, then the options, then the epilog."""
    told = subcommand_parser(["list"], "list all", epilog="Nothing more.").format_help()
    assert told.index("list all") < told.index("--help") < told.index("Nothing more.")


# These read no settings: the demo has its own, and the others are about the program or a file.
WITHOUT_SETTINGS = {"completion", "demo", "mkpex", "mksecret", "textconv", "version"}


@pytest.mark.parametrize("name", sorted(subcommands()))
def test_each_subcommand_that_reads_settings_takes_config(name):
    """`--config` names the config.toml of every such subcommand."""
    parser = describe(importlib.import_module(f"bot_deploy.{name}").main, name)
    assert ("--config" in parser.format_help()) == (name not in WITHOUT_SETTINGS)


def test_config_names_the_file_for_all_processes(tmp_path, monkeypatch, capsys):
    """The option is BOT_CONFIG for this process and its children, and the file is read."""
    monkeypatch.setattr(os, "environ", {"BOT_DATA": str(tmp_path)})
    Path(tmp_path / "mine.toml").write_text("[sentry]\ndsn = 1\n")
    named = str(tmp_path / "mine.toml")
    assert main(["bot_deploy", "migrate", "--config", named], {}) == 1
    assert "sentry.dsn must be a text" in capsys.readouterr().err
    assert os.environ["BOT_CONFIG"] == named


def test_what_takes_long_says_so_on_stderr(monkeypatch, capsys):
    """A slow step is named once, on stderr; stdout may be JSON."""
    monkeypatch.setattr(arguments, "_SLOW_SECONDS", 0.0)
    said = []
    with arguments.said_if_slow("asking GitHub"):
        until(lambda: said.append(capsys.readouterr()) or said[-1].err, "it says so")
    assert said[-1].err == "- asking GitHub\n"
    assert not any(each.out for each in said)


def test_what_is_quick_says_nothing(monkeypatch, capsys):
    """After the step nothing is said any more."""
    timers = []
    monkeypatch.setattr(arguments.threading, "Timer", lambda *_: timers.append(Mock()) or timers[0])
    with arguments.said_if_slow("asking GitHub"):
        timers[0].cancel.assert_not_called()
    timers[0].cancel.assert_called_once_with()
    assert capsys.readouterr().err == ""
