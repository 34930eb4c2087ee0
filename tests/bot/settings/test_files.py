"""Tests of bot.settings.files: the effective settings, and their cost in requests."""

import base64

import pytest
from sqlalchemy import update

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
from bot.settings.layers import MOST_BYTES, Settings, read
from bot.store.tables import settings_file
from luggage.fake_github import FakeGithub
from luggage.github.errors import (
    AddressRefused,
    Ambiguous,
    FieldError,
    Forbidden,
    Invalid,
    NotFound,
    NoToken,
    RateLimited,
    RepositoryBlocked,
    RequestFailed,
    Suspended,
    Transient,
    Unauthorized,
    Uninstalled,
    Unreachable,
)

TRIO = "snakes/trio"
ABOUT = f"/repos/{TRIO}/contents/{FILE}"
EVENT = Event("issues", "opened", 5, organization="Snakes", repository=Repository("Snakes/Trio"))


class FakeClient:
    """Files by repository, as the contents API returns them; counts the requests."""

    def __init__(self):
        self.files = {}
        self.answers = {}
        self.error = None
        self.hidden = set()
        self.asked = []

    def get(self, path, /, *, params=None, owner, name):
        repository = f"{owner}/{name}"
        self.asked.append((repository, params))
        if self.error is not None:
            raise self.error
        if repository in self.hidden:
            raise NotFound("Not Found", method="GET", path=path, status=404)
        if path == "/repos/{owner}/{name}":
            return {"full_name": repository}
        assert path == "/repos/{owner}/{name}/contents/.github/bot.toml"
        if repository in self.answers:
            return self.answers[repository]
        if repository not in self.files:
            raise NotFound("Not Found", method="GET", path=path, status=404)
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
    """Without files, the operator's settings apply after two requests."""
    base = Settings(read(RULES, {"invite": {"merged_pull_requests": 4}}))
    files = SettingsFiles(store, RULES, base, clock=clock)
    assert threshold(files, client) == 4
    assert client.asked == [("snakes/.github", None), ("snakes/trio", None)]


def test_the_repository_lies_over_the_organisation(files, client):
    """The repository's file overrides the organisation's, key by key."""
    client.files["snakes/.github"] = "[invite]\nmerged_pull_requests = 2\n[ping]\nenabled = false\n"
    client.files["snakes/trio"] = "[invite]\nmerged_pull_requests = 3\n"
    assert threshold(files, client) == 3
    assert not files.effective(client, EVENT).settings.of(ping.RULE).enabled


def test_an_event_of_the_organisation_has_its_settings_alone(files, client):
    """An event without a repository uses the organisation's file only."""
    client.files["snakes/.github"] = "[invite]\nmerged_pull_requests = 2\n"
    event = Event("organization", "member_added", 5, organization="Snakes")
    assert threshold(files, client, event) == 2
    assert len(client.asked) == 1


def test_a_cache_hit_costs_no_request(files, store, client, clock):
    """A cached file causes no request, in other processes too."""
    threshold(files, client)
    clock.advance(RECHECK_SECONDS - 1)
    another_process = SettingsFiles(store, RULES, Settings(), clock=clock)
    for each in (files, another_process):
        threshold(each, client)
    assert len(client.asked) == 2


def test_a_recheck_finds_a_change_without_a_push(files, client, clock):
    """A recheck finds a change whose push was never delivered."""
    threshold(files, client)
    client.files["snakes/trio"] = "[invite]\nmerged_pull_requests = 3\n"
    clock.advance(RECHECK_SECONDS + 1)
    assert threshold(files, client) == 3


def test_a_push_that_touches_the_file_has_it_read_again(files, client):
    """A push that touches the file expires that file only."""
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
    """Pushes to other branches, tags and files expire nothing."""
    threshold(files, client)
    assert not files.heard(event)
    threshold(files, client)
    assert len(client.asked) == 2


@pytest.mark.parametrize("changes", [{"forced": True}, {"commits": []}, {"commits": [{}] * 2048}])
def test_a_push_without_paths_expires_the_file(files, changes):
    """A push without a complete list of paths expires the file."""
    assert files.heard(pushed(**changes))


def test_a_file_that_github_shows_late_is_looked_at_again_soon(files, client, clock):
    """If the API lags behind the push, the bot rechecks after LAG_SECONDS."""
    threshold(files, client)
    files.heard(pushed())
    assert threshold(files, client) == 1
    client.files["snakes/trio"] = "[invite]\nmerged_pull_requests = 3\n"
    clock.advance(LAG_SECONDS + 1)
    assert threshold(files, client) == 3


def test_a_broken_file_keeps_the_last_good_settings(files, client):
    """An invalid file leaves the last valid settings, and has located problems."""
    client.files["snakes/trio"] = "[invite]\nmerged_pull_requests = 3\n"
    threshold(files, client)
    client.files["snakes/trio"] = "[invite]\nmerged_pull_requests = 0\n"
    files.heard(pushed())
    assert threshold(files, client) == 3
    assert problems(files, client)[1].startswith(".github/bot.toml:2:1: invite.merged_pull")


