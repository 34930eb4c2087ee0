"""Stories of the rule `invite`, from the first merge to the introduction of a new member."""

import pytest

from tests.bot.rules.conftest import FAIR

TRIO, PEOPLE = "snakes/trio", "snakes/people"
fair = pytest.mark.parametrize("weather", [FAIR], indirect=True)


@pytest.fixture
def github(github):
    github.add_member("snakes", "olga", role="admin")
    github.add_collaborator(TRIO, "carl", "write")
    github.add_collaborator(TRIO, "mary", "maintain")
    github.add_collaborator(TRIO, "trish", "triage")
    github.add_repository(PEOPLE, private=True)
    return github


def merge(github, person="alice"):
    return github.merge_pull_request(TRIO, person)


def invited(github):
    """The people that the bot invited, in order."""
    calls = github.calls_to("PUT", "/orgs/snakes/memberships/*")
    return [call.path.rpartition("/")[2] for call in calls if call.status == 200]


def place(github, person="alice"):
    found = github.membership("snakes", person)
    return None if found is None else (found.state, found.role)


# By itself


def test_a_merge_brings_an_invitation_and_a_welcome(github, play, said):
    """By default, a merge leads to one invitation and one comment."""
    play(merge(github))
    (text,) = said(1)
    assert (place(github), invited(github)) == (("pending", "member"), ["alice"])
    assert text.startswith("Thank you, @alice! :tada: Your pull request is in.")
    assert "sent you an invitation" in text
    assert "Nothing is expected of you" in text


def test_below_the_threshold_people_are_reported_how_far_they_are(github, set_up, play, said):
    """Two countdowns precede the invitation, and none follows it."""
    set_up("[invite]\nmerged_pull_requests = 3\ncountdown = true\n")
    for _ in range(4):
        play(merge(github))
    assert "That makes **1 of 3**" in said(1)[0]
    assert "That makes **2 of 3**" in said(2)[0]
    assert "invitation" in said(3)[0]
    assert [len(said(number)) for number in (1, 2, 3, 4)] == [1, 1, 1, 0]


@fair
def test_the_countdown_is_silent_unless_it_is_switched_on(github, set_up, play, said):
    """The countdown is off by default."""
    set_up("[invite]\nmerged_pull_requests = 2\n")
    play(merge(github))
    assert said(1) == []


def test_merges_at_one_instant_all_count(github, set_up, play):
    """Concurrent merges all count, although GitHub's search has not indexed them."""
    set_up("[invite]\nmerged_pull_requests = 3\n")
    github.world.read_lag_seconds = 9.0
    play(merge(github), merge(github), merge(github))
    assert invited(github) == ["alice"]


@fair
def test_only_merged_pull_requests_of_the_organisation_count(github, set_up, play):
    """Closed pull requests and other organisations do not count."""
    set_up("[invite]\nmerged_pull_requests = 2\n")
    github.merge_pull_request("lions/den", "alice")
    github.open_pull_request(TRIO, "alice")
    github.close_pull_request(TRIO, 1, "alice")
    play(merge(github))
    assert invited(github) == []


def test_people_are_put_into_a_team(github, set_up, play, said):
    """Invited people join the team with the configured role once they accept."""
    team = github.add_team("snakes", "Tamers")
    set_up('[invite]\nteam = "tamers"\nteam_role = "maintainer"\n')
    play(merge(github))
    assert team.roles == {"alice": "maintainer"}
    assert (place(github), len(said(1))) == (("pending", "member"), 1)


@fair
def test_a_single_repository_cannot_choose_the_team(github, set_up, play, said):
    """A repository's settings cannot put people into a team of the organisation."""
    set_up("[invite]\nmessage = 'Hi'\n")
    team = github.add_team("snakes", "Tamers")
    github.add_file(TRIO, ".github/bot.toml", '[invite]\nteam = "tamers"\n')
    play(merge(github))
    assert (team.roles, invited(github)) == ({}, ["alice"])


