"""luggage.telemetry.redact: untrusted text without secrets and control characters."""

import json
import unicodedata

import hypothesis
import hypothesis.strategies as st
import pytest

from luggage.telemetry.redact import (
    LONGEST_LINE,
    REDACTED,
    cut,
    one_line,
    pretty,
    scrub,
    visible,
    without_secrets,
)

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7\n-----END RSA PRIVATE KEY-----"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxMjM0NTYifQ.c2lnbmF0dXJl"
SECRETS = {
    "installation token": "ghs_" + "a1B2" * 9,
    "long installation token": "ghs_123456_" + JWT,
    "personal token": "ghp_" + "a1B2" * 9,
    "OAuth token": "gho_" + "a1B2" * 9,
    "user token": "ghu_" + "a1B2" * 9,
    "refresh token": "ghr_" + "a1B2" * 18,
    "fine-grained token": "github_pat_11ABCDEFG0" + "x" * 60,
    "old installation token": "v1." + "0a" * 20,
    "JWT": JWT,
    "private key": PEM,
    "private key cut short": PEM[:60],
    "AWS": "AKIAIOSFODNN7EXAMPLE",
    "Slack": "xoxb-1234567890-abcdef",
    "npm": "npm_" + "a1B2" * 9,
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_a_secret_is_known_by_its_shape(secret):
    """All of it is redacted anywhere in a text, and the text around it stays."""
    assert scrub(f"my key is ({secret}") == f"my key is ({REDACTED}"
    assert scrub(f"<{secret}>").startswith(f"<{REDACTED}")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("curl -H 'Authorization: Bearer abcdefghijkl'", "curl -H 'Authorization: Bearer "),
        ("https://alice:hunter2@example.com/", "https://alice:"),
        ("https://raw.example/x?token=ABCDEF&y=1", "https://raw.example/x?token="),
    ],
)
def test_a_secret_is_known_by_what_stands_before_it(text, shown):
    """The prefix stays, so that readers see what was there."""
    assert scrub(text).startswith(shown + REDACTED)


@pytest.mark.parametrize(
    "name",
    ["secret", "token", "webhook_secret", "client-secret", "accessToken", "API_KEY", "password"],
)
@pytest.mark.parametrize("value", ["hunter2", 1234, ["hunter2"], {"value": "hunter2"}])
def test_a_secret_is_known_by_its_name(name, value):
    """A value below a secret's name is redacted, whatever its format."""
    shown = json.dumps(without_secrets({"hook": {"config": {name: value}}}))
    assert REDACTED in shown
    assert "hunter2" not in shown
    assert "1234" not in shown


def test_harmless_values_stay():
    """Type names, times, addresses, hashes and switches of GitHub stay."""
    payload = {
        "secret_type": "adafruit_io_key",
        "token_expires_at": "2026-01-01",
        "access_tokens_url": "https://api.github.com/app/installations/1/access_tokens",
        "key": "first",
        "sha": "0a" * 20,
        "node_id": "MDU6SXNzdWU3MzQ2NDU1Nzk=",
        "secret": None,
        "password": False,
        "token": "",
        "number": 7,
        "": "x",
    }
    assert without_secrets(payload) == payload


def test_a_secret_that_is_a_name_is_gone_too():
    """The name of a field may be a token."""
    assert without_secrets({SECRETS["JWT"]: 1}) == {REDACTED: 1}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x9b2J", r"\x9b2J"),
        ("over\rwritten\b", r"over\rwritten\x08"),
        ("evil\u202etxt.exe", r"evil\u202etxt.exe"),
        ("in\u200bvisible", r"in\u200bvisible"),
        ("two\nlines", "two\nlines"),
        ("Größe 👩\u200d🚀 日本", "Größe 👩\u200d🚀 日本"),
        ("<script>", "<script>"),
    ],
)
def test_control_characters_are_made_visible(text, shown):
    """Escape sequences and bidirectional controls become text; letters stay."""
    assert visible(text) == shown


@hypothesis.given(st.text())
def test_no_output_controls_a_terminal(text):
    """No input yields output that a terminal would obey."""
    acting = [char for char in visible(text) if char not in "\n\u200d" and not char.isprintable()]
    assert all(unicodedata.category(char) == "Zs" for char in acting)


def test_a_long_line_is_cut_with_a_count():
    """A megabyte in one line does not hide the lines around it."""
    first, long, last = cut(f"a\n{'x' * 1_000_000}\nb").split("\n")
    assert (first, last) == ("a", "b")
    assert long == "x" * LONGEST_LINE + "… [998,000 more characters]"


def test_a_line_of_a_table_is_one_line():
    """White space is folded, escapes are visible, and long text is cut."""
    assert one_line("a\n b\tc\x1b") == r"a b c\x1b"
    assert one_line("x" * 50, 10) == "x" * 9 + "…"
    assert one_line("ghs_" + "a" * 36, 12) == REDACTED


def test_a_payload_is_shown_as_indented_json():
    """It is redacted and readable, with letters unescaped."""
    body = json.dumps({"comment": {"body": "Größe"}, "secret": "s"}).encode()
    assert pretty(body) == (
        f'{{\n  "comment": {{\n    "body": "Größe"\n  }},\n  "secret": "{REDACTED}"\n}}'
    )


def test_a_hostile_payload_is_shown_harmlessly():
    """Markup stays text; escape sequences, long lines and tokens are removed."""
    said = f"<script>alert(1)</script>\x1b[2J\x9b\u202e{SECRETS['JWT']}{' x' * 500_000}"
    shown = pretty(json.dumps({"body": said}).encode())
    assert len(shown) < 2 * LONGEST_LINE
    assert JWT not in shown
    assert not {"\x1b", "\x9b", "\u202e"} & set(shown)
    assert "<script>" in shown  # text: to escape it is for the page


def test_a_long_payload_ends_with_a_count():
    """Only the first lines of very many are shown."""
    shown = pretty(json.dumps(list(range(100))).encode(), most_lines=3)
    assert shown.split("\n") == ["[", "  0,", "  1,", "… [99 more lines]"]


def test_a_huge_payload_is_not_shown():
    """To redact it would keep a page busy for long."""
    shown = pretty(json.dumps({"password": "x" * 2_000_000}).encode())
    assert shown == "[2,000,016 bytes are too many to show]"


@pytest.mark.parametrize("body", [b"no json: ghs_0123456789abc", b"\xff\x00", b"[" * 100_000])
def test_a_body_that_is_no_json_is_shown_as_it_is(body):
    """Any stored body can be shown on a page."""
    shown = pretty(body)
    assert "ghs_0123456789abc" not in shown
    assert "\x00" not in shown


@pytest.mark.parametrize(
    "run",
    ["eyJ", "eyJaaaaa.", "ghs_", "-----BEGIN PRIVATE KEY-----", "://a:", "bearer ", "?token="],
)
def test_a_long_run_of_beginnings_is_scrubbed(run):
    """A megabyte of possible beginnings takes linear time."""
    assert scrub(run * (1_000_000 // len(run))) is not None
