"""Scenes of the demo."""

import itertools
import random

import pytest

from bot_deploy.demo import scenes
from luggage.fake_github import FakeGithub
from luggage.github.conversations import parse_commands


def tell(seed, number=300):
    """So many deliveries, and the journal of what happened."""
    github = FakeGithub()
    endless = scenes.deliveries(github, random.Random(seed))
    return list(itertools.islice(endless, number)), github.journal.lines


def test_a_seed_tells_the_same_story_again():
    """Two demos of one seed have the same events, ids and people."""
    (first, first_lines), (second, second_lines) = tell(1), tell(1)
    assert [one.id for one in first] == [one.id for one in second]
    assert first_lines == second_lines


def test_another_seed_tells_another_story():
    """Two seeds give different deliveries."""
    assert tell(1)[1] != tell(2)[1]


@pytest.mark.parametrize("seed", range(5))
def test_it_begins_with_what_the_bot_is_for(seed):
    """The first delivery is a merged pull request, then comes a command."""
    told = [one.happening for one in tell(seed, 10)[0] if not one.repeated]
    assert told[0].event == "pull_request"
    assert told[0].payload["pull_request"]["merged"]
    assert parse_commands(told[2].payload["comment"]["body"]) == [["/ping"]]


def test_everything_comes_up():
    """A long demo has each event, bots, redeliveries, and mentioned commands."""
    told, _ = tell(1)
    assert {one.happening.event for one in told} == {
        "issue_comment",
        "issues",
        "pull_request",
        "pull_request_review",
        "pull_request_review_comment",
        "push",
        "star",
    }
    texts = [str(one.happening.payload.get("comment", {}).get("body")) for one in told]
    assert any("/ping" in text and not parse_commands(text) for text in texts)
    assert any(f"'login': '{scenes.ROBOT}'" in str(one.happening.payload) for one in told)


def test_a_redelivery_has_the_id_of_the_delivery_before():
    """A redelivery has the first delivery's id and payload."""
    told, _ = tell(1)
    pairs = [pair for pair in itertools.pairwise(told) if pair[1].repeated]
    assert pairs
    assert all(one.id == again.id and one.happening == again.happening for one, again in pairs)


def test_all_other_ids_differ():
    """No two deliveries share an id but for redeliveries."""
    told, _ = tell(1)
    ids = [one.id for one in told if not one.repeated]
    assert len(set(ids)) == len(ids)


def test_there_are_always_new_people():
    """No newcomer's name is repeated."""
    names = list(itertools.islice(scenes._newcomers(random.Random(1)), 3 * len(scenes.PEOPLE)))
    assert len(set(names)) == len(names)
