"""bot.loop.periodic.schedule: scheduled rules run once, whichever machines fail."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cronsim import CronSimError
from sqlalchemy import insert

from bot.actions import Comment
from bot.events import DELIVERIES
from bot.loop.periodic.schedule import RETRY_MAX_SECONDS, RETRY_SECONDS, RuleSchedule
from bot.loop.run import Updater
from bot.operations.preview.check import Previewer
from bot.options.cron import latest_tick
from bot.rules import ping, rules_for
from bot.settings.files import FILE, SettingsFiles
from bot.settings.layers import Settings, SettingsError
from bot.store.tables import settings_file
from luggage.fake_github import faults
from luggage.fake_github.messages import Answer
from luggage.jobs import State
from tests.support import ends

DAY = 24 * 3600.0


def decide(event, _reader, _settings):
    """Comment on the first issue."""
    return [
        Comment(
            about=f"look {event.name} {event.action}",
            repository=event.repository.full_name,
            number=1,
            text=f"{event.organization} {event.installation is not None}",
        )
    ]


LOOK = replace(ping.RULE, name="look", events=frozenset(), decide=decide, schedule="0 6 * * *")


@pytest.fixture
def files(store, clock):
    return SettingsFiles(store, (ping.RULE, LOOK), Settings(), clock=clock)


@pytest.fixture
def scheduler(app, store, queue, files, clock):
    return RuleSchedule(app=app, engine=store, queue=queue, settings=files, clock=clock)


def keys(queue):
    return sorted(row.key.split(":", 2)[2].split(":", 2)[2] for row in queue.search(DELIVERIES))


def at(text):
    return datetime.fromisoformat(f"{text}Z").replace(tzinfo=UTC).timestamp()


def test_the_latest_tick_is_not_after_now():
    """The latest scheduled time is exact to the minute, and includes now."""
    line = "30 6 * * *"
    assert latest_tick(line, at("2026-11-21T06:30:00")) == at("2026-11-21T06:30:00")
    assert latest_tick(line, at("2026-11-21T06:29:59")) == at("2026-11-20T06:30:00")
    assert latest_tick(line, at("2026-11-21T23:00:00")) == at("2026-11-21T06:30:00")


def test_a_line_that_is_none_is_refused():
    """An invalid cron line raises the library's error."""
    with pytest.raises(CronSimError):
        latest_tick("every day", 0.0)


def test_a_tick_brings_a_job_for_each_repository(scheduler, queue, clock, github):
    """Each repository of each installation gets a job; a new rule waits for its next time."""
    github.add_repository("snakes/anyio")
    github.add_repository("birds/nest")
    scheduler()
    assert keys(queue) == []
    clock.advance(DAY)
    scheduler()
    assert keys(queue) == ["birds/nest", "snakes/anyio", "snakes/trio"]


def test_a_tick_is_taken_care_of_once(scheduler, queue, clock, github):
    """Further runs, in any process, queue no more jobs and cost no request."""
    scheduler()
    clock.advance(DAY)
    scheduler()
    asked = len(github.calls)
    scheduler()
    assert (len(queue.search(DELIVERIES)), len(github.calls)) == (1, asked)


def test_an_outage_is_caught_up_with_once(scheduler, queue, clock):
    """After ten days of downtime the rule runs once."""
    scheduler()
    clock.advance(10 * DAY)
    scheduler()
    scheduler()
    assert len(queue.search(DELIVERIES)) == 1


def fail_first(github, fault, *, token=False):
    """Faults for the first installation asked, for its list or its token; returns the requests."""
    seen = []

    def faulty(request):
        path = request.path
        if not (path.endswith("/access_tokens") if token else path == "/installation/repositories"):
            return None
        who = path if token else request.headers["authorization"]
        if seen and who != seen[0]:
            return None
        seen.append(who)
        return fault

    github.faults.append(faulty)
    return seen


OUTAGES = [
    faults.failed(503, done=False),
    faults.dropped(),
    faults.refused(404, "Not Found"),
    faults.refused(403, "Resource not accessible"),
    faults.refused(409, "Conflict"),
    faults.refused(422, "Invalid"),
]
# The limit of a token request is the App's own, so it holds for all installations.
LIMITS = [faults.too_many_requests(60), faults.secondary_limit(60)]


@pytest.mark.parametrize(
    ("fault", "token"),
    [
        *(pytest.param(fault, False, id=f"list {fault.name}") for fault in [*OUTAGES, *LIMITS]),
        *(pytest.param(fault, True, id=f"token {fault.name}") for fault in OUTAGES),
    ],
)
def test_a_failing_installation_stops_no_other(scheduler, queue, clock, github, fault, token):
    """Whatever the first installation answers, the others get their jobs; it is retried."""
    github.add_repository("birds/nest")
    scheduler()
    clock.advance(DAY)
    seen = fail_first(github, fault, token=token)
    scheduler()
    assert len(keys(queue)) == 1
    assert seen
    github.faults.clear()
    clock.advance(RETRY_MAX_SECONDS)
    scheduler()
    assert keys(queue) == ["birds/nest", "snakes/trio"]
    asked = len(github.calls)
    scheduler()
    assert len(github.calls) == asked


