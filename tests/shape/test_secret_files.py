"""Files with secrets: the pages make them with one command, and nothing packs them."""

import fnmatch
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest

from tests.support.locks import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
# What a page of commands would write a secret with, if it were not for `mksecret`.
_BY_HAND = re.compile(
    r"print\(secrets\.|openssl rand|/dev/u?random|pwgen|uuidgen|"
    r"umask|--stdout|bot_deploy decrypt [^\n]*>|chmod [0-7]*[4-7][0-7]* "
)
_INTO_A_FILE = re.compile(r"(?:(?<![<=-])>>?|\btee(?: -a)?)\s*[\"']?(?P<path>[\w$./~{}-]+)")
_NAMES_A_SECRET = re.compile(
    r"secret|passw|token|key|\.pem$|\.env$|dump$|credential", re.IGNORECASE
)
# The options and arguments of commands that make files with secrets.
_MADE = re.compile(
    r"mksecret (?:--read )?(?P<new>[\w./-]+)|--private-key (?P<key>[\w./-]+)|"
    r"\((?:cat|docker) [^\n]*> (?P<cat>[\w./-]+)"
)


def commands() -> Iterator[tuple[str, str]]:
    """The lines of all code blocks, fenced or indented, with their pages; long lines joined."""
    for page in PAGES:
        text = page.read_text().replace("\\\n", " ")
        fenced = re.findall(r"^ *```[^\n]*\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
        indented = re.findall(r"^    \S[^\n]*$", text, re.MULTILINE)
        for line in [*"\n".join(fenced).splitlines(), *indented]:
            yield page.relative_to(ROOT).as_posix(), line.strip()


def is_wrong(line: str) -> bool:
    """Whether a command writes a secret in another way than by `mksecret`."""
    into_a_secret = any(
        _NAMES_A_SECRET.search(PurePosixPath(found["path"]).name)
        for found in _INTO_A_FILE.finditer(line)
    )
    return into_a_secret or bool(_BY_HAND.search(line) and not line.startswith("#"))


def test_the_pages_write_secrets_with_one_command() -> None:
    """No command of a page generates a secret, or redirects anything into a file of secrets."""
    lines = list(commands())
    assert any("mksecret" in line for _, line in lines)
    assert [found for found in lines if is_wrong(found[1])] == []


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("python -c 'import secrets; print(secrets.token_hex(16))' > secret.metrics", True),
        ("(umask 077; cat a b > c)", True),
        ("openssl rand -hex 32", True),
        ("echo hunter2 >> docs/deploy/secrets/postgres-password", True),
        ("kubectl get secret x | tee /etc/bot/secret.key", True),
        ("python -m bot_deploy decrypt github.app_id > id", True),
        ("sudo chmod 0644 secret.key", True),
        ("python -m bot_deploy mksecret secret.metrics", False),
        ("printf 'services:' > compose.override.yaml", False),
        ("python -m bot_deploy start < /etc/bot/secret.key", False),
    ],
)
def test_the_sweep_finds_what_it_is_for(line: str, *, wrong: bool) -> None:
    """The sweep tells a command that writes a secret by hand from the others."""
    assert is_wrong(line) is wrong


def made() -> list[str]:
    """The files with secrets that the pages name."""
    found = {
        path
        for _, line in commands()
        for match in re.finditer(_MADE, line.replace("bot_deploy.mksecret", "mksecret"))
        for path in match.groups()
        if path
    }
    tables = (ROOT / "docs/howto/many-machines.md").read_text()
    return sorted(found | {*re.findall(r"^\| `(secret\.[\w.-]+)` \|", tables, re.MULTILINE)})


@pytest.mark.parametrize("name", [*made(), "secret.key", "secret.key.all.web", "downloaded.pem"])
def test_no_file_of_secrets_is_packed(name: str) -> None:
    """Git ignores it in each directory, and the image's build context and the pex omit it."""
    for folder in ("", "bot_deploy/", "luggage/github/"):
        path = name if name.startswith("docs/") else f"{folder}{name}"
        ignored = subprocess.run(
            ["git", "check-ignore", "--no-index", "--quiet", path], cwd=ROOT, check=False
        )
        assert ignored.returncode == 0, path
        assert _is_left_out(path), path
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for pattern in project["tool"]["setuptools"]["package-data"]["*"]:
        assert not fnmatch.fnmatch(PurePosixPath(name).name, pattern)


def test_no_source_is_left_out() -> None:
    """No file of the packages is taken for a secret, by git or by the image's build context."""
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "bot", "luggage", "bot_deploy"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\0")[:-1]  # fmt: skip
    assert "luggage/github/secret.py" in tracked
    assert [path for path in tracked if _is_left_out(path)] == []


def _is_left_out(path: str) -> bool:
    """Whether .dockerignore leaves a path out: the last pattern that matches it, or a parent."""
    left_out = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.strip().lstrip("!")
        if pattern and not pattern.startswith("#") and _matches(path, pattern):
            left_out = not line.startswith("!")
    return left_out


def _matches(path: str, pattern: str) -> bool:
    parts = PurePosixPath(path).parts
    starts = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
    deep = pattern.removeprefix("**/")
    ends = ["/".join(parts[at:end]) for end in range(1, len(parts) + 1) for at in range(end)]
    candidates = ends if deep != pattern else starts
    # In Docker's patterns a star does not match a slash.
    return any(
        each.count("/") == deep.count("/") and fnmatch.fnmatchcase(each, deep)
        for each in candidates
    )
