"""Python's lock files: an index has newer versions of everything, and only locked ones come.

Installations run as documented: by the Makefile, `mkpex` and the benchmarks, with pip and uv.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench import cache
from tests.support import package_index
from tests.support.locks import ROOT, pins, pip_locks
from tests.support.package_index import DECOY, PIPS
from tests.support.packing import CONTENTS, mkpex

# One worker builds what these tests share.
pytestmark = pytest.mark.xdist_group("locks")

UV = Path(sys.executable).with_name("uv")
BASE_PYTHON = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
RUN, BUILD, DEV, PEERS = (
    Path(name)
    for name in (
        "requirements.txt",
        "requirements-build.txt",
        "requirements-dev.txt",
        "bench/peers/pypi/requirements.txt",
    )
)
# The machine's settings of pip and uv do not apply to a newcomer.
SETTINGS = re.compile(r"(PIP|UV|PYTHON|npm_config|NPM_CONFIG|VIRTUAL_ENV|XDG|CONDA).*")


@pytest.fixture(scope="session")
def baited(tmp_path_factory):
    with package_index.serving(tmp_path_factory.mktemp("decoys")) as served:
        yield served


@pytest.fixture
def index(baited):
    """The index; at the end of the test no decoy was taken."""
    baited.taken.clear()
    yield baited
    assert baited.decoys_taken() == []


@pytest.fixture
def newcomer(index, tmp_path):
    """A newcomer's environment: no cache, and no settings but the index."""
    home = tmp_path / "home"
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if not SETTINGS.fullmatch(name)}
    return {**kept, "HOME": str(home), "PIP_INDEX_URL": index.url}


@pytest.fixture
def checkout(tmp_path):
    """A checkout of the needed files, in a directory with a space in its name."""
    place = tmp_path / "a checkout"
    for name in CONTENTS:
        (shutil.copytree if (ROOT / name).is_dir() else _copy)(ROOT / name, place / name)
    for name in ("Makefile", RUN, DEV):
        shutil.copy(ROOT / name, place / name)
    return place


def _copy(source, to):
    to.parent.mkdir(exist_ok=True)
    shutil.copy(source, to)


def done(*command, cwd, env):
    """Run a command; AssertionError with its output if it fails."""
    ended = subprocess.run(
        list(map(str, command)), cwd=cwd, env=env, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def make(target, checkout, env):
    """Run make as a newcomer does."""
    return done("make", target, f"PYTHON={BASE_PYTHON}", cwd=checkout, env=env)


def installed(packages):
    """The version of each project in a directory of packages, without venv's own."""
    found = {}
    for about in packages.glob("*.dist-info"):
        name, version = about.name.removesuffix(".dist-info").split("-")
        found[name.lower().replace("_", "-").replace(".", "-")] = version
    return {name: version for name, version in found.items() if name not in {"pip", "setuptools"}}


def packages_of(venv):
    """The directory of a virtual environment's packages."""
    (found,) = venv.glob("lib/python3*/site-packages")
    return found


def test_the_decoys_are_bait(baited, newcomer, tmp_path):
    """An unlocked package comes in its newest version, so the other tests can fail."""
    command = (sys.executable, "-m", "pip", "download", "--no-deps", "-d", tmp_path, "six", "pip")
    done(*command, cwd=tmp_path, env=newcomer)
    decoys = [f"{name}-{DECOY}-py3-none-any.whl" for name in ("pip", "six")]
    assert sorted(baited.decoys_taken()) == decoys
    baited.taken.clear()


@pytest.fixture(params=PIPS)
def pip(request, index, newcomer, checkout):
    """A checkout with a .venv that contains one version of pip."""
    (checkout / "pip.txt").write_text(package_index.pip_lock(request.param))
    done(BASE_PYTHON, "-m", "bot_deploy.venv", ".venv", "pip.txt", cwd=checkout, env=newcomer)
    assert (packages_of(checkout / ".venv") / f"pip-{request.param}.dist-info").is_dir()
    return request.param


def test_make_sets_up_what_is_locked(pip, newcomer, checkout):
    """With an old pip and a new one, `make` installs the listed packages and no other.

    The old one installs both lists. The new one gets the same options, so it installs the shortest
    list, and the others are only resolved below: unpacking everything again takes half a minute.
    """
    packages = packages_of(checkout / ".venv")
    if pip == max(PIPS):
        shutil.copy(ROOT / BUILD, checkout / RUN)
        make("set-up-run", checkout, newcomer)
        assert installed(packages) == {"pex": pins(BUILD)["pex"]}
        return
    make("set-up-run", checkout, newcomer)
    assert installed(packages) == pins(RUN)
    make("set-up-dev", checkout, newcomer)
    assert installed(packages) == pins(RUN) | pins(DEV)
    done(".venv/bin/python", "-m", "pip", "check", cwd=checkout, env=newcomer)


def test_lists_are_enough_for_pip_by_hand(pip, newcomer, checkout):
    """The lists contain everything that `pip install -r` needs, as a dry run of all shows.

    Below, uv installs each alone.
    """
    lists = (word for lock in pip_locks() for word in ("-r", ROOT / lock))
    words = ("install", "--dry-run", "--quiet", "--no-cache-dir", *lists)
    done(".venv/bin/python", "-m", "pip", *words, cwd=checkout, env=newcomer)


def test_habits_of_the_user_change_nothing(index, newcomer, checkout, tmp_path):
    """A configured target, PYTHONPATH and an old .venv make no difference (short list)."""
    shutil.copy(ROOT / BUILD, checkout / RUN)
    habits = {
        "PIP_USER": "1",
        "PIP_TARGET": str(tmp_path / "target"),
        "PIP_NO_BINARY": ":all:",
        "PYTHONPATH": str(tmp_path / "path"),
        "PYTHONSAFEPATH": "1",
        "CONDA_PREFIX": str(tmp_path),
    }
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "pip.py").write_text("raise SystemExit('this is no pip')")
    (tmp_path / "constraints.txt").write_text("pex<1\n")
    settings = tmp_path / "home" / ".config" / "pip" / "pip.conf"
    settings.parent.mkdir(parents=True)
    settings.write_text(
        f"[global]\nuser = true\nprefix = {tmp_path}/prefix\nquiet = 3\n"
        f"constraint = {tmp_path}/constraints.txt\nindex-url = {newcomer.pop('PIP_INDEX_URL')}\n"
        f"[install]\nroot = {tmp_path}/root\nignore-installed = true\nonly-binary = :none:\n"
    )
    venv = checkout / ".venv"
    done(BASE_PYTHON, "-m", "venv", "--without-pip", venv, cwd=checkout, env=newcomer)
    (packages_of(venv) / "left_over-1.0.dist-info").mkdir()
    make("set-up-run", checkout, newcomer | habits)
    assert installed(packages_of(venv)) == {"pex": pins(BUILD)["pex"]}


