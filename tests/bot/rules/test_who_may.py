"""Permissions of people: each command, in each mode, by each kind of person.

The rules decide with the real reader, which asks the simulated GitHub for each person's access.
"""

import pytest

import tests.bot.conftest as one_bot
from bot.actions import Ask, Assign, Comment, Invite, Label, React, Rest, SetState, Unlabel
from bot.events import view
from bot.loop.reader import github_reader
from bot.rules import RULES, commands, invite
from bot.rules.commands import _ANSWERS
from bot.rules.pause import COMMAND
from bot.settings.layers import Settings, read
from bot.store.people import People
from luggage.database import open_engine
from luggage.fake_github import FakeGithub
from luggage.jobs import Queue
from tests.support.apps import app_at
from tests.support.clock import FakeClock
from tests.support.migrated import migrated

TRIO, PEOPLE, HOME = "snakes/trio", "snakes/people", "snakes/.github"
OUTSIDER, AUTHOR, READ, TRIAGE, WRITE, MAINTAIN, ADMIN, MEMBER, OWNER, APPROVER = KINDS = (
    *("outsider", "author", "read", "triage", "write", "maintain", "admin"),
    *("member", "owner", "approver"),
)
EVERYBODY = set(KINDS)
# In the simulated organisation the base permission of members is write, in each repository.
TRIAGERS = {TRIAGE, WRITE, MAINTAIN, ADMIN, MEMBER, OWNER}
WRITERS = TRIAGERS - {TRIAGE}
MAINTAINERS = {MAINTAIN, ADMIN, OWNER}
APPROVERS = {APPROVER, MEMBER, OWNER}
NOBODY = set()


@pytest.fixture(scope="module")
def clock():
    return FakeClock()


@pytest.fixture(scope="module")
def github(clock):
    """One person of each kind; `approver` may only write to the repository for approvals."""
    fake = FakeGithub(clock=clock)
    for name in (TRIO, PEOPLE, HOME):
        fake.add_repository(name, private=name == PEOPLE)
    for kind in (READ, TRIAGE, WRITE, MAINTAIN, ADMIN):
        fake.add_collaborator(TRIO, kind, kind)
    fake.add_member("snakes", MEMBER)
    fake.add_member("snakes", OWNER, role="admin")
    fake.add_collaborator(PEOPLE, APPROVER, "write")
    for name in ("bob", OUTSIDER, APPROVER):
        fake.add_user(name)
    for repository in (TRIO, PEOPLE, HOME):
        fake.open_issue(repository, AUTHOR)
    for label in ("bug", "security"):
        fake.label_issue(TRIO, 1, OWNER, label)
    fake.comment(TRIO, 1, "bob", "I can be assigned.")
    return fake


@pytest.fixture(scope="module")
def bot(github, clock, tmp_path_factory):
    """The reader and the memory of a bot."""
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('bot') / 'bot.sqlite'}")
    migrated(engine, one_bot.HISTORIES)
    people = People(engine, clock=clock)
    with github.serve() as server:
        app = app_at(server.url, github, clock)
        client = app.client_for(github.install("snakes").id).read_only()
        yield github_reader(client, people, Queue(engine, clock=clock), clock=clock), people
    engine.dispose()


@pytest.fixture
def effects(github, bot):
    """The effects of a comment, without comments and reactions."""
    reader, _people = bot

    def decide(rule, kind, text, repository=TRIO, **settings):
        event = view(*github.comment(repository, 1, kind, text))
        table = {rule: {"enabled": True, **settings}}
        chosen = next(each for each in RULES if each.name == rule)
        found = chosen.decide(event, reader, Settings(read(RULES, table)).of(chosen))
        return [action for action in found if not isinstance(action, Comment | React)]

    return decide


APPROVAL = {"mode": "approval"}
ELSEWHERE = {"mode": "approval", "approval_in": "people"}
# (rule, text, repository, settings, effect, who).
TABLE = [
    ("invite", "/invite @bob", TRIO, {}, Invite, WRITERS),
    ("invite", "/invite @bob", TRIO, {"mode": "by hand"}, Invite, WRITERS),
    ("invite", "/invite @bob", TRIO, APPROVAL, Invite, MAINTAINERS),
    ("invite", "/invite @bob", TRIO, APPROVAL, Ask, {WRITE, MEMBER}),
    ("invite", "/invite @bob", TRIO, ELSEWHERE, Invite, {MEMBER, OWNER}),
    ("invite", "/invite @bob", TRIO, ELSEWHERE, Ask, {WRITE, MAINTAIN, ADMIN}),
    ("invite", "/invite @bob", PEOPLE, ELSEWHERE, Invite, APPROVERS),
    ("invite", "/invite @bob", PEOPLE, ELSEWHERE, Ask, NOBODY),
    ("commands", "/label security", TRIO, {}, Label, TRIAGERS),
    ("commands", "/label bug", TRIO, {"labels": ["bug"]}, Label, EVERYBODY),
    ("commands", "/label security", TRIO, {"labels": ["bug"]}, Label, TRIAGERS),
    ("commands", "/unlabel security", TRIO, {}, Unlabel, TRIAGERS),
    ("commands", "/unlabel bug", TRIO, {"labels": ["bug"]}, Unlabel, EVERYBODY),
    ("commands", "/claim", TRIO, {}, Assign, EVERYBODY),
    ("commands", "/release", TRIO, {}, Assign, NOBODY),
    ("commands", "/assign @bob", TRIO, {}, Assign, TRIAGERS),
    ("commands", "/assign @bob", TRIO, {"assign": "author"}, Assign, TRIAGERS | {AUTHOR}),
    ("commands", "/close", TRIO, {}, SetState, TRIAGERS | {AUTHOR}),
    ("commands", "/reopen", TRIO, {}, SetState, NOBODY),
    ("commands", "/help", TRIO, {}, Comment, NOBODY),
    ("commands", "/why", TRIO, {}, Comment, NOBODY),
    ("ping", "/ping", TRIO, {}, Comment, NOBODY),
    ("pause", "/bot pause", HOME, {}, Rest, {OWNER}),
    ("pause", "/bot resume", HOME, {}, Rest, {OWNER}),
    ("pause", "/bot pause", TRIO, {}, Rest, NOBODY),
]


