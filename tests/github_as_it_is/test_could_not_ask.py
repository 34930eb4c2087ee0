"""Refusals that say nothing about what was asked for."""

import pytest
import requests

from bot.settings.files import FILE
from luggage.fake_github import faults
from luggage.fake_github.messages import Answer, HtmlPage

OFF = "[invite]\nenabled = false\n"
CONTENTS = f"*/contents/{FILE}"


def uninstall(scene):
    """The owner removes the App."""
    scene.github.uninstall(scene.organization)


def suspend(scene):
    """The owner suspends the App."""
    scene.github.suspend(scene.organization)


def allow_list(scene):
    """The organisation has an IP allow list."""
    scene.github.set_allow_list(scene.organization)


def block_with_403(scene):
    """GitHub's staff blocks the repository."""
    scene.github.block_repository(scene.repo, 403)


def block_with_451(scene):
    """A court has the repository blocked."""
    scene.github.block_repository(scene.repo, 451)


def answer(fault):
    """Only the settings file is answered so."""

    def refuse(scene):
        path = f"/repos/{scene.repo}/contents/{FILE}"
        scene.github.faults.append(faults.plan(fault, path=path, times=None))

    refuse.__name__ = f"file {fault.name}"
    return refuse


def page(status):
    """A page of something between the bot and GitHub."""
    html = Answer(status, HtmlPage("<!DOCTYPE html><p>Not here</p>"))
    return faults.Fault(name=f"HTML {status}", answer=html)


WHOLE = [uninstall, suspend, allow_list, block_with_403, block_with_451]
FILES = [
    answer(faults.refused(410, "Gone")),
    answer(faults.refused(422, "Unprocessable")),
    answer(faults.failed(500, done=False)),
    answer(page(404)),
]
REMEDY = {
    uninstall: "install the App",
    suspend: "unsuspend",
    allow_list: "IP allow list",
    block_with_403: "blocked",
    block_with_451: "blocked",
}


def waits(scene, jobs):
    """Wait until each of the last jobs was tried and is to be retried; returns their reasons."""

    def tried():
        rows = scene.jobs()[-jobs:]
        return len(rows) == jobs and all(job["attempt"] and job["reason"] for job in rows)

    scene.until(tried, "each job was tried")
    rows = scene.jobs()[-jobs:]
    assert {job["state"] for job in rows} <= {"ready", "leased"}  # it may be tried right now
    return [job["reason"] for job in rows]


@pytest.mark.parametrize("refuse", [*WHOLE, *FILES], ids=lambda one: one.__name__)
def test_a_file_that_was_never_read_is_waited_for(scene, refuse):
    """Nobody is invited while GitHub does not show whether a file forbids it."""
    scene.github.add_file(scene.repo, FILE, OFF)
    merged = scene.github.merge_pull_request(scene.repo, "alice")
    refuse(scene)
    scene.deliver(merged)
    (reason,) = waits(scene, 1)
    assert REMEDY.get(refuse, "") in reason
    assert scene.writes() == []


@pytest.mark.parametrize("refuse", [*WHOLE[1:], *FILES], ids=lambda one: one.__name__)
def test_a_refusal_leaves_the_last_valid_settings(scene, refuse):
    """After a push that the bot cannot follow, what the file forbade stays forbidden."""
    scene.github.add_file(scene.repo, FILE, OFF)
    scene.deliver(scene.github.open_issue(scene.repo, "alice"))
    scene.until(lambda: ended(scene, 1), "the file was read")
    pushed = scene.github.push(scene.repo, "olga", files={FILE: OFF + "# x"})
    merged = scene.github.merge_pull_request(scene.repo, "alice")
    refuse(scene)
    scene.deliver(pushed)
    scene.deliver(merged)
    scene.until(lambda: ended(scene, 3), "both deliveries were evaluated")
    assert "PUT" not in {write.split()[0] for write in scene.writes()}
    assert scene.github.membership(scene.organization, "alice") is None


def ended(scene, jobs):
    """Whether that many jobs have ended."""
    states = [job["state"] for job in scene.jobs()]
    return len(states) >= jobs and all(state in {"done", "ignored"} for state in states)


def test_work_goes_on_when_the_suspension_ends(scene):
    """What was asked for during a suspension is done after it."""
    opened = scene.github.open_issue(scene.repo, "alice", body="/ping")
    scene.github.suspend(scene.organization)
    scene.deliver(opened)
    waits(scene, 1)
    scene.github.unsuspend(scene.organization)
    scene.until(lambda: scene.github.comments(scene.repo, 1), "the bot answers")


