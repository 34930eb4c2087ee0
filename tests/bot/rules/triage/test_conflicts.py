"""Stories of the rule `conflicts`."""

import pytest

from bot.rules.conflicts import _first
from luggage.fake_github import faults
from luggage.fake_github.messages import Answer

TRIO = "snakes/trio"
TOLD = "Hello @alice! This pull request now has merge conflicts"
BACK = "The merge conflicts are resolved. Thank you, @alice!"


@pytest.fixture
def settings():
    return {"conflicts": {"enabled": True}}


@pytest.fixture(autouse=True)
def scene(github, story):
    """A pull request of alice's without conflicts; the token is cached."""
    story(github.open_pull_request(TRIO, "alice"))


def conflict(github, number=1, *, on=True):
    """A change of another person enters the base, or is reverted."""
    github.pull(TRIO, number).conflicts = on
    return github.push(TRIO, "olga")


def beginnings(texts):
    return [text[: len(TOLD)] for text in texts]


def test_nothing_is_said_while_it_merges(github, story, bots):
    """Without conflicts, the bot says nothing."""
    story(github.push(TRIO, "olga"))
    story(github.push_to_pull_request(TRIO, 1, "alice"))
    assert bots() == []


def test_a_conflict_is_reported_once(github, story, bots):
    """Many pushes during one conflict lead to one comment with instructions."""
    story(conflict(github))
    for _ in range(3):
        story(github.push(TRIO, "olga"))
    story(github.push_to_pull_request(TRIO, 1, "alice"))
    assert beginnings(bots()) == [TOLD]
    assert "`main`" in bots()[0]
    assert "If you get stuck, just ask here" in bots()[0]


def test_it_is_taken_back_and_can_come_again(github, story, bots):
    """The comment is edited when the conflict ends, and the next one gets a new comment."""
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
    """The bot waits for GitHub's result without blocking other jobs."""
    happening = conflict(github)
    github.pull(TRIO, 1).mergeable_pending = 3
    story(happening)
    assert beginnings(bots()) == [TOLD]


def test_a_missing_merge_result_blocks_only_its_rule(github, story, bots, clock):
    """After ten minutes the bot gives up on the missing result only."""
    github.open_pull_request(TRIO, "alice")
    github.pull(TRIO, 2).mergeable_pending = 1000
    began = clock()
    story(conflict(github))
    assert (beginnings(bots()), bots(2)) == ([TOLD], [])
    assert clock() - began < 700


def test_only_the_question_itself_is_repeated(github, story, bots):
    """Only the rule runs again, not the preview."""
    happening = github.push_to_pull_request(TRIO, 1, "alice")
    github.pull(TRIO, 1).conflicts, github.pull(TRIO, 1).mergeable_pending = True, 3
    before = len(github.calls_to("GET", "*/pulls/1/files"))
    story(happening)
    assert beginnings(bots()) == [TOLD]
    assert len(github.calls_to("GET", "*/pulls/1/files")) - before == 1


def test_other_rules_do_not_wait_for_github(github, deliver, worker, clock, bots):
    """A `/ping` is answered while GitHub's result is missing."""
    happening = github.open_pull_request(TRIO, "alice", body="/ping")
    github.pull(TRIO, 2).mergeable_pending = 1000
    deliver(happening)
    for _ in range(3):
        worker.drain()
        clock.advance(1.1)
    assert bots(2) == ["pong!"]


def test_only_pull_requests_into_the_pushed_branch_are_looked_at(github, story, bots):
    """A push only affects pull requests into its branch."""
    github.pull(TRIO, 1).base_ref = "stable"
    story(conflict(github))
    assert bots() == []
    story(github.rename_pull_request(TRIO, 1, "alice", "Better"))
    assert "`stable`" in bots()[0]


@pytest.mark.parametrize("who", ["draft", "bot", "closed", "tag"])
def test_some_are_left_alone(github, story, bots, who):
    """Drafts, bots, closed pull requests and tags are ignored."""
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
    """The scheduled run checks a hundred pull requests in one request."""
    for _ in range(99):
        github.open_pull_request(TRIO, "eve")
    github.pull(TRIO, 1).conflicts = True
    tick("conflicts")
    assert beginnings(bots()) == [TOLD]
    clock.advance(1)
    assert cost(lambda: tick("conflicts")) == (0, 1)


def test_more_than_a_hundred_are_asked_for_page_by_page(github, tick, bots):
    """The scheduled run reads all pages."""
    for _ in range(100):
        github.open_pull_request(TRIO, "alice")
    github.pull(TRIO, 101).conflicts = True
    tick("conflicts")
    assert beginnings(bots(101)) == [TOLD]


def test_a_locked_conversation_gets_no_comment(github, story, bots):
    """A conflict in a locked conversation is not reported."""
    github.lock_issue(TRIO, 1, "olga")
    story(conflict(github))
    assert bots() == []
    assert github.calls_to("POST", "*/comments") == []


def test_a_part_of_the_pull_requests_is_not_taken_for_all(github, story, bots):
    """GraphQL data with errors is asked for again; then the conflict is reported."""
    page = {"hasNextPage": False, "endCursor": None}
    data = {"repository": {"pullRequests": {"nodes": [None], "pageInfo": page}}}
    partial = {"data": data, "errors": [{"message": "Timeout on a part of the query"}]}
    fault = faults.Fault(name="partial", answer=Answer(200, partial))
    github.faults.append(faults.plan(fault, path="/graphql", times=2))
    story(conflict(github))
    assert beginnings(bots()) == [TOLD]


def test_the_number_of_requests(github, story, cost):
    """A push costs one read; a conflict period costs two writes."""
    happening = github.push(TRIO, "olga")
    assert cost(lambda: story(happening)) == (0, 1)
    assert cost(lambda: story(conflict(github))) == (1, 1)
    assert cost(lambda: story(conflict(github, on=False))) == (1, 1)


def test_duplicates_reordering_and_restarts_tell_once(github, deliver, settled, killed_once, bots):
    """Duplicates, reordering and kills lead to one comment."""
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
    """With a comment and a label."""

    @pytest.fixture
    def settings(self):
        return {"conflicts": {"enabled": True, "label": "Conflicts", "drafts": True}}

    def test_the_label_comes_and_goes(self, github, story, bots):
        """The label follows each conflict, on drafts too."""
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
        """A label that does not exist is not created, and the comment still appears."""
        story(conflict(github))
        assert (github.issue(TRIO, 1).labels, len(bots())) == ([], 1)


class TestLabelAlone:
    """With a label and no comment."""

    @pytest.fixture
    def settings(self):
        return {"conflicts": {"enabled": True, "label": "conflicts", "comment": False}}

    def test_the_label_comes_and_goes_each_time(self, github, story, bots):
        """Without comments, the label still follows each conflict."""
        github.open_issue(TRIO, "bob")
        github.label_issue(TRIO, 2, "olga", "conflicts")
        seen = []
        for on in (True, False, True, False):
            story(conflict(github, on=on))
            seen.append(len(github.issue(TRIO, 1).labels))
        assert (seen, bots()) == ([1, 0, 1, 0], [])


@pytest.mark.parametrize("over", [*range(10), 63, 64, 65, 1000])
def test_the_current_period_is_found_with_few_questions(over):
    """The next period follows the ones that are over; the questions do not grow with them."""
    asked = []

    def holds(index):
        asked.append(index)
        return index > over

    assert _first(holds) == over + 1
    assert len(asked) <= 2 * (over + 1).bit_length() + 1
