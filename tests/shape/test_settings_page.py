"""docs/settings.md can break the build: it says of each setting what the code says."""

import re

import pytest

from bot.options.kinds import options
from bot.rules import RULES
from bot.settings.layers import read_text
from tests.support.settings_page import MARK, PAGE, made


def test_the_page_is_made_from_the_code():
    """Each key, its kind, its default and its meaning; `python -m tests.support.settings_page`."""
    _above, mark, below = PAGE.read_text(encoding="utf-8").partition(MARK)
    assert mark + below == made(), "run: python -m tests.support.settings_page"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_rule_and_setting_explains_itself(rule):
    """The settings have a docstring, and each of them a sentence."""
    assert (rule.settings.__doc__ or "").strip().endswith(".")
    for each in options(rule.settings).values():
        assert re.fullmatch(r"[A-Z`].*[.)]", each.words, re.DOTALL), each.name


@pytest.mark.parametrize("page", [PAGE, PAGE.parent / "howto" / "invite.md"], ids=lambda p: p.name)
def test_the_examples_on_a_page_can_be_used(page):
    """What stands there as TOML is right."""
    examples = re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert examples
    for text in examples:
        read_text(RULES, text, source=page.name)
