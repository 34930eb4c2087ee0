"""bot.reader: facts from GitHub, asked only once."""

import pytest

from bot.events import PullRequest, Repository
from bot.reader import GithubReader
from luggage.github import NotFound, WriteRefused


class Recorded:
    """A client that gives set answers and remembers what it was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def get(self, path, *, params=None, **names):
        self.asked.append((path.format(**names), params))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


ABSENT = NotFound("Not Found", method="GET", path="/orgs/snakes/memberships/alice", status=404)


def test_a_membership_is_asked_for_once(memory):
    """What GitHub said of a member is remembered."""
    client = Recorded({"state": "active"})
    reader = GithubReader(client, memory)
    assert [reader.membership("snakes", "alice") for _ in range(2)] == ["active", "active"]
    assert client.asked == [("/orgs/snakes/memberships/alice", None)]


def test_that_somebody_is_no_member_is_not_remembered(memory):
    """Who is no member today may be one tomorrow."""
    client = Recorded(ABSENT, {"state": "pending"})
    reader = GithubReader(client, memory)
    assert [reader.membership("snakes", "alice") for _ in range(2)] == [None, "pending"]


TRIO = Repository("snakes/Trio")


def found(*numbers):
    url = "https://api.github.com/repos/snakes/trio"
    return {"items": [{"number": number, "repository_url": url} for number in numbers]}


@pytest.mark.parametrize(
    ("indexed", "expected"),
    [((), 1), ((7,), 1), ((5,), 2), ((5, 7), 2), ((1, 2, 3, 4), 3)],
    ids=["not yet indexed", "indexed", "older one", "older one and this", "more than enough"],
)
def test_the_latest_merge_is_counted_once_whether_indexed_or_not(memory, indexed, expected):
    """GitHub's search lags; the pull request just merged counts either way, and only once."""
    reader = GithubReader(Recorded(found(*indexed)), memory)
    merged = reader.merged_pull_requests(
        "snakes", "alice", latest=(TRIO, PullRequest(7, None, merged=True)), enough=3
    )
    assert merged == expected


def test_one_merge_is_known_without_asking(memory):
    """With the default threshold no search is made."""
    client = Recorded()
    merged = GithubReader(client, memory).merged_pull_requests(
        "snakes", "alice", latest=(TRIO, PullRequest(7, None, merged=True)), enough=1
    )
    assert (merged, client.asked) == (1, [])


def test_the_search_names_the_person_and_the_organisation(memory):
    """Only merged pull requests of this person in this organisation are looked for."""
    client = Recorded(found())
    GithubReader(client, memory).merged_pull_requests(
        "snakes", "alice", latest=(TRIO, PullRequest(7, None, merged=True)), enough=3
    )
    assert client.asked == [
        ("/search/issues", {"q": "is:pr is:merged author:alice org:snakes", "per_page": 3})
    ]


def test_the_reader_of_a_rule_cannot_write(app, github):
    """The client that the loop gives to a reader refuses every write."""
    client = app.client_for(github.install("snakes").id).read_only()
    with pytest.raises(WriteRefused):
        client.put("/orgs/snakes/memberships/alice", json={"role": "member"})
    assert github.calls == []
