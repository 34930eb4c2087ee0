"""bot.loop.periodic.schedule: scheduled rules run once, whichever machines fail."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cronsim import CronSimError

from bot.actions import Comment
from bot.events import DELIVERIES
from bot.loop.periodic.schedule import RuleSchedule
from bot.loop.run import Updater
from bot.operations.preview.check import Previewer
from bot.options.cron import latest_tick
from bot.rules import ping, rules_for
from bot.settings.files import FILE, SettingsFiles
from bot.settings.layers import Settings
from luggage.fake_github import faults
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


def test_a_turn_that_was_cut_short_is_finished_by_the_next(scheduler, queue, clock, github):
    """After a failure in the middle, the next run completes it without duplicates."""
    github.add_repository("birds/nest")
    scheduler()
    clock.advance(DAY)
    fault = faults.failed(503, done=False)
    seen = []

    def second(request):
        if request.path == "/installation/repositories":
            seen.append(request)
            return fault if len(seen) == 2 else None
        return None

    github.faults.append(second)
    with pytest.raises(Exception, match="503"):
        scheduler()
    scheduler()
    assert keys(queue) == ["birds/nest", "snakes/trio"]


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
