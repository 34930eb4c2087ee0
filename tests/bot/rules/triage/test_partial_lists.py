"""Partial lists: nothing is taken away or counted because of what they lack."""

import pytest

from luggage.fake_github import ChangedFile, faults

TRIO = "snakes/trio"
DAY = 86_400.0
SEARCH = "/search/issues"


@pytest.fixture
def settings():
    return {
        "label": {"enabled": True, "paths": {"docs": ["docs/"]}, "sizes": {"big": 1}},
        "invite": {"merged_pull_requests": 3, "countdown": True},
        "nudge": {"enabled": True, "days": 7},
    }


@pytest.fixture
def labelled(github):
    """A pull request with a label by path, which none of its listed files has."""
    for name in ("docs", "big"):
        github.label_issue(
            TRIO, github.open_issue(TRIO, "bob").payload["issue"]["number"], "o", name
        )
    happening = github.open_pull_request(TRIO, "alice")
    number = happening.payload["number"]
    github.label_issue(TRIO, number, "olga", "docs")
    return number, happening


@pytest.mark.parametrize("listed", [0, 1, 3])
def test_a_list_shorter_than_its_count_takes_no_label_off(github, story, labelled, listed):
    """GitHub counts more files than it lists: titles and sizes label all the same."""
    number, happening = labelled
    github.pull(TRIO, number).files = [ChangedFile(f"src/{each}") for each in range(4)]
    files = [{"filename": f"src/{each}"} for each in range(listed)]
    path = f"/repos/{TRIO}/pulls/{number}/files"
    github.faults.append(faults.plan(faults.answered(files), path=path, times=None))
    story(happening)
    assert {one.name for one in github.issue(TRIO, number).labels} == {"docs", "big"}


def test_a_whole_list_takes_it_off(github, story, labelled):
    """The same pull request, with all of its files listed."""
    number, happening = labelled
    github.pull(TRIO, number).files = [ChangedFile("src/a")]
    story(happening)
    assert {one.name for one in github.issue(TRIO, number).labels} == {"big"}


def test_incomplete_results_are_not_counted(github, story, bots):
    """GitHub's search ran out of time: the bot asks again before it says a number."""
    for _ in range(2):
        github.merge_pull_request(TRIO, "alice")
    cut = {"total_count": 1, "incomplete_results": True, "items": []}
    github.faults.append(faults.plan(faults.answered(cut), path=SEARCH, times=2))
    third = github.merge_pull_request(TRIO, "alice")
    story(third)
    assert [call.fault for call in github.calls_to("GET", SEARCH)] == ["answered 200"] * 2 + [""]
    (text,) = bots(third.payload["number"])
    assert "sent you an invitation" in text


def test_enough_results_need_not_be_complete(github, story, bots):
    """What an incomplete search does list counts."""
    for _ in range(2):
        github.merge_pull_request(TRIO, "alice")
    url = f"https://api.github.com/repos/{TRIO}"
    items = [{"number": number, "repository_url": url} for number in (1, 2)]
    cut = {"total_count": 9, "incomplete_results": True, "items": items}
    github.faults.append(faults.plan(faults.answered(cut), path=SEARCH, times=None))
    third = github.merge_pull_request(TRIO, "alice")
    story(third)
    assert "sent you an invitation" in bots(third.payload["number"])[0]


def test_a_timeline_that_was_cut_reminds_nobody(github, clock, tick, bots, monkeypatch):
    """The latest activity may be among the events that the bot has not read."""
    monkeypatch.setattr("bot.loop.reader._MOST_MOMENTS", 1)
    github.open_pull_request(TRIO, "alice")
    github.request_review(TRIO, 1, "alice", "olga")
    github.comment(TRIO, 1, "bob", "Well")
    clock.advance(8 * DAY)
    tick("nudge")
    assert bots() == []
    monkeypatch.setattr("bot.loop.reader._MOST_MOMENTS", 100)
    clock.advance(DAY)
    tick("nudge")
    assert len(bots()) == 1
