"""Lock files, as they stand: each names one version of each project, by hash, for wheels alone."""

import json
import re

import pytest
from packaging.utils import canonicalize_name

from bot_deploy.venv import MACHINES, PYTHONS
from tests.support.locks import ROOT, entries, npm_locks, pins, pip_locks, tracked

PIP = pytest.mark.parametrize("lock", pip_locks(), ids=str)
NPM = pytest.mark.parametrize("lock", npm_locks(), ids=str)
# What environment markers are told of each machine that the locks are for.
ENVIRONMENTS = [
    {
        "python_version": f"{major}.{minor}",
        "python_full_version": f"{major}.{minor}.0",
        "sys_platform": system.lower(),
        "platform_system": system,
        "platform_machine": machine,
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    for major, minor in PYTHONS
    for system, machines in MACHINES.items()
    for machine in machines
]


def test_all_locks_are_found():
    """The sweeps below are over the lists of the bot, the build, the tests and the peers."""
    names = {str(lock) for lock in pip_locks()}
    assert names >= {"requirements.txt", "requirements-build.txt", "requirements-dev.txt"}
    assert len(names) >= 4
    assert npm_locks()


def test_each_list_of_wishes_has_its_lock():
    """`make requirements` compiles each *.in, and there is no lock without one."""
    # A link to a list is the same list: packaging/luggage has one.
    lists = [path for path in tracked("**/requirements*.in") if not (ROOT / path).is_symlink()]
    wishes = [str(path.with_suffix("")) for path in lists]
    assert sorted(wishes) == sorted(str(lock.with_suffix("")) for lock in pip_locks())
    makefile = (ROOT / "Makefile").read_text()
    compiled = re.search(r"for name in (.*?); do", makefile)[1].split()
    assert sorted(compiled) == sorted(wishes)


@PIP
def test_each_requirement_is_one_version_with_hashes(lock):
    """Nothing is left to the day on which it is installed."""
    assert entries(lock)
    for requirement, digests in entries(lock).items():
        assert re.fullmatch(r"==[^*,]+", str(requirement.specifier)), requirement
        assert digests, requirement
        assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digests), requirement


@PIP
def test_wheels_alone_are_installed(lock):
    """A source would be built with the newest build tools of the day, which no list pins."""
    assert "--only-binary :all:\n" in (ROOT / lock).read_text()


@PIP
def test_each_python_and_machine_gets_one_version(lock):
    """No two entries of a project hold at once, so that the order of lines decides nothing."""
    for environment in ENVIRONMENTS:
        names = [
            canonicalize_name(each.name)
            for each in entries(lock)
            if each.marker is None or each.marker.evaluate(environment)
        ]
        assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "environment", ENVIRONMENTS, ids=lambda each: "-".join(list(each.values())[1:5:2])
)
def test_all_locks_agree(environment):
    """What two lists name comes in the same version, for one may be installed over the other."""
    agreed = {}
    for lock in pip_locks():
        for name, version in pins(lock, environment).items():
            assert agreed.setdefault(name, version) == version, (lock, name)


@NPM
def test_each_package_of_npm_has_its_digest(lock):
    """`npm ci` installs what is listed, each file checked."""
    listed = json.loads((ROOT / lock).read_text())["packages"]
    assert len(listed) > 1
    for name, package in listed.items():
        assert not name or package["integrity"].startswith("sha512-"), name


@NPM
def test_wishes_of_npm_name_one_version(lock):
    """A package.json has no ranges."""
    wishes = json.loads((ROOT / lock).with_name("package.json").read_text())["dependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wishes.values())


def test_nothing_is_installed_without_a_lock():
    """The sources call `npm ci`, not `npm install`, and pip with --require-hashes alone."""
    for path in tracked(
        "Makefile",
        ".ci/*",
        "*.docker",
        "create",
        "b*/**/*.py",
        "luggage/**/*.py",
        "tests/support/*.py",
    ):
        text = (ROOT / path).read_text()
        assert not re.search(r"""npm",? ?"?install|\bnpm install -""", text), path
        assert not re.search(r"\bpip3? install (?!python)(?!.*--require-hashes)", text), path
