"""Conflicts: told once, taken back when they are over, told again when they come again."""

import pytest

TRIO = "snakes/trio"
TOLD = "Hello @alice! This pull request can no longer be merged just like that"
BACK = "This pull request merges again: thank you, @alice!"


@pytest.fixture
def policy():
    return {"conflicts": {"enabled": True}}


@pytest.fixture(autouse=True)
def scene(github, story):
    """A pull request of alice's that merges; the token is known already."""
    story(github.open_pull_request(TRIO, "alice"))


def conflict(github, number=1, *, on=True):
    """Somebody else's change comes into the base, or goes out again."""
    github.pull(TRIO, number).conflicts = on
    return github.push(TRIO, "olga")


def beginnings(texts):
    return [text[: len(TOLD)] for text in texts]


def test_nothing_is_said_while_it_merges(github, story, bots):
    """Neither at the opening nor at pushes."""
    story(github.push(TRIO, "olga"))
    story(github.push_to_pull_request(TRIO, 1, "alice"))
    assert bots() == []


def test_a_conflict_is_told_once(github, story, bots):
    """However many pushes follow, and the text says what to do."""
    story(conflict(github))
    for _ in range(3):
        story(github.push(TRIO, "olga"))
    story(github.push_to_pull_request(TRIO, 1, "alice"))
    assert beginnings(bots()) == [TOLD]
    assert "`main`" in bots()[0]
    assert "If you get stuck, ask here" in bots()[0]


def test_it_is_taken_back_and_can_come_again(github, story, bots):
    """The comment changes its text; the next conflict is told anew."""
    story(conflict(github))
    github.pull(TRIO, 1).conflicts = False
    story(github.push_to_pull_request(TRIO, 1, "alice"))
    assert [text[: len(BACK)] for text in bots()] == [BACK]
    story(github.push(TRIO, "olga"))
    story(conflict(github))
    story(conflict(github, on=False))
    story(conflict(github))
    assert len(bots()) == 3
    assert bots()[0].startswith(BACK)
    assert bots()[1].startswith(BACK)
    assert bots()[2].startswith(TOLD)


def test_github_may_take_its_time(github, story, bots):
    """While it is not known, the bot comes back later, and others do not wait for it."""
    happening = conflict(github)
    github.pull(TRIO, 1).mergeable_pending = 3
    story(happening)
    assert beginnings(bots()) == [TOLD]


def test_what_github_never_works_out_does_not_hold_up_the_others(github, story, bots, clock):
    """The others are told at once; after ten minutes it is given up."""
    github.open_pull_request(TRIO, "alice")
    github.pull(TRIO, 2).mergeable_pending = 1000
    began = clock()
    story(conflict(github))
    assert (beginnings(bots()), bots(2)) == ([TOLD], [])
    assert clock() - began < 700


def test_only_the_question_itself_is_repeated(github, story, bots):
    """What the bot does beside its rules, here looking for a preview, is done once."""
    happening = github.push_to_pull_request(TRIO, 1, "alice")
    github.pull(TRIO, 1).conflicts, github.pull(TRIO, 1).mergeable_pending = True, 3
    before = len(github.calls_to("GET", "*/pulls/1/files"))
    story(happening)
    assert beginnings(bots()) == [TOLD]
    assert len(github.calls_to("GET", "*/pulls/1/files")) - before == 1


def test_other_rules_do_not_wait_for_github(github, deliver, worker, clock, bots):
    """A ping in a new pull request is answered at once, whatever is not known yet."""
    happening = github.open_pull_request(TRIO, "alice", body="/ping")
    github.pull(TRIO, 2).mergeable_pending = 1000
    deliver(happening)
    for _ in range(3):
        worker.drain()
        clock.advance(1.1)
    assert bots(2) == ["pong!"]


def test_only_pull_requests_into_the_pushed_branch_are_looked_at(github, story, bots):
    """One into another branch is not; its own events are."""
    github.pull(TRIO, 1).base_ref = "stable"
    story(conflict(github))
    assert bots() == []
    story(github.rename_pull_request(TRIO, 1, "alice", "Better"))
    assert "`stable`" in bots()[0]


