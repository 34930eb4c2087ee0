"""Docker images and containers for the tests.

Without an engine the tests are skipped; tests/tools/engine starts one. The images are built once a
test run, on needs.BASE, from a temporary checkout with sealed credentials of a simulated GitHub.
The last process of the run removes them.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from bench.made_once import locked
from luggage.fake_github import FakeGithub
from tests.support import needs
from tests.support.packing import ROOT, shared_directory
from tests.support.running import until

# The name of this machine in containers.
HERE = "host.docker.internal"
# The options of a careful operator.
HARDENED = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
_GIT = ("git", "-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "core.hooksPath=")


def docker(*words: str | Path, check: bool = True, **environ: str) -> str:
    """Run docker and return both output streams; AssertionError when it fails."""
    done = subprocess.run(
        ["docker", *map(str, words)],
        env=os.environ | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0 or not check, f"docker {words[0]}: {done.stdout}"
    return done.stdout.strip()


@dataclass(frozen=True)
class Images:
    """The images of `./create`, their checkout, and the key to their configuration."""

    name: str
    commit: str
    checkout: Path

    @property
    def key(self) -> Path:
        """The private key's file."""
        return self.checkout / "secret.key"

    @property
    def builder(self) -> str:
        """The image that built the pex."""
        return f"{self.name}-build:{self.commit}"

    def github(self) -> FakeGithub:
        """A simulated GitHub, with the App whose credentials are sealed in the image."""
        made = json.loads((self.checkout.parent / "app.json").read_text())
        return FakeGithub(**made)


def built_once(factory: pytest.TempPathFactory) -> Images:
    """The images of this test run, built by the first caller."""
    needs.need("a Docker engine", "the base image")
    place = shared_directory(factory) / "images"
    name = f"bot-test-{place.parent.name}".lower()
    with locked(place.with_name("images.lock")):
        if not (place / "commit").exists():
            shutil.rmtree(place, ignore_errors=True)
            checkout = sealed_checkout(place / "checkout")
            _run(["./create", "--name", name, "--base", needs.BASE], cwd=checkout)
            (place / "commit").write_text(_output([*_GIT, "rev-parse", "HEAD"], cwd=checkout))
        with (place / "users").open("a") as file:
            file.write("+")
    return Images(name, (place / "commit").read_text(), place / "checkout")


def give_back(images: Images) -> None:
    """Remove the images when no other process of this run uses them."""
    place = images.checkout.parent
    with locked(place.with_name("images.lock")):
        with (place / "users").open("a") as file:
            file.write("-")
        users = (place / "users").read_text()
        if users.count("+") == users.count("-"):
            tags = (images.name, f"{images.name}:{images.commit}", images.builder)
            docker("rmi", "--force", *tags, check=False)
            (place / "commit").unlink()


def sealed_checkout(to: Path) -> Path:
    """Create a checkout with sealed credentials of a simulated GitHub."""
    github = FakeGithub()
    to.mkdir(parents=True)
    listed = _output(["git", "ls-files", "-z", "-c", "-o", "--exclude-standard"], cwd=ROOT)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, to / name)
    bot = [sys.executable, "-m", "bot_deploy"]
    config = ("--config", "bot_deploy/config.toml")  # in the image, as earlier releases had it
    _run([*bot, "keygen", *config], cwd=to)
    for name, value in secrets_of(github).items():
        _run([*bot, "encrypt", name, *config], cwd=to, feed=value)
    app = {name: getattr(github, name) for name in ("app_id", "private_key", "webhook_secret")}
    (to.parent / "app.json").write_text(json.dumps(app))
    _run([*_GIT, "init", "--quiet"], cwd=to)
    _run([*_GIT, "add", "--all"], cwd=to)
    _run([*_GIT, "commit", "--quiet", "--no-gpg-sign", "-m", "As sealed"], cwd=to)
    return to


def secrets_of(github: FakeGithub) -> Mapping[str, str]:
    """The sealed values by their names in config.toml."""
    return {
        "github.app_id": str(github.app_id),
        "github.private_key": github.private_key,
        "github.webhook_secrets": github.webhook_secret,
    }


def _run(command: list[str], *, cwd: Path, feed: str = "") -> None:
    done = subprocess.run(
        command,
        cwd=cwd,
        input=feed,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command[0]}: {done.stdout[-3000:]}"


def _output(command: list[str], *, cwd: Path) -> str:
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=True
    ).stdout.strip()


class Container:
    """A started container of the bot; `url` is its published port."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def url(self) -> str:
        """The address of the container; its port changes with each start."""
        port = docker("port", self.name, "8000/tcp").splitlines()[0].rpartition(":")[2]
        return f"http://127.0.0.1:{port}"

    @property
    def hook(self) -> str:
        """The webhook's address."""
        return f"{self.url}/webhook/github"

    @property
    def logs(self) -> str:
        """The output so far."""
        return docker("logs", self.name)

    def state(self, field: str) -> str:
        """A field of the container's state, as `docker inspect` names it."""
        return docker("inspect", "--format", "{{.State.%s}}" % field, self.name)  # noqa: UP031

    def wait_until_ready(self) -> None:
        """Wait for /readyz; AssertionError with the output when the bot exits instead."""
        until(lambda: self.state("Running") == "false" or self._is_ready(), "the bot is ready")
        assert self.state("Running") == "true", self.logs

    def _is_ready(self) -> bool:
        with contextlib.suppress(requests.RequestException, AssertionError):
            return requests.get(f"{self.url}/readyz", timeout=5).status_code == 200
        return False


@contextlib.contextmanager
def container(images: Images, *options: str | Path, **environ: str) -> Iterator[Container]:
    """Run the bot with these options of `docker run`, on a new volume; removes both at the end."""
    name = f"{images.name}-{time.monotonic_ns()}"
    words = ("--name", name, "--volume", f"{name}:/data", "--publish", "127.0.0.1::8000")
    docker("run", "--detach", *words, *options, images.name, **environ)
    try:
        yield Container(name)
    finally:
        docker("rm", "--force", "--volumes", name, check=False)
        docker("volume", "rm", "--force", name, check=False)
