"""bot.loop.run and bot.actions: deliveries become effects at a simulated GitHub, once."""

import pytest

from bot.actions import ACTIONS, Planned, React, marker
from bot.actions.write_once import READ_LAG_SECONDS
from bot.events import DELIVERIES
from bot.loop.run import OUTAGE_SECONDS, Boredom, Updater, job_log_context
from bot.operations.preview.check import Previewer
from bot.options.kinds import digest
from bot.rules import RULES, invite
from bot.rules.invite.texts import WELCOME
from bot.settings.files import SettingsFiles
from bot.settings.layers import Settings, read
from bot.store.board import SqlBoard
from bot.store.enqueue import job_of
from bot.store.people import People
from bot.store.refusals import Refusals
from luggage.fake_github import FakeGithub, faults
from luggage.github import Delivery
from luggage.jobs import NewJob, Retry, State
from luggage.telemetry import logs

TRIO = "snakes/trio"
POST_COMMENT = {"method": "POST", "path": "*/comments"}
PUT_MEMBERSHIP = {"method": "PUT", "path": "*/memberships/*"}


def texts(github, number=1):
    return [comment.body for comment in github.comments(TRIO, number)]


def states(queue, name):
    return {row.key: row.state for row in queue.search(name)}


def writes(github):
    return [call for call in github.calls if call.method != "GET" and "token" not in call.path]


def welcome(person):
    return WELCOME.replace("$person", person).replace("$organization", "snakes")


def test_a_first_merged_pull_request_brings_an_invitation_and_then_a_welcome(
    deliver, settled, github
):
    """The main case: one invitation as a member, and one comment that names both."""
    deliver(github.merge_pull_request(TRIO, "alice"))
    settled()
    assert github.membership("snakes", "alice").state == "pending"
    (text,) = texts(github)
    assert text == f"{welcome('alice')}\n\n{marker('comment:welcome snakes/alice')}"
    assert [(call.method, call.body) for call in writes(github)] == [
        ("PUT", {"role": "member"}),
        ("POST", {"body": text}),
    ]


def test_a_second_merged_pull_request_brings_nothing_and_asks_nothing(deliver, settled, github):
    """An invited person is remembered: the next merge costs no request."""
    deliver(github.merge_pull_request(TRIO, "alice"))
    settled()
    asked = len(github.calls)
    deliver(github.merge_pull_request(TRIO, "alice"), "guid-2")
    settled()
    assert len(github.calls) == asked


def test_two_merges_at_one_instant_bring_one_welcome(deliver, settled, github):
    """Both are evaluated before either is performed; their keys make them one."""
    deliver(github.merge_pull_request(TRIO, "alice"), "guid-1")
    deliver(github.merge_pull_request(TRIO, "alice"), "guid-2")
    settled()
    assert len(texts(github, 1)) + len(texts(github, 2)) == 1
    assert len(github.calls_to("PUT")) == 1


def test_a_member_is_left_alone_and_asked_about_once(deliver, settled, queue, github):
    """Members get nothing, and are looked up once."""
    github.add_member("snakes", "alice")
    deliver(github.merge_pull_request(TRIO, "alice"), "guid-1")
    settled()
    deliver(github.merge_pull_request(TRIO, "alice"), "guid-2")
    settled()
    assert writes(github) == []
    assert len(github.calls_to("GET", "*/memberships/*")) == 1
    assert set(states(queue, DELIVERIES).values()) == {State.IGNORED}


def test_an_owner_invited_by_a_late_action_keeps_the_role(deliver, settled, worker, github):
    """Someone who became an owner meanwhile is not overwritten."""
    deliver(github.merge_pull_request(TRIO, "alice"))
    github.faults.append(faults.plan(faults.failed(503, done=False), **PUT_MEMBERSHIP))
    worker.drain()
    github.add_member("snakes", "alice", role="admin")
    settled()
    assert github.membership("snakes", "alice").role == "admin"


