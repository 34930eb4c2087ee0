"""An action that a custom rule's file defines: decided, stored, performed, previewed and shown."""

import json

import pytest

from bot.actions import ACTIONS, Planned, planned_of
from bot.operations import replay
from bot.operations.history.deliveries import DeliveryHistory
from bot.operations.preview.check import Previewer
from bot.operations.preview.words import headline, lines
from bot.rules import RULES
from bot.settings.files import SettingsFiles
from bot.settings.layers import Settings
from bot.store.enqueue import job_of
from bot_deploy.config.custom_rules import with_custom
from bot_deploy.config.sources import ConfigError
from luggage.fake_github import faults
from luggage.github import Delivery
from luggage.jobs import NewJob, State
from tests.support.own_rule import ACTION

TRIO = "snakes/trio"
RULE = '''
from bot.options.kinds import FLAG, option
from bot.rule import Rule


@dataclass(frozen=True, slots=True)
class TitleSettings:
    """The switch."""

    enabled: bool = option(FLAG, default=True, words="Whether `/title` is obeyed.")


def decide(event, reader, settings):
    """The title after the last `/title`."""
    words = [words[1:] for words in event.message.commands() if words[0] == "/title"]
    if not words:
        return []
    return [
        Retitle(
            about=f"title {event.message.identity}",
            repository=event.repository.full_name,
            number=event.message.number,
            title=" ".join(words[-1]),
        )
    ]


RULE = Rule(
    name="title",
    events=frozenset({("issue_comment", "created")}),
    permissions={"issues": "write"},
    settings=TitleSettings,
    decide=decide,
)
'''


@pytest.fixture
def rules(tmp_path, registry):
    """The bot's rules, and one from a file."""
    (tmp_path / "titles.py").write_text(ACTION + RULE)
    return with_custom(RULES, ["titles.py"], folder=tmp_path, source="rules.own")


@pytest.fixture
def files(store, clock, rules):
    """The settings files, for those rules."""
    return SettingsFiles(store, rules, Settings(), clock=clock)


@pytest.fixture
def deliver(queue, clock, settled, github):
    """Deliver a comment that asks for another title."""
    github.open_issue(TRIO, "alice")

    def run():
        event, payload = github.comment(TRIO, 1, "alice", "/title It sings")
        delivery = Delivery("guid-1", event, payload)
        queue.put(job_of(delivery, json.dumps(payload).encode(), run_at=clock()))
        settled()
        return delivery

    return run


def test_it_is_stored_and_performed(deliver, queue, github):
    """Its key begins with its kind, and its row says what came of it."""
    deliver()
    (row,) = queue.search(ACTIONS)
    assert row.key.startswith("retitle:title issues/comments/")
    assert (row.state, row.kind, row.result) == (State.DONE, "retitle", '{"title": "It sings"}')
    assert planned_of(queue.body(row.id)).action.title == "It sings"
    assert github.issue(TRIO, 1).title == "It sings"


def test_it_is_repeated_after_an_unknown_end(deliver, queue, github):
    """As the bot's own actions are."""
    lost = faults.failed(502, done=True)
    github.faults.append(faults.plan(lost, method="PATCH"))
    deliver()
    assert len(github.calls_to("PATCH")) == 2
    assert [row.state for row in queue.search(ACTIONS)] == [State.DONE]


def test_it_is_shown_in_the_history_and_to_the_public(deliver, queue, clock):
    """In its own words."""
    deliver()
    history = DeliveryHistory(queue, clock=clock)
    (action,) = history.delivery("guid-1").actions
    assert (action.words, action.rule, action.state) == (
        f"retitle {TRIO}#1",
        "title",
        State.DONE,
    )
    assert [deed.words for deed in history.lately()] == [f"changed the title of {TRIO}#1"]


def test_it_is_previewed(deliver, queue, people, files):
    """A headline counts it by its noun."""
    deliver()
    previewer = Previewer(queue=queue, people=people, settings=files)
    made = previewer.preview("[title]\nenabled = false\n", "snakes/.github", client=None, most=0)
    assert headline(made) == "1 change of a title less"
    assert f"less   retitle {TRIO}#1, because of {TRIO}#1" in list(lines(made))


def test_a_dry_run_foresees_it(deliver, queue, updater):
    """And knows that it was done."""
    delivery = deliver()
    again = replay.Replayed(delivery, json.dumps(delivery.payload).encode())
    outlook = replay.dry_run(again, queue, updater.dry_run)
    words = "\n".join(replay.dry_run_lines(outlook, []))
    assert f"1. retitle {TRIO}#1 -- skipped: already in the queue, and done" in words


def test_without_its_file_it_is_dead_until_the_file_is_back(
    rules, registry, queue, github, settled, clock
):
    """The reason names the remedy; once that is taken, a retry performs it."""
    github.open_issue(TRIO, "alice")
    retitle = registry.pop("retitle")
    action = retitle(about="x", repository=TRIO, number=1, title="It sings")
    installation = github.install("snakes").id
    planned = Planned(action=action, installation=installation, delivery="d", rule="title")
    new = NewJob(queue=ACTIONS, key=action.key, body=planned.encode(), run_at=0.0)
    job = queue.put(new).id
    settled()
    history = DeliveryHistory(queue, clock=clock)
    shown = history.action(queue.get(job))
    assert (shown.state, shown.words) == (State.DEAD, "retitle:x")
    assert "name its file under [rules] own in config.toml" in shown.reason
    registry["retitle"] = retitle
    queue.revive(job)
    settled()
    assert github.issue(TRIO, 1).title == "It sings"


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('"retitle"', '"comment"', "the kind 'comment' of Retitle is taken by bot.actions.comment"),
        ("frozen=True, slots=True, kw_only=True", "kw_only=True", "cannot inherit non-frozen"),
        ("@dataclass(frozen=True, slots=True, kw_only=True)\n", "", "retitle must be a frozen"),
        ("def perform(", "def do(", "the action retitle must define perform"),
        ("noun: ClassVar[tuple[str, str]] = (", "nouns = (", "Retitle must define noun"),
    ],
)
def test_an_action_that_could_not_work_keeps_the_bot_from_starting(
    tmp_path, registry, before, after, words
):
    """On one line, which says what to change."""
    assert before in ACTION
    (tmp_path / "wrong.py").write_text(ACTION.replace(before, after) + RULE)
    with pytest.raises(ConfigError, match=words) as found:
        with_custom(RULES, ["wrong.py"], folder=tmp_path, source="rules.own")
    assert "\n" not in str(found.value)
