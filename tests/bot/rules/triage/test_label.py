"""Stories of the rule `label`."""

import pytest

from luggage.fake_github import ChangedFile

TRIO = "snakes/trio"
ALL = ("Docs", "tests", "size: S", "size: L", "fix", "mine")


@pytest.fixture
def settings():
    return {
        "label": {
            "enabled": True,
            "paths": {"docs": ["docs/", "*.md"], "tests": ["**/tests/**/test_*.py"]},
            "titles": {"fix": ["fix*", "*: mend *"]},
            "sizes": {"size: S": 1, "size: L": 100},
        }
    }


@pytest.fixture(autouse=True)
def scene(github, story):
    """Existing labels, one of them unmanaged; the token is cached."""
    github.open_issue(TRIO, "bob")
    for name in ALL:
        github.label_issue(TRIO, 1, "olga", name)
    story(github.comment(TRIO, 1, "bob", "/ping"))


def labels(github, number=2):
    return sorted(one.name for one in github.issue(TRIO, number).labels)


def pull(github, *files, title="Improve it"):
    happening = github.open_pull_request(TRIO, "alice", title)
    github.pull(TRIO, happening.payload["number"]).files = list(files)
    return happening


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("docs/a/b.txt", ["Docs", "size: S"]),
        ("src/README.md", ["Docs", "size: S"]),
        ("tests/test_a.py", ["size: S", "tests"]),
        ("a/tests/b/c/test_a.py", ["size: S", "tests"]),
        ("tests/a.py", ["size: S"]),
        ("mydocs/a.txt", ["size: S"]),
    ],
)
def test_paths_bring_labels(github, story, path, expected):
    """Changed paths add labels in the repository's spelling."""
    story(pull(github, ChangedFile(path)))
    assert labels(github) == expected


def test_an_old_name_counts_too(github, story):
    """The old path of a renamed file counts."""
    story(pull(github, ChangedFile("b.txt", previous="docs/a.txt")))
    assert labels(github) == ["Docs", "size: S"]


def test_labels_follow_what_is_pushed(github, story):
    """A push adds and removes managed labels, and no others."""
    story(pull(github, ChangedFile("docs/a.txt")))
    github.label_issue(TRIO, 2, "olga", "mine")
    story(github.push_to_pull_request(TRIO, 2, "alice", files=[ChangedFile("a.py", 60, 60)]))
    assert labels(github) == ["mine", "size: L"]


def test_titles_bring_labels_and_take_them(github, story):
    """Titles add and remove labels, ignoring case."""
    story(pull(github, ChangedFile("a.py"), title="FIX it"))
    found = [labels(github)]
    for title in ("Break it", "core: mend it", "Break it", "FIX it"):
        story(github.rename_pull_request(TRIO, 2, "alice", title))
        found.append(labels(github))
    assert found == [
        ["fix", "size: S"],
        ["size: S"],
        ["fix", "size: S"],
        ["size: S"],
        ["fix", "size: S"],
    ]


def test_labels_that_do_not_exist_are_not_made(github, story):
    """Labels that do not exist are not created."""
    del github.world.repositories[TRIO].labels["docs"]
    story(pull(github, ChangedFile("docs/a.txt")))
    assert labels(github) == ["size: S"]
    assert "docs" not in github.world.repositories[TRIO].labels


def test_in_whatever_order_events_come_in_the_last_state_counts(github, deliver, settled):
    """The labels match the current state, in any order of deliveries."""
    first = pull(github, ChangedFile("docs/a.txt"), title="Fix it")
    second = github.push_to_pull_request(TRIO, 2, "alice", files=[ChangedFile("a.py", 60, 60)])
    third = github.rename_pull_request(TRIO, 2, "alice", "Improve it")
    for happening in (third, second, first, third):
        deliver(happening)
    settled(200)
    assert labels(github) == ["size: L"]


def test_a_push_while_labels_wait_does_not_leave_old_ones(github, deliver, settled, worker):
    """A pending action for an old head has no effect."""
    deliver(pull(github, ChangedFile("docs/a.txt")))
    worker.drain()
    github.issue(TRIO, 2).labels.clear()
    deliver(github.push_to_pull_request(TRIO, 2, "alice", files=[ChangedFile("a.py", 60, 60)]))
    settled(200)
    assert labels(github) == ["size: L"]


def test_killed_and_started_again_the_labels_are_right(github, deliver, killed_once):
    """Kills do not change the final labels."""
    deliver(pull(github, ChangedFile("docs/a.txt")))
    killed_once("delivery")
    deliver(github.push_to_pull_request(TRIO, 2, "alice", files=[ChangedFile("a.py", 60, 60)]))
    killed_once("action")
    assert labels(github) == ["size: L"]


def test_closed_ones_are_left_alone(github, deliver, settled):
    """Closed pull requests are ignored."""
    deliver(pull(github, ChangedFile("docs/a.txt")))
    github.close_pull_request(TRIO, 2, "alice")
    settled(200)
    assert labels(github) == []


def test_the_number_of_requests(github, story, cost):
    """A change costs three reads and one write; without a new commit, files are not read again."""
    happening = pull(github, ChangedFile("docs/a.txt"))
    assert cost(lambda: story(happening))[0] == 1
    # The second read is the preview's: it checks whether the pull request changes the settings.
    assert cost(lambda: story(happening, "again")) == (0, 2)


class TestOff:
    """With default settings."""

    @pytest.fixture
    def settings(self):
        return {"label": {"paths": {"docs": ["*"]}}}

    def test_nothing_happens_before_it_is_switched_on(self, github, story):
        """The rule is off by default and causes no request."""
        story(pull(github, ChangedFile("docs/a.txt")))
        assert labels(github) == []
        assert github.calls_to("GET", "*/pulls/2") == []


@pytest.mark.parametrize(
    "files",
    [[ChangedFile(f"src/{number}") for number in range(3000)], [ChangedFile("x" * 1_000_000)]],
    ids=["3,000 files", "a million characters"],
)
def test_a_label_stays_where_not_all_paths_are_known(github, story, files):
    """GitHub lists 3,000 files, and the bot reads a million characters: others may match."""
    happening = pull(github, *files)
    github.label_issue(TRIO, 2, "olga", "Docs")
    story(happening)
    assert "Docs" in labels(github)


def test_other_labels_are_still_removed_then(github, story):
    """A title is known as a whole."""
    happening = pull(github, ChangedFile("x" * 1_000_000))
    github.label_issue(TRIO, 2, "olga", "fix")
    story(happening)
    assert "fix" not in labels(github)
