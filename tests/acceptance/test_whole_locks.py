"""Python's lock files: each is whole for every supported Python and kind of machine."""

import subprocess

import pytest

from bot_deploy.venv import PYTHONS
from tests.support import needs
from tests.support.locks import ROOT, pip_locks

MACHINES = ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "aarch64-apple-darwin")


@pytest.mark.parametrize("lock", pip_locks(), ids=str)
def test_each_list_is_whole_for_each_python_and_machine(lock, tmp_path):
    """The lists are complete and have wheels; uv reads them from the real index.

    uv resolves for another Python and machine. Because of --require-hashes it refuses an incomplete
    list.
    """
    command = [
        needs.uv(),
        "pip",
        "install",
        "--no-config",
        "--dry-run",
        "--quiet",
        "--require-hashes",
    ]
    for version in (f"{major}.{minor}" for major, minor in PYTHONS):
        for machine in MACHINES:
            words = [
                "--python-version",
                version,
                "--python-platform",
                machine,
                "-r",
                ROOT / lock,
            ]
            ended = subprocess.run(
                [*command, "--target", tmp_path, *words],
                capture_output=True,
                text=True,
                check=False,
            )
            if "Failed to fetch" in ended.stderr or "Request failed" in ended.stderr:
                raise needs.without("the package index", ended.stderr[-300:])
            assert ended.returncode == 0, f"{version} {machine}: {ended.stderr}"
