"""House style that the linters do not check: sentences, module docstrings, class names."""

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = sorted(ROOT.glob("tests/**/test_*.py"))
SOURCES = sorted(
    path
    for name in ("bot", "luggage", "bot_deploy", "bench")
    for path in ROOT.glob(f"{name}/**/*.py")
)
# The simulated GitHub raises its errors as responses.
LIBRARY = [
    path
    for path in SOURCES
    if not {"bench", "fake_github", "migrations"} & set(path.relative_to(ROOT).parts)
]
MODULES = [*SOURCES, *sorted(ROOT.glob("tests/**/*.py"))]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
# A module docstring begins with a noun phrase, not with one of these.
RIDDLES = re.compile(r"(What|Who|How|Whether|Which|Where|When|So|Those|That)\b")
BANNED = re.compile(
    r"\b(in vain|shall|of one's own|in hand|is gone on with|for so long|so long as)\b",
    re.IGNORECASE,
)
# GitHub's own nouns: the simulated GitHub's records and the views of payloads share them.
GITHUB_NOUNS = {"Account", "Comment", "Installation", "Issue", "Label", "Pull", "Repository"}


def name_of(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", TESTS, ids=name_of)
def test_each_test_states_a_sentence(path):
    """A test's docstring says in a sentence what holds."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            sentence = ast.get_docstring(node) or ""
            assert len(sentence.split()) >= 3, f"{name_of(path)}: {node.name}"


def test_a_module_begins_with_what_it_is():
    """Every source file has a docstring, and each module docstring begins with a noun phrase."""
    docstrings = {path: ast.get_docstring(ast.parse(path.read_text())) for path in MODULES}
    assert [name_of(path) for path in SOURCES if not docstrings[path]] == []
    riddles = {
        name_of(path): docstring.splitlines()[0]
        for path, docstring in docstrings.items()
        if docstring and RIDDLES.match(docstring)
    }
    assert riddles == {}


def test_no_banned_phrase_is_used():
    """Sources, tests and pages do without the phrases that plain words replace."""
    found = {
        f"{name_of(path)}:{number}": line.strip()
        for path in [*MODULES, *PAGES]
        if path != Path(__file__)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if BANNED.search(line)
    }
    assert found == {}


def test_a_class_name_stands_for_one_thing():
    """No two public classes share a name, apart from GitHub's own nouns."""
    places = defaultdict(list)
    for path in SOURCES:
        if path.is_relative_to(ROOT / "bench"):
            continue
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(name_of(path))
    shared = {name: paths for name, paths in places.items() if len(paths) > 1}
    assert {name: shared[name] for name in shared.keys() - GITHUB_NOUNS} == {}


@pytest.mark.parametrize("path", LIBRARY, ids=name_of)
def test_a_docstring_names_the_errors_that_are_raised(path):
    """A public function's docstring names each error that the function itself raises."""
    for function in public_functions(ast.parse(path.read_text())):
        docstring = ast.get_docstring(function) or ""
        # "See `bot.rule.Reader`": the interface describes it.
        if not docstring.startswith("See `"):
            unnamed = {name for name in raised_in(function) if name not in docstring}
            assert unnamed == set(), f"{name_of(path)}: {function.name}"


def public_functions(owner):
    """Each public function in a module, and each public method of its public classes."""
    for node in owner.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node)
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node


def raised_in(node):
    """The classes that `raise` names in a function, without those of functions inside it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Raise) and child.exc:
            error = child.exc.func if isinstance(child.exc, ast.Call) else child.exc
            name = ast.unparse(error).rpartition(".")[2]
            # Else a variable, or a function that makes the error.
            if name[0].isupper() and name != "NotImplementedError":
                yield name
        elif not isinstance(child, (ast.FunctionDef, ast.ClassDef)):
            yield from raised_in(child)


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_nothing_is_left_uncovered_without_a_reason(path):
    """An exclusion from coverage is argued where it stands."""
    for line in path.read_text().splitlines():
        if "pragma: no cover" in line:
            assert "pragma: no cover - " in line, f"{name_of(path)}: {line.strip()}"
