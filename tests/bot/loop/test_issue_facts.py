"""bot.loop.reader: facts about issues and pull requests."""

import pytest

from bot.actions import Comment
from bot.facts import NotYet
from bot.loop.reader import IssueFacts, github_reader
from luggage.fake_github import ChangedFile
from luggage.github.errors import NotFound

TRIO = "snakes/trio"


@pytest.fixture
def reader(app, github, people, queue, clock):
    """The reader of a rule."""
    client = app.client_for(github.install("snakes").id).read_only()
    return github_reader(client, people, queue, clock=clock)


@pytest.mark.parametrize(
    ("role", "may"),
    [("read", False), ("triage", True), ("write", True), ("maintain", True), ("admin", True)],
)
def test_a_person_with_the_role_triage_may_write(reader, github, role, may):
    """The role triage may write, although GitHub's old field lacks it."""
    github.add_collaborator(TRIO, "olga", role)
    assert reader.may_write(TRIO, "olga") is may


def test_an_unknown_person_may_not_write(reader, github):
    """An unknown person may neither write nor be assigned."""
    github.open_issue(TRIO, "bob")
    assert not reader.may_write(TRIO, "nobody")
    assert not reader.is_assignable(TRIO, 1, "nobody")


def test_a_pull_request_is_shown_as_it_is(reader, github, clock):
    """A pull request has every fact that rules use."""
    github.open_pull_request(TRIO, "alice", "Fix it")
    github.label_issue(TRIO, 1, "olga", "bug")
    github.pull(TRIO, 1).files = [ChangedFile("a.py", 3, 4), ChangedFile("c.py", previous="b.py")]
    github.pull(TRIO, 1).conflicts = True
    pull = reader.pull(TRIO, 1)
    assert (pull.author.login, pull.title, pull.lines, pull.base) == ("alice", "Fix it", 9, "main")
    assert (pull.labels, pull.merges, pull.is_open) == (frozenset({"bug"}), False, True)
    assert pull.updated_at == int(clock())
    assert pull.files == 2
    assert list(reader.changed_paths(TRIO, 1)) == ["a.py", "c.py", "b.py"]


def test_an_issue_that_is_not_shown_says_nothing_about_its_assignees(reader):
    """A 404 about the issue itself is no answer about a person."""
    with pytest.raises(NotFound):
        reader.is_assignable(TRIO, 99, "alice")


def test_whether_it_merges_is_reported_when_it_is_known(reader, github):
    """An unsettled pull request raises NotYet; a closed one does not."""
    github.open_pull_request(TRIO, "alice")
    github.pull(TRIO, 1).mergeable_pending = 2
    with pytest.raises(NotYet, match="snakes/trio#1"):
        reader.pull(TRIO, 1, settled=True)
    assert reader.pull(TRIO, 1).merges is None
    assert reader.pull(TRIO, 1, settled=True).merges is True
    github.merge_pull_request(TRIO, "alice", number=1)
    assert reader.pull(TRIO, 1, settled=True).merges is None


def test_an_inaccessible_repository_has_no_pull_requests(reader):
    """GraphQL returns null for an inaccessible repository."""
    assert reader.merging("lions/den") == []


def test_what_graphql_leaves_null_is_left_out():
    """GitHub's schema lets nodes, labels and authors be null: the others count."""
    node = {"number": 1, "mergeable": "MERGEABLE", "isDraft": False, "baseRefName": "main"}
    nodes = [None, {**node, "author": None, "labels": None}]
    page = {"pageInfo": {"hasNextPage": False, "endCursor": None}, "nodes": nodes}

    class Client:
        def graphql(self, _query, **_variables):
            return {"repository": {"pullRequests": page}}

    (pull,) = IssueFacts(Client()).merging(TRIO)
    assert (pull.number, pull.author, pull.labels) == (1, None, frozenset())


def test_teams_are_waited_for_by_their_full_names():
    """Requested teams have their full names."""
    listed = {
        "number": 1,
        "user": None,
        "updated_at": "2026-11-21T10:00:00Z",
        "requested_reviewers": [
            {"login": "olga", "type": "User"},
            {"login": "Copilot", "type": "Bot"},
        ],
        "requested_teams": [{"slug": "core"}],
    }
    (waiting,) = IssueFacts(Pages([listed])).waiting(TRIO)
    assert waiting.people == ("olga", "snakes/core")
    assert waiting.author is None


class Pages:
    """A client with prepared lists."""

    def __init__(self, items):
        self.items = items

    def pages(self, path, *, params=None, **names):
        return iter(self.items)


def test_timeline_items_without_a_time_are_skipped():
    """Groups of line comments in the timeline have no time, and are skipped."""
    grouped = {"event": "line-commented", "comments": []}
    said = {"event": "commented", "user": {"login": "bob"}, "created_at": "2026-11-21T10:00:00Z"}
    (moment,) = IssueFacts(Pages([grouped, said])).timeline(TRIO, 1)
    assert (moment.what, moment.by.login, moment.at) == ("commented", "bob", 1795255200.0)


def test_lists_come_to_an_end():
    """Labels are listed up to a thousand."""
    endless = ({"name": f"label {n}"} for n in range(10**9))
    assert len(IssueFacts(Pages(endless)).labels(TRIO)) == 1000


def test_an_action_that_was_never_queued_has_no_time(reader, clock):
    """An action that was never queued has no time; `now` is the bot's clock."""
    action = Comment(about="it", repository=TRIO, number=1, text="Hi")
    assert reader.wanted_at(action) is None
    assert reader.done(TRIO, 1, most=3) == []
    assert reader.now() == clock()
