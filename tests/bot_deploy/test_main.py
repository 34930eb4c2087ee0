"""`python -m bot_deploy`: finding, listing and running subcommands."""

import importlib
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import bot_deploy

dispatch = importlib.import_module("bot_deploy.__main__")

COMMAND = """
BOT_DEPLOY_MAIN_OK = True
SUMMARY = "say how many arguments there are"


def main(argv):
    {body}
"""


@pytest.fixture
def subcommand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Add a subcommand `extra` with this body."""

    def add(body: str, text: str = COMMAND) -> None:
        (tmp_path / "extra.py").write_text(text.format(body=body))
        monkeypatch.setattr(bot_deploy, "__path__", [*bot_deploy.__path__, str(tmp_path)])
        monkeypatch.delitem(sys.modules, "bot_deploy.extra", raising=False)
        importlib.invalidate_caches()

    yield add
    sys.modules.pop("bot_deploy.extra", None)


def run(*words: str) -> int:
    """Run it with these words after the program's name."""
    return dispatch.main(["bot_deploy", *words], {})


def test_each_subcommand_has_a_summary() -> None:
    """The list has a line for each subcommand, and no other module."""
    found = dispatch.subcommands()
    assert {"start", "gunicorn", "loop", "demo", "migrate"} <= found.keys()
    assert not {"config", "registration", "wiring", "venv", "arguments", "__main__"} & found.keys()
    assert all(found.values())


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",)])
def test_without_a_subcommand_there_is_the_list(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """No argument, or --help, prints the list and returns 0."""
    assert run(*words) == 0
    assert "  start " in capsys.readouterr().out


@pytest.mark.parametrize("word", ["nonsense", "config", "__main__", "loop.main", "../x", ""])
def test_an_unknown_subcommand_is_wrong_usage(
    word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unknown name is two lines on stderr and exit code 2."""
    assert run(word) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert f"there is no subcommand {word!r}" in told.err
    assert "`python -m bot_deploy --help` lists all subcommands" in told.err
    assert told.err.count("\n") == 2


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("doctr", "doctor"),
        ("keygne", "keygen"),
        ("delivery", "deliveries"),
        ("--verison", "--version"),
        ("zzz", None),
    ],
)
def test_a_mistyped_name_gets_a_suggestion(
    word: str, meant: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistyped name gets the closest known name."""
    assert run(word) == 2
    told = capsys.readouterr().err
    assert (f"did you mean {meant!r}?" in told) == (meant is not None)


def test_the_version_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    """--version prints one line."""
    assert run("--version") == 0
    assert re.fullmatch(r"portmanteau \d+\.\d+\.\d+\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("installed", "code"),
    [
        (["portmanteau-1.0", "luggage-0.9"], 1),
        (["portmanteau-1.0", "luggage-1.0"], 0),
        (["portmanteau-1.0", "luggage_tags-0.9"], 0),
        (["luggage-0.9"], 0),
        ([], 0),
    ],
)
def test_another_version_of_the_library_over_ours_is_refused(
    installed: list[str],
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Another version of the library over the bot's files is one line and exit code 1."""
    for name in installed:
        (tmp_path / f"{name}.dist-info").mkdir()
    monkeypatch.setattr(dispatch.run, "__file__", str(tmp_path / "luggage" / "run" / "__init__.py"))
    assert run("--help") == code
    assert ("luggage 0.9 has replaced" in capsys.readouterr().err) == bool(code)


def test_the_list_imports_no_subcommand(subcommand: Callable[..., None]) -> None:
    """The list reads sources and imports none."""
    subcommand("", text=f"raise SystemExit\n{COMMAND.format(body='pass')}")
    assert dispatch.subcommands()["extra"] == "say how many arguments there are"


def test_its_exit_code_is_handed_on(subcommand: Callable[..., None]) -> None:
    """A subcommand gets its name and arguments, and its exit code is returned."""
    subcommand("return len(argv)")
    assert run("extra", "a", "b") == 3


def test_no_exit_code_is_success(subcommand: Callable[..., None]) -> None:
    """A subcommand that returns nothing has succeeded."""
    subcommand("pass")
    assert run("extra") == 0


def test_an_import_error_inside_shows_itself(subcommand: Callable[..., None]) -> None:
    """An ImportError in a subcommand names the missing module."""
    subcommand("", text="import no_such_thing\n" + COMMAND.replace("{body}", "pass"))
    with pytest.raises(ModuleNotFoundError, match="no_such_thing"):
        run("extra")


def test_a_ctrl_c_is_quiet(
    subcommand: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """A Ctrl-C prints nothing and returns 130."""
    subcommand("raise KeyboardInterrupt")
    assert run("extra") == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("body", ["print('x' * 100_000)", "print('x')"])
def test_a_reader_that_has_left_is_no_failure_of_ours(
    subcommand: Callable[..., None], monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    """A closed pipe prints no traceback and returns 141."""
    subcommand(body)
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert run("extra") == 141


def test_a_known_error_is_one_line(
    subcommand: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """A known error is its message on stderr, without a traceback, and exit code 1."""
    subcommand("from bot_deploy.config.sources import ConfigError; raise ConfigError('set PORT')")
    assert run("extra") == 1
    assert capsys.readouterr().err == "python -m bot_deploy extra: set PORT\n"


def test_an_error_of_ours_keeps_its_traceback(subcommand: Callable[..., None]) -> None:
    """What nobody foresaw is not dressed up."""
    subcommand("raise ZeroDivisionError")
    with pytest.raises(ZeroDivisionError):
        run("extra")


def test_the_errors_named_as_known_exist() -> None:
    """Each name in the table is an exception of its module."""
    for module, names in dispatch._FOR_THE_OPERATOR.items():
        for name in names:
            assert issubclass(getattr(importlib.import_module(module), name), Exception)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("open('/no/such/file')", "/no/such/file: No such file or directory"),
        ("import sqlalchemy; sqlalchemy.create_engine('sqlite:////no/x').connect()", "unable to"),
    ],
)
def test_an_unreachable_database_is_one_line(
    body: str,
    told: str,
    subcommand: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A data directory or a database that is out of reach is named, without a traceback."""
    subcommand(body)
    assert run("extra") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line


def test_a_child_obeys_its_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Started by `start`, it leaves the terminal and ends with it; its children are not told."""
    done = []
    monkeypatch.setattr(dispatch.run, "leave_terminal", lambda: done.append("left"))
    monkeypatch.setattr(dispatch.run, "end_with_parent", done.append)
    environ = {"SUPERVISOR_PID": "7"}
    dispatch.main(["bot_deploy"], environ)
    assert done == ["left", 7]
    assert environ == {}


def test_without_a_supervisor_it_keeps_its_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Started from a shell, it stays where it is."""
    monkeypatch.setattr(dispatch.run, "leave_terminal", lambda: pytest.fail("left"))
    before = signal.getsignal(signal.SIGINT)
    assert run() == 0
    assert signal.getsignal(signal.SIGINT) == before
