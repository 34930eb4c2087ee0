"""What people read: no line breaks inside a paragraph, no names left open, plain words."""

import re
from string import Template

import pytest

from bot.options.kinds import options
from bot.rules import RULES
from bot.rules.invite import texts

TEXTS = {
    f"{rule.name}.{each.name}": each.default
    for rule in RULES
    for each in options(rule.settings).values()
    if isinstance(each.default, str) and "$" in each.default
}
ANSWERS = {
    "NOT_ALLOWED": texts.NOT_ALLOWED,
    "NOBODY_NAMED": texts.NOBODY_NAMED,
    "NOBODY": texts.NOBODY,
    "NO_PERSON": texts.NO_PERSON,
    "EXCLUDED": texts.EXCLUDED,
    **texts.BY_STATE,
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_paragraph_is_one_line(text):
    """GitHub shows each line break of a comment, so a wrapped text would look torn."""
    for paragraph in re.split(r"\n\n+", text.strip()):
        lines = paragraph.split("\n")
        assert len(lines) == 1 or all(line.startswith(("* ", "- ", "| ")) for line in lines)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_text_is_a_template_that_can_be_filled(text):
    """Nothing in it looks like a name and is none."""
    template = Template(text)
    assert template.is_valid()
    assert "$" not in template.substitute(dict.fromkeys(template.get_identifiers(), "x"))


@pytest.mark.parametrize("text", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_is_a_sentence_or_two(text):
    """A plain reason, not a lecture."""
    said = text.format(person="alice", organization="snakes")
    assert "{" not in said
    assert "\n" not in said
    assert said.endswith((".", "?"))
    assert len(said) < 200