def test_a_process_that_was_stopped_before_it_invited_finds_it_too_late(
    deliver, settled, worker, queue, clock, github, monkeypatch
):
    """A process stopped past its lease does not invite after another one has."""
    deliver(github.merge_pull_request(TRIO, "alice"))
    inviting = People.inviting

    def stopped(*args):
        inviting(*args)
        monkeypatch.setattr(People, "inviting", inviting)
        clock.advance(61)
        queue.reclaim()
        settled()
        clock.advance(61)

    monkeypatch.setattr(People, "inviting", stopped)
    worker.drain()
    assert [call.method for call in github.calls_to("PUT", "*/memberships/*")] == ["PUT"]


def test_no_welcome_is_said_when_the_invitation_is_refused(deliver, settled, queue, github):
    """A comment waits for its invitation, and is held if that is dead."""
    refusal = faults.Fault(name="422", answer=faults.Refused(422, "Validation Failed").answer)
    github.faults.append(faults.plan(refusal, **PUT_MEMBERSHIP))
    deliver(github.merge_pull_request(TRIO, "alice"))
    settled()
    assert texts(github) == []
    assert states(queue, ACTIONS) == {
        "invite:snakes/alice": State.DEAD,
        "comment:welcome snakes/alice": State.HELD,
    }


def test_a_dead_invitation_revived_by_hand_is_followed_by_its_welcome(
    deliver, settled, queue, github
):
    """A held action runs once its dependency is done."""
    refusal = faults.Fault(name="403", answer=faults.Refused(403, "No permission").answer)
    github.faults.append(faults.plan(refusal, times=9, **PUT_MEMBERSHIP))
    deliver(github.merge_pull_request(TRIO, "alice"))
    settled()
    github.faults.clear()
    queue.revive(queue.find(ACTIONS, "invite:snakes/alice").id)
    settled()
    assert len(texts(github)) == 1


def test_events_that_no_rule_is_about_are_ignored(deliver, settled, queue, github):
    """Events without a rule are ignored without a request."""
    deliver(github.star(TRIO, "alice"))
    settled()
    assert states(queue, DELIVERIES) == {"guid-1": State.IGNORED}
    assert github.calls == []


def test_a_delivery_without_an_installation_is_ignored(deliver, settled, queue, github):
    """A delivery without an installation is ignored: there is no account to act as."""
    event, payload = github.merge_pull_request(TRIO, "alice")
    del payload["installation"]
    deliver(type(github.star(TRIO, "x"))(event, payload))
    settled()
    assert queue.find(DELIVERIES, "guid-1").reason == "the event has no installation"


def test_ping_is_answered_in_the_thread_of_a_review_comment(deliver, settled, github):
    """The reply goes below the review comment, and the heart onto it."""
    github.open_pull_request(TRIO, "alice")
    happening = github.review_comment(TRIO, 1, "alice", "/ping")
    deliver(happening)
    settled()
    number = happening.payload["comment"]["id"]
    assert [(call.path, call.status) for call in writes(github)] == [
        (f"/repos/{TRIO}/pulls/1/comments/{number}/replies", 201),
        (f"/repos/{TRIO}/pulls/comments/{number}/reactions", 201),
    ]


AMBIGUOUS = {
    "done, then 502": faults.failed(502, done=True),
    "done, then reset": faults.reset(done=True),
    "done, answer cut short": faults.cut_short(),
    "reset before": faults.reset(done=False),
    "502 before": faults.failed(502, done=False),
    "closed before": faults.dropped(),
}