def test_a_retry_asks_the_failed_installation_alone(scheduler, queue, clock, github):
    """The installations that are done cost no more requests; the failed one is retried slowly."""
    github.add_repository("birds/nest")
    scheduler()
    clock.advance(DAY)
    seen = fail_first(github, faults.failed(503, done=False))
    scheduler()
    once, asked = len(seen), len(github.calls)
    scheduler()
    assert (len(seen), len(github.calls)) == (once, asked)
    clock.advance(RETRY_SECONDS)
    scheduler()
    lists = [call for call in github.calls[asked:] if call.path == "/installation/repositories"]
    assert len(seen) == len(lists) + once == 2 * once
    for _ in range(10):
        clock.advance(RETRY_SECONDS)
        scheduler()
    assert len(seen) == 4 * once  # after 60 and 120 s, not each time


def test_another_process_finishes_a_run(scheduler, app, store, files, queue, clock, github):
    """A run with a failed installation stays due for the next leader, without duplicates."""
    github.add_repository("birds/nest")
    scheduler()
    clock.advance(DAY)
    fail_first(github, faults.failed(503, done=False))
    scheduler()
    github.faults.clear()
    RuleSchedule(app=app, engine=store, queue=queue, settings=files, clock=clock)()
    assert keys(queue) == ["birds/nest", "snakes/trio"]


def test_a_malformed_repository_stops_no_other(scheduler, queue, clock, github, monkeypatch):
    """A repository that cannot be read is skipped; the others get their jobs."""
    github.add_repository("snakes/anyio")
    scheduler()
    clock.advance(DAY)
    listed = RuleSchedule._repositories
    monkeypatch.setattr(
        RuleSchedule, "_repositories", lambda *each: [{"full_name": None}, *listed(*each)]
    )
    scheduler()
    assert keys(queue) == ["snakes/anyio", "snakes/trio"]


def test_repositories_where_the_rule_is_switched_off_are_left_alone(
    scheduler, files, queue, clock, github, settled, app, people, store
):
    """Repositories where the rule is disabled cost no request."""
    scheduler()
    github.add_file("snakes/trio", FILE, "[look]\nenabled = false\n")
    clock.advance(DAY)
    scheduler()
    updater = Updater(
        app=app,
        queue=queue,
        people=people,
        settings=files,
        clock=clock,
        previewer=Previewer(queue=queue, people=people, settings=files),
    )
    (job,) = queue.claim([DELIVERIES], worker="w", lease_seconds=60.0)
    assert updater.decide(job).reason == "no rule had anything to do"
    clock.advance(DAY)
    scheduler()
    assert len(queue.search(DELIVERIES)) == 1


def test_archived_and_suspended_places_are_left_alone(scheduler, queue, clock, github):
    """Archived repositories and suspended installations are skipped."""
    github.add_repository("birds/nest")
    github.install("birds").suspended_at = clock()
    scheduler()
    clock.advance(DAY)
    scheduler()
    assert keys(queue) == ["snakes/trio"]


def test_an_installation_that_cannot_be_asked_holds_up_no_other(scheduler, queue, clock, github):
    """An installation that disappears meanwhile does not stop the others."""
    github.add_repository("birds/nest")
    scheduler()
    clock.advance(DAY)
    gone = faults.Fault(name="404", answer=faults.Refused(404, "Not Found").answer)
    github.faults.append(faults.plan(gone, path="/installation/repositories"))
    scheduler()
    assert len(keys(queue)) == 1


def test_the_rule_is_given_the_repository(scheduler, files, queue, clock, app, people, github):
    """The rule gets a `schedule` event with its own name and the installation."""
    github.open_issue("snakes/trio", "alice")
    scheduler()
    clock.advance(DAY)
    scheduler()
    updater = Updater(
        app=app,
        queue=queue,
        people=people,
        settings=files,
        clock=clock,
        previewer=Previewer(queue=queue, people=people, settings=files),
    )
    (job,) = queue.claim([DELIVERIES], worker="w", lease_seconds=60.0)
    (new,) = updater.decide(job).put
    assert new.key == "comment:look schedule look"
    assert b"snakes True" in new.body
    ends.done(queue, job)
    assert queue.find(DELIVERIES, job.key).state == State.DONE


