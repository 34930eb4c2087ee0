"""Tests of bot.settings.layers."""

import codecs
from dataclasses import make_dataclass, replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.events import Event, Person, PullRequest, Repository
from bot.options.kinds import Kind, option
from bot.rules import RULES, invite, ping
from bot.rules.invite import InviteSettings
from bot.settings.layers import (
    MOST_BYTES,
    Settings,
    SettingsError,
    decode,
    is_single,
    read,
    read_stored,
    read_text,
)

OFF = b"[ping]\nenabled = false\n"


def settings(*documents):
    return Settings(*(read(RULES, document) for document in documents))


def test_without_settings_the_defaults_hold():
    """Without layers, the defaults apply."""
    assert settings({}).of(invite.RULE) == InviteSettings()


def welcome(told, person):
    """The welcome after a merge."""
    merged = PullRequest(1, Person(person), merged=True)
    event = Event("pull_request", "closed", 5, "snakes", Repository("snakes/trio"), merged)
    reader = SimpleNamespace(
        membership=lambda *_: None, merged_pull_requests=lambda *_args, **_more: 1
    )
    return invite.decide(event, reader, told)[1].text


def test_the_welcome_names_the_person_and_the_organisation():
    """$person and $organization are filled in, and $$ is a dollar sign."""
    told = settings({"invite": {"message": "$person, ${organization}, 5 $$"}}).of(invite.RULE)
    assert welcome(told, "alice") == "alice, snakes, 5 $"


def test_a_name_cannot_reach_into_the_template():
    """Filled-in names are not templates, and format strings have no effect."""
    told = settings({"invite": {"message": "$person {person.__class__} %s"}}).of(invite.RULE)
    assert welcome(told, "$organization") == "$organization {person.__class__} %s"


def test_the_highest_layer_counts_key_by_key():
    """A higher layer overrides single keys."""
    told = settings(
        {"invite": {"merged_pull_requests": 2, "message": "low"}},
        {"invite": {"merged_pull_requests": 3}},
        {"ping": {"enabled": False}},
    )
    assert told.of(invite.RULE) == InviteSettings(merged_pull_requests=3, message="low")
    assert not told.of(ping.RULE).enabled


def test_a_layer_can_be_laid_over_settings():
    """`under` returns new settings and leaves the old ones unchanged."""
    below = settings({"invite": {"merged_pull_requests": 2}})
    above = below.under(read(RULES, {"invite": {"merged_pull_requests": 5}}), "o/r")
    counts = [each.of(invite.RULE).merged_pull_requests for each in (below, above)]
    assert counts == [2, 5]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"invite": 5}, "invite must be a table, not 5"),
        ({"invit": {}}, "invit is not a rule; the rules are invite"),
        ({"invite": {"mesage": ""}}, "invite.mesage is not a setting; the settings are enabled"),
        ({"invite": {"enabled": 1}}, "invite.enabled must be true or false, not 1"),
        ({"invite": {"merged_pull_requests": 0}}, "from 1 to 100, not 0"),
        ({"invite": {"merged_pull_requests": True}}, "from 1 to 100, not true"),
        ({"invite": {"merged_pull_requests": "2"}}, 'from 1 to 100, not "2"'),
        ({"invite": {"message": " "}}, "must be a string"),
        ({"invite": {"message": 5}}, "must be a string"),
        ({"invite": {"message": "$nobody"}}, r"not \$nobody"),
        ({"invite": {"message": "100 $"}}, "for a dollar sign"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(values, words):
    """An error names the setting and what would be valid."""
    with pytest.raises(SettingsError, match=words):
        read(RULES, values)


def test_all_that_is_wrong_is_said_at_once():
    """An error lists all problems."""
    with pytest.raises(SettingsError) as found:
        read(RULES, {"invit": {}, "invite": {"message": 1, "merged_pull_requests": 0}})
    assert {problem.path for problem in found.value.problems} == {
        ("invit",),
        ("invite", "message"),
        ("invite", "merged_pull_requests"),
    }


def wrong(text):
    """The error for the text of a settings file."""
    with pytest.raises(SettingsError) as found:
        read_text(RULES, text, source=".github/bot.toml")
    return str(found.value)


def test_problems_have_line_and_column():
    """Problems have locations and appear in the file's order."""
    text = '[ping]\nenabled = 1\n[invite]\n  merged_pull_requests = "two"\n'
    assert wrong(text) == (
        ".github/bot.toml:2:1: ping.enabled must be true or false, not 1; "
        ".github/bot.toml:4:3: invite.merged_pull_requests must be a whole number from 1 to 100, "
        'not "two"'
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[invite]\nmessage = \n", ".github/bot.toml:2:11: is not valid TOML: Invalid value"),
        ("[invite", ".github/bot.toml:1:1: is not valid TOML"),
        ("a = " + "[" * 5000, "brackets are nested too deeply"),
        ("[" + "a." * 20_000 + "a]", "a key has too many parts"),
        ("'a' . " * 5_000 + "a = 1", "a key has too many parts"),
        ("a = " + "9" * 5000, "is not valid TOML"),
        ("a = 0x" + "f" * 5000, ":1:1: a is not a rule"),
        ("[invite]\nmerged_pull_requests = 0x" + "f" * 9000, "not such a large number"),
        ("#" * (MOST_BYTES + 1), "at most 64 KiB; shorten it"),
        ("a = 1\ufeff", "is not valid TOML"),
        ('[invite]\nmessage = "a\\u0000"', "a string contains \\u0000"),
        ('[label.paths]\n"a\\U00000000" = "b"', "a string contains \\u0000"),
        ("[label]\nkinds = [['\\u0000', \"\\u0000\"]]", "a string contains \\u0000"),
        ("a = nan", ":1:1: a is not a rule"),
        ("[invite]\nenabled = nan", "must be true or false, not NaN"),
        ("[invite]\nenabled = 2020-01-01", 'not "2020-01-01"'),
    ],
)
def test_hostile_text_is_refused_with_a_reason(text, words):
    """Hostile text raises SettingsError in bounded time."""
    assert words in wrong(text)


