"""Tests of bot.settings.merge: what a narrower file may change, and what it never may."""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.actions import Ask, Invite
from bot.events import Event, Issue, Message, Person, PullRequest, Repository
from bot.facts import Question
from bot.options.authority import Scope
from bot.options.kinds import FLAG, option, options
from bot.rules import RULES, invite
from bot.settings.layers import Settings, read
from bot.settings.merge import merge
from tests.bot.options.test_authority import values

TRIO = "snakes/trio"


def layer_of(rule):
    """Layers of one rule: any of its options, with any of the values that it takes."""
    each = {name: st.sampled_from(values(known)) for name, known in options(rule.settings).items()}
    return st.fixed_dictionaries({}, optional=each)


def told(operator=None, organization=None, repository=None):
    layers = (read(RULES, each or {}) for each in (operator, organization, repository))
    return Settings(*layers)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
@pytest.mark.sweep
@given(data=st.data())
def test_no_narrower_file_loosens_what_a_wider_one_sets(rule, data):
    """For each option that has an order, whatever the three files say."""
    layers = [data.draw(layer_of(rule)) for _ in Scope]
    known = options(rule.settings)
    merged = merge(rule.settings, zip(Scope, layers, strict=True)).values
    for length in (1, 2):
        wider = merge(rule.settings, zip(Scope, layers[:length], strict=False)).values
        for name, value in wider.items():
            order = known[name].authority.tightens
            assert order is None or order(value, merged[name])
    above = merge(rule.settings, zip(Scope, layers[:2], strict=False)).values
    for name, each in known.items():
        if not each.authority.may_set(Scope.REPOSITORY):
            assert merged.get(name) == above.get(name)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
@pytest.mark.sweep
@given(data=st.data())
def test_each_value_applies_or_is_told_to_be_ignored(rule, data):
    """Nothing in a file is passed over in silence."""
    layers = [data.draw(layer_of(rule)) for _ in Scope]
    merged = merge(rule.settings, zip(Scope, layers, strict=True))
    ignored = {(each.name, each.scope) for each in merged.ignored}
    for scope, layer in zip(Scope, layers, strict=True):
        for name, value in layer.items():
            narrower = [each[name] for each in layers[scope + 1 :] if name in each]
            applies = merged.values.get(name) in [value, *narrower]
            assert (name, scope) in ignored or applies


# What the bot does with it

MERGED = Event(
    "pull_request",
    "closed",
    5,
    "snakes",
    Repository(TRIO),
    PullRequest(7, Person("alice"), merged=True),
    issue=Issue(7, Person("alice"), is_pull_request=True),
)


def command(text, repository=TRIO, by="carl"):
    about = "issues/comments/5"
    message = Message(7, Person(by), text, about, about, shows_app=True)
    return replace(
        MERGED,
        name="issue_comment",
        action="created",
        pull_request=None,
        repository=Repository(repository),
        message=message,
    )


JOINED = Event("organization", "member_added", 5, "snakes", Repository(TRIO), member=Person("bob"))
EVENTS = [
    MERGED,
    JOINED,
    command("/invite @bob"),
    command("/invite @bob", by="mary"),
    command("/approve"),
    command("/approve", by="mary"),
    command("/approve", "snakes/people", by="mary"),
]


def reader(merged):
    """A reader: carl may write to trio; mary maintains it, and may write to `people`."""
    states = {"alice": None, "bob": None}
    return SimpleNamespace(
        membership=lambda _organization, person: states[person],
        membership_now=lambda _organization, person: "active" if person == "bob" else None,
        merged_pull_requests=lambda *_args, enough, **_more: min(merged, enough),
        was_invited=lambda *_: True,
        wanted_at=lambda _action: None,
        asked_about=lambda place: [Question("alice", f"{TRIO}#7")] if place else [],
        permission=lambda repo, who: "write" if who == "mary" or repo == TRIO else "read",
        may_maintain=lambda _repo, who: who == "mary",
        account=Person,
    )


def decided(event, settings_now, merged):
    """The actions of `invite` for an event under settings, none if it is disabled."""
    found = settings_now.of(invite.RULE)
    return list(invite.decide(event, reader(merged), found)) if found.enabled else []


def leaves(action, event):
    """Whether an action has an effect outside of the repository of its event."""
    return getattr(action, "repository", "") != event.repository.full_name


# Layers under which the bot mostly does something.
LIVELY = st.builds(
    lambda layer, lively: {**layer, **lively},
    layer_of(invite.RULE),
    st.fixed_dictionaries(
        {"enabled": st.sampled_from([True, True, True, False])},
        optional={"merged_pull_requests": st.integers(1, 3), "exclude": st.just(())},
    ),
)