@pytest.mark.parametrize("who", ["draft", "bot", "closed", "tag"])
def test_some_are_left_alone(github, story, bots, who):
    """Drafts, programs' and closed ones; pushes of tags concern nobody."""
    if who == "draft":
        github.pull(TRIO, 1).draft = True
    if who == "bot":
        github.issue(TRIO, 1).author = github.add_user("helper[bot]", bot=True)
    if who == "closed":
        github.close_pull_request(TRIO, 1, "alice")
        story(github.rename_pull_request(TRIO, 1, "alice", "Better"))
    happening = conflict(github)
    if who == "tag":
        happening.payload["ref"] = "refs/tags/v1"
    story(happening)
    assert bots() == []


def test_a_daily_look_finds_what_events_did_not_tell(github, clock, tick, bots, cost):
    """A hundred pull requests in one request."""
    for _ in range(99):
        github.open_pull_request(TRIO, "eve")
    github.pull(TRIO, 1).conflicts = True
    tick("conflicts")
    assert beginnings(bots()) == [TOLD]
    clock.advance(1)
    assert cost(lambda: tick("conflicts")) == (0, 1)


def test_more_than_a_hundred_are_asked_for_page_by_page(github, tick, bots):
    """The last one is found too."""
    for _ in range(100):
        github.open_pull_request(TRIO, "alice")
    github.pull(TRIO, 101).conflicts = True
    tick("conflicts")
    assert beginnings(bots(101)) == [TOLD]


def test_what_it_costs(github, story, cost):
    """A push is one request, whatever there is; a spell is one write to tell, one to take back."""
    happening = github.push(TRIO, "olga")
    assert cost(lambda: story(happening)) == (0, 1)
    assert cost(lambda: story(conflict(github))) == (1, 1)
    assert cost(lambda: story(conflict(github, on=False))) == (1, 1)


def test_duplicates_reordering_and_restarts_tell_once(github, deliver, settled, killed_once, bots):
    """Two pushes at once, twice, backwards, and a kill at the end of each kind of job."""
    first, second = conflict(github), github.push(TRIO, "olga")
    deliver(second, "b")
    deliver(first, "a")
    killed_once("delivery")
    deliver(second, "b")
    deliver(github.rename_pull_request(TRIO, 1, "alice", "Better"), "c")
    settled(200)
    github.pull(TRIO, 1).conflicts = False
    deliver(github.push(TRIO, "olga"), "d")
    killed_once("action")
    assert [text[: len(BACK)] for text in bots()] == [BACK]


class TestWithALabel:
    """Where maintainers want a label, too."""

    @pytest.fixture
    def policy(self):
        return {"conflicts": {"enabled": True, "label": "Conflicts", "drafts": True}}

    def test_the_label_comes_and_goes(self, github, story, bots):
        """With the conflict, also on a draft; each time."""
        github.open_issue(TRIO, "bob")
        github.label_issue(TRIO, 2, "olga", "conflicts")
        github.pull(TRIO, 1).draft = True
        seen = []
        for on in (True, True, False, True):
            story(conflict(github, on=on))
            seen.append([one.name for one in github.issue(TRIO, 1).labels])
        assert seen == [["conflicts"], ["conflicts"], [], ["conflicts"]]
        assert len(bots()) == 2

    def test_a_label_that_does_not_exist_is_not_made(self, github, story, bots):
        """The comment comes all the same."""
        story(conflict(github))
        assert (github.issue(TRIO, 1).labels, len(bots())) == ([], 1)


class TestLabelAlone:
    """Where a label is all that is wanted."""

    @pytest.fixture
    def policy(self):
        return {"conflicts": {"enabled": True, "label": "conflicts", "comment": False}}

    def test_the_label_comes_and_goes_each_time(self, github, story, bots):
        """Without a comment there is no spell to count, and the label still follows."""
        github.open_issue(TRIO, "bob")
        github.label_issue(TRIO, 2, "olga", "conflicts")
        seen = []
        for on in (True, False, True, False):
            story(conflict(github, on=on))
            seen.append(len(github.issue(TRIO, 1).labels))
        assert (seen, bots()) == ([1, 0, 1, 0], [])
