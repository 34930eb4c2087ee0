"""Settings are checked, and secrets are opened late."""

import re
from pathlib import Path
from string import Template

import pytest

from bot.rules import invite
from bot.rules.invite import texts
from bot_deploy.config import load
from bot_deploy.config.settings import DEFAULT_USER_AGENT
from bot_deploy.config.sources import ConfigError
from luggage.crypto import SecretError

APP = {
    "GITHUB_APP_ID": "7",
    "GITHUB_PRIVATE_KEY": "the private key",
    "GITHUB_WEBHOOK_SECRET": "new-secret",
    "GITHUB_WEBHOOK_SECRET_OLD": "old-secret",
}
SEALED = "sealed:00000000:AAAA"


def test_without_anything_there_are_defaults_and_no_app():
    """An empty environment gives defaults and no App."""
    config = load({}, {})
    assert config.app is None
    assert (config.data, config.port, config.settle_seconds) == (Path("var"), 8000, 1.0)
    assert config.database_url == "sqlite:///var/bot.sqlite"
    assert (config.receive, config.log_format) == ("webhook", "text")
    assert config.api_url == "https://api.github.com"


@pytest.mark.parametrize("days", [2, "30", True, float("nan"), None])
def test_payloads_are_kept_for_some_days(days):
    """`payload_days` is read from config.toml, and invalid numbers are refused."""
    assert load({}, {}).payload_days == 30
    assert load({}, {"keep": {"payload_days": 3.5}}).payload_days == 3.5
    with pytest.raises(ConfigError, match=r"keep\.payload_days"):
        load({}, {"keep": {"payload_days": days}})


def test_limits_of_a_person_and_of_an_installation_have_defaults():
    """Both are whole numbers in config.toml; 0 means no limit."""
    config = load({}, {})
    assert (config.commands_per_hour, config.installation_bytes) == (30, 1_000_000_000)
    document = {"limits": {"commands_per_hour": 0}, "keep": {"installation_megabytes": 5}}
    config = load({}, document)
    assert (config.commands_per_hour, config.installation_bytes) == (0, 5_000_000)


@pytest.mark.parametrize("number", [-1, 1.5, True, "30", 1_000_001])
@pytest.mark.parametrize(
    ("table", "name"), [("limits", "commands_per_hour"), ("keep", "installation_megabytes")]
)
def test_invalid_limits_are_refused(table, name, number):
    """The error names the setting and what it may be."""
    with pytest.raises(ConfigError, match=rf"{table}\.{name} must be a whole number from 0"):
        load({}, {table: {name: number}})


def test_the_pace_of_writing_can_be_set():
    """BOT_WRITE_LIMITS sets all three limits."""
    assert load({}, {}).write_limits == (1.0, 80, 500)
    assert load({"BOT_WRITE_LIMITS": "0.5 0 0"}, {}).write_limits == (0.5, 0, 0)


@pytest.mark.parametrize(
    "value", ["1", "1 80", "1 80 500 7", "-1 0 0", "1 -1 0", "a b c", "nan 0 0"]
)
def test_a_pace_that_makes_no_sense_is_refused(value):
    """The error explains the three numbers."""
    with pytest.raises(ConfigError, match="three numbers"):
        load({"BOT_WRITE_LIMITS": value}, {})


def test_the_app_comes_from_the_environment():
    """Three variables make an App; a fourth adds an old webhook secret."""
    app = load(APP, {}).needed_app()
    assert (app.app_id, app.user_agent) == ("7", DEFAULT_USER_AGENT)
    assert app.private_key() == "the private key"
    assert app.webhook_secrets() == ("new-secret", "old-secret")


def test_the_app_comes_from_the_document_behind_the_environment():
    """config.toml provides what the environment does not."""
    document = {
        "github": {
            "app_id": 8,
            "private_key": "kept",
            "webhook_secrets": ["a", "b"],
            "user_agent": "snake",
        }
    }
    app = load({"GITHUB_APP_ID": "7"}, document).needed_app()
    assert (app.app_id, app.user_agent) == ("7", "snake")
    assert (app.private_key(), app.webhook_secrets()) == ("kept", ("a", "b"))


