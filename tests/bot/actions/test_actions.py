"""bot.actions: each kind of action in the registry, with the example that it must have."""

from dataclasses import dataclass, fields, is_dataclass, replace
from typing import ClassVar

import pytest

from bot.actions import (
    ACTIONS,
    Action,
    ActionError,
    Comment,
    Planned,
    Result,
    SetState,
    kinds,
    planned_of,
)
from bot.actions.base import UnknownAction, marked_keys
from luggage.fake_github import faults
from luggage.jobs import NewJob, State
from tests.support.actions import TRIO, build, examples, seen

EXAMPLES = examples()
OWN = sorted(kind for kind, action in kinds().items() if action.__module__.startswith("bot."))


@pytest.fixture
def put(queue, github):
    """Queue the example of a kind, with a note."""
    build(github)

    def run(kind, note="", **changes):
        action = replace(EXAMPLES[kind], **changes)
        planned = Planned(
            action=action, installation=github.install("snakes").id, delivery="d", rule="r"
        )
        new = NewJob(
            queue=ACTIONS,
            key=action.key,
            kind=kind,
            body=planned.encode(),
            run_at=0.0,
            note=note,
        )
        return queue.put(new).id

    return run


def test_each_kind_has_an_example():
    """A new kind of action is not tested until it has one (tests/support/actions.py)."""
    assert sorted(EXAMPLES) == OWN


@pytest.mark.parametrize("kind", OWN)
def test_an_action_comes_back_from_the_queue_as_it_went_in(kind):
    """Decoding undoes encoding, and gives a frozen value again."""
    planned = Planned(action=EXAMPLES[kind], installation=5, delivery="guid", rule="ping")
    assert planned_of(planned.encode()) == planned
    assert hash(planned_of(planned.encode()).action) == hash(EXAMPLES[kind])


@pytest.mark.parametrize("kind", OWN)
def test_an_action_can_be_told_to_people(kind):
    """In words, counted in previews, and on the status page without a person's name."""
    action = EXAMPLES[kind]
    assert len(action.describe().split()) > 1
    assert len(set(action.noun)) == 2
    public = action.public.format(place=f"{TRIO}#1", repository=TRIO, owner="snakes")
    assert "arol" not in public
    assert "alice" not in public


@pytest.mark.parametrize("kind", OWN)
def test_the_key_of_an_action_begins_with_its_kind_and_ignores_case(kind):
    """Logins and repositories are the same however they are written."""
    key = EXAMPLES[kind].key
    assert key.startswith(f"{kind.replace(' ', '-')}:")
    assert key == key.lower()


@pytest.mark.parametrize("kind", OWN)
def test_performing_an_action_twice_has_one_effect(kind, put, queue, settled, github):
    """A process that died before it recorded the effect leaves it to the next, which adds none."""
    before = seen(github)
    job = put(kind)
    settled(100)
    once, standing = seen(github), queue.standing()
    queue.revive(job, done_too=True)
    settled(100)
    assert (seen(github), queue.standing()) == (once, standing)
    assert queue.get(job).state is State.DONE
    assert once != before or kind == "rest"


@pytest.mark.parametrize("kind", [kind for kind in OWN if kind != "rest"])
@pytest.mark.parametrize("fault", [faults.failed(502, done=True), faults.reset(done=True)])
def test_an_action_whose_answer_was_lost_has_one_effect(kind, fault, put, settled, github, queue):
    """Whatever kind it is: it is not done a second time, and not given up."""
    plan = faults.plan(fault, path="/[ro]*")

    def strike(request):
        return None if request.method == "GET" else plan(request)

    github.faults.append(strike)
    job = put(kind)
    settled(100)
    row, lost = queue.get(job), seen(github)
    assert row.state is State.DONE
    queue.revive(job, done_too=True)
    settled(100)
    assert seen(github) == lost


# Fields that name something at GitHub; all others are texts, which settings and strangers make.
NAMES = frozenset(
    (
        *("about", "commit", "conclusion", "content", "head", "name", "organization"),
        *("ordered_at", "person", "pull_request", "reason", "repository", "role", "state"),
        *("target", "team", "version"),
    )
)


def sent_to(github):
    """A list that gets each JSON object that is written to GitHub from now on."""
    sent = []

    def keep(request):
        if request.method in {"POST", "PATCH"}:
            sent.append(request.json or {})

    github.faults.append(keep)
    return sent