@pytest.mark.parametrize("fault", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_a_comment_whose_end_is_unknown_is_written_once(deliver, settled, github, fault):
    """Whether or not GitHub acted before the failure, there is one comment in the end."""
    github.open_issue(TRIO, "alice")
    github.faults.append(faults.plan(fault, **POST_COMMENT))
    deliver(github.comment(TRIO, 1, "alice", "/ping"))
    settled()
    assert len(texts(github)) == 2


def test_a_process_that_died_after_sending_does_not_write_twice(
    deliver, settled, worker, queue, clock, github, monkeypatch
):
    """A process killed before recording the answer finds its comment by the marker."""
    github.open_issue(TRIO, "alice")
    deliver(github.comment(TRIO, 1, "alice", "/ping"))
    with monkeypatch.context() as patch:
        # As after kill -9: the worker never records the outcome.
        patch.setattr(queue, "end", _die_for(queue.end, ACTIONS))
        with pytest.raises(_Killed):
            worker.drain()
    clock.advance(61)
    assert queue.reclaim() == 1
    settled()
    assert len(texts(github)) == 2
    assert set(states(queue, ACTIONS).values()) == {State.DONE}


class _Killed(BaseException):
    """Simulates SIGKILL: nothing in the worker catches it."""


def _die_for(end, name):
    def dying(ended):
        if ended[0].job.queue == name:
            raise _Killed
        return end(ended)

    return dying


def test_the_look_up_waits_until_github_shows_what_was_written(deliver, settled, clock, github):
    """Even with the longest read lag the comment is found, not written again."""
    github.world.read_lag_seconds = READ_LAG_SECONDS - 1
    github.open_issue(TRIO, "alice")
    github.faults.append(faults.plan(faults.failed(502, done=True), **POST_COMMENT))
    deliver(github.comment(TRIO, 1, "alice", "/ping"))
    settled()
    assert len(texts(github)) == 2


def test_a_comment_that_was_written_late_is_seen_before_it_is_judged(
    deliver, settled, clock, github
):
    """A comment that GitHub writes and shows late is waited for."""
    github.world.read_lag_seconds = READ_LAG_SECONDS - 1
    github.open_issue(TRIO, "alice")
    slow = faults.plan(faults.reset(done=True), **POST_COMMENT)

    def late(request):
        fault = slow(request)
        clock.advance(14.9 if fault else 0.0)
        return fault

    github.faults.append(late)
    deliver(github.comment(TRIO, 1, "alice", "/ping"))
    settled()
    assert len(texts(github)) == 2


def test_a_process_that_was_stopped_before_it_sent_finds_it_too_late(
    deliver, settled, worker, queue, clock, github, monkeypatch
):
    """A process stopped past its lease does not send after another one has."""
    github.open_issue(TRIO, "alice")
    deliver(github.comment(TRIO, 1, "alice", "/ping"))
    note = queue.note

    def stopped(job, text):
        noted = note(job, text)
        monkeypatch.setattr(queue, "note", note)
        clock.advance(61)
        queue.reclaim()
        settled()
        clock.advance(61)
        return noted

    monkeypatch.setattr(queue, "note", stopped)
    worker.drain()
    assert len(texts(github)) == 2


def test_a_failed_look_up_is_not_an_absence(deliver, settled, github):
    """A failed lookup is repeated; the comment is not sent blindly."""
    github.open_issue(TRIO, "alice")
    github.faults.append(faults.plan(faults.failed(502, done=True), **POST_COMMENT))
    look_up = faults.failed(502, done=False)
    github.faults.append(faults.plan(look_up, method="GET", path="*/comments", times=3))
    deliver(github.comment(TRIO, 1, "alice", "/ping"))
    settled()
    assert len(texts(github)) == 2


def test_a_marker_pasted_by_somebody_else_does_not_count(deliver, settled, github):
    """Only the App's own comments count; a stranger's marker cannot silence the bot."""
    github.open_issue(TRIO, "alice")
    happening = github.comment(TRIO, 1, "alice", "/ping")
    key = f"comment:ping {TRIO}/issues/comments/{happening.payload['comment']['id']}"
    github.comment(TRIO, 1, "mallory", marker(key))
    github.faults.append(faults.plan(faults.failed(502, done=False), **POST_COMMENT))
    deliver(happening)
    settled()
    assert len(texts(github)) == 3


def test_while_a_limit_lasts_nothing_is_called_and_the_attempt_is_given_back(
    deliver, settled, worker, queue, clock, github
):
    """A secondary rate limit reschedules the job; then it runs."""
    github.open_issue(TRIO, "alice")
    github.faults.append(faults.plan(faults.secondary_limit(120), **POST_COMMENT))
    limited_at = clock()
    deliver(github.comment(TRIO, 1, "alice", "/ping"))
    settled()
    later = [call.at for call in writes(github)[1:]]
    assert min(later) >= limited_at + 120
    assert len(texts(github)) == 2
    assert {row.attempt for row in queue.search(ACTIONS)} == {1}


def test_an_outage_shorter_than_a_day_kills_no_job(deliver, settled, queue, clock, github):
    """Jobs survive an outage of hours and run afterwards."""
    back_at = clock() + OUTAGE_SECONDS / 2
    github.faults.append(
        lambda _request: faults.failed(503, done=False) if clock() < back_at else None
    )
    deliver(github.merge_pull_request(TRIO, "alice"))
    settled()
    assert len(texts(github)) == 1


def test_an_outage_of_days_ends_in_dead_jobs(deliver, settled, queue, github):
    """After a day of outage attempts count, and jobs end dead."""
    github.faults.append(faults.plan(faults.failed(503, done=False), times=None))
    deliver(github.merge_pull_request(TRIO, "alice"))
    settled()
    assert states(queue, DELIVERIES) == {"guid-1": State.DEAD}


REFUSED = {
    "suspended": (FakeGithub.suspend, "unsuspend the App"),
    "allow list": (FakeGithub.set_allow_list, "IP allow list"),
}


@pytest.mark.parametrize("how", REFUSED)
def test_a_refusal_shorter_than_a_day_kills_no_job(deliver, worker, queue, clock, github, how):
    """While GitHub refuses the installation, jobs wait; then they are done."""
    refuse, remedy = REFUSED[how]
    deliver(github.open_issue(TRIO, "alice", body="/ping"))
    refuse(github, "snakes")
    give_up_at = clock() + OUTAGE_SECONDS - 1000.0
    while clock() < give_up_at:
        worker.drain()
        (job,) = queue.search(DELIVERIES)
        assert (job.state, remedy in job.reason) == (State.READY, True)
        clock.advance(900.0)
    refuse(github, "snakes", on=False) if how == "allow list" else github.unsuspend("snakes")
    worker.drain()
    (job,) = queue.search(DELIVERIES)
    assert job.state is State.DONE


@pytest.mark.parametrize("how", REFUSED)
def test_a_refusal_of_days_ends_in_dead_jobs_that_name_the_remedy(
    deliver, settled, queue, github, how
):
    """The reason of a dead job says what to do; retried by hand after it, the job is done."""
    refuse, remedy = REFUSED[how]
    deliver(github.open_issue(TRIO, "alice", body="/ping"))
    refuse(github, "snakes")
    settled()
    (job,) = queue.search(DELIVERIES)
    assert (job.state, remedy in job.reason) == (State.DEAD, True)


def test_after_an_uninstallation_a_job_ends_soon(deliver, settled, queue, clock, github):
    """Without an installation a job is tried for a minute, and nothing is decided."""
    began = clock()
    deliver(github.merge_pull_request(TRIO, "alice"))
    github.uninstall("snakes")
    settled()
    (job,) = queue.search(DELIVERIES)
    assert job.state is State.DEAD
    assert "install the App on the organisation again" in job.reason
    assert clock() - began < 600.0
    assert writes(github) == []


def test_an_action_waits_for_the_end_of_a_suspension(deliver, worker, settled, queue, github):
    """An invitation that meets a suspension is sent after it, once."""
    deliver(github.merge_pull_request(TRIO, "alice"))
    github.faults.append(
        faults.plan(
            faults.refused(403, "This installation has been suspended"), method="PUT", times=3
        )
    )
    settled()
    assert github.membership("snakes", "alice").state == "pending"
    assert len(github.calls_to("PUT")) == 4


def test_a_job_tells_which_installation_github_refuses(
    app, queue, people, files, store, clock, github
):
    """A job that meets a refusal stores it for the console, by installation."""
    refusals = Refusals(store, clock=clock)
    previewer = Previewer(queue=queue, people=people, settings=files)
    updater = Updater(
        app=app,
        queue=queue,
        people=people,
        settings=files,
        clock=clock,
        previewer=previewer,
        refusals=refusals,
    )
    happening = github.open_issue(TRIO, "alice", body="/ping")
    headers, body = github.signed(*happening)
    delivery = Delivery(headers["X-GitHub-Delivery"], happening.event, happening.payload)
    queue.put(job_of(delivery, body, run_at=clock()))
    github.set_allow_list("snakes")
    (job,) = queue.claim([DELIVERIES], worker="w", lease_seconds=60.0)
    with pytest.raises(Retry, match="IP allow list"):
        updater.decide(job)
    (found,) = refusals.all()
    assert (found.installation, found.account) == (github.install("snakes").id, "snakes")


def test_actions_of_an_unknown_kind_end_dead_and_harm_no_other(deliver, settled, queue, github):
    """A newer version's action is kept; the others run."""
    body = b'{"kind": "sing", "action": {}, "installation": 1, "delivery": "d", "rule": "r"}'
    queue.put(NewJob(queue=ACTIONS, key="sing", body=body, run_at=0.0))
    deliver(github.merge_pull_request(TRIO, "alice"))
    settled()
    assert queue.find(ACTIONS, "sing").state == State.DEAD
    assert len(texts(github)) == 1


def test_a_marker_tells_nothing_but_its_own_action():
    """A marker depends on the key alone, and names no one."""
    assert marker("comment:welcome snakes/alice") == marker("comment:welcome snakes/alice")
    assert marker("a") != marker("b")
    assert "alice" not in marker("comment:welcome snakes/alice")


def test_boredom_leaves_one_line_for_each_spell(store, clock):
    """The loop is bored after a minute without work, and again only after work."""
    board = SqlBoard(store, clock=clock)
    boredom = Boredom(board, after_seconds=60.0)
    for idle_seconds in (5.0, 59.0, 60.0, 65.0, 300.0):
        boredom(idle_seconds)
    assert len(board.lines()) == 1
    boredom(1.0)
    boredom(61.0)
    assert [line.text for line in board.lines()] == ["I'm bored", "I'm bored"]


@pytest.mark.parametrize(
    ("queue_name", "body", "expected"),
    [
        (DELIVERIES, b"{}", {"delivery": "a-key"}),
        (
            ACTIONS,
            Planned(
                action=React(repository="snakes/trio", target="issues/7", content="heart"),
                installation=5,
                delivery="guid-1",
                rule="ping",
            ).encode(),
            {"delivery": "guid-1", "job": "a-key"},
        ),
        (ACTIONS, b'{"kind": "of another release"}', {"job": "a-key"}),
    ],
)
def test_the_log_context_of_a_job_names_its_delivery(queue, clock, queue_name, body, expected):
    """The context has a delivery's own id, or that of an action's delivery."""
    queue.put(NewJob(queue=queue_name, key="a-key", body=body, run_at=clock()))
    (job,) = queue.claim([queue_name], worker="w", lease_seconds=60.0)
    with job_log_context(job):
        assert dict(logs._fields.get()) == expected


def test_an_action_remembers_the_settings_that_its_rule_obeyed(
    app, queue, people, store, clock, deliver, github
):
    """The action stores the settings that differ from the defaults."""
    layer = read([invite.RULE], {"invite": {"message": "Hello $person"}})
    told = Settings(layer)
    files = SettingsFiles(store, RULES, told, clock=clock)
    updater = Updater(
        app=app,
        queue=queue,
        people=people,
        settings=files,
        clock=clock,
        previewer=Previewer(queue=queue, people=people, settings=files),
    )
    deliver(github.merge_pull_request(TRIO, "alice"))
    (job,) = queue.claim([DELIVERIES], worker="w", lease_seconds=60.0)
    stored = [Planned.decode(new.body) for new in updater.decide(job).put]
    assert [planned.settings for planned in stored] == [{"message": "Hello $person"}] * 2
    assert {planned.digest for planned in stored} == {digest(told.of(invite.RULE))}
