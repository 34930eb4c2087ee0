"""Tests of the texts of the rule `invite`."""

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
    "NO_NAME": texts.NO_NAME,
    "NOT_FOUND": texts.NOT_FOUND,
    "NOT_A_PERSON": texts.NOT_A_PERSON,
    "EXCLUDED": texts.EXCLUDED,
    **texts.BY_STATE,
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_paragraph_is_one_line(text):
    """Each paragraph is one line, because GitHub renders line breaks in comments."""
    for paragraph in re.split(r"\n\n+", text.strip()):
        lines = paragraph.split("\n")
        assert len(lines) == 1 or all(line.startswith(("* ", "- ", "| ")) for line in lines)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_text_is_a_template_that_can_be_filled(text):
    """Every placeholder of a text is known."""
    template = Template(text)
    assert template.is_valid()
    assert "$" not in template.substitute(dict.fromkeys(template.get_identifiers(), "x"))


@pytest.mark.parametrize("text", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_is_a_sentence_or_two(text):
    """Each reply has one or two sentences."""
    said = text.format(person="alice", organization="snakes")
    assert "{" not in said
    assert "\n" not in said
    assert said.endswith((".", "?"))
    assert len(said) < 200
