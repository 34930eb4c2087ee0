"""Records for programs: `--json` wherever times are printed, and times as ISO 8601 with a zone."""

import argparse
import importlib
import json
import os
import re
from datetime import datetime

import pytest

from bot.actions import ACTIONS, Invite, Planned
from bot.events import DELIVERIES
from bot_deploy.__main__ import main, subcommands
from bot_deploy.arguments import describe
from bot_deploy.config import load
from bot_deploy.wiring.parts import open_parts
from luggage.jobs import NewJob
from tests.support import ends
from tests.support.migrated import migrated_for

GUID = "11111111-done"
# Those that print records, with what they need.
RECORDS = {
    "check": [],
    "deliveries": ["list"],
    "deliveries show": [GUID],
    "deliveries follow": [GUID],
    "doctor": [],
    "list": [],
    "preview": ["bot.toml", "--repository", "snakes/trio"],
    "version": [],
    "why": [],
}
OTHERS = {
    "backup": "progress", "completion": "a script", "console": "a link", "decrypt": "a value",
    "deliveries retry": "a line for each", "demo": "a show", "encrypt": "a line",
    "gunicorn": "a log", "keygen": "a line", "loop": "a log", "migrate": "a log",
    "mkpex": "progress",
    "mksecret": "a line", "move": "progress", "pause": "a line", "register": "a talk",
    "replay": "a line for each action", "restore": "progress", "resume": "a line",
    "rotate": "a line", "start": "a log", "textconv": "for git",
}  # fmt: skip
A_TIME = re.compile(r"\b(19|20)\d\d-\d\d-\d\d")


def parsers():
    """Each subcommand and its commands, with its parser."""
    for name in subcommands():
        parser = describe(importlib.import_module(f"bot_deploy.{name}").main, name)
        yield name, parser
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for command, its in action.choices.items():
                    yield f"{name} {command}", its


@pytest.fixture
def bot(tmp_path, monkeypatch):
    """A bot with a delivery that led to an invitation."""
    environ = {
        "GITHUB_APP_ID": "1",
        "GITHUB_PRIVATE_KEY": "-",
        "GITHUB_WEBHOOK_SECRET": "s3cret",
        "GITHUB_API_URL": "http://127.0.0.1:9",
        "BOT_DATA": str(tmp_path),
    }
    monkeypatch.setattr(os, "environ", environ)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bot.toml").write_text("")
    config = load(environ)
    migrated_for(config)
    action = Invite(organization="snakes", person="alice")
    planned = Planned(
        action=action, installation=1, delivery=GUID, rule="invite", settings={}, digest="ab"
    )
    with open_parts(config) as parts:
        queue = parts.queue
        body = json.dumps({"action": "closed"}).encode()
        delivery = NewJob(
            queue=DELIVERIES, key=GUID, kind="pull_request", subject="a/b#7", body=body, run_at=0.0
        )
        parent = queue.put(delivery).id
        (job,) = queue.claim([DELIVERIES], worker="w", lease_seconds=60.0)
        put = NewJob(
            queue=ACTIONS, key=action.key, subject="a/b#7", body=planned.encode(), run_at=0.0,
            parent=parent,
        )  # fmt: skip
        ends.done(queue, job, put=[put])
        (job,) = queue.claim([ACTIONS], worker="w", lease_seconds=60.0)
        ends.done(queue, job, result="{}")
    return environ


def run(name, words, bot, capsys):
    """The output of a subcommand."""
    main(["bot", *name.split(), *words], bot)
    return capsys.readouterr().out


def moments(value):
    """The times in a JSON value, by their names."""
    if isinstance(value, dict):
        for name, each in value.items():
            if name == "at" or name.endswith("_at"):
                yield each
            else:
                yield from moments(each)
    elif isinstance(value, list):
        for each in value:
            yield from moments(each)


def numbers(value):
    """All numbers in a JSON value."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from numbers(each)
    elif isinstance(value, int | float):
        yield value


def test_every_subcommand_is_known_here():
    """Each subcommand prints records, and has --json, or is argued to print none."""
    found = dict(parsers())
    assert found.keys() == RECORDS.keys() | OTHERS.keys() | {"deliveries list"}
    with_json = {name for name in found if "--json" in found[name]._option_string_actions}
    assert with_json == RECORDS.keys() - {"deliveries"} | {"deliveries list"}


@pytest.mark.parametrize("name", sorted(RECORDS.keys() - {"why"}))
def test_times_are_iso_8601(name, bot, capsys):
    """Each time has a zone, and no number is a time since the epoch."""
    lines = run(name, [*RECORDS[name], "--json"], bot, capsys)
    values = [json.loads(line) for line in lines.splitlines()] if "follow" in name else [
        json.loads(lines)
    ]  # fmt: skip
    assert values
    found = [each for each in moments(values) if each is not None]
    assert all(datetime.fromisoformat(each).tzinfo is not None for each in found)
    assert not [each for each in numbers(values) if 1e9 < each < 1e11]
    if name.startswith("deliveries"):
        assert found


@pytest.mark.parametrize("name", sorted({"deliveries", "deliveries show", "deliveries follow"}))
def test_the_sweep_sees_times_for_people(name, bot, capsys):
    """What prints a time for people is among those with --json."""
    assert A_TIME.search(run(name, RECORDS[name], bot, capsys))
    command = "deliveries list" if name == "deliveries" else name
    assert "--json" in dict(parsers())[command].format_help()