def titled(row):
    rule, text, repository, settings, effect, _who = row
    return f"{rule} {text} in {repository} {settings} {effect.__name__}"


@pytest.mark.parametrize("row", TABLE, ids=titled)
def test_who_may_do_what(effects, row):
    """Exactly these people have this effect with this command."""
    rule, text, repository, settings, effect, who = row
    found = {
        kind
        for kind in KINDS
        if any(
            isinstance(each, effect) for each in effects(rule, kind, text, repository, **settings)
        )
    }
    assert found == who


@pytest.mark.parametrize("row", [row for row in TABLE if row[-1] == NOBODY], ids=titled)
def test_what_nobody_may_do_has_no_other_effect(effects, row):
    """Commands that only answer, and commands in the wrong place or state."""
    rule, text, repository, settings, effect, _who = row
    allowed = Invite if effect is Ask else ()
    for kind in KINDS:
        found = effects(rule, kind, text, repository, **settings)
        assert [each for each in found if not isinstance(each, allowed)] == []


APPROVALS = [
    (TRIO, {}, WRITERS),
    (TRIO, {"mode": "by hand"}, WRITERS),
    (TRIO, APPROVAL, MAINTAINERS),
    (TRIO, ELSEWHERE, {MEMBER, OWNER}),
    (PEOPLE, ELSEWHERE, APPROVERS),
    (PEOPLE, APPROVAL, {OWNER}),
]


@pytest.mark.parametrize("text", ["/approve", "/approve @bob", "/invite", "/invite @bob"])
@pytest.mark.parametrize(("repository", "settings", "who"), APPROVALS)
def test_who_may_approve(effects, bot, text, repository, settings, who):
    """Where the bot has asked, `/approve` and `/invite` take who may approve."""
    _reader, people = bot
    people.asked("snakes", "bob", f"{repository}#1", f"{TRIO}#1")
    found = {
        kind
        for kind in KINDS
        if any(
            isinstance(each, Invite)
            for each in effects("invite", kind, text, repository, **settings)
        )
    }
    people.asked("snakes", "bob", "snakes/elsewhere#1", f"{TRIO}#1")
    assert found == who


REACHES_OUT = (Ask, Invite, Rest)


@pytest.mark.parametrize("said", ["review", "review_comment", "open_pull_request"])
@pytest.mark.parametrize("repository", [TRIO, HOME])
def test_what_an_app_may_have_written_reaches_no_organisation(github, bot, said, repository):
    """There GitHub does not show an App; no command of an owner works beyond the repository."""
    reader, people = bot
    texts = [text for _rule, text, *_ in TABLE]
    texts += ["/approve", "/approve @bob", "/invite"]
    number = github.open_pull_request(repository, AUTHOR).payload["number"]
    people.asked("snakes", "bob", f"{repository}#{number}", f"{TRIO}#1")
    found = []
    for text in texts:
        about = (repository, OWNER, "Title") if said == "open_pull_request" else ()
        event = view(*getattr(github, said)(*(about or (repository, number, OWNER)), text))
        for rule in RULES:
            chosen = Settings(read(RULES, {rule.name: {"enabled": True}})).of(rule)
            if (event.name, event.action) in rule.events:
                found += rule.decide(event, reader, chosen)
    people.asked("snakes", "bob", "snakes/elsewhere#1", f"{TRIO}#1")
    assert [each for each in found if isinstance(each, REACHES_OUT)] == []
    assert any(isinstance(each, Comment) for each in found)


def test_each_command_is_in_the_table():
    """A new command needs a row."""
    known = {f"/{name}" for name in _ANSWERS} | {"/invite", "/ping", COMMAND}
    assert {text.split()[0] for _rule, text, *_ in TABLE} == known
    assert {row[3].get("mode") for row in TABLE if row[0] == "invite"} >= {"approval", "by hand"}
    assert invite.RULE in RULES
    assert commands.RULE in RULES
