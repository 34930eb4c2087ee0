"""What the linters cannot see of the house style."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = sorted(ROOT.glob("tests/**/test_*.py"))
SOURCES = sorted(
    path
    for name in ("bot", "luggage", "bot_deploy", "bench")
    for path in ROOT.glob(f"{name}/**/*.py")
)


def name_of(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", TESTS, ids=name_of)
def test_each_test_states_a_sentence(path):
    """A test's docstring says in a sentence what holds."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            sentence = ast.get_docstring(node) or ""
            assert len(sentence.split()) >= 3, f"{name_of(path)}: {node.name}"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_files_say_what_they_are(path):
    """A module has a docstring."""
    assert ast.get_docstring(ast.parse(path.read_text())), f"{name_of(path)} has no docstring"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_nothing_is_left_uncovered_without_a_reason(path):
    """An exclusion from coverage is argued where it stands."""
    for line in path.read_text().splitlines():
        if "pragma: no cover" in line:
            assert "pragma: no cover - " in line, f"{name_of(path)}: {line.strip()}"
