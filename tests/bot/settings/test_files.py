"""bot.settings.files: which settings hold for a delivery, and at what cost."""

import base64

import pytest

from bot.events import Event, Repository, view
from bot.rules import RULES, invite, ping
from bot.settings.files import (
    FILE,
    LAG_SECONDS,
    RECHECK_SECONDS,
    SCHEDULED_SECONDS,
    SettingsFiles,
    fetch,
)
from bot.settings.layers import Settings, read
from luggage.fake_github import FakeGithub
from luggage.github.errors import Forbidden, NotFound, Unreachable

TRIO = "snakes/trio"
ABOUT = f"/repos/{TRIO}/contents/{FILE}"
EVENT = Event("issues", "opened", 5, organization="Snakes", repository=Repository("Snakes/Trio"))


class FakeClient:
    """Files by repository, as the contents API answers; what is asked is counted."""

    def __init__(self):
        self.files = {}
        self.answers = {}
        self.error = None
        self.asked = []

    def get(self, path, /, *, params=None, owner, name):
        assert path == "/repos/{owner}/{name}/contents/.github/bot.toml"
        repository = f"{owner}/{name}"
        self.asked.append((repository, params))
        if self.error is not None:
            raise self.error
        if repository in self.answers:
            return self.answers[repository]
        if repository not in self.files:
            raise NotFound("Not Found", method="GET", path=path)
        return answer(self.files[repository].encode())


def answer(data, **changes):
    content = base64.encodebytes(data).decode()
    shape = {"type": "file", "encoding": "base64", "content": content, "sha": f"sha of {data!r}"}
    return {**shape, **changes}


@pytest.fixture
def client():
    return FakeClient()


def threshold(files, client, event=EVENT):
    return files.effective(client, event).settings.of(invite.RULE).merged_pull_requests


def problems(files, client):
    return [file.problems for file in files.effective(client, EVENT).files]


def pushed(repo=TRIO, **changes):
    github = FakeGithub()
    happening = github.push(repo, "olga", files={FILE: ""})
    return view("push", {**happening.payload, **changes})


def test_without_files_the_operators_settings_hold(store, client, clock):
    """Two repositories are asked, and have no file."""
    base = Settings((read(RULES, {"invite": {"merged_pull_requests": 4}}),))
    files = SettingsFiles(store, RULES, base, clock=clock)
    assert threshold(files, client) == 4
    assert client.asked == [("snakes/.github", None), ("snakes/trio", None)]


def test_the_repository_lies_over_the_organisation(files, client):
    """Key by key: what the repository does not say, the organisation does."""
    client.files["snakes/.github"] = "[invite]\nmerged_pull_requests = 2\n[ping]\nenabled = false\n"
    client.files["snakes/trio"] = "[invite]\nmerged_pull_requests = 3\n"
    assert threshold(files, client) == 3
    assert not files.effective(client, EVENT).settings.of(ping.RULE).enabled


def test_an_event_of_the_organisation_has_its_settings_alone(files, client):
    """Somebody joined: there is no repository whose file could count."""
    client.files["snakes/.github"] = "[invite]\nmerged_pull_requests = 2\n"
    event = Event("organization", "member_added", 5, organization="Snakes")
    assert threshold(files, client, event) == 2
    assert len(client.asked) == 1


def test_what_is_known_costs_no_request(files, client, clock):
    """Also another process, which shares the database, asks nothing."""
    threshold(files, client)
    clock.advance(RECHECK_SECONDS - 1)
    threshold(files, client)
    assert len(client.asked) == 2


def test_what_was_changed_unseen_is_seen_at_the_next_check(files, client, clock):
    """A push that was never delivered: the file is looked at again after some minutes."""
    threshold(files, client)
    client.files["snakes/trio"] = "[invite]\nmerged_pull_requests = 3\n"
    clock.advance(RECHECK_SECONDS + 1)
    assert threshold(files, client) == 3


def test_a_push_that_touches_the_file_has_it_read_again(files, client):
    """At once, and that file only."""
    threshold(files, client)
    client.files["snakes/trio"] = "[invite]\nmerged_pull_requests = 3\n"
    assert files.heard(pushed())
    assert threshold(files, client) == 3
    assert len(client.asked) == 3


@pytest.mark.parametrize(
    "event",
    [
        EVENT,
        pushed(ref="refs/heads/topic"),
        pushed(ref="refs/tags/main"),
        view("push", FakeGithub().push(TRIO, "olga").payload),
    ],
    ids=["no push", "another branch", "a tag", "another file"],
)
def test_other_events_change_nothing(files, client, event):
    """Another branch, a tag, another file: nothing is read again."""
    threshold(files, client)
    assert not files.heard(event)
    threshold(files, client)
    assert len(client.asked) == 2


@pytest.mark.parametrize("changes", [{"forced": True}, {"commits": []}, {"commits": [{}] * 2048}])
def test_where_github_does_not_tell_the_paths_the_file_is_read_again(files, changes):
    """Rewritten history, and pushes of more commits than GitHub lists."""
    assert files.heard(pushed(**changes))


