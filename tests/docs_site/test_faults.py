"""A fault in the documentation breaks its build, and is named with its place."""

import pytest

from tests.docs_site.planted import WHOLE, build, plant

pytestmark = [pytest.mark.needs("sphinx"), pytest.mark.xdist_group("docs-site")]

_UNDOCUMENTED = '''"""A module."""

__all__ = ["CONSTANT", "Class", "broken", "fine", "silent"]
CONSTANT = 1


class Class:
    """A class."""

    def method(self):
        return 1


def broken():
    """``Never closed."""


def fine():
    """Fine."""


def silent():
    return 1
'''
_FAULTS = {
    "docs/page.md": WHOLE["docs/page.md"]
    + """
[gone](nowhere.md) [gone](../tests/nowhere.py) [no part](README.md#nothing) ![gone](nowhere.png)

(twice)=
## One

(twice)=
## Two

```mermaid
no diagram
```
""",
    "docs/alone.md": "# Alone\n",
    "docs/decisions/0001-one.md": WHOLE["docs/decisions/0001-one.md"] + "\n[gone](../nowhere.md)\n",
    "CHANGELOG.md": WHOLE["CHANGELOG.md"] + "\n[gone](docs/nowhere.md)\n",
    "planted.py": _UNDOCUMENTED,
}


@pytest.fixture(scope="module")
def complaints(tmp_path_factory):
    """What the builder says of a tree with every fault in it."""
    root = tmp_path_factory.mktemp("faults")
    plant(root, _FAULTS)
    done = build(root)
    assert done.returncode == 1
    assert not (root / "build" / "docs").exists()
    return done.stderr


@pytest.mark.parametrize(
    "words",
    [
        "docs/page.md:7: WARNING: Unknown source document 'nowhere'",
        "target not found: '../tests/nowhere.py'",
        "local id not found in doc 'index': 'nothing'",
        "docs/page.md:7: WARNING: image file not readable: nowhere.png",
        'docs/page.md:12: WARNING: Duplicate explicit target name: "twice"',
        "docs/page.md:15: WARNING: mermaid:",
        "docs/alone.md: WARNING: document isn't included in any toctree",
        "docs/decisions/0001-one.md:5: WARNING: Unknown source document 'nowhere'",
        "CHANGELOG.md:5: WARNING: Unknown source document 'nowhere'",
        "WARNING: planted.silent has no docstring",
        "WARNING: planted.Class.method has no docstring",
        "WARNING: planted.CONSTANT has no docstring",
        "WARNING: Inline literal start-string without end-string",
    ],
)
def test_a_fault_is_named(complaints, words):
    """The builder names each fault, and the file and line where one is known."""
    assert words in complaints


def test_a_tree_without_faults_builds(tmp_path):
    """The same tree without the faults is built, and its links lead to pages and copies."""
    plant(tmp_path, {})
    done = build(tmp_path, "--version", "1.0")
    assert (done.returncode, done.stderr) == (0, "")
    site = tmp_path / "build" / "docs" / "1.0"
    index, changes = (site / "index.html").read_text(), (site / "changelog.html").read_text()
    assert 'href="page.html#part"' in index
    assert 'href="changelog.html"' in index
    assert 'href="api/planted.html#module-planted"' in index
    assert 'href="page.html"' in changes
    assert len(list(site.glob("_downloads/*/planted.py"))) == 1


def test_a_version_is_a_name_of_a_folder(tmp_path):
    """A version that would lead out of the output is refused as wrong usage."""
    plant(tmp_path, {})
    done = build(tmp_path, "--version", "../1.0")
    assert done.returncode == 2
    assert "'../1.0' is not a version" in done.stderr
