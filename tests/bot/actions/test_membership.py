"""Actions about people and organisations: teams, issues, questions, orders, limits.

Each is performed at the simulated GitHub, and again after an end that is not known.
"""

import time

import pytest

from bot.actions import (
    ACTIONS,
    Ask,
    CloseIssue,
    Comment,
    Invite,
    JoinTeam,
    KeepIssue,
    OpenIssue,
    Planned,
    Rest,
    Work,
    limits,
)
from bot.facts import Question
from bot.store.people import People
from luggage.fake_github import faults
from luggage.github import Unreachable
from luggage.jobs import NewJob, Postpone, State

TRIO = "snakes/trio"
# 2026-11-21, 10 o'clock in UTC.
TEN_O_CLOCK = 1795255200.0
DAY = 24 * 3600.0

AMBIGUOUS = {
    "done, then 502": faults.failed(502, done=True),
    "done, then reset": faults.reset(done=True),
    "502 before": faults.failed(502, done=False),
    "closed before": faults.dropped(),
}


@pytest.fixture
def zone(monkeypatch):
    """Set the time zone of this process, until the end of the test."""

    def zone(name):
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield zone
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def want(queue, github, clock):
    """Queue actions as a rule's decision does, each after the one before it."""

    def want(*actions, subject=""):
        before = None
        for action in actions:
            planned = Planned(
                action=action,
                installation=github.install("snakes").id,
                delivery="guid",
                rule="test",
            )
            queue.put(
                NewJob(
                    queue=ACTIONS,
                    key=action.key,
                    subject=subject,
                    kind=action.kind,
                    body=planned.encode(),
                    run_at=clock(),
                    after=before,
                )
            )
            before = action.key

    return want


def states(queue):
    return {row.key: row.state for row in queue.search(ACTIONS)}


def issues(github, repository=TRIO):
    return list(github.world.repositories[repository].issues.values())


def broken(github, fault, **where):
    github.faults.append(faults.plan(fault, **where))


# Teams

TAMER = JoinTeam(organization="snakes", team="tamers", person="alice")