def test_a_team_that_there_is_not_keeps_nobody_from_being_welcomed(github, set_up, play, said):
    """A team that does not exist does not prevent the welcome."""
    set_up('[invite]\nteam = "tmaers"\n')
    play(merge(github))
    assert (invited(github), len(said(1))) == (["alice"], 1)


@fair
def test_owners_and_members_keep_their_roles(github, set_up, play, said):
    """The bot writes nothing about people who are members."""
    team = github.add_team("snakes", "Tamers")
    set_up('[invite]\nteam = "tamers"\n')
    play(merge(github, "olga"))
    assert (place(github, "olga"), invited(github), said(1)) == (("active", "admin"), [], [])
    assert team.roles == {}


@fair
def test_excluded_people_and_bots_are_never_invited(github, set_up, play, said):
    """Excluded logins and bots cause no request and no invitation."""
    set_up('[invite]\nexclude = ["@Alice", "corp-*"]\n')
    github.add_user("helper[bot]", bot=True)
    play(*(merge(github, each) for each in ("alice", "Corp-Bob", "helper[bot]")))
    assert (invited(github), said(1), said(2), said(3)) == ([], [], [], [])


def test_above_the_daily_limit_people_wait_and_their_conversations_do_not(
    github, set_up, play, rest, said
):
    """The limit postpones an invitation, but not a /ping there."""
    set_up("[invite]\nmost_a_day = 1\n")
    play(merge(github, "alice"))
    play(merge(github, "bob"))
    play(github.comment(TRIO, 2, "carl", "/ping"))
    assert (invited(github), [text.strip() for text in said(2)]) == (["alice"], ["pong!"])
    rest(within=2 * 24 * 3600.0)
    assert (invited(github), len(said(2))) == (["alice", "bob"], 2)


# Never again


def test_a_person_who_declined_is_not_invited_again(github, play, said):
    """The bot does not invite a person again who let an invitation expire."""
    play(merge(github))
    github.decline_invitation("snakes", "alice")
    play(merge(github))
    assert (invited(github), said(2)) == (["alice"], [])


def test_a_former_member_is_not_invited(github, play, said):
    """The bot does not invite a former member."""
    github.add_member("snakes", "alice")
    play(github.leave("snakes", "alice"))
    play(merge(github))
    assert (invited(github), said(1)) == ([], [])


def test_a_person_who_declined_an_owner_is_not_invited(github, play):
    """An owner's invitation counts as one, too."""
    play(github.invite_by_hand("snakes", "alice"))
    github.decline_invitation("snakes", "alice")
    play(merge(github))
    assert invited(github) == []


@fair
def test_a_cache_hit_costs_no_request(github, play):
    """The membership cache answers for members, invited people and former members."""
    play(merge(github))
    play(github.accept_invitation("snakes", "alice"))
    play(github.leave("snakes", "alice"))
    before = len(github.calls)
    play(merge(github))
    assert len(github.calls) == before


# With approval

_ELSEWHERE = '[invite]\nmode = "approval"\napproval_in = "people"\n'


def test_maintainers_are_asked_in_an_issue_and_one_approves(github, set_up, play, said):
    """One issue asks for approval; the approval invites, welcomes and closes it."""
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
    assert said(1, PEOPLE) == ["Thank you! I have invited @alice to join **snakes**."]
    assert issue.state == "closed"


def test_maintainers_are_asked_on_the_pull_request(github, set_up, play, said):
    """The question and the welcome appear on the pull request."""
    set_up('[invite]\nmode = "approval"\n')
    play(merge(github))
    play(github.comment(TRIO, 1, "mary", "Sure!\n\n/approve"))
    question, welcome = said(1)
    assert "Should I invite them" in question
    assert welcome.startswith("Thank you, @alice!")
    assert invited(github) == ["alice"]


def test_invite_is_an_approval_too(github, set_up, play, said):
    """`/invite` approves as well."""
    set_up('[invite]\nmode = "approval"\napproval_in = "people"\n')
    play(merge(github))
    play(github.comment(PEOPLE, 1, "olga", "/invite"))
    assert (invited(github), len(said(1))) == (["alice"], 1)


@fair
def test_who_may_only_write_does_not_approve(github, set_up, play, said):
    """Without `approval_in`, approval takes somebody who maintains the repository."""
    set_up('[invite]\nmode = "approval"\n')
    play(merge(github))
    play(github.comment(TRIO, 1, "carl", "/approve"))
    assert invited(github) == []
    assert said(1)[1].startswith("Only people who maintain this repository")


@fair
def test_who_cannot_write_where_it_is_approved_does_not_approve(github, set_up, play, said):
    """With `approval_in`, write access to another repository does not count."""
    set_up('[invite]\nmode = "approval"\n')
    play(merge(github))
    set_up('[invite]\nmode = "approval"\napproval_in = "people"\n')
    play(github.push("snakes/.github", "olga", files={".github/bot.toml": _ELSEWHERE}))
    play(github.comment(TRIO, 1, "mary", "/approve"))
    assert invited(github) == []
    assert said(1)[1].startswith("Only people with write access to the repository where this")


def test_invite_by_who_may_not_approve_is_a_request(github, set_up, play, said):
    """It opens the approval; once somebody approves, the person is invited and welcomed."""
    set_up(_ELSEWHERE)
    github.add_user("alice")
    github.open_issue(TRIO, "olga")
    play(github.comment(TRIO, 1, "carl", "/invite @alice"))
    assert invited(github) == []
    (answer,) = said(1)
    assert answer.startswith("I have asked the people who approve invitations to **snakes**")
    (issue,) = github.world.repositories[PEOPLE].issues.values()
    assert issue.title == "Invite alice to snakes?"
    assert issue.body.startswith(
        "@carl asks me to invite `alice` to join **snakes** (snakes/trio#1)"
    )
    play(github.comment(PEOPLE, 1, "olga", "/approve"))
    assert invited(github) == ["alice"]
    assert said(1)[1].startswith("Hello @alice! The people here would love to have you with them")
    assert issue.state == "closed"


def test_invite_by_who_may_not_approve_joins_the_request(github, set_up, play, said, clock):
    """Where the bot has asked about the person, it does not ask again."""
    set_up(_ELSEWHERE)
    play(merge(github))
    clock.advance(60)
    play(github.comment(TRIO, 1, "carl", "/invite"))
    assert len(github.world.repositories[PEOPLE].issues) == 1
    assert "have already been asked about `alice`" in said(1)[0]
    play(github.comment(PEOPLE, 1, "olga", "/approve"))
    assert said(1)[1].startswith("Thank you, @alice! :tada:")


def test_without_another_place_the_request_stands_where_it_was_made(github, set_up, play, said):
    """One comment asks; somebody who maintains the repository approves there."""
    set_up('[invite]\nmode = "approval"\n')
    github.add_user("alice")
    github.open_issue(TRIO, "olga")
    play(github.comment(TRIO, 1, "carl", "/invite @alice"))
    (question,) = said(1)
    assert (invited(github), question.split(" ", 1)[0]) == ([], "@carl")
    play(github.comment(TRIO, 1, "mary", "/approve"))
    assert invited(github) == ["alice"]
    assert said(1)[1].startswith("Hello @alice!")


def test_who_may_approve_invites_without_a_request(github, set_up, play):
    """An owner's `/invite` needs nobody else, whichever repository it is in."""
    set_up(_ELSEWHERE)
    github.add_user("alice")
    github.open_issue(TRIO, "olga")
    play(github.comment(TRIO, 1, "olga", "/invite @alice"))
    assert invited(github) == ["alice"]
    assert not github.world.repositories[PEOPLE].issues


@fair
def test_an_approval_without_a_name_is_not_for_whom_a_writer_smuggled_in(
    github, set_up, play, said
):
    """Of several questions in one place, `/approve` answers none; it lists who waits."""
    set_up('[invite]\nmode = "approval"\n')
    for person in ("aevil", "zevil"):
        github.add_user(person)
    github.open_pull_request(TRIO, "good")
    play(github.comment(TRIO, 1, "carl", "/invite @zevil\n/invite @aevil"))
    play(github.merge_pull_request(TRIO, "good", number=1))
    play(github.comment(TRIO, 1, "mary", "/approve"))
    assert invited(github) == []
    assert said(1)[-1] == (
        "I have asked about several people here. Please name the person: `/approve @person`. "
        "Those who wait: `aevil`, `good`, `zevil`."
    )
    play(github.comment(TRIO, 1, "mary", "/approve @good"))
    assert invited(github) == ["good"]
    assert said(1)[-1].startswith("Thank you, @good!")
    play(github.comment(TRIO, 1, "mary", "/approve"))
    assert said(1)[-1].endswith("Those who wait: `aevil`, `zevil`.")
    play(github.comment(TRIO, 1, "mary", "/approve @zevil"))
    assert invited(github) == ["good", "zevil"]


@fair
def test_an_invitation_without_a_name_is_for_the_author(github, set_up, play):
    """On a pull request `/invite` means its author, also where the bot asked about another."""
    set_up('[invite]\nmode = "approval"\n')
    github.add_user("zevil")
    github.open_pull_request(TRIO, "good")
    play(github.comment(TRIO, 1, "carl", "/invite @zevil"))
    play(github.comment(TRIO, 1, "mary", "/invite"))
    assert invited(github) == ["good"]


@fair
def test_the_question_says_whom_to_name(github, set_up, play, said):
    """Both default texts have the command with the person; copying it is the approval."""
    set_up('[invite]\nmode = "approval"\n')
    github.add_user("bob")
    play(merge(github))
    play(github.comment(TRIO, 1, "carl", "/invite @bob"))
    assert ["`/approve @alice`" in said(1)[0], "`/approve @bob`" in said(1)[1]] == [True, True]
    play(github.comment(TRIO, 1, "mary", "/approve @bob"))
    assert invited(github) == ["bob"]


@fair
def test_an_own_text_with_a_bare_approve_still_works(github, set_up, play, said):
    """A text that people set before keeps its meaning where the bot asked about one person."""
    set_up('[invite]\nmode = "approval"\napproval_message = "$person? Say /approve."\n')
    play(merge(github))
    play(github.comment(TRIO, 1, "mary", "/approve"))
    assert (said(1)[0].startswith("alice? Say /approve."), invited(github)) == (True, ["alice"])


@fair
@pytest.mark.parametrize("person", ["alice", "trish", "mallory"])
def test_only_people_with_write_access_approve(github, set_up, play, said, person):
    """Newcomers, triagers and strangers cannot approve."""
    set_up('[invite]\nmode = "approval"\n')
    play(merge(github))
    play(github.comment(TRIO, 1, person, "/approve"))
    assert invited(github) == []
    assert said(1)[1].startswith("Only people with write access")


@fair
def test_approve_means_nothing_where_nothing_was_asked(github, set_up, play, said):
    """The bot ignores `/approve` where it did not ask."""
    set_up('[invite]\nmode = "approval"\n')
    github.open_pull_request(TRIO, "alice")
    play(github.comment(TRIO, 1, "carl", "/approve"))
    assert (invited(github), said(1)) == ([], [])


# By hand


@fair
def test_by_hand_merges_bring_nothing(github, set_up, play, said):
    """In the mode "by hand" a merge has no effect."""
    set_up('[invite]\nmode = "by hand"\ncountdown = true\n')
    play(merge(github))
    assert (invited(github), said(1)) == ([], [])


@pytest.mark.parametrize("text", ["/invite", "/invite @alice", "/invite alice."])
def test_a_person_with_write_access_may_use_invite(github, set_up, play, said, text):
    """`/invite` invites the author or the named person."""
    set_up('[invite]\nmode = "by hand"\n')
    github.open_pull_request(TRIO, "alice")
    play(github.comment(TRIO, 1, "carl", text))
    (welcome,) = said(1)
    assert invited(github) == ["alice"]
    assert welcome.startswith("Hello @alice! The people here would love to have you with them")


@fair
@pytest.mark.parametrize("asked", [False, True])
def test_an_order_that_is_reported_again_is_not_answered_again(
    github, set_up, play, deliver, rest, said, asked
):
    """The same comment under another delivery id gets no second reply."""
    set_up('[invite]\nmode = "approval"\n' if asked else "")
    if asked:
        play(merge(github))
    else:
        github.open_pull_request(TRIO, "alice")
    order = github.comment(TRIO, 1, "mary", "/invite")
    play(order)
    before = said(1)
    deliver(order)
    rest()
    assert (invited(github), said(1)) == (["alice"], before)


@fair
@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("/invite @bob @carl", ["bob", "carl"]),
        ("/invite @bob, @carl and @Dora!", ["bob", "carl", "Dora"]),
        ("/invite @bob, @bob", ["bob"]),
        ("/invite @bob as @carl says", ["bob"]),
        ("/invite @bob (cc @carl)", ["bob"]),
        ("/invite @Artur- & @gil--", ["Artur-", "gil--"]),
    ],
)
def test_one_command_may_name_several_people(github, play, text, named):
    """Those who are named one after another; whoever is mentioned later is not invited."""
    for login in named:
        github.add_user(login)
    github.open_issue(TRIO, "alice")
    play(github.comment(TRIO, 1, "olga", text))
    paths = [call.path for call in github.calls_to("PUT", "/orgs/snakes/memberships/*")]
    assert [path.rpartition("/")[2] for path in paths] == named


def test_several_people_are_invited_at_once(github, play, said):
    """The bot obeys each command in a comment, once per person."""
    for person in ("alice", "bob"):
        github.add_user(person)
    github.open_issue(TRIO, "olga")
    play(github.comment(TRIO, 1, "olga", "/invite @alice\n/invite @bob\n/invite @ALICE"))
    assert (sorted(invited(github)), len(said(1))) == (["alice", "bob"], 2)


@fair
@pytest.mark.parametrize("person", ["trish", "mallory"])
def test_others_cannot_invite(github, play, said, person):
    """People without write access get the reason, and nothing else happens."""
    github.open_pull_request(TRIO, "alice")
    play(github.comment(TRIO, 1, person, "/invite"))
    assert invited(github) == []
    assert said(1) == [
        "Only people with write access to this repository can ask me to invite someone."
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
        ("/invite @alice", _member, "@alice is already a member of **snakes**"),
        ("/invite @alice", _pending, "@alice already has an invitation to join **snakes**"),
        ("/invite @alice", _excluded, "I am not allowed to invite `alice`"),
        ("/invite @alcie", None, "I could not find `alcie` on GitHub"),
        ("/invite @ali/ce", None, "I could not find `@ali/ce` on GitHub"),
        ("/invite @lions", None, "`lions` is not a person"),
        (
            "/invite",
            None,
            "Who would you like to invite? Please name the person: `/invite @person`.",
        ),
    ],
)
def test_a_refused_command_gets_the_reason(github, set_up, play, said, order, before, words):
    """A refusal gets one sentence with the reason."""
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


def test_invite_refuses_a_person_who_declined(github, play, said):
    """`/invite` says that the person declined, and who can still invite them."""
    play(merge(github))
    github.decline_invitation("snakes", "alice")
    play(github.comment(TRIO, 1, "carl", "/invite"))
    assert invited(github) == ["alice"]
    assert said(1)[1].startswith(
        "@alice was invited before and did not accept. I never invite people twice"
    )


def test_invite_refuses_a_former_member(github, play, said):
    """`/invite` says that the person was a member."""
    github.add_member("snakes", "alice")
    play(github.leave("snakes", "alice"))
    github.open_pull_request(TRIO, "alice")
    play(github.comment(TRIO, 1, "carl", "/invite"))
    assert said(1)[0].startswith("@alice was a member of **snakes** and has left.")


def test_an_answer_in_a_review_stands_in_its_thread(github, play):
    """The bot replies in the review thread of the command."""
    github.open_pull_request(TRIO, "alice")
    happening = github.review_comment(TRIO, 1, "mallory", "/invite")
    play(happening)
    number = happening.payload["comment"]["id"]
    paths = {call.path for call in github.calls_to("POST", "*/replies")}
    assert paths == {f"/repos/{TRIO}/pulls/1/comments/{number}/replies"}


@fair
@pytest.mark.parametrize("said_in", ["review", "review_comment"])
@pytest.mark.parametrize("text", ["/invite @evil", "/approve", "/approve @alice"])
def test_a_review_invites_nobody(github, set_up, play, said_in, text):
    """GitHub does not show whether an App wrote a review; the answer says where to write it."""
    set_up('[invite]\nmode = "approval"\n')
    github.add_user("evil")
    play(merge(github))
    play(getattr(github, said_in)(TRIO, 1, "mary", text))
    assert invited(github) == []
    answers = [
        each.body
        for each in [*github.comments(TRIO, 1), *github.world.review_comments.values()]
        if each.body.startswith("Please write this in a comment on the conversation")
    ]
    assert len(answers) == 1


@fair
def test_a_command_about_a_known_person_costs_two_reads(github, play):
    """A command costs two reads and one comment."""
    play(merge(github))
    before = len(github.calls)
    play(github.comment(TRIO, 1, "carl", "/invite"))
    assert [call.method for call in github.calls[before:]] == ["GET", "GET", "POST"]


# After joining


def test_a_new_member_is_introduced_by_an_issue_that_is_closed(github, set_up, play, said):
    """The introduction issue is opened and closed at once."""
    set_up('[invite]\nintroduction = "issue"\nintroduction_in = "people"\n')
    play(merge(github))
    play(github.accept_invitation("snakes", "alice"))
    (issue,) = github.world.repositories[PEOPLE].issues.values()
    assert (issue.title, issue.state) == ("Welcome, alice!", "closed")
    assert issue.body.startswith("@alice has just joined **snakes**. Welcome! :wave:")


def test_a_new_member_is_introduced_by_a_comment(github, set_up, play, said):
    """The introduction appears on the configured issue."""
    set_up(
        '[invite]\nintroduction = "comment"\nintroduction_in = "people"\nintroduction_number = 1\n'
        'introduction_message = "Meet @$person."\n'
    )
    github.open_issue(PEOPLE, "olga", "Who is who")
    play(merge(github))
    play(github.accept_invitation("snakes", "alice"))
    assert said(1, PEOPLE) == ["Meet @alice."]


def test_only_those_whom_the_bot_invited_are_introduced(github, set_up, play):
    """The bot does not introduce people whom an owner invited."""
    set_up('[invite]\nintroduction = "issue"\nintroduction_in = "people"\n')
    play(github.invite_by_hand("snakes", "alice"))
    play(github.accept_invitation("snakes", "alice"))
    assert github.world.repositories[PEOPLE].issues == {}


def test_a_person_who_left_is_not_introduced(github, set_up, play):
    """A late delivery does not introduce a person who has left again."""
    set_up('[invite]\nintroduction = "issue"\nintroduction_in = "people"\n')
    play(merge(github))
    play(github.accept_invitation("snakes", "alice"), github.leave("snakes", "alice"))
    assert github.world.repositories[PEOPLE].issues == {}


@fair
def test_introductions_are_off_by_default(github, play):
    """Introductions are off by default."""
    play(merge(github))
    play(github.accept_invitation("snakes", "alice"))
    assert github.calls_to("POST", "*/issues") == []
