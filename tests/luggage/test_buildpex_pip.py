"""luggage.buildpex.pip: only network settings of pip are kept, from any source."""

import subprocess
import sys

import pytest

from luggage.buildpex import BuildError
from luggage.buildpex.pip import network_settings, pip_environment

OURS = {"PIP_CONFIG_FILE": "/dev/null", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}


@pytest.fixture
def listed(monkeypatch):
    """Fake `pip config list`; return the lines that it prints."""
    lines = []

    def run(command, **_):
        return subprocess.CompletedProcess(command, 0, "\n".join(lines), "")

    monkeypatch.setattr(subprocess, "run", run)
    return lines


def test_an_index_is_kept(listed):
    """An organisation's index and certificate are kept, and addresses on two lines."""
    listed += [
        "global.index-url='https://me:p@ss@index.example/simple'",
        "global.cert='/etc/a.pem'",
        "global.extra-index-url='https://a.example\\nhttps://b.example'",
    ]
    assert network_settings("python", {}) == OURS | {
        "PIP_INDEX_URL": "https://me:p@ss@index.example/simple",
        "PIP_CERT": "/etc/a.pem",
        "PIP_EXTRA_INDEX_URL": "https://a.example\nhttps://b.example",
    }


@pytest.mark.parametrize(
    "setting",
    [
        "user='true'",
        "target='/x'",
        "constraint='c.txt'",
        "no-binary=':all:'",
        "pre='1'",
        "root='/'",
    ],
)
@pytest.mark.parametrize("section", ["global", "install", ":env:"])
def test_settings_about_packages_are_dropped(listed, section, setting):
    """The lock files decide which packages are installed, from what, and where."""
    listed.append(f"{section}.{setting}")
    assert network_settings("python", {}) == OURS


def test_variables_override_files(listed):
    """A variable overrides a command's section, and that overrides the others, as in pip."""
    listed += [":env:.timeout='3'", "global.timeout='1'", "install.timeout='2'", "no setting"]
    assert network_settings("python", {})["PIP_TIMEOUT"] == "3"


def test_pythons_variables_are_left_out(listed):
    """PYTHONPATH may contain another pip; variables of other programs stay."""
    environ = {"PYTHONPATH": "/x", "PIP_USER": "1", "PATH": "/bin", "https_proxy": "http://p"}
    assert pip_environment("python", environ) == OURS | {"PATH": "/bin", "https_proxy": "http://p"}


def test_the_real_pip_is_asked(tmp_path):
    """A real pip merges variables and the user's file."""
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://i.example\nuser = true\nquiet = 1\n"
    )
    environ = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), "PIP_RETRIES": "7", "PIP_USER": "1"}
    found = network_settings(sys.executable, environ)
    assert found["PIP_INDEX_URL"] == "https://i.example"
    assert found["PIP_RETRIES"] == "7"
    assert not {"PIP_USER", "PIP_QUIET"} & found.keys()


def test_unreadable_settings_are_an_error(tmp_path):
    """A broken file raises BuildError with pip's message."""
    (tmp_path / "pip.conf").write_text("index-url = without a section\n")
    with pytest.raises(BuildError, match=r"(?s)pip cannot list its settings.*pip\.conf"):
        network_settings(sys.executable, {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")})