HALVES = ("0123456789abcdef" * 2, "F" * 40)


@pytest.mark.parametrize("between", [" ", "\n", "\t", "  ", "\r\n"])
def test_two_generated_secrets_in_one_variable_are_both_live_for_one_release(between):
    """The whole text is tried first, then each half."""
    whole = between.join(HALVES)
    given = load(APP | {"GITHUB_WEBHOOK_SECRET": whole, "GITHUB_WEBHOOK_SECRET_OLD": ""}, {})
    assert given.webhook_secrets() == (whole, *HALVES)
    notice = given.webhook_notice()
    assert "the next release will accept only one" in notice.detail
    assert "GITHUB_WEBHOOK_SECRET_OLD" in notice.remedy
    assert HALVES[0] not in str(notice)


@pytest.mark.parametrize(
    "whole",
    [
        "new old",
        f"{HALVES[0]} a",
        f"a {HALVES[0]}",
        f"{HALVES[0][1:]} {HALVES[1]}",
        f"{HALVES[0]} {HALVES[1]}g",
        f"{HALVES[0]},{HALVES[1]}",
        " ".join([*HALVES, *HALVES]),
        f"{HALVES[0]} \u0661{HALVES[1]}",
    ],
)
def test_half_of_a_text_is_no_secret(whole):
    """Only generated halves are live; another text is one secret, with a notice."""
    given = load(APP | {"GITHUB_WEBHOOK_SECRET": whole, "GITHUB_WEBHOOK_SECRET_OLD": ""}, {})
    assert given.webhook_secrets() == (whole,)
    assert whole.isprintable() is True
    notice = given.webhook_notice()
    assert (notice is None) == ("," in whole)
    assert not (notice and notice.remedy)


def test_an_old_secret_and_one_of_the_document_are_never_cut():
    """An old secret and one of config.toml are never split."""
    two = " ".join(HALVES)
    environ = APP | {"GITHUB_WEBHOOK_SECRET": "", "GITHUB_WEBHOOK_SECRET_OLD": two}
    given = load(environ, {"github": {"webhook_secrets": [two]}})
    assert given.webhook_secrets() == (two, two)
    assert given.webhook_notice() is None


def test_an_old_secret_alone_is_not_enough():
    """An old secret alone raises an error that names the missing one."""
    with pytest.raises(ConfigError, match="GITHUB_WEBHOOK_SECRET is missing"):
        load(APP | {"GITHUB_WEBHOOK_SECRET": ""}, {}).webhook_secrets()


@pytest.mark.parametrize("blank", [" ", "\t \t"])
def test_a_blank_secret_is_refused_by_its_name(blank):
    """A blank secret is refused, from any source."""
    for name in ("GITHUB_WEBHOOK_SECRET", "GITHUB_WEBHOOK_SECRET_OLD"):
        with pytest.raises(ConfigError, match=rf"{name}\)? is blank"):
            load(APP | {name: blank}, {}).webhook_secrets()
    environ = APP | {"GITHUB_WEBHOOK_SECRET": ""}
    with pytest.raises(ConfigError, match=r"webhook_secrets .* is blank"):
        load(environ, {"github": {"webhook_secrets": ["good", ""]}}).webhook_secrets()


def test_white_space_at_an_end_is_kept_and_told():
    """White space at an end stays part of the secret, with a notice."""
    given = load(APP | {"GITHUB_WEBHOOK_SECRET": " secret"}, {})
    assert given.webhook_secrets()[0] == " secret"
    assert "begins or ends" in given.webhook_notice().detail
    assert given.webhook_notice().remedy


def test_polling_gives_no_notice_about_webhook_secrets():
    """With BOT_RECEIVE=poll there is no notice about webhook secrets."""
    environ = APP | {"GITHUB_WEBHOOK_SECRET": " ".join(HALVES), "BOT_RECEIVE": "poll"}
    assert load(environ, {}).webhook_notice() is None


