"""bot.loop: what one stranger, or one pull request, may cost the others."""

import json
import tracemalloc

import pytest

from bot.actions import ACTIONS
from bot.events import DELIVERIES
from bot.facts import MOST_FILES
from bot.loop.changed_paths import ChangedPaths
from bot.loop.command_rate import DEFAULT_PER_HOUR
from bot.rules import RULES
from bot.settings.files import SettingsFiles
from bot.settings.layers import Settings, read
from bot.store.enqueue import job_of
from luggage.fake_github import ChangedFile
from luggage.github import Pace
from luggage.github.webhooks import decode
from luggage.jobs import State
from tests.support.apps import app_at

TRIO = "snakes/trio"


@pytest.fixture
def app(github, clock):
    """Our App, with the default pace of writes."""
    with github.serve() as server:
        yield app_at(server.url, github, clock, pace=Pace())


@pytest.fixture
def files(store, clock):
    """The settings files; the operator has switched labels on."""
    label = {"enabled": True, "paths": {"docs": ["docs/"]}}
    return SettingsFiles(store, RULES, Settings(read(RULES, {"label": label})), clock=clock)


@pytest.fixture
def deliver(queue, clock, github):
    """Queue deliveries as the web process does."""
    numbers = iter(range(10_000))

    def deliver(happening, **changed):
        payload = {**happening.payload, **changed}
        delivery = decode(f"guid-{next(numbers)}", happening.event, json.dumps(payload).encode())
        return queue.put(job_of(delivery, json.dumps(payload).encode(), run_at=clock())).id

    return deliver


def bodies(github, number):
    """The comments of the bot."""
    written = [comment.body for comment in github.comments(TRIO, number)]
    return [body for body in written if body != "/ping"]


def told(github, number):
    return [body for body in bodies(github, number) if "listen again" in body]


def test_a_person_is_told_once_that_the_bot_stops_listening(github, deliver, settled, clock):
    """After thirty answers in an hour there is one friendly line, and then silence."""
    github.open_issue(TRIO, "mallory")
    for _ in range(60):
        deliver(github.comment(TRIO, 1, "mallory", "/ping"))
    settled(5000)
    assert len([body for body in bodies(github, 1) if body.startswith("pong")]) == DEFAULT_PER_HOUR
    (line,) = told(github, 1)
    assert line.startswith("@mallory, you keep me busy!")
    assert " UTC on." in line
    assert bodies(github, 1)[-1] == line


def test_after_an_hour_the_bot_listens_again(github, deliver, settled, clock):
    """The next command is answered, without another line."""
    github.open_issue(TRIO, "mallory")
    for _ in range(DEFAULT_PER_HOUR + 5):
        deliver(github.comment(TRIO, 1, "mallory", "/ping"))
    settled(5000)
    before = len(bodies(github, 1))
    clock.advance(3601)
    deliver(github.comment(TRIO, 1, "mallory", "/ping"))
    settled(5000)
    assert len(bodies(github, 1)) == before + 1
    assert len(told(github, 1)) == 1


def test_the_bodies_of_pull_requests_count(github, deliver, settled):
    """A hundred pull requests with `/ping` are answered thirty times."""
    for _ in range(100):
        deliver(github.open_pull_request(TRIO, "mallory", "Ping", "/ping"))
    settled(9000)
    said = [body for number in range(1, 101) for body in bodies(github, number)]
    assert len([body for body in said if body.startswith("pong")]) == DEFAULT_PER_HOUR
    assert len([body for body in said if "listen again" in body]) == 1


def test_pull_requests_and_pushes_without_commands_do_not_count(github, deliver, settled):
    """What the bot labels by itself is nobody's command."""
    github.world.label(github.world.repositories[TRIO], "docs")
    for number in range(1, 2 * DEFAULT_PER_HOUR + 1):
        deliver(github.open_pull_request(TRIO, "mallory", "Docs", "Mind the /etc."))
        github.pull(TRIO, number).files = [ChangedFile("docs/a.md")]
        deliver(github.push_to_pull_request(TRIO, number, "mallory"))
    settled(9000)
    labelled = [n for n in range(1, 61) if github.issue(TRIO, n).labels]
    assert len(labelled) == 2 * DEFAULT_PER_HOUR
    deliver(github.comment(TRIO, 1, "mallory", "/ping"))
    settled(5000)
    assert [body.split()[0] for body in bodies(github, 1)] == ["pong!"]


