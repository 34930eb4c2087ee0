"""bot.loop.reader: facts from GitHub, asked only once."""

import pytest

from bot.events import Person, PullRequest, Repository
from bot.facts import Question
from bot.loop.reader import Uncounted, github_reader
from luggage.github import Invalid, NotFound, WriteRefused


class Recorded:
    """A client with prepared answers that records its calls."""

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


def test_a_membership_is_asked_for_once(people, queue, clock):
    """A membership is requested once and remembered."""
    client = Recorded({"state": "active"})
    reader = github_reader(client, people, queue, clock=clock)
    assert [reader.membership("snakes", "alice") for _ in range(2)] == ["active", "active"]
    assert client.asked == [("/orgs/snakes/memberships/alice", None)]


def test_a_missing_membership_is_not_cached(people, queue, clock):
    """A missing membership is not remembered: it may change."""
    client = Recorded(ABSENT, {"state": "pending"})
    reader = github_reader(client, people, queue, clock=clock)
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
def test_the_latest_merge_is_counted_once_whether_indexed_or_not(
    people, queue, clock, indexed, expected
):
    """The latest merge counts once, whether or not GitHub's search has it."""
    reader = github_reader(Recorded(found(*indexed)), people, queue, clock=clock)
    merged = reader.merged_pull_requests(
        "snakes", "alice", latest=(TRIO, PullRequest(7, None, merged=True)), enough=3
    )
    assert merged == expected


def test_one_merge_is_known_without_asking(people, queue, clock):
    """The default threshold needs no search."""
    client = Recorded()
    merged = github_reader(client, people, queue, clock=clock).merged_pull_requests(
        "snakes", "alice", latest=(TRIO, PullRequest(7, None, merged=True)), enough=1
    )
    assert (merged, client.asked) == (1, [])


def test_the_search_names_the_person_and_the_organisation(people, queue, clock):
    """The search covers this person's merged pull requests in this organisation."""
    client = Recorded(found())
    github_reader(client, people, queue, clock=clock).merged_pull_requests(
        "snakes", "alice", latest=(TRIO, PullRequest(7, None, merged=True)), enough=3
    )
    assert client.asked == [
        ("/search/issues", {"q": "is:pr is:merged author:alice org:snakes", "per_page": 3})
    ]


def test_merges_that_were_seen_count_before_github_has_indexed_them(people, queue, clock):
    """Three simultaneous merges count, although the search knows none."""
    client = Recorded(found(), found())
    reader = github_reader(client, people, queue, clock=clock)
    counted = [
        reader.merged_pull_requests(
            "snakes", "alice", latest=(TRIO, PullRequest(number, None, merged=True)), enough=3
        )
        for number in (1, 2, 3)
    ]
    # The search is skipped if the known merges are enough.
    assert (counted, len(client.asked)) == ([1, 2, 3], 2)


REFUSED = Invalid("The listed users cannot be searched", method="GET", path="/search/issues")
OFF = NotFound("Issues are disabled", method="GET", path="/repos/snakes/b/issues", status=410)


def repositories(*names, selection="all", more=0):
    listed = [{"full_name": f"snakes/{name}"} for name in names]
    return {
        "total_count": len(names) + more,
        "repository_selection": selection,
        "repositories": listed,
    }


def closed(*numbers):
    """A person's closed issues: merged pull requests, one that was not merged, and an issue."""
    merged = [{"number": n, "pull_request": {"merged_at": "2026-01-01"}} for n in numbers]
    return [*merged, {"number": 90, "pull_request": {"merged_at": None}}, {"number": 91}]


def counted(people, queue, clock, *answers, enough=3):
    client = Recorded(REFUSED, *answers)
    reader = github_reader(client, people, queue, clock=clock)
    latest = (TRIO, PullRequest(7, None, merged=True))
    return client, lambda: reader.merged_pull_requests(
        "snakes", "alice", latest=latest, enough=enough
    )


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([repositories("a", "trio"), closed(7, 5, 4)], 3),
        ([repositories("a", "trio"), closed(7), closed(1, 2)], 3),
        ([repositories("a", "trio"), closed(7), closed(1)], 2),
        ([repositories("trio"), []], 1),
        ([repositories("trio", selection="selected", more=9), closed(7, 5, 4)], 3),
    ],
)
def test_a_private_profile_is_counted_in_the_repositories(people, queue, clock, answers, expected):
    """Where the search refuses, the repositories are asked, the one of the merge first."""
    client, count = counted(people, queue, clock, *answers)
    assert count() == expected
    assert not client.answers
    assert client.asked[2] == (
        "/repos/snakes/trio/issues",
        {"creator": "alice", "state": "closed", "per_page": 100},
    )


