"""Screen of the demo: lines for a person, with colour where the terminal has it."""

import os
import re
import shutil
import sys
import textwrap
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from bot_deploy.demo.surroundings import SLUG
from luggage.telemetry.logs import escape

_BOLD, _FAINT, _RED, _GREEN, _YELLOW, _CYAN = "1", "2", "31", "32", "33", "36"
_WIDEST = 100
_NARROWEST = 40
_MARKER = re.compile(r"<!--(?:(?!<!--).)*?-->")
_PLACE = re.compile(r"[\w.-]+/[\w.-]+#[0-9]+")
_BULLET = re.compile(r"(?:[*-] |> ?|)")


@dataclass(frozen=True)
class Screen:
    """The terminal, `columns` wide; any thread may write. Addresses of threads are at `github`."""

    columns: int
    has_colour: bool
    github: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @classmethod
    def of(cls, environ: Mapping[str, str], *, github: str = "") -> "Screen":
        """Return the screen on stdout; https://no-color.org is obeyed."""
        at_terminal = sys.stdout.isatty()
        columns = shutil.get_terminal_size((_WIDEST, 0)).columns if at_terminal else _WIDEST
        plain = environ.get("NO_COLOR") or environ.get("TERM", "dumb") == "dumb"
        has_colour = at_terminal and not plain
        return cls(min(max(columns, _NARROWEST), _WIDEST), has_colour, github)

    def title(self, text: str) -> None:
        """Print a heading."""
        self._print([self._painted(text, _BOLD)])

    def say(self, text: str) -> None:
        """Print a text, and no control characters in it."""
        self._print(self._wrapped(text))

    def address(self, name: str, address: str, note: str = "") -> None:
        """Print an address, which is never wrapped, and a note below it."""
        lines = [f"  {name:<13}{self._painted(address, _CYAN)}"]
        self._print(lines + [self._painted(line, _FAINT) for line in self._wrapped(note, " " * 15)])

    def hint(self, text: str, address: str = "") -> None:
        """Print what to look at next."""
        lines = [self._painted(line, _YELLOW) for line in self._wrapped(f"* {text}")]
        self._print(["", *lines, *([f"  {self._painted(address, _CYAN)}"] if address else []), ""])

    def problem(self, text: str) -> None:
        """Print what went wrong."""
        self._print([self._painted(line, _RED) for line in self._wrapped(f"! {text}")])

    def tell(self, line: str) -> None:
        """Print a line of the journal: an arrow to the right for people, to the left for the bot.

        A text is shown in full, as a quotation below the line if it does not fit.
        """
        line = _MARKER.sub("", line).strip()
        is_bots = line.startswith(f"{SLUG}[bot] ")
        if is_bots:
            line = f"the bot {line.removeprefix(f'{SLUG}[bot] ')}"
        arrow, indent, paint = ("←", "    ", _GREEN) if is_bots else ("→", "", _BOLD)
        what, _, text = line.partition(": ")
        place = what.rpartition(" ")[2]
        is_about = _PLACE.fullmatch(place)
        what, text = (what, text.strip()) if is_about else (line, "")
        whole = f"{indent}{arrow} {what}" + (f": {text}" if text else "")
        if "\n" in text or len(whole) > self.columns:
            lines = [f"{indent}{arrow} {escape(what)}{':' if text else ''}"]
            lines += self._wrapped(text, f"{indent}  │ ") if text else []
        else:
            lines = [escape(whole)]
        lines[0] = self._painted(lines[0], paint)
        if is_bots and is_about and self.github:
            page = f"{self.github}/{place.replace('#', '/issues/')}"
            lines.append(self._painted(f"{indent}  {page}", _FAINT))
        self._print(lines)

    def _wrapped(self, text: str, indent: str = "") -> list[str]:
        lines = []
        for line in text.split("\n") if text else ():
            deeper = " " * len((_BULLET.match(line) or [""])[0])
            lines += textwrap.wrap(
                escape(line),
                self.columns,
                initial_indent=indent,
                subsequent_indent=indent + deeper,
                break_long_words=False,
                break_on_hyphens=False,
            ) or [indent.rstrip()]
        return lines

    def _painted(self, line: str, paint: str) -> str:
        return f"\x1b[{paint}m{line}\x1b[0m" if self.has_colour else line

    def _print(self, lines: list[str]) -> None:
        """Print lines at once; the demo continues after stdout was closed."""
        with self._lock, suppress(OSError):
            print("\n".join(lines), flush=True)


def is_at_keyboard() -> bool:
    """Return whether somebody types for this process: it may read the terminal, unstopped."""
    try:
        return os.isatty(0) and os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False