@pytest.mark.parametrize("opens", ["open_issue", "open_pull_request"])
def test_a_maintainers_texts_have_no_rate(github, deliver, settled, opens):
    """Nobody with a role in the repository is told to wait, whatever they open."""
    github.add_member("snakes", "olga", role="admin")
    for _ in range(DEFAULT_PER_HOUR + 5):
        deliver(getattr(github, opens)(TRIO, "olga", "Ping", "/ping"))
    settled(9000)
    said = [body for n in range(1, DEFAULT_PER_HOUR + 6) for body in bodies(github, n)]
    assert len([body for body in said if body.startswith("pong")]) == DEFAULT_PER_HOUR + 5


def test_others_are_heard_meanwhile(github, deliver, settled):
    """One person's rate is not another's."""
    github.open_issue(TRIO, "mallory")
    for _ in range(DEFAULT_PER_HOUR + 5):
        deliver(github.comment(TRIO, 1, "mallory", "/ping"))
    settled(5000)
    github.open_issue(TRIO, "bob")
    deliver(github.comment(TRIO, 2, "bob", "/ping"))
    settled(5000)
    assert len(bodies(github, 2)) == 1


def test_an_invitation_does_not_wait_for_a_flood_of_commands(
    github, deliver, settled, worker, queue, clock
):
    """Row 6: 120 pings by strangers are waiting, and the newcomer is invited within seconds."""
    github.open_issue(TRIO, "mallory")
    for number in range(120):
        deliver(github.comment(TRIO, 1, f"mallory-{number % 4}", "/ping"))
    for _ in range(50):
        worker.drain()
        clock.advance(1)
    began = clock()
    deliver(github.merge_pull_request(TRIO, "alice"))
    while github.membership("snakes", "alice") is None and clock() < began + 600:
        worker.drain()
        clock.advance(1)
    assert github.membership("snakes", "alice").state == "pending"
    assert clock() - began < 30


def test_of_pushes_that_wait_only_the_latest_is_evaluated(github, deliver, settled, queue):
    """Row 7: a hundred pushes to one pull request cost what one costs."""
    github.open_pull_request(TRIO, "mallory", "Big")
    ids = [deliver(github.push_to_pull_request(TRIO, 1, "mallory")) for _ in range(20)]
    settled()
    reasons = [queue.get(job_id).reason for job_id in ids]
    assert reasons[:-1] == ["a newer push to this pull request waits"] * 19
    assert reasons[-1] != reasons[0]


def requests_for_files(github):
    return [call for call in github.calls if call.path.endswith("/files")]


def test_a_title_edit_costs_no_list_of_files(github, deliver, settled):
    """Row 7: the paths of a commit are read once, however often the title changes."""
    github.open_pull_request(TRIO, "mallory", "Big")
    github.pull(TRIO, 1).files = [ChangedFile(f"docs/{each}.md") for each in range(250)]
    for number in range(10):
        deliver(github.rename_pull_request(TRIO, 1, "mallory", f"Title {number}"))
        settled()
    assert len(requests_for_files(github)) == 3


def test_a_large_pull_request_is_read_in_part_and_says_so(github, deliver, settled):
    """Row 7: of 3,000 files the first thousand are read; labels stay, and one comment says so."""
    github.open_pull_request(TRIO, "mallory", "Big")
    for name in ("docs", "other"):
        github.label_issue(TRIO, 1, "olga", name)
    github.pull(TRIO, 1).files = [ChangedFile(f"src/{each}.py") for each in range(3000)]
    for number in range(3):
        deliver(github.rename_pull_request(TRIO, 1, "mallory", f"Title {number}"))
        settled()
    # One page more shows whether there are more.
    assert len(requests_for_files(github)) == MOST_FILES // 100 + 1
    assert sorted(label.name for label in github.issue(TRIO, 1).labels) == ["docs", "other"]
    (comment,) = bodies(github, 1)
    assert comment.startswith("This pull request changes 3,000 files.")


def test_cached_paths_are_bounded():
    """The least recently used list goes first."""
    cache, fetched = ChangedPaths(most=4000), []

    def get(number):
        return cache.get(
            ("o/r", number, "sha", "main"), lambda: fetched.append(number) or ["a" * 2000]
        )

    for number in (1, 1, 2, 2, 1):
        assert list(get(number)) == ["a" * 2000]
    assert fetched == [1, 2, 1]


@pytest.mark.parametrize("paths", [[], ["a"], ["a" * 4000], ["ü€" * 4000] * 3, ["b"] * 500])
def test_cached_paths_take_bounded_memory(paths):
    """Long names count by their size, and lists without names count too."""
    most = 100_000
    cache = ChangedPaths(most=most)
    tracemalloc.start()
    try:
        for number in range(600):
            cache.get(
                ("snakes/trio", number, f"{number:040}", "b" * 250),
                lambda: [f"{path} {at}" for at, path in enumerate(paths)],
            )
        assert tracemalloc.get_traced_memory()[0] < most * 1.2
    finally:
        tracemalloc.stop()


