"""bot.policy: settings are read strictly."""

import pytest

from bot.policy import PolicyError, Settings, read


def test_without_settings_the_defaults_hold():
    """Nothing set is a whole policy."""
    assert read({}) == Settings()


def test_the_welcome_names_the_person_and_the_organisation():
    """$person and $organization are filled in; $$ is a dollar sign."""
    settings = read({"invite": {"message": "$person, ${organization}, 5 $$"}})
    assert settings.invite.welcome("alice", "snakes") == "alice, snakes, 5 $"


def test_a_name_cannot_reach_into_the_template():
    """What is filled in is not read as a template again, and format strings mean nothing."""
    settings = read({"invite": {"message": "$person {person.__class__} %s"}})
    assert settings.invite.welcome("$organization", "snakes") == (
        "$organization {person.__class__} %s"
    )


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"invite": 5}, "must be a table"),
        ({"invite": {"mesage": ""}}, "invite.mesage is not a setting"),
        ({"invite": {"merged_pull_requests": 0}}, "from 1 to 100, not 0"),
        ({"invite": {"merged_pull_requests": True}}, "from 1 to 100, not True"),
        ({"invite": {"merged_pull_requests": "2"}}, "from 1 to 100, not '2'"),
        ({"invite": {"message": " "}}, "must be a text"),
        ({"invite": {"message": 5}}, "must be a text"),
        ({"invite": {"message": "$nobody"}}, r"not \$nobody"),
        ({"invite": {"message": "100 $"}}, "for a dollar sign"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(values, words):
    """The error names the setting and says what would be right."""
    with pytest.raises(PolicyError, match=words):
        read(values)
