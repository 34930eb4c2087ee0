"""Stories of the rule `welcome`."""

import pytest

from tests.bot.rules.conftest import FAIR

TRIO = "snakes/trio"


@pytest.fixture(autouse=True)
def switched_on(set_up):
    set_up("[welcome]\nenabled = true\n")


def test_a_first_issue_is_welcomed(github, play, said):
    """A first issue gets one comment that names the person and the repository."""
    play(github.open_issue(TRIO, "alice"))
    (text,) = said(1)
    assert text.startswith("Hello @alice, and welcome to **snakes/trio**!")
    assert "a few days" in text


def test_a_first_pull_request_is_welcomed_in_other_words(github, play, said):
    """A first pull request gets its own text."""
    play(github.open_pull_request(TRIO, "alice"))
    (text,) = said(1)
    assert "first pull request" in text
    assert "before it is merged" in text


def test_a_person_is_welcomed_once(github, play, said):
    """Neither a second issue nor a later pull request gets a welcome."""
    play(github.open_issue(TRIO, "alice"))
    play(github.open_issue(TRIO, "alice"))
    play(github.open_pull_request(TRIO, "alice"))
    assert [len(said(number)) for number in (1, 2, 3)] == [1, 0, 0]


def test_of_two_first_steps_at_one_instant_one_is_welcomed(github, play, said):
    """Of a concurrent issue and pull request, one gets the welcome."""
    play(github.open_issue(TRIO, "alice"), github.open_pull_request(TRIO, "alice"))
    assert [len(said(number)) for number in (1, 2)] == [1, 0]


def test_the_same_while_githubs_lists_lag_behind(github, play, said):
    """Lagging lists of GitHub do not lead to a second welcome."""
    github.world.read_lag_seconds = 9.0
    play(github.open_issue(TRIO, "alice"), github.open_pull_request(TRIO, "alice"))
    assert len(said(1)) + len(said(2)) == 1


def test_another_repository_is_another_place(github, play, said):
    """A person is new in each repository."""
    github.add_repository("snakes/outcome")
    play(github.open_issue(TRIO, "alice"))
    play(github.open_issue("snakes/outcome", "alice"))
    assert len(said(1)) == len(said(1, "snakes/outcome")) == 1


def test_issues_from_before_the_installation_count(github, play, said):
    """Issues from before the installation count."""
    github.open_issue(TRIO, "alice")
    play(github.open_pull_request(TRIO, "alice"))
    assert said(2) == []


def test_members_collaborators_and_bots_are_not_welcomed(github, play, said):
    """Members, collaborators and bots get no welcome."""
    github.add_member("snakes", "tom")
    github.add_collaborator(TRIO, "carl", "triage")
    github.add_user("helper[bot]", bot=True)
    play(*(github.open_issue(TRIO, each) for each in ("tom", "carl", "helper[bot]")))
    assert [said(number) for number in (1, 2, 3)] == [[], [], []]
    assert github.calls_to("GET", "*/issues") == []


def test_a_member_who_hides_it_is_not_welcomed(github, play, said):
    """Members with a private membership get no welcome."""
    happening = github.open_issue(TRIO, "tom")
    github.add_member("snakes", "tom")
    play(happening)
    assert said(1) == []


@pytest.mark.parametrize("weather", [FAIR], indirect=True)
def test_a_known_person_costs_no_request(github, play):
    """The cache answers for a person's second issue."""
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
    """The settings select issues, pull requests, both or none."""
    set_up(f"[welcome]\n{settings}\n")
    play(github.open_issue(TRIO, "alice"))
    play(github.open_pull_request(TRIO, "bob"))
    assert [len(said(number)) for number in (1, 2)] == expected


@pytest.mark.parametrize("weather", [FAIR], indirect=True)
def test_maintainers_choose_the_words(github, set_up, play, said):
    """The settings replace the texts and fill the names."""
    set_up("[welcome]\nenabled = true\nissue_message = '$person, {person}: $repository, $$1'\n")
    play(github.open_issue(TRIO, "alice"))
    assert said(1) == ["alice, {person}: snakes/trio, $1"]
