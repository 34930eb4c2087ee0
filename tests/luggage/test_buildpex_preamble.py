"""The preamble of a pex: the check of the Python, and the directory to unpack into."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from luggage.buildpex import preamble
from luggage.buildpex.pexfile import preamble_source


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """An empty directory for temporary files."""
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setattr(preamble.tempfile, "tempdir", str(place))
    return place


@pytest.fixture(autouse=True)
def built_for(monkeypatch):
    monkeypatch.setattr(preamble, "NAME", "bot.pex")
    monkeypatch.setattr(preamble, "TEMP_NAME", "bot-pex")
    monkeypatch.setattr(preamble, "PYTHON", (3, 12))
    monkeypatch.setattr(preamble, "SUFFIX", ".cpython-312-x86_64-linux-gnu.so")


def test_the_right_python_is_right():
    """There is no error for it."""
    assert preamble.wrong_python((3, 12, 9), [".cpython-312-x86_64-linux-gnu.so", ".so"]) == ""


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 11, 7), (3, 13, 0), (4, 12, 0)])
def test_another_version_is_refused(version):
    """The line has the needed version, the actual one, and the command to run."""
    started = ".".join(map(str, version))
    line = (
        f"bot.pex: needs Python 3.12 but was started with {started}: run `python3.12 bot.pex ...`"
    )
    assert preamble.wrong_python(version, []) == line


def test_another_machine_is_refused():
    """The same version on another processor cannot load the compiled modules."""
    line = preamble.wrong_python((3, 12, 9), [".cpython-312-aarch64-linux-gnu.so", ".so"])
    assert "built for .cpython-312-x86_64-linux-gnu.so, but this is .cpython-312-aarch64" in line


def test_a_pex_without_compiled_modules_fits_every_machine(monkeypatch):
    """Without a suffix only the version counts."""
    monkeypatch.setattr(preamble, "SUFFIX", "")
    assert preamble.wrong_python((3, 12, 9), []) == ""


def test_the_default_root_is_taken(tmp_path):
    """It is created without a warning, and PEX_ROOT is set to it."""
    environ = {"PEX_ROOT": str(tmp_path / "new" / "place")}
    assert preamble.choose_root(environ, 1000) == ""
    assert Path(environ["PEX_ROOT"]).is_dir()


@pytest.mark.parametrize(
    ("environ", "place"),
    [
        ({"XDG_CACHE_HOME": "/caches"}, "/caches/pex"),
        ({"PEX_ROOT": "", "XDG_CACHE_HOME": "/caches"}, "/caches/pex"),
        ({"PEX_ROOT": "/here", "XDG_CACHE_HOME": "/caches"}, "/here"),
    ],
)
def test_the_default_root_is_where_pex_has_it(environ, place):
    """It is PEX_ROOT, or else the user's cache; an empty variable does not count."""
    assert preamble.default_root(environ) == place


def test_without_any_variable_it_is_in_the_home(monkeypatch):
    """It is pex's own default."""
    monkeypatch.setenv("HOME", "/home/somebody")
    assert preamble.default_root({}) == "/home/somebody/.cache/pex"


def test_a_temporary_directory_is_reported_once(temporary):
    """The first start warns; the second finds it unpacked."""
    first, second = {"PEX_ROOT": "/proc/no"}, {"PEX_ROOT": "/proc/no"}
    line = preamble.choose_root(first, os.getuid())
    assert line.startswith("bot.pex: /proc/no cannot be used; unpacking into ")
    assert preamble.choose_root(second, os.getuid()) == ""
    assert first == second == {"PEX_ROOT": f"{temporary}/bot-pex-{os.getuid()}"}


def test_the_temp_root_is_private(temporary):
    """No other user can put code there for us to run."""
    environ = {"PEX_ROOT": "/proc/no"}
    preamble.choose_root(environ, os.getuid())
    assert Path(environ["PEX_ROOT"]).stat().st_mode & 0o777 == 0o700


def test_a_directory_open_to_others_is_not_used(temporary):
    """A directory that others may write to is replaced by a new one."""
    prepared = temporary / f"bot-pex-{os.getuid()}"
    prepared.mkdir()
    prepared.chmod(0o777)
    environ = {"PEX_ROOT": "/proc/no"}
    assert preamble.choose_root(environ, os.getuid()) != ""
    assert environ["PEX_ROOT"] != str(prepared)