def test_a_membership_that_cannot_be_asked_for_is_not_missing(scene):
    """With an allow list that comes between two questions, nobody is invited."""
    scene.github.add_member(scene.organization, "alice")
    path = f"/orgs/{scene.organization}/memberships/alice"
    refusal = faults.refused(
        403, f"the `{scene.organization}` organization has an IP allow list enabled"
    )
    scene.github.faults.append(faults.plan(refusal, path=path, times=None))
    scene.deliver(scene.github.merge_pull_request(scene.repo, "alice"))
    waits(scene, 1)
    assert scene.writes() == []


def test_a_first_file_that_cannot_be_read_is_waited_for(scene):
    """After a push of a first file behind an allow list, the bot assumes nothing."""
    scene.deliver(scene.github.open_issue(scene.repo, "alice"))
    scene.until(lambda: ended(scene, 1), "GitHub said that there is no file")
    pushed = scene.github.push(scene.repo, "olga", files={FILE: OFF})
    merged = scene.github.merge_pull_request(scene.repo, "alice")
    allow_list(scene)
    scene.deliver(pushed)
    waits(scene, 1)
    scene.deliver(merged)
    waits(scene, 2)
    assert scene.writes() == []


@pytest.mark.parametrize(
    ("refuse", "words"),
    [
        (suspend, "suspended in "),
        (allow_list, "by an IP allow list"),
    ],
    ids=["suspended", "allow list"],
)
def test_the_public_page_says_what_github_refuses(scene, refuse, words):
    """The page says it in plain words, with a number and without a name."""
    opened = scene.github.open_issue(scene.repo, "alice", body="/ping")
    refuse(scene)
    scene.deliver(opened)
    waits(scene, 1)
    shown = requests.get(scene.bot.url, timeout=10).text
    assert words in shown
    assert scene.organization not in shown


def test_a_permission_that_was_not_accepted_is_the_reason_of_what_it_stops(scene):
    """The action ends dead, with the remedy; once accepted, the next one is done."""
    refusal = faults.refused(403, "Resource not accessible by integration")
    path = f"/repos/{scene.repo}/issues/*"
    scene.github.faults.append(faults.plan(refusal, method="POST", path=path, times=None))
    scene.deliver(scene.github.open_issue(scene.repo, "alice", body="/ping"))

    def dead():
        return [job for job in scene.jobs() if job["state"] == "dead"]

    scene.until(dead, "GitHub refuses the comment")
    assert {job["queue"] for job in dead()} == {"action"}
    assert "Resource not accessible" in dead()[0]["reason"]
    assert "permission" in dead()[0]["reason"]
    scene.github.faults.clear()
    scene.deliver(scene.github.comment(scene.repo, 1, "alice", "/ping"))
    scene.until(lambda: len(scene.github.comments(scene.repo, 1)) > 1, "the bot answers")


def test_a_file_that_moved_is_found(scene):
    """A redirect is followed: the settings of a renamed repository apply to a late delivery."""
    renamed = f"{scene.organization}/renamed"
    scene.github.add_file(renamed, FILE, "[ping]\nenabled = false\n")
    where = f"{scene.github.world.api_url}/repos/{renamed}/contents/{FILE}"
    moved = Answer(301, {"message": "Moved Permanently", "url": where}, {"location": where})
    path = f"/repos/{scene.repo}/contents/{FILE}"
    plan = faults.plan(faults.Fault(name="moved", answer=moved), path=path, times=None)
    scene.github.faults.append(plan)
    scene.deliver(scene.github.open_issue(scene.repo, "alice", body="/ping"))
    scene.until(lambda: ended(scene, 1), "the delivery was evaluated")
    assert scene.github.comments(scene.repo, 1) == []


PROXY = {
    "a line of text": Answer(404, HtmlPage("404 page not found")),
    "nothing": Answer(404, None),
    "a refusal": Answer(403, HtmlPage("<html>Blocked by policy</html>")),
    "a page for a login": Answer(302, None, {"location": "https://sso.test/login"}),
}


@pytest.mark.parametrize("words", PROXY)
def test_what_a_proxy_says_is_no_answer_of_github(scene, words):
    """Nobody is invited while only a proxy answers about the file that forbids it."""
    scene.github.add_file(scene.repo, FILE, OFF)
    answer(faults.Fault(name="proxy", answer=PROXY[words]))(scene)
    scene.deliver(scene.github.merge_pull_request(scene.repo, "alice"))
    waits(scene, 1)
    assert scene.writes() == []
