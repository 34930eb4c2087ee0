"""Generator of the reference in docs/settings.md: run it as a module."""

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bot.options.kinds import Option, options
from bot.rule import Rule
from bot.rules import RULES

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
MARK = "<!-- From here on this page is made: python -m tests.support.settings_page -->\n"
_LONG = 60


def main() -> None:
    """Rewrite the page below the mark."""
    above, _, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
    PAGE.write_text(above + made(), encoding="utf-8")


def made() -> str:
    """The mark, and a section for each rule in the order of the table."""
    return MARK + "\n" + "\n".join(line for rule in RULES for line in _section(rule))


def _section(rule: Rule[Any]) -> Iterator[str]:
    found = options(rule.settings)
    yield f"## {rule.name}"
    yield ""
    yield inspect.cleandoc(rule.settings.__doc__ or "")
    yield ""
    yield "| setting | may be | default | set by | meaning |"
    yield "|---|---|---|---|---|"
    for each in found.values():
        who = each.authority.words
        cells = (f"`{each.name}`", each.kind.words, _default(each), who, each.words)
        yield f"| {' | '.join(_cell(cell) for cell in cells)} |"
    yield ""
    needed = ", ".join(f"*{name}*: {access}" for name, access in sorted(rule.permissions.items()))
    yield f"Permissions of the App: {needed or 'none of its own'}."
    if rule.schedule:
        yield f"It also looks from time to time: `{rule.schedule}` (cron, UTC)."
    yield ""
    for each in found.values():
        if _is_long(each):
            yield from (f"`{each.name}`, if nothing is set:", "", "```text")
            yield from str(each.default).rstrip("\n").split("\n")
            yield from ("```", "")


def _default(each: Option) -> str:
    if _is_long(each):
        return "below"
    default = list(each.default) if isinstance(each.default, tuple) else each.default
    return f"`{json.dumps(default, ensure_ascii=False, default=str)}`"


def _is_long(each: Option) -> bool:
    return isinstance(each.default, str) and (len(each.default) > _LONG or "\n" in each.default)


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")


if __name__ == "__main__":
    main()
