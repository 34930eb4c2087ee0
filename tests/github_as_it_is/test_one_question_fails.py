"""One question that GitHub does not answer, or refuses."""

from luggage.fake_github import faults
from luggage.fake_github.faults import refused

FILES = {"method": "GET", "path": "*/pulls/*/files"}
TOO_LARGE = refused(422, "Sorry, the diff exceeded the maximum number of files")
LABELS = """
[label]
enabled = true
paths = { docs = ["docs/"] }
titles = { fix = ["fix*"] }
sizes = { small = 1 }
"""


def refuse(scene, fault, *, times=None, **where):
    """Apply a fault to this organisation's requests."""
    path = where.pop("path").removeprefix("*")
    plan = faults.plan(fault, path=f"/repos/{scene.repo}{path}", times=times, **where)
    scene.github.faults.append(plan)


def answers(scene, number):
    """The comments of the bot, without their markers."""
    return [one.body.partition("\n")[0] for one in scene.github.comments(scene.repo, number)]


def labels(scene, number):
    """The labels of an issue or pull request."""
    return sorted(one.name for one in scene.github.issue(scene.repo, number).labels)


def dead(scene):
    """The dead jobs."""
    return [job for job in scene.jobs() if job["state"] == "dead"]


def settled(scene):
    """Whether nothing is left to do."""
    return all(job["state"] in {"done", "ignored"} for job in scene.jobs())


def labelled(scene):
    """A repository with labels and settings for them."""
    scene.github.add_file(scene.repo, ".github/bot.toml", LABELS)
    scene.github.open_issue(scene.repo, "olga")
    for name in ("docs", "fix", "small"):
        scene.github.label_issue(scene.repo, 1, "olga", name)


def test_a_ping_is_answered_where_the_diff_is_too_large(scene):
    """A pull request whose files GitHub does not list (422) gets its answer."""
    refuse(scene, TOO_LARGE, **FILES)
    scene.deliver(scene.github.open_pull_request(scene.repo, "alice", body="/ping"))
    scene.until(lambda: answers(scene, 1) == ["pong!"], "the bot answers")
    scene.until(lambda: settled(scene), "all is done")


def test_later_comments_do_not_wait_for_the_list_of_files(scene):
    """While GitHub fails to list the files (500), commands in the pull request are answered."""
    refuse(scene, faults.failed(500, done=False), **FILES)
    scene.deliver(scene.github.open_pull_request(scene.repo, "alice", body="/ping"))
    scene.deliver(scene.github.comment(scene.repo, 1, "bob", "/ping"))
    scene.until(lambda: answers(scene, 1) == ["/ping", "pong!", "pong!"], "the bot answers twice")
    (again,) = [job for job in scene.jobs() if " only preview " in job["note"]]
    assert "500" in again["note"]


def test_titles_and_sizes_label_where_paths_cannot_be_had(scene):
    """A diff that is too large is labelled by title and size, and the bot says so once."""
    labelled(scene)
    refuse(scene, TOO_LARGE, **FILES)
    scene.deliver(scene.github.open_pull_request(scene.repo, "alice", "Fix it"))
    scene.until(lambda: labels(scene, 2) == ["fix", "small"], "the bot labels")
    scene.until(lambda: settled(scene), "all is done")
    assert [text for text in answers(scene, 2) if "lists no paths" in text]


def test_labels_by_paths_follow_when_github_lists_the_files(scene):
    """A failed list of files (502) is asked for again, and nothing is lost."""
    labelled(scene)
    refuse(scene, faults.failed(502, done=False), times=1, **FILES)
    opened = scene.github.open_pull_request(scene.repo, "alice", "Fix it")
    scene.deliver(opened)
    scene.until(lambda: "fix" in labels(scene, 2), "the bot labels by the title")
    scene.until(lambda: settled(scene), "all is done")
    assert dead(scene) == []


def test_a_pull_request_that_github_does_not_show_yet_is_asked_for_again(scene):
    """A 404 about a pull request that was opened a second ago is no absence."""
    labelled(scene)
    refuse(scene, refused(404, "Not Found"), method="GET", path="*/pulls/2", times=1)
    scene.deliver(scene.github.open_pull_request(scene.repo, "alice", "Fix it"))
    scene.until(lambda: labels(scene, 2) == ["fix", "small"], "the bot labels")
    assert dead(scene) == []


def test_a_comment_on_an_issue_that_github_does_not_show_yet_is_sent_again(scene):
    """A 404 to the answer in an issue that was opened a second ago is asked again."""
    refuse(scene, refused(404, "Not Found"), method="POST", path="*/issues/1/comments", times=1)
    refuse(scene, refused(404, "Not Found"), method="POST", path="*/issues/1/reactions", times=1)
    scene.deliver(scene.github.open_issue(scene.repo, "alice", body="/ping"))
    scene.until(lambda: answers(scene, 1) == ["pong!"], "the bot answers")
    scene.until(lambda: scene.github.issue(scene.repo, 1).reactions, "the bot reacts")
    assert dead(scene) == []


TWO = "[invite]\nmerged_pull_requests = 2\n"


def test_an_author_with_a_private_profile_is_invited(scene):
    """Where the search refuses (422), the repositories say what somebody has merged."""
    scene.github.add_file(scene.repo, ".github/bot.toml", TWO)
    for _ in range(2):
        happening = scene.github.merge_pull_request(scene.repo, "alice")
    scene.github.hide_profile("alice")
    scene.deliver(happening)
    scene.until(lambda: scene.github.membership(scene.organization, "alice"), "alice is invited")
    assert dead(scene) == []


def test_a_welcome_does_not_wait_for_a_search_that_github_refuses(scene):
    """The search that GitHub refuses (403) ends only the rule that asks it."""
    text = f"{TWO}[label]\nenabled = true\ntitles = {{fix = ['*']}}\n"
    scene.github.add_file(scene.repo, ".github/bot.toml", text)
    no_search = refused(403, "Resource not accessible by integration")
    scene.github.faults.append(faults.plan(no_search, path="/search/issues", times=None))
    scene.deliver(scene.github.merge_pull_request(scene.repo, "alice"))
    scene.until(lambda: dead(scene), "the rule ends")
    (ended,) = dead(scene)
    assert ended["key"].endswith("/invite")
    assert "the rule invite cannot decide: GET /search/issues: 403" in ended["reason"]
    first = next(job for job in scene.jobs() if job["parent"] is None)
    assert first["state"] == "done"
