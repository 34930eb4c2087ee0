"""The custom rule, its tests, options and the action of docs/howto/write-a-rule.md."""

import re
from pathlib import Path

from luggage.fake_github import FakeGithub

PAGE = Path(__file__).parents[2] / "docs/howto/write-a-rule.md"
CODE, OPTIONS, ACTION, TEST = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
FILE = "gratitude.py"


def thanks(github: FakeGithub, repository: str, hook: str) -> None:
    """Enable the rule in a repository's organisation, and deliver a comment that says thanks."""
    home = f"{repository.partition('/')[0]}/.github"
    github.add_repository(home)
    github.add_file(home, ".github/bot.toml", "[gratitude]\nenabled = true\n")
    github.open_issue(repository, "alice")
    assert github.deliver(*github.comment(repository, 1, "bob", "Thanks!"), to=hook) == 202


def hearts(github: FakeGithub) -> int:
    """The number of hearts that the bot has given."""
    given = github.calls_to("POST", "*/reactions")
    return len([call for call in given if call.body == {"content": "heart"}])