def test_a_link_is_not_followed(temporary, tmp_path):
    """It could point to a directory of ours that others may read."""
    (temporary / f"bot-pex-{os.getuid()}").symlink_to(tmp_path)
    environ = {"PEX_ROOT": "/proc/no"}
    preamble.choose_root(environ, os.getuid())
    assert environ["PEX_ROOT"] != f"{temporary}/bot-pex-{os.getuid()}"


def test_a_noexec_directory_is_not_usable(tmp_path, monkeypatch):
    """Compiled modules could not be loaded from it."""
    real = os.statvfs(tmp_path)

    class NoPrograms:
        f_flag = real.f_flag | 8

    monkeypatch.setattr(os, "statvfs", lambda _: NoPrograms)
    assert not preamble.usable(str(tmp_path))


@pytest.mark.parametrize("broken", [OSError("no usable temporary directory"), None])
def test_no_usable_directory_is_one_line(monkeypatch, broken, temporary):
    """The program ends with a line that names what to set."""

    def temp_root(user):
        if broken:
            raise broken
        return "/proc/no-either", True

    monkeypatch.setattr(preamble, "temp_root", temp_root)
    with pytest.raises(
        SystemExit, match="no directory to unpack into: make /proc/no writable, or set"
    ):
        preamble.choose_root({"PEX_ROOT": "/proc/no"}, 1000)


def run(source, tmp_path, **environ):
    program = tmp_path / "my.pex"
    program.write_text(source + "\nprint(os.environ['PEX_ROOT'])")
    return subprocess.run(
        [sys.executable, program],
        env={"PEX_ROOT": str(tmp_path / "root"), **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_source_that_is_packed_works(tmp_path):
    """On the right Python the program goes on."""
    done = run(preamble_source("my", sys.version_info[:2], ".so"), tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{tmp_path}/root\n", "")


def test_the_source_that_is_packed_reports_another_directory(tmp_path):
    """It prints one line on stderr and goes on."""
    source = preamble_source("my", sys.version_info[:2], "")
    done = run(source, tmp_path, PEX_ROOT="/proc/no", TMPDIR=str(tmp_path))
    assert done.returncode == 0
    assert done.stderr.startswith("my.pex: /proc/no cannot be used")


def test_the_source_that_is_packed_refuses_a_wrong_python(tmp_path):
    """It prints one line on stderr and exits with 1."""
    done = run(preamble_source("my", (3, 99), ""), tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("my.pex: needs Python 3.99 but was started with 3.")
    assert done.stderr.count("\n") == 1


def test_a_python_that_knows_its_path_is_asked():
    """The path that Python knows is used."""
    assert preamble.own_python("/opt/python") == "/opt/python"


def test_without_a_path_the_kernel_knows_the_python():
    """Where Python does not know its own path, the path is that of the running program."""
    assert Path(preamble.own_python("")).samefile(sys.executable)


@pytest.mark.parametrize("is_there", [True, False])
def test_without_proc_the_usual_directories_are_searched(monkeypatch, tmp_path, is_there):
    """A system without /proc has its Python in the default path, or gets one line."""
    python = tmp_path / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    python.touch(0o700 if is_there else 0o600)
    monkeypatch.setattr(preamble.os, "defpath", str(tmp_path))
    monkeypatch.setattr(preamble.os.path, "exists", lambda _: False)
    monkeypatch.setattr(preamble.os, "access", lambda path, _: is_there and path == str(python))
    if is_there:
        assert preamble.own_python("") == str(python)
    else:
        with pytest.raises(SystemExit, match="no PATH is set"):
            preamble.own_python("")


def test_the_source_that_is_packed_finds_its_python_without_a_path(tmp_path):
    """Started by name in an empty environment, it knows the path of its Python."""
    program = tmp_path / "my.pex"
    source = preamble_source("my", sys.version_info[:2], "")
    program.write_text(f"{source}\nprint(sys.executable)")
    python = os.path.realpath(sys.executable)
    words = ["python", program]
    done = subprocess.run(words, executable=python, env={}, capture_output=True, check=True)
    assert Path(done.stdout.decode().strip()).samefile(python)
