"""Tests of docs/howto/test-your-bot.md."""

import re
from pathlib import Path

from luggage import fake_github
from luggage.fake_github import FakeGithub, faults
from tests.support.documented import blocks, shell

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/howto/test-your-bot.md"


def test_code_of_the_page_works(tmp_path):
    """The page's bot passes the page's tests."""
    bot, tests = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "hello.py").write_text(bot)
    (tmp_path / "test_hello.py").write_text(tests)
    # PYTHONPATH selects this checkout, whether installed or not.
    (commands,) = blocks("howto/test-your-bot")
    assert "3 passed" in shell(commands, cwd=tmp_path, PYTHONPATH=str(ROOT))


def test_page_names_all_faults_and_actions():
    """The page names every fault and every action of people."""
    named = set(re.findall(r"`(\w+)[`(]", PAGE.read_text()))
    happenings = f"{fake_github.__name__}.happenings."
    story = {
        name
        for name, value in vars(FakeGithub).items()
        if getattr(value, "__module__", "").startswith(happenings)
    }
    planned = {
        name
        for name, value in vars(faults).items()
        if getattr(value, "__module__", "") == faults.__name__
        and name[0].islower()
        and name[0] != "_"
    }
    assert story
    assert story | planned <= named