@pytest.mark.parametrize("fault", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_a_person_joins_a_team_once(want, settled, github, queue, fault):
    """However the first try ended, there is one place in the team."""
    team = github.add_team("snakes", "tamers")
    github.add_member("snakes", "alice", state="pending")
    broken(github, fault, method="PUT", path="*/teams/*")
    want(TAMER)
    settled()
    assert team.roles == {"alice": "member"}
    assert set(states(queue).values()) == {State.DONE}


def test_a_role_in_a_team_is_neither_raised_nor_lowered(want, settled, github):
    """Who is in the team keeps the role, and nothing is written."""
    team = github.add_team("snakes", "tamers", "alice")
    want(JoinTeam(organization="snakes", team="tamers", person="alice", role="maintainer"))
    settled()
    assert team.roles == {"alice": "member"}
    assert github.calls_to("PUT") == []


def test_somebody_gets_the_role_that_was_asked_for(want, settled, github):
    """Also when it is not the one that GitHub gives by itself."""
    team = github.add_team("snakes", "tamers")
    github.add_member("snakes", "alice")
    want(JoinTeam(organization="snakes", team="tamers", person="alice", role="maintainer"))
    settled()
    assert team.roles == {"alice": "maintainer"}


def test_a_team_that_there_is_not_ends_dead(want, settled, github, queue):
    """A mistyped team is shown, not made up for."""
    github.add_user("alice")
    want(TAMER)
    settled()
    assert set(states(queue).values()) == {State.DEAD}


# Issues

HELLO = OpenIssue(about="hello", repository=TRIO, title="Hello", text="Hi!", closed=True)


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("fault", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_an_issue_is_opened_once_and_closed(want, settled, github, fault, method):
    """Whichever of the two calls had an unknown end: one issue, and it is closed."""
    broken(github, fault, method=method, path="*/issues*")
    want(HELLO)
    settled()
    assert [(one.title, one.state) for one in issues(github)] == [("Hello", "closed")]


def test_an_issue_is_left_open_unless_it_is_to_be_closed(want, settled, github):
    """Most issues are opened to be talked about."""
    want(OpenIssue(about="hello", repository=TRIO, title="Hello", text="Hi!"))
    settled()
    assert [one.state for one in issues(github)] == ["open"]


def test_an_issue_is_closed(want, settled, github):
    """Closing what is closed already changes nothing."""
    github.open_issue(TRIO, "bob")
    want(CloseIssue(about="one", repository=TRIO, number=1))
    want(CloseIssue(about="two", repository=TRIO, number=1))
    settled()
    assert [one.state for one in issues(github)] == ["closed"]


def kept(version, text, **more):
    told = {"about": "it", "repository": TRIO, "title": "It"}
    return KeepIssue(**told, version=version, text=text, **more)


def test_a_kept_issue_follows_what_it_is_about(want, settled, github, queue):
    """One issue, whose text and state are those of the last version; each row says what it did."""
    versions = [("1", "Bad", True), ("2", "Worse", True), ("3", "Fine", False), ("4", "Bad", True)]
    for version, text, is_open in versions:
        want(kept(version, text, open=is_open))
        settled()
        (issue,) = issues(github)
        assert issue.body.startswith(f"{text}\n\n<!-- portmanteau:")
        assert issue.state == ("open" if is_open else "closed")
        result = queue.find(ACTIONS, f"keep-issue:it/{version}").result
        if version == "1":
            assert result == f'{{"issue": 1, "url": "https://github.com/{TRIO}/issues/1"}}'
        else:
            assert result == f'{{"issue": 1, "state": "{issue.state}"}}'
    # Its number is known after the first: GitHub's lists may lag behind.
    assert len(github.calls_to("GET", "*/issues")) == 1


def test_a_kept_issue_is_told_by_what_becomes_of_it():
    """The history shows whether it was closed."""
    assert kept("1", "Bad").describe() == "open or change the issue about it"
    assert kept("2", "Fine", open=False).describe() == "close the issue about it"


def test_a_version_that_comes_after_a_later_one_does_nothing(want, settled, github, queue):
    """As when the first ended in the dark and is retried by hand; the last may be repeated."""
    first, last = kept("1", "Bad"), kept("2", "Fine", open=False)
    want(first, last)
    settled()
    for action in (first, last):
        queue.revive(queue.find(ACTIONS, action.key).id, done_too=True)
        settled()
    (issue,) = issues(github)
    assert (issue.state, issue.body.partition("\n")[0]) == ("closed", "Fine")
    assert queue.find(ACTIONS, first.key).result == '{"issue": 1, "state": "changed since"}'
    assert queue.find(ACTIONS, last.key).result == '{"issue": 1, "state": "closed"}'


def test_an_issue_that_was_never_opened_is_not_opened_to_be_closed(want, settled, github, queue):
    """What was mended before anybody was told needs no issue."""
    action = kept("2", "Fine again.", open=False)
    want(action)
    settled()
    assert issues(github) == []
    assert queue.find(ACTIONS, action.key).state is State.DONE
    assert queue.find(ACTIONS, action.key).result == '{"issue": null}'


def question(**more):
    told = {"organization": "snakes", "person": "alice", "pull_request": f"{TRIO}#1"}
    return Ask(**told, repository=TRIO, title="Alice?", text="May I?", **more)


@pytest.mark.parametrize("fault", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_maintainers_are_asked_once_in_an_issue(want, settled, github, people, fault):
    """The question is an issue, and where it stands is remembered."""
    broken(github, fault, method="POST", path="*/issues")
    want(question())
    settled()
    assert [one.title for one in issues(github)] == ["Alice?"]
    assert issues(github)[0].body.startswith("May I?\n\n<!-- portmanteau:")
    assert people.asked_about(f"{TRIO}#1") == [Question("alice", f"{TRIO}#1")]


@pytest.mark.parametrize("fault", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_maintainers_are_asked_once_on_the_pull_request(want, settled, github, people, fault):
    """The question is a comment, and where it stands is remembered."""
    github.open_pull_request(TRIO, "alice")
    broken(github, fault, method="POST", path="*/comments")
    want(question(number=1))
    settled()
    assert len(github.comments(TRIO, 1)) == 1
    assert people.asked_about(f"{TRIO}#1") == [Question("alice", f"{TRIO}#1")]


# Invitations


def invitation(person, most_a_day=0):
    return Invite(organization="snakes", person=person, most_a_day=most_a_day)


def invited(github):
    return [call.path.rpartition("/")[2] for call in github.calls_to("PUT", "*/memberships/*")]


def test_invitations_above_the_days_limit_wait_for_the_next_day(
    want, settled, worker, queue, github, clock
):
    """Five people, two a day: they are invited in three days, in their order, at midnight UTC."""
    clock.advance(TEN_O_CLOCK - clock())
    people = ["ann", "ben", "cat", "dan", "eve"]
    for person in people:
        github.add_user(person)
        want(invitation(person, 2), subject="snakes")
    settled()
    assert invited(github) == people
    midnight = TEN_O_CLOCK + 14 * 3600.0
    days = [int((call.at - midnight) // DAY) for call in github.calls_to("PUT", "*/memberships/*")]
    assert days == [-1, -1, 0, 0, 1]
    assert {row.attempt for row in queue.search(ACTIONS)} == {1}


@pytest.mark.parametrize("place", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_the_days_limit_is_of_the_day_in_utc(app, github, people, clock, zone, place):
    """From midnight to midnight in UTC, to the second, wherever the machine stands."""
    zone(place)
    midnight = TEN_O_CLOCK - 10 * 3600.0
    clock.advance(midnight - 0.5 - clock())
    people.inviting("snakes", "ann")
    clock.advance(0.5)
    people.inviting("snakes", "ben")
    people.inviting("snakes", "bob")
    clock.advance(10 * 3600.0 + 17 * 60.0 + 31.25)
    client = app.client_for(github.install("snakes").id)
    work = Work(client=client, people=people, jobs=None, job=None, is_ours=None, clock=clock)
    for person in ("cat", "dan"):
        github.add_user(person)
    with pytest.raises(Postpone) as postponed:
        invitation("cat", 2).perform(work)
    assert postponed.value.run_at == midnight + DAY
    assert postponed.value.reason == "invited today: 2, which is the most a day"
    assert invitation("dan", 3).perform(work).facts == {"state": "pending"}


def test_an_invitation_that_github_refuses_does_not_count(want, settled, github, queue, clock):
    """What was not done leaves its place in the day to the next."""
    clock.advance(TEN_O_CLOCK - clock())
    for person in ("ann", "ben"):
        github.add_user(person)
        want(invitation(person, 1), subject="snakes")
    refusal = faults.Fault(name="422", answer=faults.Refused(422, "Validation Failed").answer)
    broken(github, refusal, method="PUT", path="*/memberships/ann")
    settled()
    assert clock() < TEN_O_CLOCK + 60
    assert states(queue) == {"invite:snakes/ann": State.DEAD, "invite:snakes/ben": State.DONE}


LIMITS = [
    faults.refused(422, "Over invitation rate limit"),
    faults.refused(422, "Validation Failed", {"message": "over the invitation limit"}),
]


@pytest.mark.parametrize("limit", LIMITS)
def test_githubs_own_limit_of_invitations_is_waited_for(want, settled, github, limit):
    """GitHub words it as a validation error; the invitation is sent when it ends."""
    github.faults.append(faults.plan(limit, method="PUT", path="/orgs/*", times=26))
    github.add_user("alice")
    want(Invite(organization="snakes", person="alice"))
    settled()
    assert github.membership("snakes", "alice").state == "pending"


def test_a_limit_that_does_not_end_needs_somebody(want, settled, github, queue):
    """After three days the invitation is dead, with the reason and the remedy."""
    github.faults.append(faults.plan(LIMITS[0], method="PUT", path="/orgs/*", times=None))
    github.add_user("alice")
    want(Invite(organization="snakes", person="alice"))
    settled()
    (dead,) = queue.search(ACTIONS, state=State.DEAD)
    assert "Over invitation rate limit -- retry this tomorrow" in dead.reason


@pytest.mark.parametrize("fault", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_an_invitation_whose_end_was_unknown_counts_once(
    want, settled, github, people, clock, fault
):
    """Sent or not, the person is invited once, and today's limit of one is kept."""
    clock.advance(TEN_O_CLOCK - clock())
    github.add_user("ann")
    broken(github, fault, method="PUT", path="*/memberships/*")
    want(invitation("ann", 1))
    settled()
    assert github.membership("snakes", "ann").state == "pending"
    assert people.invited_since("snakes", TEN_O_CLOCK, but="") == 1
    assert clock() < TEN_O_CLOCK + DAY / 2


def test_a_late_process_keeps_the_note_of_its_successor(app, github, people, store, clock):
    """A process is stopped between note and request; what another sends meanwhile counts."""
    github.add_user("ann")
    client = app.client_for(github.install("snakes").id)

    def work(people):
        return Work(client=client, people=people, jobs=None, job=None, is_ours=None, clock=clock)

    class Stopped(People):
        def inviting(self, organization, person):
            sent_at = super().inviting(organization, person)
            clock.advance(90.0)
            invitation("ann").perform(work(people))
            clock.advance(90.0)
            return sent_at

    with pytest.raises(Unreachable, match="deadline has passed"):
        invitation("ann").perform(work(Stopped(store, clock=clock)))
    assert invited(github) == ["ann"]
    assert people.invited_since("snakes", 0.0, but="") == 1


def test_a_person_who_declined_meanwhile_is_not_invited(want, settled, queue, github, people):
    """An owner invited by hand meanwhile, and the person declined: no welcome either."""
    github.add_user("ann")
    people.remember("snakes", "ann", "pending")
    want(invitation("ann"), Comment(about="x", repository=TRIO, number=1, text="Welcome!"))
    settled()
    assert github.membership("snakes", "ann") is None
    assert set(states(queue).values()) == {State.IGNORED}
    why = "ann has been in snakes, or was invited, meanwhile"
    assert queue.find(ACTIONS, invitation("ann").key).reason == why


# Orders


def order(paused, second):
    about = f"{paused} {second}"
    at = f"2026-11-21T10:00:0{second}Z"
    return Rest(about=about, organization="snakes", paused=paused, ordered_at=at)


def test_orders_pause_and_resume(want, settled, queue):
    """A pause keeps what is about the organisation from being claimed, until it is resumed."""
    want(order(paused=True, second=1))
    settled()
    assert queue.standing().paused_parts == 1
    want(order(paused=False, second=2))
    settled()
    assert queue.standing().paused_parts == 0


def test_an_order_that_comes_in_late_does_nothing(want, settled, queue):
    """The pause was given before the resumption, and was delivered after it: nobody is told."""
    want(order(paused=False, second=2))
    settled()
    late = order(paused=True, second=1)
    want(late, Comment(about="x", repository=TRIO, number=1, text="Paused"))
    settled()
    assert queue.standing().paused_parts == 0
    assert states(queue)["comment:x"] == State.IGNORED
    assert queue.find(ACTIONS, late.key).reason == "a later order was obeyed already"


def test_an_order_is_told_as_what_it_is():
    """The history shows which of the two it was."""
    assert order(paused=True, second=1).describe() == "pause the work for snakes"
    assert order(paused=False, second=1).describe() == "resume the work for snakes"


def test_a_list_of_lines_is_cut_between_lines():
    """The last line says how many more there are."""
    assert limits.lines(["a", "b"]) == "a\nb"
    assert limits.lines(["a", "b", "c"], most=1) == "a\n... and 2 more"
    cut = limits.lines(["\U0001f600" * 100] * 1000)
    assert (len(cut.encode()) < 65_000, cut.endswith("... and 901 more")) == (True, True)


@pytest.mark.parametrize("cut", [limits.output, limits.title, lambda text: limits.body(text, "")])
def test_what_github_cannot_store_is_replaced(cut):
    """NUL and halves of surrogate pairs make no request fail."""
    assert cut("a\0b\ud800c").rstrip() == "a\ufffdb?c"
