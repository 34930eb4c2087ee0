"""Custom rules: named, loaded and checked."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bot.events import DELIVERIES
from bot.options.kinds import FLAG, TEXT, option
from bot.rules import RULES, needs, ping
from bot.settings.custom_rules import faults
from bot_deploy import preview
from bot_deploy.config import load
from bot_deploy.config.custom_rules import custom_names
from bot_deploy.config.settings import TABLES
from bot_deploy.config.sources import ConfigError
from bot_deploy.wiring.parts import open_parts
from luggage.fake_github import FakeGithub
from luggage.jobs import NewJob
from tests.support.migrated import migrated_for
from tests.support.own_rule import CODE, TEST

ROOT = Path(__file__).parents[2]
APP = {"GITHUB_APP_ID": "1", "GITHUB_PRIVATE_KEY": "-", "GITHUB_WEBHOOK_SECRET": "s3cret"}


@pytest.fixture
def environ(tmp_path):
    """The variables of a bot beside whose data the page's rule lies."""
    (tmp_path / "gratitude.py").write_text(CODE)
    return APP | {"BOT_DATA": str(tmp_path)}


def own(*names):
    return {"rules": {"own": list(names)}}


def test_the_page_works_as_it_stands(tmp_path):
    """The rule and its tests, copied from the page into two files, pass."""
    (tmp_path / "gratitude.py").write_text(CODE)
    (tmp_path / "test_gratitude.py").write_text(TEST)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", "."],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{ROOT}:{tmp_path}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "2 passed" in run.stdout, run.stdout + run.stderr


@pytest.mark.parametrize("name", ["my rule.py", "a, b.py", "100%.py", "#1.py", "été.py"])
def test_a_file_may_be_called_anything(name, environ, tmp_path):
    """In the variable, a line that is the path of a file is that file; in the list, anyway."""
    (tmp_path / name).write_text(CODE)
    for variable in (name, f"{name}\n", f"\n{name}"):
        assert load(environ | {"BOT_RULES": variable}, {}).rules[-1].name == "gratitude"
    assert load(environ, own(name)).rules[-1].name == "gratitude"


def test_spaces_and_line_ends_separate(environ, tmp_path):
    """Spaces and line ends separate names, except in a file's path."""
    (tmp_path / "my rule.py").write_text(CODE)
    assert custom_names({}, "a.py b.c\nmy rule.py\n  d.py", folder=tmp_path) == [
        "a.py",
        "b.c",
        "my rule.py",
        "d.py",
    ]


def test_a_rule_beside_the_data_stands_behind_the_others(environ):
    """Its settings are read from config.toml like theirs, and it counts in what the App needs."""
    config = load(environ, {**own("gratitude.py"), "gratitude": {"words": ["merci"]}})
    assert [rule.name for rule in config.rules][-1] == "gratitude"
    assert config.settings.of(config.rules[-1]).words == ("merci",)
    assert needs([config.rules[-1]]).permissions["pull_requests"] == "write"


def test_the_variable_stands_before_config_toml(environ):
    """BOT_RULES overrides config.toml."""
    config = load(environ | {"BOT_RULES": "gratitude.py"}, own("nowhere.py"))
    assert config.rules[-1].name == "gratitude"


def test_a_module_can_be_named(environ, tmp_path, monkeypatch):
    """A name without .py is an importable module."""
    (tmp_path / "our_rules_for_tests.py").write_text(CODE)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert load(environ, own("our_rules_for_tests")).rules[-1].name == "gratitude"