def test_a_file_that_is_taken_away_leaves_the_defaults(files, client):
    """A deleted file is valid and leaves the defaults."""
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
        (answer("[ping]\nenabled = false".encode("utf-16")), "save it in that encoding"),
        (answer(b"a = " + b"[" * 9000), "too deeply"),
    ],
)
def test_an_unusable_settings_file_is_a_problem_not_an_error(files, client, found, words):
    """A directory, link, huge or binary file has a problem, and the defaults apply."""
    client.answers["snakes/trio"] = found
    assert threshold(files, client) == 1
    assert words in problems(files, client)[1]


def test_cached_settings_apply_while_github_is_unreachable(files, client, clock):
    """If GitHub does not answer, the cached settings apply."""
    client.files["snakes/trio"] = "[invite]\nmerged_pull_requests = 3\n"
    threshold(files, client)
    files.heard(pushed())
    client.error = Unreachable("away", method="GET", path=ABOUT)
    assert threshold(files, client) == 3


def test_a_file_that_was_never_read_is_waited_for(files, client):
    """If the file was never read, RequestFailed is raised."""
    client.error = Unreachable("away", method="GET", path=ABOUT)
    files.heard(pushed())
    with pytest.raises(Unreachable):
        threshold(files, client)


def test_without_the_permission_to_read_files_the_defaults_hold(files, client):
    """Without the permission to read files, the defaults apply."""
    client.error = Forbidden("Resource not accessible", method="GET", path=ABOUT)
    assert threshold(files, client) == 1


def test_without_the_permission_a_file_is_not_asked_for_each_time(files, client):
    """A missing permission is cached like an absent file."""
    client.error = Forbidden("Resource not accessible by integration", method="GET", path=ABOUT)
    files.heard(pushed())
    assert threshold(files, client) == 1
    asked = len(client.asked)
    assert threshold(files, client) == 1
    assert len(client.asked) == asked


TOKEN = "/app/installations/5/access_tokens"
REFUSALS = [
    Forbidden("Resource not accessible by integration", method="GET", path=ABOUT, status=403),
    Forbidden("Must have admin rights", method="GET", path=ABOUT, status=403),
    AddressRefused("your IP address is not permitted", method="GET", path=ABOUT, status=403),
    RepositoryBlocked("Repository access blocked", method="GET", path=ABOUT, status=451),
    NoToken("Resource not accessible by integration", method="POST", path=TOKEN, status=403),
    Suspended("This installation has been suspended", method="POST", path=TOKEN, status=403),
    Uninstalled("Not Found", method="POST", path=TOKEN, status=404),
    NotFound("Gone", method="GET", path=ABOUT, status=410),
    Unauthorized("Bad credentials", method="GET", path=ABOUT, status=401),
    RateLimited("slow down", method="GET", path=ABOUT, status=429, retry_at=9e9),
    Transient("Conflict", method="GET", path=ABOUT, status=409),
    Ambiguous("Server Error", method="GET", path=ABOUT, status=502),
    Unreachable("away", method="GET", path=ABOUT),
    Invalid("Unprocessable", method="GET", path=ABOUT, status=422),
]


@pytest.mark.parametrize("error", REFUSALS, ids=lambda error: f"{error.status} {error.message}")
@pytest.mark.parametrize("after", ["push", "time"])
def test_only_a_clear_404_takes_settings_away(files, client, clock, error, after):
    """No refusal changes known settings, also those of the organisation."""
    client.files["snakes/.github"] = "[ping]\nenabled = false\n"
    client.files["snakes/trio"] = "[invite]\nmerged_pull_requests = 3\n"
    threshold(files, client)
    if after == "push":
        files.heard(pushed())
        files.heard(pushed("snakes/.github"))
    clock.advance(RECHECK_SECONDS + 1)
    client.error = error
    assert threshold(files, client) == 3
    assert not files.effective(client, EVENT).settings.of(ping.RULE).enabled
    client.error = None
    clock.advance(RECHECK_SECONDS + 1)
    assert threshold(files, client) == 3


@pytest.mark.parametrize("error", REFUSALS[1:], ids=lambda error: f"{error.status} {error.message}")
@pytest.mark.parametrize("before", ["nothing", "push"])
def test_a_refusal_of_an_unread_file_is_not_an_empty_file(files, client, error, before):
    """Except for a missing permission, the bot does not decide with settings it could not read.

    The error is one that the loop retries.
    """
    if before == "push":
        files.heard(pushed())
    client.error = error
    with pytest.raises(RequestFailed) as raised:
        threshold(files, client)
    assert not isinstance(raised.value, Forbidden | NotFound | Invalid)
    client.error = None
    client.files["snakes/trio"] = "[invite]\nmerged_pull_requests = 3\n"
    assert threshold(files, client) == 3


@pytest.mark.parametrize(
    "found",
    [None, "", 3, {}, {"message": "x"}, answer(b"", content="abc"), answer(b"", content=None)],
    ids=str,
)
def test_a_malformed_answer_says_nothing_about_the_file(files, client, found):
    """An answer without its fields is no invalid file: the bot waits, or keeps what it has."""
    client.answers["snakes/trio"] = found
    with pytest.raises(Transient):
        threshold(files, client)
    client.answers.clear()
    client.files["snakes/trio"] = "[invite]\nmerged_pull_requests = 3\n"
    threshold(files, client)
    files.heard(pushed())
    client.answers["snakes/trio"] = found
    assert threshold(files, client) == 3
    assert problems(files, client) == ["", ""]