def test_only_the_rule_itself_sees_its_schedule():
    """Other scheduled rules do not see the event."""
    other = replace(LOOK, name="other")
    assert rules_for("schedule", "look", [LOOK, other, ping.RULE]) == [LOOK]
    assert rules_for("schedule", "ping", [LOOK, other, ping.RULE]) == []


def test_a_paused_organisation_is_asked_nothing(scheduler, queue, clock, github):
    """During a pause its repositories are not listed; the run is made up for afterwards."""
    github.add_repository("birds/nest")
    scheduler()
    clock.advance(DAY)
    queue.pause_part("Snakes")
    asked = len(github.calls)
    scheduler()
    lists = [call for call in github.calls[asked:] if call.path == "/installation/repositories"]
    assert (len(lists), keys(queue)) == (1, ["birds/nest"])
    queue.resume_part("snakes")
    clock.advance(RETRY_MAX_SECONDS)
    scheduler()
    assert keys(queue) == ["birds/nest", "snakes/trio"]


def test_a_pause_holds_the_jobs_of_schedules(scheduler, queue, clock):
    """A job that was queued before the pause waits."""
    scheduler()
    clock.advance(DAY)
    scheduler()
    queue.pause_part("snakes")
    assert queue.claim([DELIVERIES], worker="w", lease_seconds=60.0) == []


ODD_TEXTS = ["\ufeff[ping]\nenabled = true\n", "[ping", "\0", "[new]\na = 1\n", "ping = 3"]


@pytest.mark.parametrize("text", ODD_TEXTS)
@pytest.mark.parametrize("repository", ["snakes/trio", "snakes/.github"])
def test_a_stored_text_never_stops_the_schedule(
    scheduler, files, queue, clock, github, store, repository, text
):
    """Whatever is stored for one repository or organisation, every repository gets its job."""
    github.add_repository("birds/nest")
    scheduler()
    row = {"repository": repository, "text": text, "sha": "x", "problems": "", "serial": 0}
    with store.begin() as connection:
        connection.execute(insert(settings_file).values({**row, "checked_at": clock()}))
    clock.advance(DAY)
    scheduler()
    assert keys(queue) == ["birds/nest", "snakes/trio"]


@pytest.mark.parametrize("error", [RuntimeError("x"), SettingsError([]), RecursionError("x")])
def test_one_repository_never_ends_the_run(
    scheduler, files, queue, clock, github, monkeypatch, error
):
    """Whatever one repository raises, the others get their jobs, and it is retried alone."""
    github.add_repository("birds/nest")
    github.add_repository("snakes/anyio")
    scheduler()
    clock.advance(DAY)
    remembered = files.remembered

    def refuse(event):
        if event.repository.full_name == "snakes/anyio":
            raise error
        return remembered(event)

    monkeypatch.setattr(files, "remembered", refuse)
    scheduler()
    assert keys(queue) == ["birds/nest", "snakes/trio"]
    monkeypatch.undo()
    clock.advance(RETRY_SECONDS)
    scheduler()
    assert keys(queue) == ["birds/nest", "snakes/anyio", "snakes/trio"]


def test_one_installation_never_ends_the_run(scheduler, queue, clock, github, monkeypatch):
    """Whatever listing one installation raises, the others get their jobs."""
    github.add_repository("birds/nest")
    scheduler()
    clock.advance(DAY)
    first = github.install("snakes").id
    repositories = RuleSchedule._repositories

    def refuse(self, installation):
        if installation == first:
            raise RuntimeError("a bug")
        return repositories(self, installation)

    monkeypatch.setattr(RuleSchedule, "_repositories", refuse)
    scheduler()
    assert keys(queue) == ["birds/nest"]
    monkeypatch.undo()
    clock.advance(RETRY_SECONDS)
    scheduler()
    assert keys(queue) == ["birds/nest", "snakes/trio"]


@pytest.mark.parametrize("how", ["suspend", "uninstall", "set_allow_list"])
def test_a_refused_organisation_does_not_stop_the_schedule(scheduler, queue, clock, github, how):
    """An organisation that GitHub refuses is left out, and the others get their jobs."""
    github.add_repository("birds/nest")
    scheduler()
    clock.advance(DAY)
    getattr(github, how)("snakes")
    scheduler()
    assert keys(queue) == ["birds/nest"]


def test_a_malformed_installation_is_left_out(scheduler, queue, clock, github):
    """An entry of GitHub's list without an id stops no other."""
    scheduler()
    clock.advance(DAY)
    odd = [None, 7, {"id": None}, {"account": "x", "id": "y"}]
    listed = Answer(200, [*odd, listed_installation(github)])
    github.faults.append(
        faults.plan(faults.Fault(name="odd", answer=listed), path="/app/installations")
    )
    scheduler()
    assert keys(queue) == ["snakes/trio"]


def listed_installation(github):
    """The entry of a working installation."""
    return {"id": github.install("snakes").id, "account": {"login": "snakes"}}