def test_deliveries_may_be_fetched_instead():
    """BOT_RECEIVE=poll needs no webhook secret, and polls every 5 s."""
    without = {name: value for name, value in APP.items() if "WEBHOOK" not in name}
    fetching = load(without | {"BOT_RECEIVE": "poll"}, {})
    assert (fetching.webhook_secrets(), fetching.poll_seconds) == (None, 5.0)
    waiting = load(APP, {})
    assert waiting.webhook_secrets() == ("new-secret", "old-secret")
    assert waiting.poll_seconds == 300.0
    with pytest.raises(ConfigError, match="GITHUB_WEBHOOK_SECRET is missing"):
        load(without, {}).webhook_secrets()


def test_a_value_may_be_in_a_file(tmp_path):
    """NAME_FILE names a file that holds the value."""
    path = tmp_path / "key.pem"
    path.write_text("from a file\n")
    environ = {**APP, "GITHUB_PRIVATE_KEY": "", "GITHUB_PRIVATE_KEY_FILE": str(path)}
    assert load(environ, {}).needed_app().private_key() == "from a file"


def test_a_file_that_is_no_text_is_refused_without_its_bytes(tmp_path):
    """The error names the file and quotes none of its content."""
    path = tmp_path / "key.pem"
    path.write_bytes(b"hush\xff")
    with pytest.raises(
        ConfigError, match=r"PORT_FILE: .* cannot be read \(it is not UTF-8"
    ) as found:
        load({"PORT_FILE": str(path)}, {})
    assert found.value.__cause__ is None
    assert "hush" not in str(found.value)


def test_secrets_are_not_opened_before_they_are_needed():
    """The web process can load its settings without ever opening the private key."""
    document = {"github": {"app_id": 7, "private_key": SEALED, "webhook_secrets": ["plain"]}}
    app = load({}, document).needed_app()
    assert app.webhook_secrets() == ("plain",)
    with pytest.raises(SecretError):
        app.private_key()


def test_a_missing_private_key_fails_at_its_first_use():
    """A missing private key raises an error at its first use."""
    app = load({**APP, "GITHUB_PRIVATE_KEY": ""}, {}).needed_app()
    with pytest.raises(ConfigError, match=r"GITHUB_PRIVATE_KEY is missing: .*`encrypt"):
        app.private_key()


def test_off_switches_off_the_crash_reports_of_the_document():
    """`off` wins over a sealed DSN that cannot be opened."""
    assert load({"SENTRY_DSN": "off"}, {"sentry": {"dsn": SEALED}}).sentry_dsn == ""


def test_no_secret_shows_in_a_repr():
    """Repr of the settings shows no secret."""
    environ = {**APP, "DATABASE_URL": "postgresql://u:hush@h/d", "SENTRY_DSN": "https://hush@s/1"}
    shown = repr(load(environ, {}))
    assert not [secret for secret in ("hush", "private key", "new-secret") if secret in shown]


WRONG = {
    "an App without its id": ({"GITHUB_PRIVATE_KEY": "k"}, "GITHUB_APP_ID is missing"),
    "twice": ({"PORT": "1", "PORT_FILE": "x"}, "PORT and PORT_FILE are both set"),
    "no such file": ({"PORT_FILE": "/no/such"}, "No such file"),
    "port of letters": ({"PORT": "http"}, "PORT must be a number"),
    "port too high": ({"PORT": "65536"}, "PORT must be a number"),
    "seconds of letters": ({"BOT_SETTLE_SECONDS": "soon"}, "BOT_SETTLE_SECONDS must be"),
    "negative seconds": ({"BOT_SETTLE_SECONDS": "-1"}, "BOT_SETTLE_SECONDS must be"),
    "seconds that are no number": ({"BOT_SETTLE_SECONDS": "nan"}, "BOT_SETTLE_SECONDS must be"),
    "address without a scheme": ({"GITHUB_API_URL": "ghe.local"}, "GITHUB_API_URL must begin"),
    "format": ({"LOG_FORMAT": "xml"}, "LOG_FORMAT must be text or json"),
    "way of receiving": (
        {"BOT_RECEIVE": "pigeon"},
        r"github.receive \(BOT_RECEIVE\) must be webhook or poll",
    ),
    "no pause at all": ({"BOT_POLL_SECONDS": "0"}, "BOT_POLL_SECONDS must be .* from 0.1 to 3600"),
}