def test_a_file_that_github_refuses_for_its_size_is_too_large(files, client):
    """GitHub's 403 for a very long file is a problem of the file."""
    client.error = Forbidden(
        "This API returns blobs up to 100 MB in size.",
        method="GET",
        path=ABOUT,
        status=403,
        fields=(FieldError("Blob", "data", "too_large"),),
    )
    assert problems(files, client)[1] == ".github/bot.toml: is too large; the limit is 64 KiB"


@pytest.mark.parametrize("text", ["[ping", "\0", "#" * (MOST_BYTES + 1)], ids=lambda text: text[:5])
def test_a_stored_text_that_cannot_be_read_is_read_again(store, files, client, text):
    """What another version stored, and this one cannot parse, counts as never read."""
    client.files["snakes/trio"] = "[invite]\nmerged_pull_requests = 3\n"
    threshold(files, client)
    with store.begin() as connection:
        connection.execute(update(settings_file).values(text=text, checked_at=9e9))
    assert files.remembered(EVENT) is None
    client.error = Unreachable("away", method="GET", path=ABOUT)
    with pytest.raises(Unreachable):
        threshold(files, client)
    client.error = None
    assert threshold(files, client) == 3
    assert files.remembered(EVENT) is not None


def test_a_stored_byte_order_mark_does_no_harm(store, files, client):
    """A text that version 0.1 stored with its byte order mark applies."""
    client.files["snakes/trio"] = "[invite]\nmerged_pull_requests = 3\n"
    threshold(files, client)
    marked = "\ufeff[invite]\nmerged_pull_requests = 4\n"
    with store.begin() as connection:
        trio = settings_file.c.repository == TRIO
        connection.execute(update(settings_file).where(trio).values(text=marked))
    assert files.remembered(EVENT).of(invite.RULE).merged_pull_requests == 4
    assert threshold(files, client) == 4


@pytest.mark.parametrize("error", REFUSALS[1:], ids=lambda error: f"{error.status} {error.message}")
def test_a_file_that_is_new_since_the_last_look_was_never_read(files, client, error):
    """After a push of a first file, the bot does not decide as if there were none."""
    assert threshold(files, client) == 1
    files.heard(pushed())
    client.error = error
    with pytest.raises(RequestFailed):
        threshold(files, client)
    client.error = None
    client.files["snakes/trio"] = "[invite]\nmerged_pull_requests = 3\n"
    assert threshold(files, client) == 3


def test_a_hidden_repository_keeps_its_settings(files, client, clock):
    """A 404 of the whole repository does not say that the file is gone, until it is shown again."""
    client.files["snakes/.github"] = "[invite]\nmerged_pull_requests = 3\n"
    threshold(files, client)
    client.hidden.add("snakes/.github")
    clock.advance(RECHECK_SECONDS + 1)
    assert threshold(files, client) == 3
    asked = len(client.asked)
    assert threshold(files, client) == 3
    assert len(client.asked) == asked
    client.hidden.clear()
    del client.files["snakes/.github"]
    clock.advance(RECHECK_SECONDS + 1)
    assert threshold(files, client) == 1


def test_a_slow_look_does_not_overwrite_a_newer_one(files, client, clock):
    """A slow check does not overwrite the result of a newer one."""
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
    """Removing a setting in an upgrade leaves the others of a stored file."""
    client.files["snakes/trio"] = "[invite]\nenabled = false\n[ping]\nenabled = false\n"
    threshold(files, client)
    newer = SettingsFiles(store, (invite.RULE,), Settings(), clock=clock)
    assert not newer.effective(client, EVENT).settings.of(invite.RULE).enabled


def test_a_file_can_be_read_at_a_commit(client):
    """`fetch` reads a file at a commit."""
    client.files["snakes/trio"] = "a = 1"
    assert fetch(client, "snakes/trio", ref="abc").text == "a = 1"
    assert client.asked == [("snakes/trio", {"ref": "abc"})]


def test_for_scheduled_rules_a_file_is_looked_at_once_a_day(files, client, clock):
    """Scheduled rules recheck a file once a day, or after a push."""
    event = Event("schedule", "look", 5, organization="snakes", repository=EVENT.repository)
    threshold(files, client, event)
    clock.advance(SCHEDULED_SECONDS - 1)
    threshold(files, client, event)
    assert len(client.asked) == 2


def test_remembered_makes_no_request(files, client):
    """`remembered` makes no request, and returns None for files that were never read."""
    assert files.remembered(EVENT) is None
    files.heard(pushed())
    files.heard(pushed("snakes/.github"))
    assert files.remembered(EVENT) is None
    client.files["snakes/trio"] = "[ping]\nenabled = false\n"
    threshold(files, client)
    asked = len(client.asked)
    assert not files.remembered(EVENT).of(ping.RULE).enabled
    assert len(client.asked) == asked
