"""Invitations, from the first merge to the welcome of a new member."""

import pytest

from tests.bot.rules.conftest import FAIR

TRIO, PEOPLE = "snakes/trio", "snakes/people"
fair = pytest.mark.parametrize("weather", [FAIR], indirect=True)


@pytest.fixture
def github(github):
    github.add_member("snakes", "olga", role="admin")
    github.add_collaborator(TRIO, "carl", "write")
    github.add_collaborator(TRIO, "trish", "triage")
    github.add_repository(PEOPLE, private=True)
    return github


def merge(github, person="alice"):
    return github.merge_pull_request(TRIO, person)


def invited(github):
    """Who was invited by the bot, in order."""
    calls = github.calls_to("PUT", "/orgs/snakes/memberships/*")
    return [call.path.rpartition("/")[2] for call in calls if call.status == 200]


def place(github, person="alice"):
    found = github.membership("snakes", person)
    return None if found is None else (found.state, found.role)


# By itself


def test_a_merge_brings_an_invitation_and_a_welcome(github, play, said):
    """Nothing is set: one invitation as a member, one comment that says what it means."""
    play(merge(github))
    (text,) = said(1)
    assert (place(github), invited(github)) == (("pending", "member"), ["alice"])
    assert text.startswith("Thank you, @alice! :tada: Your pull request is in.")
    assert "sent you an invitation" in text
    assert "Nothing is expected of you" in text


def test_below_the_threshold_people_are_told_how_far_they_are(github, set_up, play, said):
    """Two countdowns, then the invitation; never a countdown afterwards."""
    set_up("[invite]\nmerged_pull_requests = 3\ncountdown = true\n")
    for _ in range(4):
        play(merge(github))
    assert "That makes **1 of 3**" in said(1)[0]
    assert "That makes **2 of 3**" in said(2)[0]
    assert "invitation" in said(3)[0]
    assert [len(said(number)) for number in (1, 2, 3, 4)] == [1, 1, 1, 0]


@fair
def test_the_countdown_is_silent_unless_it_is_switched_on(github, set_up, play, said):
    """By default the bot speaks when it has something to offer."""
    set_up("[invite]\nmerged_pull_requests = 2\n")
    play(merge(github))
    assert said(1) == []


def test_merges_at_one_instant_all_count(github, set_up, play):
    """GitHub's search knows none of them yet, in whatever order their deliveries come."""
    set_up("[invite]\nmerged_pull_requests = 3\n")
    github.world.read_lag_seconds = 9.0
    play(merge(github), merge(github), merge(github))
    assert invited(github) == ["alice"]


@fair
def test_only_merged_pull_requests_of_the_organisation_count(github, set_up, play):
    """Closed ones do not, nor those of another organisation."""
    set_up("[invite]\nmerged_pull_requests = 2\n")
    github.merge_pull_request("lions/den", "alice")
    github.open_pull_request(TRIO, "alice")
    github.close_pull_request(TRIO, 1, "alice")
    play(merge(github))
    assert invited(github) == []


def test_people_are_put_into_a_team(github, set_up, play, said):
    """They are in it as what was set, once they accept."""
    team = github.add_team("snakes", "Tamers")
    set_up('[invite]\nteam = "tamers"\nteam_role = "maintainer"\n')
    play(merge(github))
    assert team.roles == {"alice": "maintainer"}
    assert (place(github), len(said(1))) == (("pending", "member"), 1)


@fair
def test_a_single_repository_cannot_choose_the_team(github, set_up, play, said):
    """Whoever writes to one repository must not hand out places in the owners' team."""
    set_up("[invite]\nmessage = 'Hi'\n")
    team = github.add_team("snakes", "Tamers")
    github.add_file(TRIO, ".github/bot.toml", '[invite]\nteam = "tamers"\n')
    play(merge(github))
    assert (team.roles, invited(github)) == ({}, ["alice"])


def test_a_team_that_there_is_not_keeps_nobody_from_being_welcomed(github, set_up, play, said):
    """The mistake is the operator's to see, not the newcomer's."""
    set_up('[invite]\nteam = "tmaers"\n')
    play(merge(github))
    assert (invited(github), len(said(1))) == (["alice"], 1)


