"""Looking without opening: `list`, `check` and `textconv`."""

import io
import re
import sys
from pathlib import Path

import pytest

from bot_deploy import textconv
from luggage.crypto import conceal
from luggage.fake_github import FakeGithub
from tests.support.sealed import VALUE, Result, Run, private_half, shown


def test_list(full: Path, run: Run) -> None:
    """Names are listed with how they are kept, elements of lists one by one, and no value."""
    run("encrypt", "github.webhook_secrets", "--append", "--config", str(full), stdin=b"x")
    key = private_half().id
    result = run("list", "--config", str(full))
    assert result.out.splitlines() == [
        f"github.app_id                    sealed  {key}",
        f"github.private_key               sealed  {key}",
        f"github.webhook_secrets (1 of 2)  sealed  {key}",
        f"github.webhook_secrets (2 of 2)  sealed  {key}",
        "invite.merged_pull_requests      plain",
        "invite.message                   plain",
        "keep.payload_days                plain",
        "keep.installation_megabytes      plain",
        "limits.commands_per_hour         plain",
    ]


def test_list_shows_retired_pairs(full: Path, run: Run) -> None:
    """A value from before a rotation, as a merge brings it in, is pointed out."""
    stale = full.read_text().splitlines()
    run("rotate", "--config", str(full), "--key-file", "secret.key")
    lines = full.read_text().splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("app_id"))
    old = next(line for line in stale if line.startswith("app_id"))
    full.write_text("\n".join([*lines[:place], old, *lines[place + 1 :]]))
    first = run("list", "--config", str(full)).out.splitlines()[0]
    assert first.endswith(f"{private_half().id} (retired key; seal it again)")


def test_list_of_nothing(run: Run) -> None:
    """An empty document has nothing to list, which is no error."""
    Path("empty.toml").touch()
    assert run("list", "--config", "empty.toml") == Result(0, "", "")


def test_check_all_well(full: Path, run: Run) -> None:
    """When all that is needed opens, the exit code is 0, and no value is shown."""
    result = run("check", "--config", str(full), "--key-file", "secret.key")
    assert (result.code, [line[:6].strip() for line in result.out.splitlines()]) == (0, ["ok"] * 3)
    assert VALUE not in shown(result)


def test_check_counts_the_environment(
    config: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the environment gives need not be in config.toml."""
    monkeypatch.setenv("GITHUB_APP_ID", "7")
    monkeypatch.setenv("GITHUB_PRIVATE_KEY_FILE", "a.pem")
    Path("a.pem").write_text(FakeGithub().private_key)
    monkeypatch.setenv("GITHUB_WEBHOOK_SECRET", VALUE)
    result = run("check", "--config", str(config))
    assert (result.code, result.out.splitlines()) == (
        0,
        [
            "ok      github.app_id: from GITHUB_APP_ID",
            "ok      github.private_key: from GITHUB_PRIVATE_KEY_FILE",
            "ok      github.webhook_secrets: from GITHUB_WEBHOOK_SECRET",
        ],
    )


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ("app_id = ''", "github.app_id: empty"),
        ("private_key = 'hunter2'", "github.private_key: not sealed"),
        ("webhook_secrets = ['hunter2']", "github.webhook_secrets: not sealed"),
        ("token = 'sealed:12345678:AAAA'", "github.token is sealed for the pair 12345678"),
        ("", "github.app_id: missing; run `encrypt github.app_id`"),
    ],
)
def test_check_failures(line: str, verdict: str, config: Path, run: Run) -> None:
    """What is missing, empty, in clear or does not open is said in a line; the exit code is 1."""
    config.write_text(config.read_text().replace("[github]\n", f"[github]\n{line}\n"))
    result = run("check", "--config", str(config), "--key-file", "secret.key")
    assert result.code == 1
    assert re.search(rf"^FAILED  (\S+:\d+:\d+: )?{re.escape(verdict)}", result.out, re.MULTILINE)
    assert "hunter2" not in shown(result)


def test_check_a_plain_app_id(full: Path, run: Run) -> None:
    """What is no secret may stand in clear."""
    full.write_text(re.sub(r"(?m)^app_id = .*$", "app_id = 7", full.read_text()))
    result = run("check", "--config", str(full), "--key-file", "secret.key")
    assert (result.code, "github.app_id: plain" in result.out) == (0, True)


def test_textconv(full: Path, run: Run) -> None:
    """The document is printed with fingerprints for values, and otherwise as it is."""
    result = run("textconv", str(full))
    assert (result.code, result.out) == (0, conceal(full.read_text()))


def test_textconv_of_any_bytes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is neither TOML nor UTF-8 is printed all the same: git may ask for any version."""
    Path("odd").write_bytes(b"<<<<<<<\xff\r\n")
    stdout = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(sys, "stdout", stdout)
    textconv.main(["textconv", "odd"])
    assert stdout.buffer.getvalue() == b"<<<<<<<\xff\r\n"  # type: ignore[attr-defined]


def test_check_names_what_a_board_on_parse_lacks(full: Path, run: Run) -> None:
    """Only if the board is on Parse."""
    text = full.read_text()
    full.write_text(text.replace("[board]\n", '[board]\nbackend = "parse"\n'))
    result = run("check", "--config", str(full), "--key-file", "secret.key")
    assert result.code == 1
    lacking = [line for line in result.out.splitlines() if line.startswith("FAILED")]
    assert len(lacking) == 6
    assert "board.mood.rest_key: missing; run `encrypt board.mood.rest_key`" in lacking[-1]
