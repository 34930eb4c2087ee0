"""`./create`: checks its input before it builds, and needs no engine for that."""

import os
import shutil
import subprocess

import pytest

from luggage.buildpex.provenance import project_version
from tests.support.packing import ROOT

GIT = ("git", "-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "core.hooksPath=")


@pytest.fixture
def checkout(tmp_path):
    """A small checkout with `create`, and a fake docker that records its calls."""
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in ("create", "pyproject.toml", "run.docker", ".gitignore"):
        shutil.copy(ROOT / name, tree)
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "-m", "One"]):
        subprocess.run([*GIT, *words], cwd=tree, check=True)
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(
        f"""#!/bin/sh
[ -z "$NO_ENGINE" ] || {{ echo "$NO_ENGINE" >&2; exit 1; }}
[ "$1" != images ] || printf 'bot-build:%s\\n' "$(git rev-parse HEAD)" older oldest '<none>'
[ "$1" = version ] || cat >> {tmp_path}/context
echo "$@" >> {tmp_path}/calls
"""
    )
    docker.chmod(0o755)
    return tree


@pytest.fixture
def create(checkout):
    """Run `./create` there."""

    def _create(*words, **environ):
        path = f"{checkout.parent / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            ["./create", *words],
            cwd=checkout,
            env={"PATH": path, "HOME": str(checkout), "NO_ENGINE": "", **environ},
            capture_output=True,
            text=True,
            check=False,
        )

    return _create


@pytest.fixture
def calls(checkout):
    """The recorded build commands, one a line."""

    def _calls():
        path = checkout.parent / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if line.startswith("build")]

    return _calls


def commit(checkout):
    words = ["git", "rev-parse", "HEAD"]
    return subprocess.run(
        words, cwd=checkout, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_it_builds_both_and_says_how_to_run(checkout, create, calls):
    """It builds two images, tags them by commit and latest, and prints the run commands."""
    done = create()
    assert done.returncode == 0, done.stderr
    first, second = calls()
    name = commit(checkout)
    assert f"--tag bot-build:{name} " in first
    assert f"--tag bot:{name} --tag bot:latest " in second
    assert f"BUILD=bot-build:{name}" in second
    assert f"VERSION={project_version(ROOT)} " in second
    assert done.stdout.count("docker run ") == 1


def test_the_images_that_built_earlier_commits_go(checkout, create):
    """Only the image that built this commit stays; it is the cache of the next build."""
    done = create()
    lines = (checkout.parent / "calls").read_text().splitlines()
    removed = [line for line in lines if line.startswith("rmi")]
    assert removed == ["rmi bot-build:older", "rmi bot-build:oldest"]
    assert "- removing bot-build:older\n" in done.stdout


def test_it_hands_on_what_it_is_given(create, calls):
    """--python, --base and --name apply, and options after -- go to docker."""
    create("--python", "3.13", "--name", "mine", "--", "--network", "host")
    assert all("BASE=python:3.13-slim-bookworm" in call for call in calls())
    assert all(call.startswith("build --network host ") for call in calls())
    create("--base", "my/base:1")
    assert "BASE=my/base:1" in calls()[-1]


def test_a_dirty_tree_is_refused(checkout, create, calls):
    """Changed files are refused with exit code 1, and nothing is built."""
    (checkout / "new.py").touch()
    done = create()
    assert done.returncode == 1
    assert "new.py" in done.stderr
    assert "--dirty" in done.stderr
    assert calls() == []


def test_a_dirty_tree_is_built_when_told(checkout, create, calls):
    """--dirty builds changed and new files, and the tag says so."""
    (checkout / "new.py").touch()
    assert create("--dirty").returncode == 0
    assert f"bot:{commit(checkout)}-dirty " in calls()[-1]


def test_ignored_files_are_not_sent_to_docker(checkout, create):
    """A private key in the tree is never sent to Docker."""
    (checkout / "secret.key").write_text("nobody-may-see-me")
    for words in ([], ["--dirty"]):
        assert create(*words).returncode == 0
        assert b"nobody-may-see-me" not in (checkout.parent / "context").read_bytes()


def test_an_unknown_option_is_wrong_usage(create):
    """Wrong usage ends with exit code 2 and the usage."""
    done = create("--nonsense")
    assert done.returncode == 2
    assert "usage: ./create" in done.stderr


def test_an_option_without_its_value_is_wrong_usage(create):
    """An unknown option ends with exit code 2 and is named."""
    done = create("--python")
    assert done.returncode == 2
    assert "--python needs a value" in done.stderr


def test_without_docker_it_says_so(create, tmp_path):
    """The error is one line, with exit code 1."""
    tools = tmp_path / "few"
    tools.mkdir()
    for name in ("bash", "git", "dirname", "cat"):
        (tools / name).symlink_to(shutil.which(name))
    done = create(PATH=str(tools))
    assert done.returncode == 1
    assert done.stderr.startswith("create: docker is not there")
    assert done.stderr.count("\n") == 1


def test_without_an_engine_it_says_so(create):
    """A failed build ends with exit code 1 and docker's last line."""
    done = create(NO_ENGINE="Cannot connect to the Docker daemon")
    assert done.returncode == 1
    assert done.stderr == (
        "create: Docker's engine cannot be reached: Cannot connect to the Docker daemon\n"
    )


def test_help_is_no_error(create):
    """--help prints the options, with exit code 0."""
    done = create("--help")
    assert done.returncode == 0
    assert "--dirty" in done.stdout