@pytest.mark.parametrize("event", EVENTS, ids=range(len(EVENTS)))
@pytest.mark.sweep
@given(operator=LIVELY, organization=LIVELY, repository=LIVELY, merged=st.integers(1, 3))
def test_no_repository_makes_the_bot_do_what_its_organisation_does_not(
    event, operator, organization, repository, merged
):
    """What leaves the repository is the same as without its file, or a request for approval.

    A request goes where the organisation asks for approval, with the organisation's words.
    """
    wider = Settings({"invite": operator}, {"invite": organization})
    own = wider.under({"invite": repository}, TRIO)
    without = decided(event, wider, merged)
    for action in decided(event, own, merged):
        if leaves(action, event) and action not in without:
            before = wider.of(invite.RULE)
            asking = Settings({"invite": {**_plain(before), "mode": "approval"}})
            assert isinstance(action, Ask)
            assert before.enabled
            assert action in decided(event, asking, merged)


def _plain(found):
    return {name: getattr(found, name) for name in options(type(found))}


@pytest.mark.parametrize(
    ("operator", "organization"),
    [({"enabled": False}, {}), ({}, {"enabled": False}), ({"enabled": False}, {"enabled": True})],
)
def test_nobody_is_invited_where_the_organisation_switched_it_off(operator, organization):
    """The file of one repository cannot switch it on, nor the organisation's the operator's."""
    loose = {"enabled": True, "mode": "automatic", "merged_pull_requests": 1}
    found = told({"invite": operator}, {"invite": organization}, {"invite": loose})
    assert decided(MERGED, found, 1) == []


def test_a_repository_cannot_end_approval_nor_choose_where_and_how_it_is_asked():
    """Nobody is invited, and the question is the organisation's."""
    loose = {
        "mode": "automatic",
        "approval_in": "secret-plans",
        "approval_message": "@snakes/everyone look",
    }
    wide = {"mode": "approval", "approval_in": "people"}
    found = told(organization={"invite": wide}, repository={"invite": loose})
    (ask,) = decided(MERGED, found, 1)
    assert (type(ask), ask.repository) == (Ask, "snakes/people")
    assert "@snakes/everyone" not in ask.text


def test_a_repository_may_ask_for_more():
    """A tighter threshold and mode apply to its own merges."""
    tight = {"mode": "approval", "merged_pull_requests": 3}
    found = told(repository={"invite": tight})
    assert decided(MERGED, found, 2) == []
    assert [type(each) for each in decided(MERGED, found, 3)] == [Ask]
    assert isinstance(decided(MERGED, told(), 3)[0], Invite)


def test_by_hand_is_not_tighter_than_approval():
    """In the mode "by hand" `/invite` needs no approval."""
    found = told(
        organization={"invite": {"mode": "approval"}}, repository={"invite": {"mode": "by hand"}}
    )
    assert found.of(invite.RULE).mode == "approval"


IGNORED = [
    (
        {},
        {},
        {"approval_in": "x"},
        TRIO,
        (
            "invite.approval_in is ignored: only the organisation can set it; set it in "
            "`.github/bot.toml` of its repository `.github`"
        ),
    ),
    (
        {},
        {"merged_pull_requests": 5},
        {"merged_pull_requests": 2},
        TRIO,
        (
            "invite.merged_pull_requests is ignored: the organisation sets it in "
            "`.github/bot.toml` of its repository `.github`, and a repository may only tighten it; "
            "change it there"
        ),
    ),
    (
        {"enabled": False},
        {"enabled": True},
        {},
        "snakes/.github",
        (
            "invite.enabled is ignored: the bot's operator sets it in config.toml, and other files "
            "may only tighten it; ask the operator to change it there"
        ),
    ),
]


@pytest.mark.parametrize(("operator", "organization", "repository", "file", "words"), IGNORED)
def test_what_is_ignored_is_told_with_the_reason_and_the_place_to_set_it(
    operator, organization, repository, file, words
):
    """And without what the wider file says: it may be private."""
    found = told(*({"invite": each} for each in (operator, organization, repository)))
    assert list(map(str, found.ignored(RULES, file))) == [words]


def test_an_undeclared_option_is_the_organisations_alone():
    """The safe choice for custom rules."""

    @dataclass(frozen=True)
    class Custom:
        loud: bool = option(FLAG, default=False, words="Loud?")

    layers = [{}, {}, {"loud": True}]
    assert merge(Custom, zip(Scope, layers, strict=True)).values == {}
    layers = [{}, {"loud": True}, {}]
    assert merge(Custom, zip(Scope, layers, strict=True)).values == {"loud": True}
