"""The bill of materials, and the provenance of a program."""

import json
import shutil
import subprocess
import sys

import pytest

from luggage.buildpex import Commit, provenance, sbom, warm
from luggage.buildpex.provenance import project_version, stamp
from tests.luggage.test_buildpex import make_wheel

COMMIT = Commit("c0ffee", 1_700_000_000)


@pytest.fixture
def read(tmp_path):
    """Return the metadata of a wheel with these headers."""

    def _read(name="part", *headers):
        path = tmp_path / f"{name}-1.0-py3-none-any.whl"
        make_wheel(path, name, *headers)
        return sbom.read_wheel(path)

    return _read


@pytest.fixture
def document(read, tmp_path):
    """The bill of an application and two parts, one of which requires the other."""
    pex = tmp_path / "app.pex"
    pex.write_bytes(b"pex")
    wheels = [
        read("app"),
        read("Part.One", "License-Expression: MIT", "Requires-Dist: part_two>=1"),
        read("part-two"),
    ]
    return json.loads(sbom.bill(pex, wheels, main="app", commit=COMMIT, python="3.12"))


def test_the_bill_names_what_it_is_about(document):
    """It has the application, its digest, commit and Python, and the commit's time."""
    about = document["metadata"]["component"]
    assert (about["type"], about["name"], about["version"]) == ("application", "app", "1.0")
    assert {"name": "commit", "value": "c0ffee"} in about["properties"]
    assert {"name": "python", "value": "3.12"} in about["properties"]
    assert document["metadata"]["timestamp"] == "2023-11-14T22:13:20+00:00"


def test_the_bill_names_each_part(document):
    """It has the package URL, by which scanners look a part up."""
    purls = [part["purl"] for part in document["components"]]
    assert purls == ["pkg:pypi/part-one@1.0", "pkg:pypi/part-two@1.0"]
    assert all(part["hashes"][0]["alg"] == "SHA-256" for part in document["components"])


def test_the_bill_has_the_dependencies(document):
    """The application requires all parts; a part requires the present ones that it names."""
    needs = {entry["ref"]: entry["dependsOn"] for entry in document["dependencies"]}
    assert needs["pkg:pypi/app@1.0"] == ["pkg:pypi/part-one@1.0", "pkg:pypi/part-two@1.0"]
    assert needs["pkg:pypi/part-one@1.0"] == ["pkg:pypi/part-two@1.0"]
    assert needs["pkg:pypi/part-two@1.0"] == []


def test_every_reference_is_one_of_a_part(document):
    """The graph has no unknown name, and its format is the standard's."""
    refs = [document["metadata"]["component"]["bom-ref"]]
    refs += [part["bom-ref"] for part in document["components"]]
    assert sorted(entry["ref"] for entry in document["dependencies"]) == sorted(refs)
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert document["serialNumber"].startswith("urn:uuid:")


@pytest.mark.parametrize(
    ("headers", "license_"),
    [
        (["License-Expression: MIT OR ISC"], {"expression": "MIT OR ISC"}),
        (
            ["License: MIT", "Classifier: License :: OSI Approved :: MIT License"],
            {"license": {"name": "MIT License"}},
        ),
        (["License: ISC"], {"license": {"name": "ISC"}}),
        ([], None),
    ],
)
def test_a_license_is_as_exact_as_the_metadata(read, headers, license_):
    """It is an expression, or else a classifier, or else a text."""
    assert read("part", *headers).license == license_


def test_a_license_in_full_is_kept_in_full(read):
    """Some wheels have the whole text instead of a name."""
    found = read("part", "License: Permission is granted", "        to everybody.").license
    assert found["license"]["text"]["content"].startswith("Permission is granted\n")


def test_dependencies_of_extras_are_left_out(read):
    """Dependencies of extras are left out."""
    found = read("part", "Requires-Dist: a (>=1)", 'Requires-Dist: b; extra == "more"')
    assert found.requires == {"a"}


