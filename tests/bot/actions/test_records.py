"""bot.actions.work and stored rows: what older versions left in the queue stays readable."""

import json
from pathlib import Path

import pytest

from bot.actions import ACTIONS, Note, Planned, Result, marked_keys, marker, planned_of
from bot.actions.work import UnreadableRecord
from bot.store.enqueue import DeliveryNote, Source
from luggage.jobs import NewJob
from tests.support.actions import build, examples

# The rows that the version before typed records stored for the same examples.
STORED = json.loads((Path(__file__).parent / "stored.json").read_text())


@pytest.mark.parametrize("row", STORED, ids=lambda row: row["kind"])
def test_the_stored_form_of_an_action_never_changes(row):
    """Key, markers and body, byte for byte: a changed key would do a thing a second time."""
    action = examples()[row["kind"]]
    settings = {"enabled": True}
    planned = Planned(
        action=action,
        installation=json.loads(row["body"])["installation"],
        delivery="72d3162e",
        rule="ping",
        settings=settings,
        digest="d1",
    )
    assert (action.key, action.describe()) == (row["key"], row["words"])
    assert [marker(key) for key in marked_keys(action.key)] == row["markers"]
    assert planned.encode().decode() == row["body"]
    assert planned_of(row["body"].encode()) == planned
    assert action.line("/elsewhere") == (row["subject"] or "/elsewhere")


# Fields that actions have gained since, with the text of their defaults.
ADDED = {"ask": ', "by_hand": false', "assign": ', "most": 0, "full": ""'}


@pytest.mark.parametrize("row", [row for row in STORED if row["kind"] in ADDED])
def test_what_an_older_version_stored_is_read_with_the_defaults(row):
    """A body without the new fields is the same action."""
    older = row["body"].replace(ADDED[row["kind"]], "", 1)
    assert older != row["body"]
    assert planned_of(older.encode()) == planned_of(row["body"].encode())


@pytest.mark.parametrize("row", STORED, ids=lambda row: row["kind"])
def test_note_and_result_are_what_they_were(row, queue, github, settled):
    """A row of today, performed by this version, ends with the same words."""
    build(github)
    planned = planned_of(row["body"].encode())
    assert planned.installation == github.install("snakes").id
    body = row["body"].encode()
    queue.put(NewJob(queue=ACTIONS, key=row["key"], kind=row["kind"], body=body, run_at=0.0))
    settled(100)
    done = queue.find(ACTIONS, row["key"])
    assert (done.note, done.result) == (row["note"], row["result"])
    assert Note.decode(row["note"]).encode() == row["note"]
    assert Result.decode(row["result"]).encode() == row["result"]


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("", Note()),
        ('{"sending_at": 0.0}', Note(sending_at=0.0)),
        ('{"sending_at": 1795000000.5}', Note(sending_at=1795000000.5)),
        ('{"sending_at": 0.0, "refused": true}', Note(sending_at=0.0, refused=True)),
        ('{"sending_at": 0.0, "free_at": 5.0}', Note(sending_at=0.0, free_at=5.0)),
        ('{"free_at": 5.0}', Note(free_at=5.0)),
        ('{"refused": true}', Note(refused=True)),
        ('{"opened": 7}', Note(opened=7)),
    ],
)
def test_each_form_of_a_note_is_read_and_written(text, note):
    """All that was ever stored."""
    assert Note.decode(text) == note
    assert note.encode() == text


@pytest.mark.parametrize("text", ["{", "[]", "5", '{"version": 2}', '{"sung_at": 5.0}', "[" * 9999])
def test_a_note_of_another_version_is_refused_and_such_a_result_is_empty(text):
    """A note decides what is sent; a result is only shown."""
    with pytest.raises(UnreadableRecord, match="install the version that wrote it"):
        Note.decode(text)
    assert Result.decode(text).comment is None
    assert Result.decode(text).url == ""


def test_a_look_keeps_the_time_at_which_a_text_was_sent():
    """Without one, the text may have been sent long ago."""
    assert Note(sending_at=5.0, refused=True).look_first() == Note(sending_at=5.0, refused=True)
    assert Note(free_at=5.0).look_first() == Note(sending_at=0.0, free_at=5.0)


def test_the_first_version_may_be_said():
    """A record without a version is of the first."""
    assert Note.decode('{"version": 1, "refused": true}') == Note(refused=True)


@pytest.mark.parametrize(
    ("text", "comment", "url"),
    [
        ('{"comment": 12, "url": "https://h/o/r/1#c12"}', 12, "https://h/o/r/1#c12"),
        ('{"comment": 12, "url": null}', 12, ""),
        ('{"comment": 12}', 12, ""),
        ('{"issue": 3, "url": "http://h/o/r/issues/3"}', None, "http://h/o/r/issues/3"),
        ('{"comment": true, "url": "javascript:alert(1)"}', None, ""),
        ('{"gone": 12}', None, ""),
    ],
)
def test_a_result_tells_the_comment_and_an_address_of_the_web(text, comment, url):
    """Nothing else is taken for them."""
    assert (Result.decode(text).comment, Result.decode(text).url) == (comment, url)


def test_the_words_of_a_result_are_in_each_such_result():
    """So a search through the stored text finds it, and no other."""
    stored = Result.of_comment({"id": 12, "html_url": "https://h/o/r/issues/1#issuecomment-12"})
    assert Result.words_of_url("#issuecomment-12") in stored.encode()
    assert Result.words_of_url("#issuecomment-1") not in stored.encode()
    assert Result.of_comment({"id": 12}).words() in Result.of_comment({"id": 12}).encode()
    assert Result.of_comment({"id": 1}).words() not in Result.of_comment({"id": 12}).encode()


def test_the_words_of_a_result_are_those_of_no_similar_one():
    """They are whole: from the first character of what is asked for to the last."""
    assert Result({"comment": 12}).words() == '"comment": 12'
    assert Result.words_of_url("/issues/1") == '/issues/1"'


def test_an_unreadable_note_is_quoted_in_part():
    """80 characters show what it is; a note can be long, and the reason is shown on a page."""
    with pytest.raises(UnreadableRecord) as error:
        Note.decode("x" * 100)
    assert str(error.value).startswith(repr("x" * 80) + " is ")


# Notes of deliveries


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("", DeliveryNote()),
        ("recovered", DeliveryNote(Source.RECOVERED)),
        ("recovered at=1.5 only ping", DeliveryNote(Source.RECOVERED, "ping", at=1.5)),
        ("replayed", DeliveryNote(Source.REPLAYED)),
        ("only conflicts", DeliveryNote(only="conflicts")),
        ("recovered only conflicts", DeliveryNote(Source.RECOVERED, "conflicts")),
        ("replayed only only", DeliveryNote(Source.REPLAYED, "only")),
        ("only recovered", DeliveryNote(only="recovered")),
        ("push", DeliveryNote(push=True)),
        ("only push", DeliveryNote(only="push")),
        ("commands", DeliveryNote(commands=True)),
        ("commands recovered", DeliveryNote(Source.RECOVERED, commands=True)),
        ("only commands", DeliveryNote(only="commands")),
    ],
)
def test_each_form_of_a_deliverys_note_is_read_and_written(text, note):
    """How it came in, and the one rule that is asked again, whatever that is called."""
    assert DeliveryNote.decode(text) == note
    assert note.encode() == text


def test_only_a_delivery_that_came_by_itself_is_new_for_certain():
    """What was fetched or put in may have been acted on by a database that is lost."""
    assert [DeliveryNote(source).may_repeat for source in Source] == [False, True, True]
