"""Packaged bot: the pex of `mkpex` and the image of `./create`."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.bot import FROM_SOURCE
from bench.cache import cache_directory
from bench.circumstances import ROOT
from bench.made_once import made_once
from bench.measure import UnavailableError
from bench.processes import FailedError

IMAGE = "portmanteau-bench"
# The name of this machine in a container.
HERE = "host.docker.internal"
_LISTS = ("requirements.txt", "requirements-build.txt")
_BUILD_SECONDS = 1200


def pex(home: Path) -> Path:
    """A pex of this tree; UnavailableError without its parts, FailedError if `mkpex` fails."""
    pex_file = home / "bot.pex"
    done = _bot("mkpex", "--wheelhouse", str(_wheelhouse()), "--output", str(pex_file))
    if done.returncode:
        raise FailedError(f"mkpex: {done.stderr[-500:]}")
    return pex_file


def _wheelhouse() -> Path:
    lists = b"".join((ROOT / name).read_bytes() for name in _LISTS)
    key = hashlib.sha256(lists + sys.version.encode()).hexdigest()[:16]
    place = cache_directory() / f"wheelhouse-{key}"
    return made_once(place, _download)


def _download(fresh: Path) -> None:
    done = _bot("mkpex", "--download", str(fresh))
    if done.returncode:
        raise UnavailableError(f"the parts of a pex: {done.stderr[-300:]}")


def _bot(*words: str) -> subprocess.CompletedProcess[str]:
    command = [*FROM_SOURCE, *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def engine() -> str:
    """The version of the Docker engine; raises UnavailableError if none responds."""
    if shutil.which("docker") is None:
        raise UnavailableError("docker is not installed")
    version = _docker("version", "--format", "{{.Server.Version}}")
    if version.returncode:
        raise UnavailableError("no Docker engine responds")
    return version.stdout.strip()


@contextlib.contextmanager
def image() -> Iterator[str]:
    """An image of this tree, removed at the end; UnavailableError if it cannot be built."""
    engine()
    command = ["./create", "--name", IMAGE, "--dirty"]
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=_BUILD_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise UnavailableError("./create took too long") from error
    if done.returncode:
        raise UnavailableError(f"./create: {(done.stderr or done.stdout).strip()[-300:]}")
    try:
        yield IMAGE
    finally:
        tags = _docker("images", "--format", "{{.Repository}}:{{.Tag}}").stdout.split()
        ours = [tag for tag in tags if tag.startswith((f"{IMAGE}:", f"{IMAGE}-build:"))]
        _docker("rmi", "--force", *ours)


@contextlib.contextmanager
def container(image_name: str, settings: Mapping[str, str], port: int) -> Iterator[str]:
    """A container that listens on `port` once started; keeps its data when it stops."""
    name = f"{IMAGE}-{port}"
    # Names only: the values come from the environment, which process lists do not show.
    options = [word for key in settings for word in ("--env", key)]
    options += ["--publish", f"127.0.0.1:{port}:8000", "--add-host", f"{HERE}:host-gateway"]
    try:
        docker("create", "--name", name, *options, image_name, **settings)
        yield name
    finally:
        _docker("rm", "--force", "--volumes", name)


def docker(*words: str, **environ: str) -> str:
    """The output of docker; raises FailedError if it fails."""
    done = _docker(*words, **environ)
    if done.returncode:
        raise FailedError(f"docker {words[0]}: {done.stderr.strip()[-500:]}")
    return done.stdout


def _docker(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = ["docker", *words]
    return subprocess.run(
        command, env=os.environ | environ, capture_output=True, text=True, check=False
    )