@pytest.mark.parametrize("long", ["ü" * 70_000, "a\n" * 70_000], ids=["bytes", "lines"])
@pytest.mark.parametrize("kind", OWN)
def test_no_text_of_an_action_is_too_long_for_github(kind, long, put, settled, queue, github):
    """Each text is cut to what GitHub takes, says so, and still carries its marker."""
    action = EXAMPLES[kind]
    texts = [each.name for each in fields(action) if isinstance(getattr(action, each.name), str)]
    changes = dict.fromkeys(set(texts) - NAMES, long)
    sent = sent_to(github)
    job = put(kind, **changes)
    settled(100)
    assert queue.get(job).state is State.DONE
    bodies = [each["body"] for each in sent if "body" in each]
    assert all("more characters)" in each and each.endswith("-->") for each in bodies)
    outputs = [each["output"] for each in sent if "output" in each]
    assert all(len(each["text"].encode()) <= 65_535 for each in outputs)


def test_no_more_labels_are_put_on_than_github_allows(put, settled, github):
    """An issue has a hundred labels; the rest is left out."""
    sent = sent_to(github)
    put("label", names=tuple(f"label {number}" for number in range(150)))
    settled(100)
    assert [len(each["labels"]) for each in sent if "labels" in each] == [100]


@pytest.mark.parametrize("status", [404, 422])
def test_a_check_run_that_github_refuses_is_no_dead_job(status, put, settled, queue, github):
    """It is a courtesy: nobody needs to worry when GitHub does not take it."""
    github.faults.append(
        faults.plan(
            faults.failed(status, done=False),
            method="POST",
            path="/repos/*/check-runs",
            times=None,
        )
    )
    job = put("check")
    settled(100)
    assert queue.get(job).state is State.DONE
    assert "refused" in queue.get(job).result


@pytest.mark.parametrize(("kind", "looks"), [("comment", 0), ("ask", 0), ("keep issue", 2)])
def test_a_text_that_github_did_not_take_is_sent_again_at_once(
    kind, looks, put, settled, github, queue, clock
):
    """Only an issue that is kept is looked for each time, and only the limit is waited for."""
    github.faults.append(faults.plan(faults.secondary_limit(5), method="POST", path="/repos/*"))
    began_at = clock()
    job = put(kind)
    settled(100)
    calls = github.calls_to("GET", "/repos/*")
    assert len([call for call in calls if "per_page" in call.query]) == looks
    assert queue.get(job).state is State.DONE
    assert clock() - began_at < 10


def test_a_comment_with_another_text_is_the_same_comment():
    """The key is what the comment is about, never what it says."""
    one = Comment(about="x", repository="a/b", number=7, text="one")
    two = Comment(about="x", repository="a/b", number=7, text="two")
    assert one.key == two.key


def test_a_long_key_is_short_and_still_its_own():
    """A command of 10,000 characters fits into the index of the database."""
    one, two = (
        Comment(about=f"{'ü' * 10_000}{end}", repository="a/b", number=7, text="") for end in "12"
    )
    assert one.key != two.key
    assert len(one.key.encode()) < 2000
    refusal = SetState(about=one.about, repository="a/b", number=7, state="open")
    assert one.key in marked_keys(refusal.key)


def test_an_action_of_a_push_waits_for_the_subject_of_its_issue():
    """And what any other delivery asks for waits in the line of that delivery."""
    comment = Comment(about="x", repository=TRIO, number=7, text="one")
    assert comment.line(TRIO) == f"{TRIO}#7"
    assert comment.line("/bot snakes") == "/bot snakes"
    assert EXAMPLES["ask"].line(TRIO) == f"{TRIO}#1"
    assert EXAMPLES["react"].line(TRIO) == TRIO
    assert EXAMPLES["invite"].line(TRIO) == "Snakes"
    assert EXAMPLES["label"].line("/bot snakes") == f"{TRIO}#1"


