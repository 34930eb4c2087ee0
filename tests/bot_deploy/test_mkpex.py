"""`mkpex` and `version` as they are typed."""

import json
import re

import pytest

from bot_deploy import mkpex, version
from luggage.buildpex import Build, BuildError, Built
from tests.support.packing import copy_tree

STAMP = ["--commit", "c0ffee", "--committed-at", "1700000000"]


@pytest.fixture
def tree(tmp_path):
    """A checkout without git."""
    return copy_tree(tmp_path / "tree")


@pytest.fixture
def made(monkeypatch, tmp_path):
    """Pretend the building; return what was asked of it."""
    asked = []

    def fill(build, house):
        asked.append(("fill", house))

    def make(build, output, house):
        asked.append(("make", output, house, build.recipe))
        build.tell("packing")
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_bytes(b"x" * 1_500_000)
        return Built(output, output.with_suffix(".cdx.json"), "f00d")

    def make_twice(build, output, house, *, sleep):
        first = make(build, output, house)
        return first, Built(first.pex, first.bill, made_again.get("sha256", first.sha256))

    made_again = {}
    monkeypatch.setattr(Build, "fill", fill)
    monkeypatch.setattr(Build, "make", make)
    monkeypatch.setattr(Build, "make_twice", make_twice)
    monkeypatch.chdir(tmp_path)
    return asked, made_again


def run(tree, *words):
    return mkpex.main(["mkpex", "--source", str(tree), *words])


def test_it_downloads_and_builds(made, tree, tmp_path, capsys):
    """Into a wheelhouse that goes away; the digest, the name and the size are printed."""
    assert run(tree, *STAMP) == 0
    (fill, filled), (make, output, house, recipe) = made[0]
    assert (fill, make) == ("fill", "make")
    assert filled == house
    assert not house.exists()
    assert output == tmp_path / "bot.pex"
    assert recipe.commit.hash == "c0ffee"
    assert capsys.readouterr().out.splitlines() == [
        "- packing",
        "f00d  bot.pex",
        "1.5 MB; bill of materials: bot.cdx.json",
    ]


def test_a_kept_wheelhouse_is_used_as_it_is(made, tree, tmp_path):
    """Nothing is downloaded."""
    assert run(tree, *STAMP, "--wheelhouse", "kept", "--output", "out/my.pex") == 0
    assert [call[:3] for call in made[0]] == [
        ("make", tmp_path / "out" / "my.pex", tmp_path / "kept")
    ]


def test_only_downloading_builds_nothing(made, tree, tmp_path):
    """--download fills the directory and stops; no commit is asked for."""
    assert run(tree, "--download", "new") == 0
    assert made[0] == [("fill", tmp_path / "new")]


def test_two_builds_that_are_the_same_are_well(made, tree, capsys):
    """--twice says so, exit code 0."""
    assert run(tree, *STAMP, "--twice") == 0
    assert "both builds are the same, byte for byte" in capsys.readouterr().out


def test_two_builds_that_differ_are_an_error(made, tree, capsys):
    """--twice says so on stderr, exit code 1."""
    made[1]["sha256"] = "beef"
    assert run(tree, *STAMP, "--twice") == 1
    assert capsys.readouterr().err == ("python -m bot_deploy mkpex: the two builds differ\n")


def test_a_commit_without_its_time_is_wrong_usage(made, tree, capsys):
    """They go together: exit code 2."""
    with pytest.raises(SystemExit, match="2"):
        run(tree, "--commit", "c0ffee")
    assert "go together" in capsys.readouterr().err


def test_outside_of_a_checkout_it_is_an_error(made, tmp_path, capsys):
    """One line on stderr, exit code 1."""
    assert run(tmp_path, *STAMP) == 1
    assert "is not a checkout" in capsys.readouterr().err


def test_a_dirty_tree_is_a_warning(made, tree, capsys):
    """It is built, and the first line warns that nobody else can."""
    assert run(tree, "--commit", "c0ffee-dirty", "--committed-at", "1") == 0
    assert capsys.readouterr().out.startswith("- the tree has uncommitted changes")


def test_a_failed_step_is_an_error(made, tree, monkeypatch, capsys):
    """Its message on stderr, exit code 1."""

    def fail(*_):
        raise BuildError("downloading failed")

    monkeypatch.setattr(Build, "fill", fail)
    assert run(tree, *STAMP) == 1
    assert capsys.readouterr().err == "python -m bot_deploy mkpex: downloading failed\n"


def test_version_is_for_people(capsys):
    """In a checkout: the version of pyproject.toml, git's commit, Python, the parts."""
    assert version.main(["version"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.match(r"portmanteau \d+\.\d+\.\d+, commit ([0-9a-f]{40}|unknown)", lines[0])
    assert lines[1].startswith("Python 3.")
    assert any(line.startswith("Flask ") for line in lines)


def test_version_is_for_programs(capsys):
    """--json prints the same as one object."""
    assert version.main(["version", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["name"] == "portmanteau"
    assert sorted(found) == ["commit", "committed_at", "name", "parts", "python", "version"]