def test_preview_tries_it_on_what_has_happened(environ, tmp_path, monkeypatch, capsys):
    """`preview` evaluates a custom rule."""
    environ["BOT_RULES"] = "gratitude.py"
    monkeypatch.setattr(os, "environ", environ)
    migrated_for(load(environ))
    github = FakeGithub()
    github.open_issue("snakes/trio", "alice")
    event, payload = github.comment("snakes/trio", 1, "bob", "Thanks!")
    body = json.dumps(payload).encode()
    with open_parts(load(environ)) as parts:
        parts.queue.put(
            NewJob(
                queue=DELIVERIES,
                key="g",
                subject="snakes/trio#1",
                kind=event,
                body=body,
                run_at=0.0,
            )
        )
    settings = tmp_path / "bot.toml"
    settings.write_text("[gratitude]\nenabled = true\n")
    assert preview.main(["preview", str(settings), "--repository", "snakes/.github"]) == 0
    assert capsys.readouterr().out.startswith("1 more reaction.\n")


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (
            own("nowhere.py"),
            "nowhere.py does not exist: correct the path, which is relative to",
        ),
        (own("no.such.module"), "no.such.module cannot be loaded: ModuleNotFoundError"),
        (own("broken.py"), "broken.py cannot be loaded: SyntaxError"),
        (own("exits.py"), "exits.py cannot be loaded: SystemExit"),
        (own("empty.py"), "empty.py cannot be used: it must define RULE"),
        (own("gratitude.py", "gratitude.py"), "its name, gratitude, is taken"),
        (own(5), "rules.own must be a list"),
        ({"rules": {"own": "x.py"}}, "rules.own must be a list"),
        ({"rules": 5}, "rules.own must be a list"),
        ({"invit": {}}, r"\[invit\] is unknown; did you mean \[invite\]"),
    ],
)
def test_an_unusable_rule_is_one_line(environ, tmp_path, document, words):
    """An unusable rule is one line with its name and the reason."""
    (tmp_path / "broken.py").write_text("def")
    (tmp_path / "exits.py").write_text("raise SystemExit('a\\nb')")
    (tmp_path / "empty.py").write_text("")
    with pytest.raises(ConfigError, match=words) as found:
        load(environ, document)
    assert "\n" not in str(found.value)


@dataclass(frozen=True)
class Odd:
    """Settings without a switch, and with a field that nobody can set."""

    words: str = option(TEXT, "x", "Words.")
    cache: int = 5


@dataclass(frozen=True)
class Switchless:
    """Settings whose switch is none."""

    enabled: str = option(TEXT, "yes", "Words.")


@dataclass
class Melted:
    """Settings that can be changed."""

    enabled: bool = option(FLAG, default=False, words="The switch.")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "No Name"}, "lower-case letters"),
        ({"name": 5}, "lower-case letters"),
        ({"name": "keys"}, "its name, keys, is taken"),
        ({"events": frozenset({"push"})}, "events must be pairs"),
        ({"events": frozenset({("push", None)})}, "events must be pairs"),
        ({"permissions": {"issues": "all"}}, "read or write, not 'all'"),
        ({"settings": dict}, "must be a dataclass"),
        ({"settings": Odd}, "each field of settings must be an option(...); cache is not"),
        ({"settings": Switchless}, "must have a field enabled"),
        ({"settings": Melted}, "must be frozen"),
        ({"decide": None}, "decide must be a function"),
        ({"schedule": "daily"}, "its schedule is not a valid cron line"),
        ({"schedule": "0 0 30 2 *"}, "its schedule is not a valid cron line"),
    ],
)
def test_a_rule_that_could_not_work_is_refused(changes, words):
    """`faults` finds each defect of a rule."""
    (found,) = faults(replace(ping.RULE, **{"name": "own", **changes}), TABLES)
    assert words in found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_rules_of_the_house_are_held_to_the_same(rule):
    """The built-in rules pass the check of custom rules."""
    assert faults(rule, {*TABLES, *(other.name for other in RULES if other is not rule)}) == []


def test_each_table_of_config_toml_is_known():
    """TABLES and the rules cover each table of config.toml."""
    text = (ROOT / "bot_deploy" / "config.toml").read_text()
    names = set(re.findall(r"^\[([a-z]+)", text, re.MULTILINE))
    assert names <= {*TABLES, *(rule.name for rule in RULES)}