@fair
def test_owners_and_members_keep_their_roles(github, set_up, play, said):
    """Nothing is written about somebody who is in."""
    team = github.add_team("snakes", "Tamers")
    set_up('[invite]\nteam = "tamers"\n')
    play(merge(github, "olga"))
    assert (place(github, "olga"), invited(github), said(1)) == (("active", "admin"), [], [])
    assert team.roles == {}


@fair
def test_excluded_people_and_bots_are_never_invited(github, set_up, play, said):
    """By name, by pattern, whatever the case; no request is made for them."""
    set_up('[invite]\nexclude = ["@Alice", "corp-*"]\n')
    github.add_user("helper[bot]", bot=True)
    play(*(merge(github, each) for each in ("alice", "Corp-Bob", "helper[bot]")))
    assert (invited(github), said(1), said(2), said(3)) == ([], [], [], [])


def test_above_the_daily_limit_people_wait_and_their_conversations_do_not(
    github, set_up, play, rest, said
):
    """The second newcomer is invited on the next day; a /ping there is answered at once."""
    set_up("[invite]\nmost_a_day = 1\n")
    play(merge(github, "alice"))
    play(merge(github, "bob"))
    play(github.comment(TRIO, 2, "carl", "/ping"))
    assert (invited(github), [text.strip() for text in said(2)]) == (["alice"], ["pong!"])
    rest(within=2 * 24 * 3600.0)
    assert (invited(github), len(said(2))) == (["alice", "bob"], 2)


# Never again


def test_who_declined_is_not_asked_again(github, play, said):
    """GitHub tells nobody that an invitation was declined; the bot knows that it asked."""
    play(merge(github))
    github.decline_invitation("snakes", "alice")
    play(merge(github))
    assert (invited(github), said(2)) == (["alice"], [])


def test_who_left_is_not_asked_again(github, play, said):
    """Somebody who was a member before the bot came, and leaves while it looks on."""
    github.add_member("snakes", "alice")
    play(github.leave("snakes", "alice"))
    play(merge(github))
    assert (invited(github), said(1)) == ([], [])


def test_who_was_invited_by_an_owner_and_declined_is_not_asked(github, play):
    """An invitation by hand is one."""
    play(github.invite_by_hand("snakes", "alice"))
    github.decline_invitation("snakes", "alice")
    play(merge(github))
    assert invited(github) == []


@fair
def test_what_is_known_costs_no_request(github, play):
    """Members, invited people and those who left are decided from memory."""
    play(merge(github))
    play(github.accept_invitation("snakes", "alice"))
    play(github.leave("snakes", "alice"))
    before = len(github.calls)
    play(merge(github))
    assert len(github.calls) == before


# With approval


def test_maintainers_are_asked_in_an_issue_and_one_approves(github, set_up, play, said):
    """Asked once, two merges or not; approved: invited, welcomed, thanked, and the issue closed."""
    set_up('[invite]\nmode = "approval"\napproval_in = "people"\n')
    play(merge(github))
    play(merge(github))
    (issue,) = github.world.repositories[PEOPLE].issues.values()
    assert issue.title == "Invite alice to snakes?"
    assert "snakes/trio#1" in issue.body
    assert (invited(github), said(1)) == ([], [])
    play(github.comment(PEOPLE, 1, "olga", "/approve"))
    assert invited(github) == ["alice"]
    assert said(1)[0].startswith("Thank you, @alice!")
    assert said(1, PEOPLE) == ["Thank you. @alice has an invitation to join **snakes** now."]
    assert issue.state == "closed"


def test_maintainers_are_asked_on_the_pull_request(github, set_up, play, said):
    """The question and the welcome stand in one conversation."""
    set_up('[invite]\nmode = "approval"\n')
    play(merge(github))
    play(github.comment(TRIO, 1, "carl", "Sure!\n\n/approve"))
    question, welcome = said(1)
    assert "Shall I send an invitation" in question
    assert welcome.startswith("Thank you, @alice!")
    assert invited(github) == ["alice"]


def test_invite_is_an_approval_too(github, set_up, play, said):
    """Whoever remembers the other word is understood."""
    set_up('[invite]\nmode = "approval"\napproval_in = "people"\n')
    play(merge(github))
    play(github.comment(PEOPLE, 1, "olga", "/invite"))
    assert (invited(github), len(said(1))) == (["alice"], 1)