@pytest.mark.parametrize(
    ("key", "keys"),
    [
        ("comment:it a/b#1", ["comment:it a/b#1"]),
        # An action that declines comments instead; what it is about may contain a colon.
        ("assign:it: now", ["assign:it: now", "comment:it: now"]),
        ("state:it: now", ["state:it: now", "comment:it: now"]),
        ("keep-issue:settings: a/b/3", ["keep-issue:settings: a/b/3", "keep-issue:settings: a/b"]),
        # An action of a custom rule that is no longer loaded.
        ("sing:it", ["sing:it"]),
    ],
)
def test_the_marker_of_a_stored_action_is_known_by_its_key(key, keys):
    """Also when its class is gone: what it wrote is still known as the bot's own."""
    assert list(marked_keys(key)) == keys


# Registration


def define(**members):
    return type("Ring", (Action,), {"noun": ("ring", "rings"), **members})


def test_a_class_is_registered_by_its_definition(registry):
    """A dataclass with slots is made twice; the one that can be used counts."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Ring(Action):
        kind: ClassVar[str] = "ring"
        noun: ClassVar[tuple[str, str]] = ("ring", "rings")
        about: str

    assert kinds()["ring"] is Ring
    assert is_dataclass(kinds()["ring"])
    assert Ring(about="A").describe() == "ring A"
    with pytest.raises(NotImplementedError, match="Ring does not define perform"):
        Ring(about="A").perform(None)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"kind": "comment"}, r"'comment' of Ring is taken by bot.actions.comment.Comment"),
        ({"kind": "keep-issue"}, "'keep-issue' of Ring is taken by bot.actions.keep_issue"),
        ({"kind": "Ring:"}, "the kind of Ring must be small letters"),
        ({"kind": 5}, "the kind of Ring must be small letters"),
        ({"kind": "ring", "noun": "rings"}, "Ring must define noun"),
        ({"kind": "ring", "noun": ("rings",)}, "Ring must define noun"),
        ({"kind": "ring", "public": "rang {person}"}, "public of Ring takes {place}"),
    ],
)
def test_a_class_that_cannot_be_used_is_refused(registry, members, words):
    """When its file is loaded, with what to change."""
    with pytest.raises(ActionError, match=words):
        define(**members)
    assert "ring" not in kinds()


def test_the_same_class_may_be_loaded_again(registry):
    """As when a process reads its configuration twice."""
    define(kind="ring")
    again = define(kind="ring")
    assert kinds()["ring"] is again


def test_what_performs_an_action_need_not_be_a_function(registry):
    """Whatever can be called will do; without a file, module and name tell classes apart."""
    define(kind="ring", perform=print)
    again = define(kind="ring", perform=print)
    assert kinds()["ring"] is again


def test_a_class_of_the_same_name_in_another_file_is_another_one(registry):
    """Two custom rules may name module and class alike; neither replaces the other."""
    source = """
class Ring(Action):
    kind = "ring"
    noun = ("ring", "rings")

    def perform(self, work):
        return None
"""

    def load(path):
        exec(compile(source, path, "exec"), {"__name__": "rings", "Action": Action})

    load("one/rings.py")
    load("one/rings.py")
    with pytest.raises(
        ActionError, match=r"'ring' of Ring is taken by rings\.Ring: choose another"
    ):
        load("two/rings.py")


# What cannot be performed


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"kind": "sing", "action": {}}', r"knows no action 'sing'.*under \[rules\] own"),
        (b'{"kind": "close", "action": {"soon": true}}', "'close' does not fit this version"),
    ],
)
def test_an_action_that_no_class_can_read_is_dead_at_once(queue, worker, body, words):
    """Its reason names the remedy, and it can be retried once the remedy is taken."""
    with pytest.raises(UnknownAction, match=words) as error:
        Planned.decode(body)
    queue.put(NewJob(queue=ACTIONS, key="k", kind="sing", body=body, run_at=0.0))
    worker.drain()
    row = queue.find(ACTIONS, "k")
    assert (row.state, row.attempt) == (State.DEAD, 1)
    assert row.reason == str(error.value)


def test_an_action_with_the_note_of_a_newer_version_is_dead_at_once(put, worker, queue, github):
    """To ignore the note could mean to comment twice."""
    job = put("comment", note='{"version": 2, "sent": true}')
    before = seen(github)
    worker.drain()
    row = queue.get(job)
    assert (row.state, row.attempt) == (State.DEAD, 1)
    assert "install the version that wrote it" in row.reason
    assert seen(github) == before


def test_a_result_without_facts_is_empty():
    """As that of an action which has nothing to tell."""
    assert (Result().encode(), Result.decode("")) == ("", Result())