def test_a_list_larger_than_the_cache_is_not_kept():
    """It is fetched again, and later lists fit."""
    cache, fetched = ChangedPaths(most=4000), []
    for number, path in [(1, "a" * 5000), (1, "a" * 5000), (2, "a"), (2, "a")]:
        key = ("o/r", number, "sha", "main")
        assert list(cache.get(key, lambda path=path: fetched.append(path) or [path])) == [path]
    assert fetched == ["a" * 5000, "a" * 5000, "a"]


def test_long_names_end_the_list_of_files(github, deliver, settled):
    """Row 7: files are fetched until their paths have a million characters."""
    github.open_pull_request(TRIO, "mallory", "Big")
    github.label_issue(TRIO, 1, "olga", "docs")
    github.pull(TRIO, 1).files = [ChangedFile(f"{each} " + "x" * 4000) for each in range(900)]
    deliver(github.rename_pull_request(TRIO, 1, "mallory", "Title"))
    settled()
    assert len(requests_for_files(github)) == 3
    assert [label.name for label in github.issue(TRIO, 1).labels] == ["docs"]


def test_the_texts_of_a_person_beyond_the_rate_are_not_parsed(
    github, deliver, settled, monkeypatch
):
    """While the bot does not listen, comments cost it no parsing."""
    github.open_issue(TRIO, "mallory")
    for _ in range(DEFAULT_PER_HOUR + 5):
        deliver(github.comment(TRIO, 1, "mallory", "/ping"))
    settled(5000)
    assert told(github, 1)
    parsed = []
    monkeypatch.setattr("bot.events.parse_commands", lambda text: parsed.append(text) or [])
    deliver(github.comment(TRIO, 1, "mallory", "/ping again"))
    settled()
    assert "/ping again" not in parsed
    deliver(github.comment(TRIO, 1, "bob", "/ping too"))
    settled()
    assert "/ping too" in parsed


def test_unwanted_events_are_kept_as_headers(github, deliver, settled, queue):
    """Row 20: a star's payload goes once it is evaluated; what the console shows stays."""
    job_id = deliver(github.star(TRIO, "mallory"))
    assert queue.body(job_id) is not None
    settled()
    row = queue.get(job_id)
    assert queue.body(job_id) is None
    assert (row.state, row.kind, row.subject) == (State.IGNORED, "star", TRIO)
    assert row.reason == "no rule handles this event (created)"
    assert row.tenant == str(github.install("snakes").id)


def test_an_unwanted_delivery_stays_known(github, deliver, settled, queue, clock):
    """A redelivery of a forgotten payload is no new delivery."""
    happening = github.star(TRIO, "mallory")
    body = json.dumps(happening.payload).encode()
    for created in (True, False):
        delivery = decode("the-same", happening.event, body)
        assert queue.put(job_of(delivery, body, run_at=clock())).created == created
        settled()


def test_actions_have_the_shares_of_their_delivery(github, deliver, settled, queue):
    """They count against the same installation and person; invitations are urgent."""
    github.open_issue(TRIO, "bob")
    deliver(github.comment(TRIO, 1, "bob", "/ping"))
    deliver(github.merge_pull_request(TRIO, "alice"))
    settled()
    rows = queue.search(ACTIONS)
    parents = {row.id: row for row in queue.search(DELIVERIES)}
    assert {
        (row.tenant, row.person) == (parents[row.parent].tenant, parents[row.parent].person)
        for row in rows
    } == {True}
    assert {row.kind: row.rank for row in rows}["invite"] == 0
    assert {row.kind: row.rank for row in rows}["react"] == 1


@pytest.mark.parametrize(
    ("association", "urgent"),
    [
        ("OWNER", True),
        ("MEMBER", True),
        ("COLLABORATOR", True),
        ("CONTRIBUTOR", False),
        ("NONE", False),
    ],
)
def test_maintainers_are_answered_first(github, queue, deliver, association, urgent):
    """A comment by someone with a role in the repository is urgent."""
    github.open_issue(TRIO, "bob")
    happening = github.comment(TRIO, 1, "bob", "/ping")
    comment = {**happening.payload["comment"], "author_association": association}
    job_id = deliver(happening, comment=comment)
    assert queue.get(job_id).rank == (0 if urgent else 1)
