"""Documented commands: the command blocks of a page, and a shell that runs them."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.support.locks import ROOT

DEPLOY = (ROOT / "docs/howto/deploy.md").read_text()
BACKUP = (ROOT / "docs/howto/backup.md").read_text()


def blocks(page: str, kind: str = "", section: str = "") -> list[str]:
    """The command blocks of a kind, below a heading if one is given."""
    if section:
        found = re.search(rf"^## {section}$(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
        assert found, f"no section: {section}"
        page = found[1]
    commands = re.findall(rf"^```sh{kind}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert commands, f"no commands: {section}"
    return commands


def shell(
    script: str, *, cwd: Path, prefix: Sequence[str] = (), umask: int = -1, **environ: str
) -> str:
    """Run commands until one fails, with our Python as `python`; return their output.

    Raises AssertionError with the last of the output if one fails.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [*prefix, "/bin/sh", "-euxc", script],
        cwd=cwd,
        env={**os.environ, "PATH": path, **environ},
        umask=umask,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout
