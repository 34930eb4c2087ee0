"""Names change, ids do not: nobody is invited, told or counted twice because of a new name."""

import pytest
from sqlalchemy import delete

from bot.actions import marker
from bot.events import view
from bot.store.identities import Identities
from bot.store.tables import identity
from luggage.fake_github import faults
from luggage.jobs import State

TRIO, NEW = "snakes/trio", "snakes/quartet"
FILE = ".github/bot.toml"
BROKEN = "[invite\nenabled = maybe\n"
POST_COMMENT = {"method": "POST", "path": "*/comments"}


@pytest.fixture
def settings():
    return {
        "welcome": {"enabled": True},
        "conflicts": {"enabled": True},
        "commands": {"enabled": True, "most_claims": 1, "remind_days": 5, "release_days": 2},
    }


def invited(github):
    return [call.path.split("/")[-1] for call in github.calls_to("PUT", "/orgs/*/memberships/*")]


def said(github, repo, number=1):
    return [one.body for one in github.comments(repo, number) if one.author is github.world.bot]


def issues(github, repo):
    found = github.world.repositories[repo].issues.values()
    return [one for one in found if one.author is github.world.bot]


def declined(github, story, login):
    story(github.merge_pull_request(TRIO, login))
    github.decline_invitation("snakes", login)


@pytest.fixture
def upgraded(store, people, monkeypatch):
    """Leave all as an older version did: stored under names, without any id."""

    def upgrade():
        with store.begin() as connection:
            connection.execute(delete(identity))
        monkeypatch.setattr(people, "_identities", Identities(store))

    return upgrade


# People


def test_who_declined_and_is_renamed_is_not_invited_again(github, story):
    """The invitation was theirs under whatever login."""
    declined(github, story, "alice")
    github.rename_user("alice", "alicia")
    story(github.merge_pull_request(TRIO, "alicia"))
    assert invited(github) == ["alice"]


def test_who_declined_before_an_upgrade_is_not_invited_again_when_renamed(github, story, upgraded):
    """What is stored under a name belongs to the first id that is seen with it."""
    declined(github, story, "alice")
    upgraded()
    story(github.comment(TRIO, 1, "alice", "Thanks, but no."))
    github.rename_user("alice", "alicia")
    story(github.merge_pull_request(TRIO, "alicia"))
    assert invited(github) == ["alice"]


def test_an_upgrade_alone_repeats_nothing(github, story, upgraded):
    """The keys of what was done under names are those of the ids."""
    declined(github, story, "alice")
    upgraded()
    story(github.merge_pull_request(TRIO, "alice"))
    assert invited(github) == ["alice"]
    assert said(github, TRIO, 2) == []


def test_who_takes_over_a_login_is_another_person(github, story):
    """They are invited and welcomed, though somebody with that login declined."""
    declined(github, story, "alice")
    github.rename_user("alice", "alicia")
    story(github.merge_pull_request(TRIO, "alice"))
    assert invited(github) == ["alice", "alice"]
    assert len(said(github, TRIO, 2)) == 1


def test_two_people_who_swap_logins_stay_themselves(github, story):
    """Neither is invited again."""
    declined(github, story, "alice")
    declined(github, story, "bob")
    github.rename_user("alice", "carol")
    github.rename_user("bob", "alice")
    github.rename_user("carol", "bob")
    for login in ("alice", "bob"):
        story(github.merge_pull_request(TRIO, login))
    assert invited(github) == ["alice", "bob"]


def test_who_left_and_is_renamed_is_not_invited_again(github, story):
    """Events of the organisation are remembered by id, too."""
    github.invite_by_hand("snakes", "alice")
    story(github.accept_invitation("snakes", "alice"))
    story(github.leave("snakes", "alice"))
    github.rename_user("alice", "alicia")
    story(github.merge_pull_request(TRIO, "alicia"))
    assert invited(github) == []


def test_a_command_with_the_new_login_finds_who_declined(github, story, bots):
    """A name in a command is looked up before the bot decides."""
    github.add_member("snakes", "olga", role="admin")
    declined(github, story, "alice")
    github.rename_user("alice", "alicia")
    github.open_issue(TRIO, "olga")
    story(github.comment(TRIO, 2, "olga", "/invite alicia"))
    assert invited(github) == ["alice"]
    assert "was invited before" in bots(2)[0]


def test_an_invitation_that_waits_reaches_the_person_under_the_new_login(github, deliver, settled):
    """Between the decision and the request, the person is renamed and the login is taken over."""
    github.faults.append(faults.plan(faults.failed(503, done=False), path="/orgs/*", times=1))
    deliver(github.merge_pull_request(TRIO, "alice"))
    github.rename_user("alice", "alicia")
    github.add_user("alice")
    settled()
    assert invited(github) == ["alicia"]


def test_whose_account_is_deleted_is_not_invited_nor_who_takes_the_login(github, deliver, settled):
    """The invitation is given up."""
    deliver(github.merge_pull_request(TRIO, "alice"))
    github.delete_account("alice")
    github.add_user("alice")
    settled()
    assert invited(github) == []
    assert said(github, TRIO) == []


def test_a_newcomer_who_is_renamed_is_welcomed_once(github, story):
    """The second issue is not the first, whatever the login."""
    story(github.open_issue(TRIO, "alice"))
    github.rename_user("alice", "alicia")
    story(github.open_issue(TRIO, "alicia"))
    assert (len(said(github, TRIO, 1)), said(github, TRIO, 2)) == (1, [])


def test_claims_count_under_a_new_login(github, story, bots):
    """The limit holds, and so does the claim."""
    for _ in range(2):
        story(github.open_issue(TRIO, "olga"))
    story(github.comment(TRIO, 1, "alice", "/claim"))
    github.rename_user("alice", "alicia")
    story(github.comment(TRIO, 2, "alicia", "/claim"))
    assert "already have #1" in bots(2)[-1]


def test_a_claim_of_somebody_renamed_is_asked_about_once_and_released(github, story, tick, clock):
    """Neither the reminder nor the release depends on the login."""
    story(github.open_issue(TRIO, "olga"))
    story(github.comment(TRIO, 1, "alice", "/claim"))
    github.rename_user("alice", "alicia")
    before = len(said(github, TRIO))
    for day in range(9):
        clock.advance(86_400)
        tick("commands")
        if day == 5:
            github.rename_user("alicia", "alma")
    reminder, release = said(github, TRIO)[before:]
    assert "@alicia" in reminder
    assert "released" in release
    assert github.issue(TRIO, 1).assignees == []


@pytest.mark.parametrize("order", ["/claim", "/release"])
def test_an_assignment_that_waits_is_that_of_the_person(
    github, deliver, settled, story, worker, clock, order
):
    """Meanwhile the person is renamed, and another takes the login."""
    story(github.open_issue(TRIO, "olga"))
    if order == "/release":
        story(github.comment(TRIO, 1, "alice", "/claim"))
    github.faults.append(faults.plan(faults.failed(503, done=False), path="*/assignees", times=1))
    deliver(github.comment(TRIO, 1, "alice", order))
    worker.drain()
    github.rename_user("alice", "alicia")
    github.comment(TRIO, 1, "alice", "I am another Alice.")
    clock.advance(61)
    settled(200)
    expected = ["alicia"] if order == "/claim" else []
    assert [one.login for one in github.issue(TRIO, 1).assignees] == expected


# Organisations


def renamed_org(github, story, *, heard):
    event = github.rename_organization("snakes", "pythons")
    if heard:
        story(event)


@pytest.mark.parametrize("heard", [True, False], ids=["event heard", "event missed"])
def test_nobody_is_invited_again_when_the_organisation_is_renamed(github, story, heard):
    """Who declined, declined."""
    declined(github, story, "alice")
    renamed_org(github, story, heard=heard)
    story(github.merge_pull_request("pythons/trio", "alice"))
    assert invited(github) == ["alice"]


def test_the_event_that_renames_an_organisation_right_after_an_upgrade_counts(
    github, story, upgraded
):
    """It names the former login, under which an older version stored everything."""
    declined(github, story, "alice")
    upgraded()
    renamed_org(github, story, heard=True)
    story(github.merge_pull_request("pythons/trio", "alice"))
    assert invited(github) == ["alice"]


def test_a_renamed_organisation_and_a_renamed_person_together(github, story):
    """Both ids count."""
    declined(github, story, "alice")
    renamed_org(github, story, heard=False)
    github.rename_user("alice", "alicia")
    story(github.merge_pull_request("pythons/trio", "alicia"))
    assert invited(github) == ["alice"]


def test_another_organisation_with_the_former_name_is_another(github, story):
    """It begins with nothing."""
    declined(github, story, "alice")
    renamed_org(github, story, heard=False)
    github.add_repository("snakes/trio")
    story(github.merge_pull_request("snakes/trio", "alice"))
    assert invited(github) == ["alice", "alice"]


def test_a_broken_file_of_a_renamed_organisation_has_one_issue(github, story):
    """The issue about `.github` is one, whichever repository's event shows the new name."""
    github.add_repository("snakes/.github")
    github.add_file("snakes/.github", FILE, BROKEN)
    story(github.open_issue(TRIO, "olga"))
    renamed_org(github, story, heard=False)
    story(github.open_issue("pythons/trio", "olga"))
    story(github.push("pythons/.github", "olga", files={FILE: f"{BROKEN}x"}))
    assert len(issues(github, "pythons/.github")) == 1


def test_a_paused_organisation_that_is_renamed_stays_paused(github, story, settled):
    """Nothing happens until somebody resumes it; then all of it does, in order."""
    github.add_member("snakes", "olga", role="admin")
    github.add_repository("snakes/.github")
    story(github.open_issue("snakes/.github", "olga", body="/bot pause"))
    story(github.open_issue(TRIO, "bob", body="/ping"))
    renamed_org(github, story, heard=False)
    story(github.open_issue("pythons/trio", "carl", body="/ping"))
    assert [said(github, "pythons/trio", number) for number in (1, 2)] == [[], []]
    story(github.comment("pythons/.github", 1, "olga", "/bot resume"))
    settled()
    assert all("pong!" in str(said(github, "pythons/trio", number)) for number in (1, 2))


# Repositories


@pytest.mark.parametrize("heard", [True, False], ids=["event heard", "event missed"])
def test_a_conflict_is_told_once_when_the_repository_is_renamed(github, story, tick, heard):
    """The comment of the period stands in the renamed repository already."""
    github.open_pull_request(TRIO, "alice")
    github.pull(TRIO, 1).conflicts = True
    story(github.push_to_pull_request(TRIO, 1, "alice"))
    event = github.rename_repository(TRIO, "quartet")
    if heard:
        story(event)
    story(github.push_to_pull_request(NEW, 1, "alice"))
    assert len([text for text in said(github, NEW) if "conflicts" in text]) == 1


def test_the_comment_about_a_conflict_is_withdrawn_in_a_renamed_repository(github, story):
    """Its record has the former name."""
    github.open_pull_request(TRIO, "alice")
    github.pull(TRIO, 1).conflicts = True
    story(github.push_to_pull_request(TRIO, 1, "alice"))
    github.rename_repository(TRIO, "quartet")
    github.pull(NEW, 1).conflicts = False
    story(github.push_to_pull_request(NEW, 1, "alice"))
    (text,) = said(github, NEW)
    assert "resolved" in text


def test_a_broken_file_is_complained_of_once_when_the_repository_is_renamed(github, story):
    """The kept issue follows the repository, and is closed there."""
    github.add_file(TRIO, FILE, BROKEN)
    story(github.open_issue(TRIO, "olga"))
    github.rename_repository(TRIO, "quartet")
    story(github.open_issue(NEW, "olga"))
    assert [one.state for one in issues(github, NEW)] == ["open"]
    story(github.push(NEW, "olga", files={FILE: ""}))
    assert [one.state for one in issues(github, NEW)] == ["closed"]


def test_a_broken_file_is_complained_of_once_when_the_repository_is_transferred(github, story):
    """It has the same id in the other organisation."""
    github.add_file(TRIO, FILE, BROKEN)
    story(github.open_issue(TRIO, "olga"))
    story(github.transfer_repository(TRIO, "lions"))
    story(github.open_issue("lions/trio", "olga"))
    assert len(issues(github, "lions/trio")) == 1


def test_a_new_repository_with_a_former_name_has_its_own_issue(github, story):
    """It is another repository, with another file."""
    github.add_file(TRIO, FILE, BROKEN)
    story(github.open_issue(TRIO, "olga"))
    github.rename_repository(TRIO, "quartet")
    github.add_repository(TRIO)
    github.add_file(TRIO, FILE, BROKEN)
    for repository in (TRIO, NEW):
        story(github.open_issue(repository, "olga"))
    assert [len(issues(github, repository)) for repository in (TRIO, NEW)] == [1, 1]


def test_a_newcomer_to_a_renamed_repository_is_no_newcomer_any_more(github, story):
    """Whoever was welcomed once is not welcomed again."""
    story(github.open_issue(TRIO, "alice"))
    github.rename_repository(TRIO, "quartet")
    story(github.open_issue(NEW, "alice"))
    assert (len(said(github, NEW, 1)), said(github, NEW, 2)) == (1, [])


def test_what_waits_is_done_in_the_renamed_repository(github, deliver, settled):
    """GitHub redirects requests to the former name."""
    deliver(github.open_issue(TRIO, "alice", body="/ping"))
    github.rename_repository(TRIO, "quartet")
    settled()
    assert any("pong!" in text for text in said(github, NEW))


def test_an_approval_after_a_rename_reaches_the_pull_request(github, story):
    """The question is found, and the welcome goes where the pull request is by now."""
    github.add_member("snakes", "olga", role="admin")
    github.add_file(TRIO, FILE, '[invite]\nmode = "approval"\n')
    story(github.merge_pull_request(TRIO, "alice"))
    github.rename_repository(TRIO, "quartet")
    story(github.comment(NEW, 1, "olga", "/approve"))
    assert invited(github) == ["alice"]
    assert any("@alice" in text for text in said(github, NEW)[1:])
    assert len(said(github, NEW)) == 2  # The question and the welcome; the rest is for elsewhere.


def test_an_approval_in_a_place_with_capitals_is_given_in_the_same_place(github, story):
    """GitHub's names ignore case: the pull request is not closed as a question elsewhere."""
    github.add_member("snakes", "olga", role="admin")
    github.add_file(TRIO, FILE, '[invite]\nmode = "approval"\n')
    story(github.merge_pull_request(TRIO, "alice"))
    github.rename_repository(TRIO, "Quartet")
    story(github.comment("snakes/Quartet", 1, "olga", "/approve"))
    assert len(said(github, NEW)) == 2
    assert not [call for call in github.calls if call.method == "PATCH"]


def test_an_approval_after_the_person_is_renamed_invites_the_person(github, story):
    """Not whoever has the login by now."""
    github.add_member("snakes", "olga", role="admin")
    github.add_file(TRIO, FILE, '[invite]\nmode = "approval"\n')
    story(github.merge_pull_request(TRIO, "alice"))
    github.rename_user("alice", "alicia")
    github.add_user("alice")
    story(github.comment(TRIO, 1, "olga", "/approve"))
    assert invited(github) == ["alicia"]


# The App


@pytest.mark.parametrize("shown", [True, False], ids=["by the App's id", "by the account's id"])
def test_an_app_that_is_renamed_knows_its_comments(github, deliver, settled, shown, monkeypatch):
    """GitHub answers 502 after it has written; the next try finds the text of the renamed App."""
    if not shown:
        hidden = "luggage.fake_github.shapes.issues.by_app"
        monkeypatch.setattr(hidden, lambda *_: None)
    for number in (1, 2):  # The first makes the App ask for its name.
        lost = faults.failed(502, done=True)
        github.faults.append(faults.plan(lost, times=1, **POST_COMMENT))
        deliver(github.open_issue(TRIO, "alice", body="/ping"), f"guid-{number}")
        settled()
        pongs = [text for text in said(github, TRIO, number) if "pong!" in text]
        assert len(pongs) == 1
        github.rename_app(f"other-{number}")


def test_the_former_name_of_the_app_in_other_hands_is_not_the_app(github, deliver, settled):
    """A copied marker under that login is another's text."""
    github.rename_app("other")
    github.add_user("test-bot[bot]", bot=True)
    lost = faults.failed(502, done=False)
    github.faults.append(faults.plan(lost, times=1, **POST_COMMENT))
    deliver(github.open_issue(TRIO, "bob", body="/ping"))
    key = f"comment:ping {TRIO}/issues/1"
    github.comment(TRIO, 1, "test-bot[bot]", marker(key))
    settled()
    assert any("pong!" in text for text in said(github, TRIO))


# What waits


def test_what_waits_is_not_done_in_another_repository_with_the_name(
    github, deliver, settled, story, worker, clock
):
    """The comment follows its repository, also where the bot does not know the new name yet."""
    github.faults.append(faults.plan(faults.failed(503, done=False), times=1, **POST_COMMENT))
    deliver(github.open_issue(TRIO, "alice", body="/ping"))
    worker.drain()
    github.rename_repository(TRIO, "quartet")
    github.add_repository(TRIO)
    clock.advance(61)
    story(github.open_issue(TRIO, "bob"), "guid-2")
    settled()
    assert any("pong!" in text for text in said(github, NEW))
    assert not any("pong!" in text for text in said(github, TRIO))


def test_a_delivery_that_waits_is_evaluated_in_its_repository(github, queue, deliver, story, clock):
    """Its name is another's by now."""
    queue.pause_part("snakes/trio")
    deliver(github.open_issue(TRIO, "alice", body="/ping"), "guid-1")
    clock.advance(61)
    github.rename_repository(TRIO, "quartet")
    story(github.open_issue(NEW, "carl"), "guid-2")
    github.add_repository(TRIO)
    github.faults.append(faults.plan(faults.failed(404, done=False), path="/never"))
    queue.resume_part("snakes/trio")
    story(github.open_issue(TRIO, "bob"), "guid-3")
    assert any("pong!" in text for text in said(github, NEW))
    assert not any("pong!" in text for text in said(github, TRIO))


def test_what_waits_is_done_where_the_repository_was_transferred_to(
    github, deliver, settled, story, worker, clock
):
    """The App is there, under another installation."""
    github.faults.append(faults.plan(faults.failed(503, done=False), times=1, **POST_COMMENT))
    deliver(github.open_issue(TRIO, "alice", body="/ping"))
    worker.drain()
    clock.advance(61)
    story(github.transfer_repository(TRIO, "lions"))
    settled(200)
    assert any("pong!" in text for text in said(github, "lions/trio"))


def test_a_delivery_that_waits_is_evaluated_for_the_new_owner(
    github, queue, deliver, settled, story, clock
):
    """Its organisation's settings count, and its installation is asked."""
    github.add_repository("lions/.github")
    github.add_file("lions/.github", FILE, "[welcome]\nenabled = false\n")
    queue.pause_part("snakes")
    deliver(github.open_issue(TRIO, "alice", body="/ping"), "guid-1")
    clock.advance(61)
    story(github.transfer_repository(TRIO, "lions"), "guid-2")
    queue.resume_part("snakes")
    settled(200)
    (text,) = said(github, "lions/trio")
    assert "pong!" in text
    writes = [call for call in github.calls if call.method != "GET" and "/repos/" in call.path]
    assert {call.installation_id for call in writes} == {github.install("lions").id}


@pytest.mark.parametrize("when", ["evaluated", "decided"])
def test_what_waits_ends_where_the_new_owner_has_no_app(
    github, queue, deliver, settled, story, worker, clock, when
):
    """Nothing is dead, and the reason names the owner."""
    if when == "decided":
        github.faults.append(faults.plan(faults.failed(503, done=False), times=1, **POST_COMMENT))
        deliver(github.open_issue(TRIO, "bob", body="/ping"), "guid-1")
        worker.drain()
    queue.pause_part("snakes")
    deliver(github.open_issue(TRIO, "alice", body="/ping"), "guid-2")
    clock.advance(61)
    story(github.transfer_repository(TRIO, "lions"), "guid-3")
    del github.world.installations[github.install("lions").id]
    queue.resume_part("snakes")
    settled(200)
    rows = [*queue.search("delivery", limit=9), *queue.search("action", limit=9)]
    reasons = [row.reason for row in rows if "was transferred to lions" in row.reason]
    assert reasons
    assert not [row for row in rows if row.state == State.DEAD]


def test_an_invitation_that_waits_is_sent_by_the_renamed_organisation(
    github, deliver, settled, story, worker, clock
):
    """GitHub redirects no requests about the members of an organisation."""
    github.faults.append(faults.plan(faults.failed(503, done=False), path="/orgs/*", times=2))
    deliver(github.merge_pull_request(TRIO, "alice"))
    worker.drain()
    event = github.rename_organization("snakes", "pythons")
    clock.advance(61)
    story(event, "guid-2")
    settled()
    assert [call.path for call in github.calls_to("PUT", "/orgs/*")] == [
        "/orgs/pythons/memberships/alice"
    ]


def test_an_old_delivery_does_not_bring_a_former_name_back(github, people):
    """What was seen later counts, in whatever order it is heard."""
    old = view("issues", github.open_issue(TRIO, "alice").payload).identities
    github.rename_repository(TRIO, "quartet")
    new = view("issues", github.open_issue(NEW, "alice").payload).identities
    people.seen(new, at=20.0)
    bound, renamed = people.seen(old, at=10.0)
    assert bound.names.now("repository", TRIO) == NEW
    assert renamed == []


def test_a_rule_that_runs_again_does_not_bring_a_former_name_back(
    github, deliver, settled, story, worker, clock, people
):
    """Its payload is as old as its delivery, however late it is queued."""
    github.faults.append(faults.plan(faults.failed(503, done=False), times=1, path="*/issues"))
    deliver(github.open_issue(TRIO, "alice"), "guid-1")
    clock.advance(1)
    renamed = github.rename_repository(TRIO, "quartet")
    bound = view("repository", renamed.payload).identities
    people.seen(bound, at=clock())
    clock.advance(1)
    worker.drain()
    settled(200)
    assert people.seen([], at=clock())[0].names.repository(NEW) == TRIO
    assert len(said(github, NEW)) == 1


# Other memories


def test_nobody_is_asked_about_twice(github, story):
    """A question about somebody who is renamed is the same question."""
    github.add_file(TRIO, FILE, '[invite]\nmode = "approval"\n')
    story(github.merge_pull_request(TRIO, "alice"))
    github.rename_user("alice", "alicia")
    story(github.merge_pull_request(TRIO, "alicia"))
    assert [len(said(github, TRIO, number)) for number in (1, 2)] == [1, 0]


def test_merges_under_two_logins_count_together(github, story):
    """The second leads to the invitation."""
    github.add_file(TRIO, FILE, "[invite]\nmerged_pull_requests = 2\n")
    story(github.merge_pull_request(TRIO, "alice"))
    github.rename_user("alice", "alicia")
    github.rename_repository(TRIO, "quartet")
    story(github.merge_pull_request(NEW, "alicia"))
    assert invited(github) == ["alicia"]


def test_a_merge_counts_once_under_two_names_of_the_repository(github, story):
    """What the bot saw and what the search finds is one."""
    github.add_file(TRIO, FILE, "[invite]\nmerged_pull_requests = 2\n")
    event = github.merge_pull_request(TRIO, "alice")
    story(event)
    github.rename_repository(TRIO, "quartet")
    story(github.open_issue(NEW, "bob"))
    story(event, "guid-2")
    assert invited(github) == []


def test_who_is_renamed_before_joining_is_introduced(github, story):
    """The bot invited that person, under whatever login."""
    github.add_repository("snakes/.github")
    github.add_file("snakes/.github", FILE, '[invite]\nintroduction = "issue"\n')
    story(github.merge_pull_request(TRIO, "alice"))
    github.rename_user("alice", "alicia")
    story(github.accept_invitation("snakes", "alicia"))
    assert ["alicia" in one.title for one in issues(github, "snakes/.github")] == [True]


def test_the_bot_lists_what_it_did_under_a_former_name(github, story):
    """`/why` finds the actions of the repository by any name."""
    story(github.open_issue(TRIO, "alice", body="/ping"))
    github.rename_repository(TRIO, "quartet")
    story(github.comment(NEW, 1, "alice", "/why"))
    assert "for the rule `ping`" in said(github, NEW)[-1]


def test_the_last_valid_settings_follow_a_renamed_repository(github, story):
    """GitHub cannot be asked for the file just after the rename."""
    github.add_file(TRIO, FILE, "[ping]\nenabled = false\n")
    story(github.open_issue(TRIO, "alice"))
    github.rename_repository(TRIO, "quartet")
    refused = faults.refused(403, "Although you appear to have the correct authorization")
    github.faults.append(faults.plan(refused, path="*/contents/*", times=None))
    story(github.open_issue(NEW, "alice", body="/ping"))
    assert said(github, NEW, 2) == []