@pytest.mark.parametrize(("environ", "words"), WRONG.values(), ids=WRONG)
def test_a_setting_that_cannot_be_used_is_named(environ, words):
    """The error names the variable and valid values on one line."""
    with pytest.raises(ConfigError, match=words) as found:
        load(environ, {})
    assert "\n" not in str(found.value)


def test_a_wrong_policy_names_its_place():
    """An error in [invite] names config.toml."""
    with pytest.raises(ConfigError, match=r"config.toml: invite.message may use"):
        load({}, {"invite": {"message": "$nobody"}})


def test_the_shipped_document_is_a_whole_configuration():
    """The packaged config.toml loads."""
    message = load({}).settings.of(invite.RULE).message
    assert message == texts.WELCOME


def test_the_front_page_shows_what_newcomers_read():
    """README.md quotes the welcome, with names filled in."""
    names = {"person": "tamiko", "organization": "snake-charmers"}
    read = Template(texts.WELCOME).substitute(names)
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    quoted = "".join(re.findall(r"^>(?: (.*\n)|(?=\n))", readme, re.MULTILINE))
    assert quoted.split() == read.split()


def test_without_an_app_the_error_names_the_ways_to_give_one():
    """The error names the variables, `encrypt`, `register` and `demo`."""
    with pytest.raises(ConfigError, match=r"set GITHUB_APP_ID.*`encrypt`.*`demo`"):
        load({}, {}).needed_app()


PARSE = {
    f"PARSE_{board}_{what}": f"https://{board.lower()}.example/parse/" if what == "URL" else what
    for board in ("LINES", "MOOD")
    for what in ("URL", "APPLICATION_ID", "REST_KEY")
}


def test_the_board_is_in_the_database_unless_told():
    """By default the board is in the database."""
    assert load({}, {}).board is None
    assert load({"BOT_BOARD": "database", **PARSE}, {}).board is None


def test_a_board_on_parse_has_two_applications():
    """Each application has its own address, and no repr shows a key."""
    board = load(PARSE, {"board": {"backend": "parse"}}).board
    assert board.lines().url == "https://lines.example/parse"
    assert board.mood().rest_key == "REST_KEY"
    assert "REST_KEY" not in repr(board.mood())


def test_the_missing_values_of_a_board_on_parse_are_named():
    """The error names all missing values and the remedy."""
    given = {name: value for name, value in PARSE.items() if "LINES" in name}
    with pytest.raises(ConfigError) as raised:
        load({"BOT_BOARD": "parse", **given}, {})
    assert str(raised.value) == (
        'board.backend is "parse", but board.mood.url, '
        "board.mood.application_id, board.mood.rest_key is missing: run `encrypt board.mood.url` "
        "and so on, or set PARSE_MOOD_URL"
    )


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (
            {"BOT_BOARD": "paper"},
            "board.backend .BOT_BOARD. must be database or parse, not 'paper'",
        ),
        (
            {"PARSE_LINES_URL": "ftp://x"},
            r"board.lines.url \(PARSE_LINES_URL\) must begin with https://",
        ),
        (
            {"PARSE_LINES_REST_KEY": "a\nb"},
            r"board.lines.rest_key \(PARSE_LINES_REST_KEY\) has characters that no id",
        ),
    ],
)
def test_a_board_that_cannot_be_used_is_an_error(wrong, words):
    """The error names the setting without its value."""
    with pytest.raises(ConfigError, match=words):
        load({"BOT_BOARD": "parse", **PARSE, **wrong}, {}).board.lines()


def test_metrics_have_no_token_unless_told():
    """By default the token is empty."""
    assert load({}, {}).metrics_token() == ""
    assert load({"BOT_METRICS_TOKEN": "x" * 16}, {}).metrics_token() == "x" * 16


@pytest.mark.parametrize("token", ["short", "x" * 15, "ü" * 20, "a\tb" * 10])
def test_a_token_that_could_be_guessed_or_not_sent_is_an_error(token):
    """A weak token is refused with a command that makes a good one."""
    with pytest.raises(ConfigError, match=r"`mksecret secret\.metrics`") as raised:
        load({"BOT_METRICS_TOKEN": token}, {}).metrics_token()
    assert token not in str(raised.value)
