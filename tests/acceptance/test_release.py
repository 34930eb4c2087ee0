"""The release scripts (.ci), run by hand: notes, packages, pex, checksums, image."""

import os
import re
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.support.checkout import committed_copy, run
from tests.support.packing import ROOT, wheelhouse

# One worker builds what these tests share.
pytestmark = pytest.mark.xdist_group("release")

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
    """A tree with the scripts and its own change log."""
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    return tmp_path


def test_the_notes_are_the_section_of_the_tag(scripts):
    """The notes have no heading, and no other version's text."""
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
    """A missing version is an error with the remedy; a wrong call prints the usage."""
    done = run(".ci/notes", *words, cwd=scripts)
    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A checkout of the tree."""
    return committed_copy(tmp_path_factory.mktemp("release") / "checkout")


@pytest.fixture(scope="module")
def dist(checkout):
    """The output of `make dist`, from a wheelhouse instead of the package index."""
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
    """The checksums of all release files are right."""
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
    """The error names the missing files."""
    done = run(".ci/assemble", "v99.0.0", cwd=checkout)
    assert done.returncode == 1
    assert "dist/ holds no portmanteau-99.0.0.tar.gz" in done.stderr


def test_the_pex_of_a_release_runs(dist, tmp_path):
    """The pex reports the version in its name."""
    (pex,) = dist.glob("*.pex")
    done = run(sys.executable, str(pex), "version", cwd=tmp_path, PEX_ROOT=str(tmp_path / "root"))
    assert done.stdout.startswith(f"portmanteau {version_of(dist)}, commit ")
    assert pex.with_suffix(".cdx.json").exists()


def test_the_packages_hold_no_key_and_their_licence(dist):
    """Wheels and source archives contain the files."""
    for path in [*dist.glob("*.whl"), *dist.glob("*.tar.gz")]:
        opened = zipfile.ZipFile(path) if path.suffix == ".whl" else tarfile.open(path)  # noqa: SIM115
        with opened as archive:
            names = archive.namelist() if path.suffix == ".whl" else archive.getnames()
        assert any(name.endswith("LICENSE") for name in names), path.name
        assert not any(name.endswith((".key", ".pem")) for name in names), path.name


@pytest.fixture
def told(tmp_path):
    """Run a script with a fake `docker` and `gh` that record their calls."""
    (tmp_path / "bin").mkdir()
    log = tmp_path / "log"
    for name in ("docker", "gh"):
        fake = tmp_path / "bin" / name
        fake.write_text(
            f'#!/bin/sh\necho "{name} $*" >> {log}\n'
            'case "$*" in *inspect*) echo sha256:0123 ;; version*) echo 1 ;; '
            "build*) cat >/dev/null ;; esac\n"
        )
        fake.chmod(0o755)

    def _told(cwd, *words):
        done = run(*words, cwd=cwd, PATH=f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
        return done, log.read_text().splitlines() if log.exists() else []

    return _told


def test_the_image_of_one_architecture_is_pushed(checkout, told):
    """The image is pushed under its own tag, as `./create` built it."""
    done, calls = told(checkout, ".ci/image", "push", "example.org/bot", "v1.2.3", "arm64")
    assert done.returncode == 0, done.stderr
    commit = run("git", "rev-parse", "HEAD", cwd=checkout).stdout.strip()
    assert calls[-2:] == [
        f"docker tag example.org/bot:{commit} example.org/bot:1.2.3-arm64",
        "docker push example.org/bot:1.2.3-arm64",
    ]


@pytest.mark.parametrize(
    ("tag", "tags"),
    [
        ("v1.2.3", "--tag example.org/bot:1.2.3 --tag example.org/bot:latest"),
        ("v1.2.3rc1", "--tag example.org/bot:1.2.3rc1"),
    ],
)
def test_the_images_are_joined_into_one(scripts, told, tag, tags):
    """A pre-release is never `latest`; the digest goes to the attestation."""
    done, calls = told(scripts, ".ci/image", "join", "example.org/bot", tag, "amd64", "arm64")
    parts = " ".join(f"example.org/bot:{tag[1:]}-{part}" for part in ("amd64", "arm64"))
    assert calls[0] == f"docker buildx imagetools create {tags} {parts}"
    assert done.stdout == "name=example.org/bot\ndigest=sha256:0123\n"


@pytest.mark.parametrize("words", [[], ["push", "name", "v1"], ["pull", "name", "v1.2.3", "arm64"]])
def test_a_wrong_call_for_the_image_is_reported_the_usage(scripts, told, words):
    """Wrong usage ends with exit code 2 before any build."""
    done, calls = told(scripts, ".ci/image", *words)
    assert (done.returncode, calls) == (2, [])
    assert ".ci/image push NAME TAG ARCHITECTURE" in done.stderr


@pytest.mark.parametrize(("tag", "flag"), [("v1.2.3", ""), ("v1.2.4rc1", " --prerelease")])
def test_a_release_has_its_notes_and_all_files(scripts, told, tag, flag):
    """A pre-release is marked as one; the tag must exist."""
    (scripts / "CHANGELOG.md").write_text(f"## {tag[1:]} - 2026-12-24\n\n- A thing.\n")
    (scripts / "dist").mkdir()
    (scripts / "dist/a.whl").touch()
    done, calls = told(scripts, ".ci/publish", tag)
    assert done.returncode == 0, done.stderr
    options = f"--verify-tag --title {tag} --notes - A thing.{flag}"
    assert calls == [f"gh release create {tag} {options} dist/a.whl"]


def test_a_release_without_notes_is_not_made(scripts, told):
    """Nothing is sent to GitHub."""
    done, calls = told(scripts, ".ci/publish", "v9.9.9")
    assert (done.returncode, calls) == (1, [])
