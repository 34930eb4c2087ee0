"""luggage.buildpex.venv: an environment has exactly the packages of its lock files."""

import subprocess
import sys
from pathlib import Path

import pytest

from luggage.buildpex import BuildError, LockedVenv, venv


@pytest.fixture
def progress():
    return []


@pytest.fixture
def locks(tmp_path):
    """Two lock files."""
    found = [tmp_path / "run.txt", tmp_path / "dev.txt"]
    for path in found:
        path.write_text(path.name)
    return found


@pytest.fixture
def make(tmp_path, progress, monkeypatch):
    """Fake venv and pip; set up `lists` and return the progress."""
    fails = []

    def run(step, command, *, env, cwd):
        place = Path(command[-1])
        (place / "bin").mkdir(parents=True, exist_ok=True)
        (place / "bin" / "python").touch()
        (place / "pyvenv.cfg").touch()
        (place / "locked.json").unlink(missing_ok=True)

    def install(command, **_):
        return subprocess.CompletedProcess(command, int(Path(command[-1]).name in fails))

    monkeypatch.setattr(venv, "run", run)
    monkeypatch.setattr(venv, "pip_environment", lambda *_: {})
    monkeypatch.setattr(venv.subprocess, "run", install)

    def _make(*lists, place=tmp_path / "venv", failing=()):
        progress.clear()
        fails[:] = failing
        LockedVenv(place=place, environ={}, tell=progress.append).set_up(lists)
        return [line.split(" for Python")[0].replace(f"{tmp_path}/", "") for line in progress]

    return _make


CREATED = ["creating venv", "installing run.txt"]


def test_it_is_made_once(make, locks):
    """The second time there is nothing to do."""
    assert make(locks[0]) == CREATED
    assert make(locks[0]) == []


def test_a_second_list_is_added(make, locks):
    """The installed packages stay, and the first list alone still needs nothing."""
    make(locks[0])
    assert make(*locks) == ["installing dev.txt"]
    assert make(locks[0]) == []


@pytest.mark.parametrize("changed", [0, 1])
def test_a_changed_list_creates_it_again(make, locks, changed):
    """Packages that are no longer listed would stay otherwise."""
    make(*locks)
    locks[changed].write_text("another version")
    assert make(locks[0]) == CREATED


def test_a_missing_list_creates_it_again(make, locks):
    """Its packages are no longer known."""
    make(*locks)
    locks[1].unlink()
    assert make(locks[0]) == CREATED


def test_another_python_creates_it_again(make, locks, monkeypatch):
    """It has another version, or the same in another place."""
    make(locks[0])
    monkeypatch.setattr(sys, "base_prefix", "/elsewhere")
    assert make(locks[0]) == CREATED


def test_another_place_creates_it_again(make, locks, tmp_path):
    """Scripts contain the path that they were installed for."""
    make(locks[0])
    (tmp_path / "venv").rename(tmp_path / "moved")
    assert make(locks[0], place=tmp_path / "moved") == ["creating moved", "installing run.txt"]


@pytest.mark.parametrize("record", ["", "{}", '{"locks": {}}', "[]"])
def test_a_broken_record_creates_it_again(make, locks, tmp_path, record):
    """A full disk leaves half a file."""
    make(locks[0])
    (tmp_path / "venv" / "locked.json").write_text(record)
    assert make(locks[0]) == CREATED


def test_a_missing_python_creates_it_again(make, locks, tmp_path):
    """The Python was uninstalled."""
    make(locks[0])
    (tmp_path / "venv" / "bin" / "python").unlink()
    assert make(locks[0]) == CREATED


def test_a_failed_installation_is_repeated(make, locks):
    """The error is raised, and the next run creates the environment again."""
    make(locks[0])
    with pytest.raises(BuildError, match=r"pip could not install .*dev\.txt; see its messages"):
        make(*locks, failing=["dev.txt"])
    assert make(locks[0]) == CREATED


def test_a_directory_of_something_else_is_left_alone(make, locks, tmp_path):
    """Only a virtual environment or an empty directory is cleared."""
    (tmp_path / "venv").mkdir()
    assert make(locks[0]) == CREATED
    other = tmp_path / "home"
    other.mkdir()
    (other / "diary").touch()
    for place in (other, other / "diary"):
        with pytest.raises(BuildError, match="is not a virtual environment: move it away"):
            make(locks[0], place=place)
    assert (other / "diary").exists()


def test_a_python_without_ensurepip_is_an_error(make, locks, monkeypatch):
    """Debian packages it separately, and the message names the package."""
    monkeypatch.setattr(venv.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(BuildError, match="apt-get install python3-venv"):
        make(locks[0])


def test_a_place_that_cannot_be_written_is_an_error(make, locks, tmp_path):
    """The line names the file and the system's reason."""
    with pytest.raises(BuildError, match=r"absent\.txt: No such file or directory"):
        make(tmp_path / "absent.txt")


def test_it_works_with_the_real_venv(progress, tmp_path):
    """A real venv is created and its pip installs a list, without PYTHONPATH."""
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "pip.py").write_text("raise SystemExit(3)")
    lock = tmp_path / "empty.txt"
    lock.write_text("# nothing\n")
    environ = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tmp_path / "path"), "PIP_TARGET": "/x"}
    made = LockedVenv(place=tmp_path / "venv", environ=environ, tell=progress.append)
    made.set_up([lock])
    assert (tmp_path / "venv" / "locked.json").exists()
    done = subprocess.run(
        [made.python, "-c", "import sys; print(sys.prefix)"], stdout=-1, text=True, check=True
    )
    assert done.stdout.strip() == str(tmp_path / "venv")
