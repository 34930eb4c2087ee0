"""Of pip's settings, the network's are kept, wherever they were made."""

import subprocess
import sys

import pytest

from luggage.buildpex import BuildError
from luggage.buildpex.pip import network_settings, pip_environment

OURS = {"PIP_CONFIG_FILE": "/dev/null", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}


@pytest.fixture
def listed(monkeypatch):
    """Pretend `pip config list`; return the lines that it prints."""
    lines = []

    def run(command, **_):
        return subprocess.CompletedProcess(command, 0, "\n".join(lines), "")

    monkeypatch.setattr(subprocess, "run", run)
    return lines


def test_an_index_is_kept(listed):
    """An index of the user's organisation, its certificate, and addresses in two lines."""
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
def test_what_decides_about_packages_is_left_out(listed, section, setting):
    """Where packages go, which of them, and from what: the list says, and the set-up."""
    listed.append(f"{section}.{setting}")
    assert network_settings("python", {}) == OURS


def test_variables_override_files(listed):
    """As pip has it: a variable before a section for a command, and that before the rest."""
    listed += [":env:.timeout='3'", "global.timeout='1'", "install.timeout='2'", "no setting"]
    assert network_settings("python", {})["PIP_TIMEOUT"] == "3"


def test_pythons_variables_are_left_out(listed):
    """PYTHONPATH may hold another pip; what is neither Python's nor pip's stays."""
    environ = {"PYTHONPATH": "/x", "PIP_USER": "1", "PATH": "/bin", "https_proxy": "http://p"}
    assert pip_environment("python", environ) == OURS | {"PATH": "/bin", "https_proxy": "http://p"}


def test_the_real_pip_is_asked(tmp_path):
    """Variables and the user's file, as a real pip merges them."""
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://i.example\nuser = true\nquiet = 1\n"
    )
    environ = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), "PIP_RETRIES": "7", "PIP_USER": "1"}
    found = network_settings(sys.executable, environ)
    assert found["PIP_INDEX_URL"] == "https://i.example"
    assert found["PIP_RETRIES"] == "7"
    assert not {"PIP_USER", "PIP_QUIET"} & found.keys()


def test_settings_that_pip_cannot_read_are_told(tmp_path):
    """A broken file ends the set-up, with pip's words."""
    (tmp_path / "pip.conf").write_text("index-url = without a section\n")
    with pytest.raises(BuildError, match=r"(?s)pip cannot tell its settings.*pip\.conf"):
        network_settings(sys.executable, {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")})