@pytest.fixture
def package(tmp_path):
    """A package in something like a checkout."""
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "4.5.6"\n')
    (tmp_path / "app").mkdir()
    return tmp_path / "app"


def test_a_built_program_knows_its_commit(package):
    """It reads the stamp; the version is that of the installed distribution."""
    stamp(package, COMMIT)
    found = provenance("pytest", package)
    assert found.commit == COMMIT
    assert found.version == pytest.__version__
    assert found.python == ".".join(map(str, sys.version_info[:3]))


def test_a_checkout_asks_git(package):
    """Without git the commit is unknown, and nothing fails."""
    found = provenance("pytest", package)
    assert found.commit.hash == "unknown"
    assert found.version == "4.5.6"


def test_an_archive_inside_another_repository_does_not_take_its_commit(package):
    """Git would search the parent directories for a repository."""
    root = package.parent
    git = ("git", "-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "core.hooksPath=")
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "-m", "One"]):
        subprocess.run([*git, *words], cwd=root, check=True)
    inner = root / "vendor" / "app"
    inner.mkdir(parents=True)
    shutil.copy(root / "pyproject.toml", inner.parent)
    assert provenance("pytest", package).commit.hash != "unknown"
    assert provenance("pytest", inner).commit.hash == "unknown"


def install(place, name, record=None):
    """Write an installed distribution into a directory, with pip's record of its source."""
    about = place / f"{name}-7.8.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 7.8\n")
    if record:
        (about / "direct_url.json").write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("record", "commit"),
    [
        ({"url": "https://example.org/x", "vcs_info": {"vcs": "git", "commit_id": "f00d"}}, "f00d"),
        ({"url": "file:///tree", "dir_info": {}}, "unknown"),
        (None, "unknown"),
    ],
)
def test_an_installed_program_knows_what_pip_recorded(tmp_path, monkeypatch, record, commit):
    """It has its distribution's version, and the commit of an installation from git."""
    install(tmp_path, "packed", record)
    monkeypatch.syspath_prepend(str(tmp_path))
    found = provenance("packed", tmp_path / "thing")
    assert (found.version, found.commit.hash) == ("7.8", commit)


def test_modules_without_a_distribution_are_unknown(tmp_path):
    """The directories may have been copied to PYTHONPATH."""
    found = provenance("no-such-distribution", tmp_path / "thing")
    assert (found.version, found.commit.hash) == ("unknown", "unknown")


def test_the_parts_are_what_is_installed_beside_it(package):
    """They are sorted names and versions, without the program itself."""
    parts = provenance("pytest", package).parts
    assert "Flask" in parts
    assert "pytest" not in parts
    assert list(parts) == sorted(parts, key=str.lower)


@pytest.mark.parametrize("text", ["[project]\nname = 'app'\n", "[tool.ruff]\n", None])
def test_a_version_that_cannot_be_found_is_unknown(tmp_path, text):
    """A pyproject.toml without a version, or none at all, gives an unknown version."""
    if text:
        (tmp_path / "pyproject.toml").write_text(text)
    assert project_version(tmp_path) == "unknown"


@pytest.fixture
def importable(tmp_path, monkeypatch):
    """A package with a module that no other test imports."""
    (tmp_path / "warmed").mkdir()
    (tmp_path / "warmed" / "__init__.py").touch()
    (tmp_path / "warmed" / "inner.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in ("warmed", "warmed.inner"):
        sys.modules.pop(name, None)


def test_a_module_is_loaded_alone(importable):
    """A name imports that module only."""
    assert warm.main(["warmed"]) == 0
    assert "warmed.inner" not in sys.modules


def test_a_package_is_loaded_with_all_that_is_in_it(importable):
    """A name with .* imports the package and its modules."""
    assert warm.main(["warmed.*"]) == 0
    assert "warmed.inner" in sys.modules