@pytest.mark.parametrize(
    "answers",
    [
        [repositories("trio", selection="selected"), closed(7)],
        [repositories("trio", more=1), closed(7)],
        [repositories("trio", "b"), closed(7), OFF],
        [repositories("trio"), [{"number": n} for n in range(100)]],
    ],
)
def test_too_few_that_can_be_seen_are_not_counted(people, queue, clock, answers):
    """What the bot cannot see may be there: the reason says so, with the remedy."""
    _, count = counted(people, queue, clock, *answers)
    with pytest.raises(Uncounted, match=r"of 3 merged ones only 1 can be seen.*-- invite the"):
        count()


def test_membership_now_asks_github_again(people, queue, clock):
    """`membership_now` asks again and updates the cache."""
    client = Recorded({"state": "active"}, ABSENT, ABSENT)
    reader = github_reader(client, people, queue, clock=clock)
    people.remember("snakes", "alice", "pending")
    assert [reader.membership_now("snakes", "alice") for _ in range(2)] == ["active", "left"]
    assert reader.membership_now("snakes", "bob") is None


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"state": "active", "role": "admin"}, True),
        ({"state": "active", "role": "member"}, False),
        ({"state": "pending", "role": "admin"}, False),
        (ABSENT, False),
    ],
)
def test_owners_are_active_admins(people, answer, expected, queue, clock):
    """Only active admins are owners."""
    assert (
        github_reader(Recorded(answer), people, queue, clock=clock).is_owner("snakes", "alice")
        is expected
    )


def test_a_permission_is_asked_for_each_time(people, queue, clock):
    """A permission is requested each time; strangers have none."""
    client = Recorded({"permission": "write"}, ABSENT)
    reader = github_reader(client, people, queue, clock=clock)
    assert [reader.permission("snakes/trio", "a") for _ in range(2)] == ["write", "none"]
    assert client.asked[0] == ("/repos/snakes/trio/collaborators/a/permission", None)


def test_an_account_is_a_person_a_bot_or_nothing(people, queue, clock):
    """Organisations are not people; GitHub's spelling of the login counts."""
    answers = [{"login": "Alice", "type": "User"}, {"login": "x", "type": "Organization"}, ABSENT]
    reader = github_reader(Recorded(*answers), people, queue, clock=clock)
    found_accounts = [reader.account("alice") for _ in answers]
    assert found_accounts == [Person("Alice"), Person("x", is_bot=True), None]


@pytest.mark.parametrize(
    ("listed", "expected"),
    [([], True), ([{"number": 7}], True), ([{"number": 3}], False), ([{"number": 8}], True)],
    ids=["not listed yet", "the first", "came earlier", "two at once"],
)
def test_the_first_step_is_the_lowest_number_of_a_person(people, listed, expected, queue, clock):
    """The list may lag; a known first number is not requested again."""
    client = Recorded(listed)
    reader = github_reader(client, people, queue, clock=clock)
    assert [reader.is_first_step("snakes/trio", "alice", 7) for _ in range(2)] == [expected] * 2
    ((path, params),) = client.asked
    assert (path, params["creator"], params["state"]) == (
        "/repos/snakes/trio/issues",
        "alice",
        "all",
    )


def test_the_reader_knows_earlier_invitations(people, queue, clock):
    """The reader knows whom the bot invited and whom it asked about."""
    reader = github_reader(Recorded(), people, queue, clock=clock)
    people.inviting("snakes", "alice")
    people.asked("snakes", "alice", "snakes/people#3", "snakes/trio#7")
    assert reader.was_invited("snakes", "alice")
    assert reader.asked_about("snakes/people#3") == [Question("alice", "snakes/trio#7")]


def test_the_reader_of_a_rule_cannot_write(app, github):
    """The reader's client refuses every write."""
    client = app.client_for(github.install("snakes").id).read_only()
    with pytest.raises(WriteRefused):
        client.put("/orgs/snakes/memberships/alice", json={"role": "member"})
    assert github.calls == []
