"""The first issue or pull request of a person in a repository."""

import pytest

from tests.bot.rules.conftest import FAIR

TRIO = "snakes/trio"


@pytest.fixture(autouse=True)
def switched_on(set_up):
    set_up("[welcome]\nenabled = true\n")


def test_a_first_issue_is_welcomed(github, play, said):
    """One message, which names the person and the repository, and says what comes next."""
    play(github.open_issue(TRIO, "alice"))
    (text,) = said(1)
    assert text.startswith("Hello @alice, and welcome to **snakes/trio**!")
    assert "a few days" in text


def test_a_first_pull_request_is_welcomed_in_other_words(github, play, said):
    """Somebody who brings work wants to know what happens to it."""
    play(github.open_pull_request(TRIO, "alice"))
    (text,) = said(1)
    assert "first pull request" in text
    assert "before it is merged" in text


def test_nobody_is_welcomed_twice(github, play, said):
    """Neither at the second issue, nor at the first pull request after an issue."""
    play(github.open_issue(TRIO, "alice"))
    play(github.open_issue(TRIO, "alice"))
    play(github.open_pull_request(TRIO, "alice"))
    assert [len(said(number)) for number in (1, 2, 3)] == [1, 0, 0]


def test_of_two_first_steps_at_one_instant_one_is_welcomed(github, play, said):
    """An issue and a pull request, whichever delivery comes first."""
    play(github.open_issue(TRIO, "alice"), github.open_pull_request(TRIO, "alice"))
    assert [len(said(number)) for number in (1, 2)] == [1, 0]


def test_the_same_while_githubs_lists_lag_behind(github, play, said):
    """No list shows either of them yet: still one message."""
    github.world.read_lag_seconds = 9.0
    play(github.open_issue(TRIO, "alice"), github.open_pull_request(TRIO, "alice"))
    assert len(said(1)) + len(said(2)) == 1


def test_another_repository_is_another_place(github, play, said):
    """Who is known in one repository is new in the next."""
    github.add_repository("snakes/outcome")
    play(github.open_issue(TRIO, "alice"))
    play(github.open_issue("snakes/outcome", "alice"))
    assert len(said(1)) == len(said(1, "snakes/outcome")) == 1


def test_who_came_before_the_bot_is_not_new(github, play, said):
    """An issue of which the bot was never told counts."""
    github.open_issue(TRIO, "alice")
    play(github.open_pull_request(TRIO, "alice"))
    assert said(2) == []


def test_members_collaborators_and_bots_are_not_welcomed(github, play, said):
    """They are at home here, or nobody."""
    github.add_member("snakes", "tom")
    github.add_collaborator(TRIO, "carl", "triage")
    github.add_user("helper[bot]", bot=True)
    play(*(github.open_issue(TRIO, each) for each in ("tom", "carl", "helper[bot]")))
    assert [said(number) for number in (1, 2, 3)] == [[], [], []]
    assert github.calls_to("GET", "*/issues") == []


def test_a_member_who_hides_it_is_not_welcomed(github, play, said):
    """In the payload they look like strangers; the organisation knows better."""
    happening = github.open_issue(TRIO, "tom")
    github.add_member("snakes", "tom")
    play(happening)
    assert said(1) == []


@pytest.mark.parametrize("weather", [FAIR], indirect=True)
def test_who_is_known_costs_no_request(github, play):
    """A second issue is decided from memory."""
    play(github.open_issue(TRIO, "alice"))
    play(github.open_issue(TRIO, "alice"))
    before = len(github.calls)
    play(github.open_issue(TRIO, "alice"))
    assert len(github.calls) == before


@pytest.mark.parametrize("weather", [FAIR], indirect=True)
@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("enabled = true\nissues = false", [0, 1]),
        ("enabled = true\npull_requests = false", [1, 0]),
        ("", [0, 0]),
        ('enabled = true\nissue_message = "Hi $person, \\"$repository\\" for $$1"', [1, 1]),
    ],
)
def test_maintainers_choose_who_is_welcomed(github, set_up, play, said, settings, expected):
    """Issues, pull requests, both; nobody unless it is switched on."""
    set_up(f"[welcome]\n{settings}\n")
    play(github.open_issue(TRIO, "alice"))
    play(github.open_pull_request(TRIO, "bob"))
    assert [len(said(number)) for number in (1, 2)] == expected


@pytest.mark.parametrize("weather", [FAIR], indirect=True)
def test_maintainers_choose_the_words(github, set_up, play, said):
    """Names are filled in, and nothing else."""
    set_up("[welcome]\nenabled = true\nissue_message = '$person, {person}: $repository, $$1'\n")
    play(github.open_issue(TRIO, "alice"))
    assert said(1) == ["alice, {person}: snakes/trio, $1"]
