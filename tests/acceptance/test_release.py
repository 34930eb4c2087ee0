"""The scripts of a release (.ci), run by hand: notes, packages, the pex, checksums, the image."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.support.checkout import committed_copy, run
from tests.support.packing import ROOT, wheelhouse

BIN = Path(sys.executable).parent
CHANGELOG = """# Changelog

## Unreleased

- Later.

## 1.2.3 - 2026-12-24

### Added

- A thing.

## 1.2.2 - 2026-12-01

- Another.
"""


@pytest.fixture
def scripts(tmp_path):
    """A tree with the scripts and a change log of its own."""
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    return tmp_path


def test_the_notes_are_the_section_of_the_tag(scripts):
    """Without its heading, and without those of other versions."""
    assert run(".ci/notes", "v1.2.3", cwd=scripts).stdout == "### Added\n\n- A thing.\n"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["v1.2.4"], 1, 'rename "## Unreleased" to "## 1.2.4 - '),
        (["v1.2"], 2, "usage: "),
        (["1.2.3"], 2, "usage: "),
        ([], 2, "usage: "),
    ],
)
def test_a_tag_without_notes_is_refused(scripts, words, code, told):
    """With the remedy; a wrong call with the usage."""
    done = run(".ci/notes", *words, cwd=scripts)
    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A checkout of what lies in the tree."""
    return committed_copy(tmp_path_factory.mktemp("release") / "checkout")


@pytest.fixture(scope="module")
def dist(checkout):
    """What `make dist` makes, from a wheelhouse instead of the package index."""
    offline = {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(wheelhouse()), "UV_NO_CONFIG": "1"}
    packages = run(".ci/packages", str(BIN / "uv"), cwd=checkout, **offline)
    assert packages.returncode == 0, packages.stderr
    pex = run(".ci/pex", sys.executable, "--wheelhouse", str(wheelhouse()), cwd=checkout)
    assert pex.returncode == 0, pex.stdout + pex.stderr
    return checkout / "dist"


def version_of(dist):
    (archive,) = dist.glob("portmanteau-*.tar.gz")
    return archive.name.removeprefix("portmanteau-").removesuffix(".tar.gz")


def test_a_release_is_whole_and_has_checksums(checkout, dist):
    """Wheel, source archive, pex and bill of materials; `sha256sum` agrees with each line."""
    tag = f"v{version_of(dist)}"
    for _ in range(2):  # repeating is safe
        assembled = run(".ci/assemble", tag, cwd=checkout)
        assert assembled.returncode == 0, assembled.stderr
    python = f"py{sys.version_info.major}{sys.version_info.minor}"
    names = {path.name for path in dist.iterdir() if not path.name.startswith(".")}
    assert any(
        re.fullmatch(rf"portmanteau-{tag[1:]}-{python}-\w+-\w+\.pex", name) for name in names
    )
    checked = run("sha256sum", "--check", "--strict", "SHA256SUMS", cwd=dist)
    assert checked.returncode == 0
    assert checked.stdout.count(": OK") == len(names) - 1


def test_a_tag_that_the_code_does_not_have_is_refused(checkout, dist):
    """With the names of what is missing."""
    done = run(".ci/assemble", "v99.0.0", cwd=checkout)
    assert done.returncode == 1
    assert "dist/ holds no portmanteau-99.0.0.tar.gz" in done.stderr


def test_the_pex_of_a_release_runs(dist, tmp_path):
    """And says the version that is in its name."""
    (pex,) = dist.glob("*.pex")
    done = run(sys.executable, str(pex), "version", cwd=tmp_path, PEX_ROOT=str(tmp_path / "root"))
    assert done.stdout.startswith(f"portmanteau {version_of(dist)}, commit ")
    assert pex.with_suffix(".cdx.json").exists()


def test_the_packages_hold_no_key_and_their_licence(dist):
    """In wheels and in source archives."""
    for path in [*dist.glob("*.whl"), *dist.glob("*.tar.gz")]:
        opened = zipfile.ZipFile(path) if path.suffix == ".whl" else tarfile.open(path)  # noqa: SIM115
        with opened as archive:
            names = archive.namelist() if path.suffix == ".whl" else archive.getnames()
        assert any(name.endswith("LICENSE") for name in names), path.name
        assert not any(name.endswith((".key", ".pem")) for name in names), path.name


@pytest.fixture
def engine(tmp_path):
    """A `docker` that writes down what it is told, and knows one digest."""
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin/docker"
    log = tmp_path / "log"
    fake.write_text(
        f'#!/bin/sh\necho "$*" >> {log}\n'
        'case "$*" in *inspect*) echo sha256:0123 ;; version*) echo 1 ;; '
        "*) cat >/dev/null ;; esac\n"
    )
    fake.chmod(0o755)

    def _run(cwd, *words):
        path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            [".ci/image", *words],
            cwd=cwd,
            env={**os.environ, "PATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return done, log.read_text().splitlines() if log.exists() else []

    return _run


def test_the_image_of_one_architecture_is_pushed(checkout, engine):
    """Under a tag of its own, as `./create` built it from the commit."""
    done, told = engine(checkout, "push", "example.org/bot", "v1.2.3", "arm64")
    assert done.returncode == 0, done.stderr
    commit = run("git", "rev-parse", "HEAD", cwd=checkout).stdout.strip()
    assert told[-2:] == [
        f"tag example.org/bot:{commit} example.org/bot:1.2.3-arm64",
        "push example.org/bot:1.2.3-arm64",
    ]


@pytest.mark.parametrize(
    ("tag", "tags"),
    [
        ("v1.2.3", "--tag example.org/bot:1.2.3 --tag example.org/bot:latest"),
        ("v1.2.3rc1", "--tag example.org/bot:1.2.3rc1"),
    ],
)
def test_the_images_are_joined_into_one(scripts, engine, tag, tags):
    """A pre-release is never `latest`; the digest goes to the attestation."""
    done, told = engine(scripts, "join", "example.org/bot", tag, "amd64", "arm64")
    parts = " ".join(f"example.org/bot:{tag[1:]}-{part}" for part in ("amd64", "arm64"))
    assert told[0] == f"buildx imagetools create {tags} {parts}"
    assert done.stdout == "name=example.org/bot\ndigest=sha256:0123\n"


@pytest.mark.parametrize("words", [[], ["push", "name", "v1"], ["pull", "name", "v1.2.3", "arm64"]])
def test_a_wrong_call_for_the_image_is_told_the_usage(scripts, engine, words):
    """Exit code 2, and nothing has been built."""
    done, told = engine(scripts, *words)
    assert (done.returncode, told) == (2, [])
    assert ".ci/image push NAME TAG ARCHITECTURE" in done.stderr