def test_a_mark_of_the_byte_order_does_no_harm():
    """A byte order mark is ignored, and does not shift locations."""
    text = decode(b"\xef\xbb\xbf[ping]\nenabled = false", source="x")
    assert read_text(RULES, text, source="x")["ping"] == {"enabled": False}
    text = decode(b"\xef\xbb\xbfa = 1", source="x")
    assert wrong(text).startswith(".github/bot.toml:1:1: a is not a rule")


def test_the_file_of_the_organisation_is_that_of_one_repository():
    """The organisation's file is the one in `.github`, ignoring case."""
    assert [is_single(name) for name in ("a/.github", "a/.GitHub", "a/b")] == [False, False, True]


def test_a_whole_file_is_a_layer():
    """A layer holds only the values that the file sets."""
    text = "[invite]\nenabled = false\n"
    assert read_text(RULES, text, source="x") == {"invite": {"enabled": False}}


FORMS = {
    "LF": OFF,
    "CRLF": OFF.replace(b"\n", b"\r\n"),
    "a UTF-8 byte order mark": codecs.BOM_UTF8 + OFF,
    "a mark and CRLF": codecs.BOM_UTF8 + OFF.replace(b"\n", b"\r\n"),
    "no line end at the end": OFF.rstrip(),
    "a next-line character in a comment": "# a\x85b\u2028c\n".encode() + OFF,
    "only a mark": codecs.BOM_UTF8,
    "nothing": b"",
    "only white space": b" \t\r\n\n",
    "as long as it may be": OFF + b"#" * (MOST_BYTES - len(OFF)),
}


