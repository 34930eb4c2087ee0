"""Every fact of a rule, while GitHub refuses the installation: an error, never an absence."""

import inspect

import pytest

from bot.events import Person, PullRequest, Repository
from bot.loop.reader import github_reader
from bot.rule import Reader
from luggage.github.errors import (
    AddressRefused,
    Blocked,
    RepositoryBlocked,
    Suspended,
    Uninstalled,
)

TRIO = "snakes/trio"
LATEST = (Repository(TRIO), PullRequest(1, Person("alice")))
# What each method is asked; None for those that the bot answers by itself.
QUESTIONS = {
    "membership": ("snakes", "alice"),
    "membership_now": ("snakes", "alice"),
    "is_owner": ("snakes", "alice"),
    "permission": (TRIO, "alice"),
    "may_write": (TRIO, "alice"),
    "may_maintain": (TRIO, "alice"),
    "account": ("alice",),
    "is_first_step": (TRIO, "alice", 1),
    "labels": (TRIO,),
    "is_assignable": (TRIO, 1, "alice"),
    "assigned": (TRIO, "alice"),
    "pull": (TRIO, 1),
    "changed_paths": (TRIO, 1),
    "merging": (TRIO,),
    "waiting": (TRIO,),
    "claimed": (TRIO,),
    "timeline": (TRIO, 1),
    "merged_pull_requests": ("snakes", "alice"),
    "was_invited": None,
    "asked_about": None,
    "now": None,
    "claims": None,
    "wanted_at": None,
    "earlier": None,
    "done": None,
}
NAMED = {
    "assigned": {"enough": 5},
    "merged_pull_requests": {"latest": LATEST, "enough": 5},
}
ASKED = [name for name, question in QUESTIONS.items() if question is not None]
# What does not concern a repository is answered although the repository is blocked.
IN_REPOSITORY = [
    name
    for name in ASKED
    if QUESTIONS[name][0] == TRIO and name != "merging"  # GraphQL has answers of its own
]


def test_every_question_of_the_reader_is_here():
    """A new question needs a row in the table."""
    methods = {name for name, _ in inspect.getmembers(Reader, inspect.isfunction)}
    assert {name for name in methods if name[0] != "_"} == set(QUESTIONS)


@pytest.fixture
def ask(app, people, queue, clock, github):
    github.open_pull_request(TRIO, "alice")
    client = app.client_for(github.install("snakes").id).read_only()
    reader = github_reader(client, people, queue, clock=clock)
    return lambda name: getattr(reader, name)(*QUESTIONS[name], **NAMED.get(name, {}))


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize(
    ("refuse", "error"),
    [("suspend", Suspended), ("uninstall", Uninstalled), ("set_allow_list", AddressRefused)],
)
def test_a_refused_installation_answers_nothing(ask, github, name, refuse, error):
    """Without a token, or behind an allow list, a question raises its own class of error."""
    getattr(github, refuse)("snakes")
    with pytest.raises(error) as raised:
        ask(name)
    assert isinstance(raised.value, Blocked)


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize(
    ("refuse", "error"),
    [("suspend", Suspended), ("uninstall", Uninstalled), ("set_allow_list", AddressRefused)],
)
def test_a_refusal_with_a_token_in_use_answers_nothing(ask, github, name, refuse, error):
    """So does a refusal that comes while the bot has a token."""
    ask("labels")
    getattr(github, refuse)("snakes")
    with pytest.raises(error):
        ask(name)


@pytest.mark.parametrize("name", IN_REPOSITORY)
@pytest.mark.parametrize("status", [403, 451])
def test_a_blocked_repository_answers_nothing(ask, github, name, status):
    """A repository that GitHub blocked has no missing labels, people or files."""
    github.block_repository(TRIO, status)
    with pytest.raises(RepositoryBlocked):
        ask(name)