@pytest.mark.parametrize(
    ("python", "line"),
    [
        ("no-such-python", "There is no no-such-python. Install Python 3.11 or newer"),
        ("false", "Python 3.11 or newer is needed; name one: make PYTHON=python3.12"),
        # It succeeds, and does nothing.
        ("true", "Python 3.11 or newer is needed; name one: make PYTHON=python3.12"),
        # It prints its arguments, and does nothing.
        ("echo", "Python 3.11 or newer is needed; name one: make PYTHON=python3.12"),
    ],
)
def test_a_python_that_will_not_do_is_reported(checkout, python, line):
    """The first line names what is missing, and the command to install it."""
    ended = subprocess.run(
        ["make", "set-up-run", f"PYTHON={python}"],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode != 0
    assert ended.stderr.startswith(line)


def test_mkpex_downloads_what_is_locked(index, newcomer, tmp_path):
    """`mkpex --download` fills a wheelhouse with the pex's lists and nothing else."""
    habits = {"PIP_NO_BINARY": ":all:", "PIP_PLATFORM": "any", "PIP_PRE": "1"}
    ended = mkpex(ROOT, "--download", tmp_path / "house", environ=newcomer | habits)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert {path.name for path in (tmp_path / "house").iterdir()} == set(index.taken)
    assert len(index.taken) == len(pins(RUN) | pins(BUILD))


def test_the_bench_installs_the_peers_that_are_locked(index, newcomer, tmp_path, monkeypatch):
    """The peers from PyPI are installed as listed, and nothing else."""
    for name in os.environ.keys() - newcomer.keys():
        monkeypatch.delenv(name)
    for name, value in newcomer.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PORTMANTEAU_BENCH_CACHE", str(tmp_path / "cache"))
    cache.from_pypi.cache_clear()
    assert installed(packages_of(cache.from_pypi() / "venv")) == pins(PEERS)
    cache.from_pypi.cache_clear()


@pytest.mark.parametrize("lock", pip_locks(), ids=str)
def test_uv_installs_what_is_locked(lock, index, newcomer, tmp_path):
    """Each list contains everything that uv needs."""
    command = (UV, "pip", "install", "--no-config", "--require-hashes", "--python", BASE_PYTHON)
    words = ("--target", tmp_path / "to", "--index-url", index.url, "-r", ROOT / lock)
    done(*command, *words, cwd=tmp_path, env=newcomer)
    found = installed(tmp_path / "to")
    assert found == {name: at for name, at in pins(lock).items() if name != "setuptools"}