@pytest.mark.parametrize("form", FORMS)
def test_what_the_check_accepts_is_what_the_bot_uses(form):
    """Every text that is valid when checked is read whole from the store."""
    text = decode(FORMS[form], source="x")
    assert not {"\r", "\ufeff"} & set(text)
    assert read_stored(RULES, text) == read_text(RULES, text, source="x")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (OFF.decode().encode("utf-16"), "x: must be encoded in UTF-8; save it in that encoding"),
        (OFF.decode().encode("utf-16-le"), "looks like UTF-16"),
        (codecs.BOM_UTF16_BE + OFF.decode().encode("utf-16-be"), "looks like UTF-16"),
        (OFF.decode().encode("utf-32"), "must be encoded in UTF-8"),
        (codecs.BOM_UTF8 + b"\xff", "must be encoded in UTF-8; save it in that encoding"),
        ("# Stra\xdfe".encode("latin-1"), "must be encoded in UTF-8"),
        (b"# \xed\xa0\x80", "must be encoded in UTF-8"),  # half of a surrogate pair
        (b"a = 1\0", "is no text"),
        (b"[ping]\r\nenabled = false\renabled = true\n", "x:2:16: is not valid TOML"),
        (OFF.replace(b"\n", b"\r"), "x:1:7: is not valid TOML: a carriage return ends no line"),
    ],
)
def test_bytes_that_are_no_text_are_refused_with_the_remedy(data, words):
    """Bytes that are no text of TOML raise SettingsError, which says how to save them."""
    with pytest.raises(SettingsError) as found:
        decode(data, source="x")
    assert words in str(found.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 9\n", "Git LFS"),
        ("[ping]\n<<<<<<< HEAD\nenabled = false\n=======\n>>>>>>> x\n", "merge conflict"),
        ("[ping]\nenabled\u00a0=\u00a0false\n", "an invisible character"),
        ("\u200b[ping]\nenabled = false\n", "an invisible character"),
        ("\ufeff[ping]\nenabled = false\n", "an invisible character"),
        ("[invite]\nteam = \u201cfriends\u201d\n", "typographic quotes"),
    ],
)
def test_what_git_and_pages_leave_in_a_file_is_named(text, words):
    """The error says what stands in its line where TOML sees only that it does not parse."""
    with pytest.raises(SettingsError, match="is not valid TOML") as found:
        read_text(RULES, text, source="x")
    assert words in str(found.value)


def test_a_line_without_them_has_no_such_words():
    """Typographic quotes in another line are a valid text."""
    with pytest.raises(SettingsError) as found:
        read_text(RULES, "# \u201cquoted\u201d\n[invite\n", source="x")
    assert "typographic" not in str(found.value)


@pytest.mark.parametrize(
    ("text", "layer"),
    [
        ("\ufeff[ping]\nenabled = false\n", {"ping": {"enabled": False}}),  # stored by 0.1
        ("[ping]\nenabled = false\nnew = 1\n[new]\na = 1\n", {"ping": {"enabled": False}}),
        ("new = 1\n[ping]\nenabled = false\n", {"ping": {"enabled": False}}),
        ("ping = 1\n", {}),
        ("[ping]\nenabled = 1\n", {"ping": {}}),
        ("[[ping]]\nenabled = false\n", {}),
        ("[ping]\nenabled\n", None),
        ("\ufeff\ufeff[ping]", None),
        ("\0", None),
        ("a = " + "[" * 5000, None),
        ("#" * (MOST_BYTES + 1), None),
    ],
)
def test_reading_a_stored_text_never_raises(text, layer):
    """Of a stored text the valid settings apply; None stands for one that cannot be parsed."""
    assert read_stored(RULES, text) == layer


@given(st.text(alphabet="[]=\"'#.,{}\\ \n\r\t\0\x85\u2028\ufeffaping1", max_size=60))
def test_no_stored_text_raises(text):
    """No text at all makes the reading of a stored layer raise."""
    layer = read_stored(RULES, text)
    assert layer is None or set(layer) <= {rule.name for rule in RULES}


def test_a_rule_whose_settings_raise_spoils_only_its_own_table():
    """A bug in the check of a custom rule's settings is a problem of its table."""

    def read_flag(value):
        if value is not True:
            raise TypeError("a bug")
        return value

    flag = option(Kind("a flag", read_flag), default=True, words="Whether it runs.")
    rules = (
        replace(ping.RULE, settings=make_dataclass("Own", [("enabled", bool, flag)])),
        invite.RULE,
    )
    text = "[ping]\nenabled = false\n[invite]\nenabled = false\n"
    with pytest.raises(SettingsError, match="ping cannot be checked: its rule has a bug"):
        read_text(rules, text, source="x")
    assert read_stored(rules, text) == {"invite": {"enabled": False}}