def test_a_file_that_github_shows_late_is_looked_at_again_soon(files, client, clock):
    """The push is told before the API shows it: the new file holds half a minute later."""
    threshold(files, client)
    files.heard(pushed())
    assert threshold(files, client) == 1
    client.files["snakes/trio"] = "[invite]\nmerged_pull_requests = 3\n"
    clock.advance(LAG_SECONDS + 1)
    assert threshold(files, client) == 3


def test_a_broken_file_keeps_the_last_good_settings(files, client):
    """And what is wrong is said, with its place."""
    client.files["snakes/trio"] = "[invite]\nmerged_pull_requests = 3\n"
    threshold(files, client)
    client.files["snakes/trio"] = "[invite]\nmerged_pull_requests = 0\n"
    files.heard(pushed())
    assert threshold(files, client) == 3
    assert problems(files, client)[1].startswith(".github/bot.toml:2:1: invite.merged_pull")


def test_a_file_that_is_taken_away_leaves_the_defaults(files, client):
    """A file that is gone is no broken file."""
    client.files["snakes/trio"] = "[invite]\nmerged_pull_requests = 3\n"
    threshold(files, client)
    del client.files["snakes/trio"]
    files.heard(pushed())
    assert threshold(files, client) == 1


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([], "not a directory"),
        (answer(b"", type="symlink"), "must be a file"),
        (answer(b"", type="submodule"), "must be a file"),
        (answer(b"", encoding="none", content=""), "too large"),
        (answer(b"#" * 70_000), "at most 64 KiB"),
        (answer(b"\xff"), "encoded in UTF-8"),
        (answer(b"", content="abc"), "encoded in UTF-8"),
        (answer(b"a = " + b"[" * 9000), "too deeply"),
    ],
)
def test_what_is_no_settings_file_is_a_problem_and_no_error(files, client, found, words):
    """A directory, a link, a huge or binary file: the defaults hold, and the reason is said."""
    client.answers["snakes/trio"] = found
    assert threshold(files, client) == 1
    assert words in problems(files, client)[1]


def test_where_github_cannot_be_asked_the_last_good_settings_hold(files, client, clock):
    """A file that is known is not forgotten because GitHub is away."""
    client.files["snakes/trio"] = "[invite]\nmerged_pull_requests = 3\n"
    threshold(files, client)
    files.heard(pushed())
    client.error = Unreachable("away", method="GET", path=ABOUT)
    assert threshold(files, client) == 3


def test_a_file_that_was_never_read_is_waited_for(files, client):
    """Nobody is invited by defaults that the organisation may have switched off."""
    client.error = Unreachable("away", method="GET", path=ABOUT)
    files.heard(pushed())
    with pytest.raises(Unreachable):
        threshold(files, client)


def test_without_the_permission_to_read_files_the_defaults_hold(files, client):
    """An installation that has not granted it yet goes on as before."""
    client.error = Forbidden("Resource not accessible", method="GET", path=ABOUT)
    assert threshold(files, client) == 1


def test_a_slow_look_does_not_overwrite_a_newer_one(files, client, clock):
    """Two processes look at once: who read the older file is told the newer one."""
    threshold(files, client)
    files.heard(pushed())
    get = client.get

    def slow(*arguments, **names):
        old = get(*arguments, **names) if names["name"] == "never" else answer(b"")
        client.get = get
        client.files["snakes/trio"] = "[invite]\nmerged_pull_requests = 3\n"
        clock.advance(1)
        threshold(files, client)
        return old

    client.get = slow
    assert threshold(files, client) == 3


def test_an_upgrade_that_takes_a_setting_away_leaves_the_others(store, files, client, clock):
    """What was switched off stays switched off, though another line is no longer understood."""
    client.files["snakes/trio"] = "[invite]\nenabled = false\n[ping]\nenabled = false\n"
    threshold(files, client)
    newer = SettingsFiles(store, (invite.RULE,), Settings(), clock=clock)
    assert not newer.effective(client, EVENT).settings.of(invite.RULE).enabled


def test_a_file_can_be_read_at_a_commit(client):
    """For previews; the ref is handed to GitHub."""
    client.files["snakes/trio"] = "a = 1"
    assert fetch(client, "snakes/trio", ref="abc").text == "a = 1"
    assert client.asked == [("snakes/trio", {"ref": "abc"})]


def test_for_scheduled_rules_a_file_is_looked_at_once_a_day(files, client, clock):
    """They come to repositories where nothing else happens; a push still tells of a change."""
    event = Event("schedule", "look", 5, organization="snakes", repository=EVENT.repository)
    threshold(files, client, event)
    clock.advance(SCHEDULED_SECONDS - 1)
    threshold(files, client, event)
    assert len(client.asked) == 2


def test_what_is_remembered_is_had_without_a_request(files, client):
    """None where a file was never read, or is only known to have been pushed."""
    assert files.remembered(EVENT) is None
    files.heard(pushed())
    files.heard(pushed("snakes/.github"))
    assert files.remembered(EVENT) is None
    client.files["snakes/trio"] = "[ping]\nenabled = false\n"
    threshold(files, client)
    asked = len(client.asked)
    assert not files.remembered(EVENT).of(ping.RULE).enabled
    assert len(client.asked) == asked
