"""The program's name in usage lines, errors and remedies: as it was called."""

import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bot_deploy.__main__ import subcommands
from bot_deploy.arguments import program

ROOT = Path(__file__).parents[2]
dispatch = importlib.import_module("bot_deploy.__main__")


class Called:
    """The ways to call the program; each method sets one up and returns what it is named then."""

    def __init__(self, monkeypatch, folder):
        self._patch = monkeypatch
        self._folder = folder
        self._patch.delenv("PEX", raising=False)
        self._patch.setenv("COLUMNS", "500")  # argparse breaks a usage line behind a long name
        self._patch.setenv("PATH", str(folder / "path"))
        (folder / "path").mkdir()
        (folder / "here").mkdir()
        self._patch.chdir(folder / "here")

    def module(self):
        """`python -m bot_deploy`."""
        self._patch.setattr(sys, "argv", [str(ROOT / "bot_deploy" / "__main__.py")])
        return "python -m bot_deploy"

    def script(self):
        """The console script, which the shell has found."""
        self._patch.setattr(sys, "argv", [str(self._program("path/portmanteau"))])
        return "portmanteau"

    def script_by_its_path(self):
        """The console script of an environment that is not activated."""
        self._patch.setattr(sys, "argv", [str(self._program("venv/bin/portmanteau"))])
        return str(self._folder / "venv/bin/portmanteau")

    def script_by_a_relative_path(self):
        """The same, as it is typed beside it."""
        self._program("here/.venv/bin/portmanteau")
        self._patch.setattr(sys, "argv", [".venv/bin/portmanteau"])
        return ".venv/bin/portmanteau"

    def script_by_another_name(self):
        """A link to the console script."""
        (self._folder / "path/bot").symlink_to(self._program("venv/bin/portmanteau"))
        self._patch.setattr(sys, "argv", [str(self._folder / "path/bot")])
        return "bot"

    def pex(self):
        """A pex in the current directory."""
        return self._pex("here/bot.pex", "./bot.pex")

    def pex_elsewhere(self):
        """A pex in a directory with a space."""
        return self._pex("over there/bot.pex", f"'{self._folder}/over there/bot.pex'")

    def pex_on_the_path(self):
        """A pex that the shell has found."""
        return self._pex("path/bot.pex", "bot.pex")

    def module_inside_a_pex(self):
        """Another Python, started from a shell inside a pex, which has its variable."""
        self._patch.setenv("PEX", str(self._program("here/bot.pex")))
        return self.module()

    def _pex(self, path, named):
        self._patch.setenv("PEX", str(self._program(path)))
        self._patch.setattr(sys, "prefix", str(self._folder / "unpacked"))
        self._program("unpacked/PEX-INFO")
        return named

    def _program(self, path):
        made = self._folder / path
        made.parent.mkdir(parents=True, exist_ok=True)
        made.touch(mode=0o755)
        return made


WAYS = [name for name in vars(Called) if not name.startswith("_")]


@pytest.fixture
def called(monkeypatch, tmp_path):
    """Call the program in one way; returns the name that it must have."""
    ways = Called(monkeypatch, tmp_path)
    return lambda way: getattr(ways, way)()


@pytest.mark.parametrize("way", WAYS)
def test_it_is_named_as_it_was_called(way, called):
    """The shortest words that a shell runs it with."""
    assert called(way) == program()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", sorted(subcommands()))
def test_each_subcommand_names_it_so(name, way, called, capsys):
    """Each subcommand's usage and errors have the program's name."""
    named = called(way)
    with pytest.raises(SystemExit) as ended:
        dispatch.main(["x", name, "--help"], {})
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: {named} {name} ")
    with pytest.raises(SystemExit) as ended:
        dispatch.main(["x", name, "--no-such-option=1"], {})
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert f"\n{named} {name}" in said
    assert "error: " in said


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("words", [[], ["doctr"], ["loop"]], ids=" ".join)
def test_the_dispatcher_names_it_so(words, way, called, capsys, monkeypatch):
    """The dispatcher's list and errors have the program's name."""
    monkeypatch.setenv("BOT_DATA", "var")
    named = called(way)
    dispatch.main(["x", *words], {})
    told = capsys.readouterr()
    line = (told.out or told.err).splitlines()[0]
    assert re.match(rf"(usage: )?{re.escape(named)}( |: )", line)


def test_no_source_names_it_by_itself():
    """Only arguments.py names the program."""
    names = "|".join(subcommands())
    command = re.compile(rf"python -m bot_deploy(?!\.)|\bportmanteau ({names})\b")
    found = {
        str(path.relative_to(ROOT))
        for package in ("bot", "luggage", "bot_deploy")
        for path in sorted((ROOT / package).rglob("*"))
        if path.suffix in {".py", ".html"} and command.search(_said(path))
    }
    assert found == {"bot_deploy/arguments.py"}


def _said(path):
    """What a file says to people: all of a page; of a module what is no docstring."""
    text = path.read_text()
    return re.sub(r'""".*?"""', "", text, flags=re.DOTALL) if path.suffix == ".py" else text


def test_a_real_script_and_a_real_module(tmp_path):
    """A real entry point and `-m` print their names."""
    script = tmp_path / "portmanteau"
    script.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from bot_deploy.__main__ import script\nsys.exit(script())\n"
    )
    script.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{Path(shutil.which('env')).parent}"
    for command, named in (
        (["portmanteau"], "portmanteau"),
        ([str(script)], "portmanteau"),
        ([sys.executable, "-m", "bot_deploy"], "python -m bot_deploy"),
    ):
        done = subprocess.run(
            [*command, "doctr"], cwd=ROOT, env={"PATH": path}, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 2
        assert done.stderr.startswith(f"{named}: there is no subcommand 'doctr'"), done.stderr
