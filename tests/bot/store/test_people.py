"""bot.store.people: what was seen once is not asked again."""

import pytest

from bot.events import Event, Person
from bot.facts import Question


def test_a_stranger_is_unknown(people):
    """Nothing is remembered of a stranger."""
    assert people.membership("snakes", "alice") is None


def test_the_last_state_seen_is_remembered_whatever_the_case(people):
    """Logins do not depend on case, and a later state replaces an earlier one."""
    people.remember("Snakes", "Alice", "pending")
    people.remember("snakes", "alice", "active")
    assert people.membership("SNAKES", "aLICE") == "active"


@pytest.mark.parametrize(
    ("action", "state"),
    [
        ("member_invited", "pending"),
        ("member_added", "active"),
        ("member_removed", "left"),
        ("renamed", None),
    ],
)
def test_it_learns_from_events_of_the_organisation(people, action, state):
    """Who is invited, joins or leaves is known without a question."""
    told = {"organization": "snakes", "member": Person("alice")}
    people.learn(Event(name="organization", action=action, **told))
    assert people.membership("snakes", "alice") == state


def test_an_invitation_by_mail_stores_nothing(people):
    """An invitation by mail names nobody."""
    people.learn(Event(name="organization", action="member_invited", organization="snakes"))
    people.learn(Event(name="issues", action="member_added", member=Person("alice")))
    assert people.membership("snakes", "alice") is None


@pytest.mark.parametrize(
    ("known", "expected"),
    [("active", "left"), ("pending", "declined"), ("left", "left"), (None, None)],
)
def test_whom_github_knows_no_more_has_left_or_declined(people, known, expected):
    """A member has left, an invited person has declined; of a stranger nothing is known."""
    if known:
        people.remember("snakes", "alice", known)
    assert people.gone("snakes", "alice") == expected
    assert people.membership("snakes", "alice") == expected


def test_invitations_are_counted_by_organisation_and_time(people, clock):
    """Those of today count, without the person in question and without what was not sent."""
    people.inviting("snakes", "early")
    clock.advance(10)
    today = clock()
    for organization, person in [("Snakes", "A"), ("snakes", "b"), ("snakes", "c"), ("lions", "d")]:
        sent_at = people.inviting(organization, person)
    people.not_invited("snakes", "C", sent_at)
    assert people.invited_since("SNAKES", today, but="B") == 1
    assert (people.was_invited("snakes", "a"), people.was_invited("snakes", "c")) == (True, False)


def test_a_later_note_of_an_invitation_is_kept(people, clock):
    """Who finds that nothing was sent takes back its own note, not the one of another process."""
    sent_at = people.inviting("snakes", "alice")
    clock.advance(90)
    people.inviting("snakes", "alice")
    people.not_invited("snakes", "alice", sent_at)
    assert people.was_invited("snakes", "alice")


def test_a_question_is_found_by_where_it_was_asked(people):
    """An answer in a place is about the person asked about there."""
    people.asked("snakes", "alice", "Snakes/people#3", "snakes/trio#7")
    assert people.asked_about("snakes/People#3") == [Question("alice", "snakes/trio#7")]
    assert people.asked_about("snakes/people#4") == []


def test_all_questions_of_a_place_are_found(people):
    """They are sorted by person, whoever was asked about first."""
    people.asked("snakes", "Zevil", "snakes/trio#7", "snakes/trio#7", by_hand=True)
    people.asked("snakes", "good", "snakes/trio#7", "snakes/trio#7")
    assert people.asked_about("snakes/trio#7") == [
        Question("good", "snakes/trio#7"),
        Question("Zevil", "snakes/trio#7", by_hand=True),
    ]


def test_merges_are_kept_with_the_latest(people):
    """Each is kept once, by person and organisation."""
    people.merges("snakes", "alice", latest=("snakes/Trio", 7))
    people.merges("snakes", "bob", latest=("snakes/trio", 8))
    assert people.merges("Snakes", "Alice", latest=("snakes/trio", 7)) == {("snakes/trio", 7)}


def test_the_first_step_is_kept(people):
    """The number of somebody's first issue or pull request in a repository."""
    people.came_first("snakes/Trio", "Alice", 7)
    assert people.first_number("snakes/trio", "alice") == 7
    assert people.first_number("snakes/other", "alice") is None


def test_an_order_counts_unless_a_later_one_was_given(people):
    """The later one counts, and the same one again; another organisation's is another matter."""
    told = [
        people.is_latest_order("snakes", f"2026-11-21T10:00:0{second}Z") for second in (5, 4, 5, 6)
    ]
    assert told == [True, False, True, True]
    assert people.is_latest_order("lions", "2026-11-21T10:00:00Z")


def test_a_read_only_cache_changes_nothing(people):
    """It reads what there is; nothing is stored, and nothing deleted."""
    people.remember("snakes", "alice", "active")
    people.remember_claim("snakes/trio", 1, "alice")
    looker = people.read_only()
    looker.remember("snakes", "alice", "left")
    looker.forget_claim("snakes/trio", 1, "alice")
    assert looker.membership("snakes", "alice") == "active"
    assert people.membership("snakes", "alice") == "active"
    assert len(people.claims("snakes/trio")) == 1
