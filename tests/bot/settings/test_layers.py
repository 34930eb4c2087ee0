"""Tests of bot.settings.layers."""

from types import SimpleNamespace

import pytest

from bot.events import Event, Person, PullRequest, Repository
from bot.rules import RULES, invite, ping
from bot.rules.invite import InviteSettings
from bot.settings.layers import MOST_BYTES, Settings, SettingsError, is_single, read, read_text


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
    assert read_text(RULES, "\ufeff[ping]\nenabled = false", source="x")["ping"] == {
        "enabled": False
    }
    assert wrong("\ufeffa = 1").startswith(".github/bot.toml:1:1: a is not a rule")


def test_the_file_of_the_organisation_is_that_of_one_repository():
    """The organisation's file is the one in `.github`, ignoring case."""
    assert [is_single(name) for name in ("a/.github", "a/.GitHub", "a/b")] == [False, False, True]


def test_a_whole_file_is_a_layer():
    """A layer holds only the values that the file sets."""
    text = "[invite]\nenabled = false\n"
    assert read_text(RULES, text, source="x") == {"invite": {"enabled": False}}
