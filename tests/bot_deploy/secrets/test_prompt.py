"""The prompt of `encrypt`, on a terminal."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.support.sealed import VALUE, Result, Run, plain

ROOT = Path(__file__).parents[3]
PROMPT = b"(not shown): "


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    """Give the two ends of a terminal: the person's, and the program's."""
    person, program = pty.openpty()
    try:
        yield person, program
    finally:
        os.close(person)


def typed(config: Path, text: str) -> tuple[int, bytes]:
    """Run encrypt on a terminal, type `text` when it asks, and return exit code and screen."""
    with terminal() as (person, program):
        command = ["-m", "bot_deploy", "encrypt", "sentry.dsn", "--config", str(config)]
        encrypt = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            stdin=program,
            stdout=program,
            stderr=program,
            start_new_session=True,  # away from the terminal of whoever runs the tests
        )
        os.close(program)
        screen = b""
        while PROMPT not in screen:
            screen += os.read(person, 1024)
        os.write(person, text.encode())
        return encrypt.wait(30), screen + rest(person)


def rest(person: int) -> bytes:
    """Return what is on the screen until the program has gone."""
    screen = b""
    try:
        while chunk := os.read(person, 1024):
            screen += chunk
    except OSError:  # Linux's way to say that the other end is closed
        pass
    return screen


@pytest.mark.usefixtures("run")
def test_the_value_is_not_shown(config: Path) -> None:
    """What is typed at the prompt is sealed, and never on the screen."""
    code, screen = typed(config, f"{VALUE}\n")
    assert (code, plain(config, "sentry.dsn"), VALUE.encode() in screen) == (0, (VALUE,), False)


@pytest.fixture
def prompt(run: Run, monkeypatch: pytest.MonkeyPatch, config: Path) -> Callable[[str], Result]:
    """Return a function that runs encrypt with a stand-in for the terminal: "" ends the input."""

    def answer(_: str, *, line: str) -> str:
        if not line:
            raise EOFError
        return line

    def prompted(line: str) -> Result:
        monkeypatch.setattr("getpass.getpass", partial(answer, line=line))
        return run("encrypt", "sentry.dsn", "--config", str(config), terminal=True)

    return prompted


def test_a_line(prompt: Callable[[str], Result], config: Path) -> None:
    """One line at the prompt is sealed."""
    assert (prompt(VALUE).code, plain(config, "sentry.dsn")) == (0, (VALUE,))


def test_many_lines_do_not_fit(prompt: Callable[[str], Result]) -> None:
    """A private key pasted at the prompt, which takes one line, is refused with the remedy."""
    result = prompt("-----BEGIN RSA PRIVATE KEY-----")
    assert (result.code, "use --file or stdin" in result.err) == (1, True)


def test_nothing_typed(prompt: Callable[[str], Result]) -> None:
    """An end of input at the prompt seals nothing."""
    result = prompt("")
    assert (result.code, "nothing was sealed" in result.err) == (1, True)


def test_an_unknown_name_is_refused_before_the_prompt(config: Path, run: Run) -> None:
    """A command reports its errors before it prompts for a secret."""
    result = run("encrypt", "no.such", "--config", str(config))
    assert (result.code, PROMPT.decode() in result.err) == (1, False)