@fair
@pytest.mark.parametrize("person", ["alice", "trish", "mallory"])
def test_only_people_with_write_access_approve(github, set_up, play, said, person):
    """Not the newcomer, not somebody who sorts issues, not a stranger."""
    set_up('[invite]\nmode = "approval"\n')
    play(merge(github))
    play(github.comment(TRIO, 1, person, "/approve"))
    assert invited(github) == []
    assert said(1)[1].startswith("Only people with write access")


@fair
def test_approve_means_nothing_where_nothing_was_asked(github, set_up, play, said):
    """Other bots have a command of that name."""
    set_up('[invite]\nmode = "approval"\n')
    github.open_pull_request(TRIO, "alice")
    play(github.comment(TRIO, 1, "carl", "/approve"))
    assert (invited(github), said(1)) == ([], [])


# By hand


@fair
def test_by_hand_merges_bring_nothing(github, set_up, play, said):
    """In that mode the bot waits to be told."""
    set_up('[invite]\nmode = "by hand"\ncountdown = true\n')
    play(merge(github))
    assert (invited(github), said(1)) == ([], [])


@pytest.mark.parametrize("text", ["/invite", "/invite @alice", "/invite alice."])
def test_somebody_with_write_access_invites_by_hand(github, set_up, play, said, text):
    """The author of the pull request, or whoever is named; the welcome says who wants them."""
    set_up('[invite]\nmode = "by hand"\n')
    github.open_pull_request(TRIO, "alice")
    play(github.comment(TRIO, 1, "carl", text))
    (welcome,) = said(1)
    assert invited(github) == ["alice"]
    assert welcome.startswith("Hello @alice! The people here would like to have you with them")


@fair
@pytest.mark.parametrize("asked", [False, True])
def test_an_order_that_is_told_again_is_not_answered_again(
    github, set_up, play, deliver, rest, said, asked
):
    """Under another id, when it was carried out: the bot does not find that somebody was faster."""
    set_up('[invite]\nmode = "approval"\n' if asked else "")
    if asked:
        play(merge(github))
    else:
        github.open_pull_request(TRIO, "alice")
    order = github.comment(TRIO, 1, "carl", "/invite")
    play(order)
    before = said(1)
    deliver(order)
    rest()
    assert (invited(github), said(1)) == (["alice"], before)


def test_several_people_are_invited_at_once(github, play, said):
    """Each command is obeyed, and each person once."""
    for person in ("alice", "bob"):
        github.add_user(person)
    github.open_issue(TRIO, "olga")
    play(github.comment(TRIO, 1, "olga", "/invite @alice\n/invite @bob\n/invite @ALICE"))
    assert (sorted(invited(github)), len(said(1))) == (["alice", "bob"], 2)


@fair
@pytest.mark.parametrize("person", ["trish", "mallory"])
def test_others_cannot_invite(github, play, said, person):
    """They are told why, and nothing is done."""
    github.open_pull_request(TRIO, "alice")
    play(github.comment(TRIO, 1, person, "/invite"))
    assert invited(github) == []
    assert said(1) == [
        "Only people with write access to this repository can have me invite somebody."
    ]


def _member(github):
    github.add_member("snakes", "alice")


def _pending(github):
    github.add_member("snakes", "alice", state="pending")


def _excluded(github):
    github.add_file("snakes/.github", ".github/bot.toml", '[invite]\nexclude = ["alice"]\n')


@fair
@pytest.mark.parametrize(
    ("order", "before", "words"),
    [
        ("/invite @alice", _member, "@alice is a member of **snakes** already"),
        ("/invite @alice", _pending, "@alice has an invitation to join **snakes** already"),
        ("/invite @alice", _excluded, "`alice` is among those whom I am told not to invite"),
        ("/invite @alcie", None, "There is nobody called `alcie` on GitHub"),
        ("/invite @ali/ce", None, "There is nobody called `@ali/ce` on GitHub"),
        ("/invite @lions", None, "`lions` is not a person"),
        ("/invite", None, "Whom? Please name the person: `/invite @person`."),
    ],
)
def test_what_cannot_be_done_is_answered_with_the_reason(
    github, set_up, play, said, order, before, words
):
    """One plain sentence, and no invitation."""
    set_up("")
    github.add_user("alice")
    github.add_organization("lions")
    github.open_issue(TRIO, "bob")
    if before is not None:
        before(github)
    play(github.comment(TRIO, 1, "carl", order))
    (answer,) = said(1)
    assert answer.startswith(words)
    assert invited(github) == []


def test_who_declined_is_not_invited_by_hand_either(github, play, said):
    """The maintainer learns why, and who can do it all the same."""
    play(merge(github))
    github.decline_invitation("snakes", "alice")
    play(github.comment(TRIO, 1, "carl", "/invite"))
    assert invited(github) == ["alice"]
    assert said(1)[1].startswith("@alice was invited once, and did not accept. I ask nobody twice")


def test_who_left_is_not_invited_by_hand_either(github, play, said):
    """The same for somebody who was a member once."""
    github.add_member("snakes", "alice")
    play(github.leave("snakes", "alice"))
    github.open_pull_request(TRIO, "alice")
    play(github.comment(TRIO, 1, "carl", "/invite"))
    assert said(1)[0].startswith("@alice has been a member of **snakes**, and is no more.")


def test_an_answer_in_a_review_stands_in_its_thread(github, play):
    """Where the order was given, there the answer is."""
    github.open_pull_request(TRIO, "alice")
    happening = github.review_comment(TRIO, 1, "mallory", "/invite")
    play(happening)
    number = happening.payload["comment"]["id"]
    paths = {call.path for call in github.calls_to("POST", "*/replies")}
    assert paths == {f"/repos/{TRIO}/pulls/1/comments/{number}/replies"}


@fair
def test_an_order_about_somebody_known_costs_little(github, play):
    """Permission and membership are looked up, the answer is written."""
    play(merge(github))
    before = len(github.calls)
    play(github.comment(TRIO, 1, "carl", "/invite"))
    assert [call.method for call in github.calls[before:]] == ["GET", "GET", "POST"]


# After joining


def test_a_new_member_is_introduced_by_an_issue_that_is_closed(github, set_up, play, said):
    """Everybody who watches hears of it, and nobody has to do anything."""
    set_up('[invite]\nintroduction = "issue"\nintroduction_in = "people"\n')
    play(merge(github))
    play(github.accept_invitation("snakes", "alice"))
    (issue,) = github.world.repositories[PEOPLE].issues.values()
    assert (issue.title, issue.state) == ("Welcome, alice!", "closed")
    assert issue.body.startswith("@alice has just joined **snakes**. Welcome! :wave:")


def test_a_new_member_is_introduced_by_a_comment(github, set_up, play, said):
    """On the issue that was chosen for it."""
    set_up(
        '[invite]\nintroduction = "comment"\nintroduction_in = "people"\nintroduction_number = 1\n'
        'introduction_message = "Meet @$person."\n'
    )
    github.open_issue(PEOPLE, "olga", "Who is who")
    play(merge(github))
    play(github.accept_invitation("snakes", "alice"))
    assert said(1, PEOPLE) == ["Meet @alice."]


def test_only_those_whom_the_bot_invited_are_introduced(github, set_up, play):
    """Whom an owner brings in, the owner introduces."""
    set_up('[invite]\nintroduction = "issue"\nintroduction_in = "people"\n')
    play(github.invite_by_hand("snakes", "alice"))
    play(github.accept_invitation("snakes", "alice"))
    assert github.world.repositories[PEOPLE].issues == {}


def test_who_has_left_again_is_not_introduced(github, set_up, play):
    """The news of the joining came late."""
    set_up('[invite]\nintroduction = "issue"\nintroduction_in = "people"\n')
    play(merge(github))
    play(github.accept_invitation("snakes", "alice"), github.leave("snakes", "alice"))
    assert github.world.repositories[PEOPLE].issues == {}


@fair
def test_nobody_is_introduced_unless_it_is_switched_on(github, play):
    """Membership is private unless a person makes it public."""
    play(merge(github))
    play(github.accept_invitation("snakes", "alice"))
    assert github.calls_to("POST", "*/issues") == []
