"""Refusals that somebody must hear of; tests/bot/rules/triage has each command and refusal."""

import pytest

from luggage.fake_github import faults

SEATS = "You must purchase at least one more seat to add this user as a member."
FILE = ".github/bot.toml"
WRONG = '[invite]\nmerged_pull_requests = "two"\n'


@pytest.fixture
def olga(scene):
    """An owner, and an issue where she can write."""
    scene.github.add_member(scene.organization, "olga", role="admin")
    scene.github.open_issue(scene.repo, "bob")
    return "olga"


def bots(scene):
    comments = scene.github.comments(scene.repo, 1)
    return [one.body for one in comments if one.author.login.endswith("[bot]")]


def test_an_invitation_without_a_free_seat_is_answered(scene, olga):
    """Whoever wrote `/invite` reads GitHub's reason; with a seat, a second `/invite` invites."""
    path = f"/orgs/{scene.organization}/memberships/bob"
    scene.github.faults.append(
        faults.plan(faults.refused(422, SEATS), method="PUT", path=path, times=None)
    )
    scene.deliver(scene.github.comment(scene.repo, 1, olga, "/invite @bob"))
    scene.until(lambda: bots(scene), "the bot answers")
    assert bots(scene)[0].startswith("@olga: I could not do this: `invite bob to ")
    assert SEATS in bots(scene)[0]
    scene.until(lambda: "dead" in {job["state"] for job in scene.jobs()}, "it can be retried")
    assert len(bots(scene)) == 1
    scene.github.faults.clear()
    order = scene.github.comment(scene.repo, 1, olga, "/invite @bob")
    # Not in the second of the first order.
    order.payload["comment"]["created_at"] = "2100-01-01T00:00:00Z"
    scene.deliver(order)
    scene.until(lambda: len(bots(scene)) == 2, "the second order is answered")
    assert bots(scene)[1].startswith("Hello @bob!")


def test_a_label_that_github_refuses_is_answered(scene, olga):
    """A command of the rule `commands` is answered with GitHub's reason, and nothing is dead."""
    scene.github.push(scene.repo, olga, files={FILE: "[commands]\nenabled = true\n"})
    scene.github.label_issue(scene.repo, 1, olga, "bug")
    scene.github.issue(scene.repo, 1).labels.clear()
    refusal = faults.refused(403, "Resource not accessible by integration")
    path = f"/repos/{scene.repo}/issues/1/labels"
    scene.github.faults.append(faults.plan(refusal, method="POST", path=path, times=None))
    scene.deliver(scene.github.comment(scene.repo, 1, olga, "/Label bug"))
    scene.until(lambda: bots(scene), "the bot answers")
    assert "Resource not accessible by integration" in bots(scene)[0]
    assert "dead" not in {job["state"] for job in scene.jobs()}


def test_the_next_mistake_is_told_though_the_issue_was_deleted(scene, olga):
    """The bot opens a new issue where the kept one answers 410."""
    issues = scene.github.world.repositories[scene.repo].issues
    scene.deliver(scene.github.push(scene.repo, olga, files={FILE: WRONG}))
    scene.until(lambda: 2 in issues, "the bot opens an issue")
    gone = faults.refused(410, "This issue was deleted")
    path = f"/repos/{scene.repo}/issues/2"
    scene.github.faults.append(faults.plan(gone, method="PATCH", path=path, times=None))
    scene.deliver(scene.github.push(scene.repo, olga, files={FILE: "[invite\n"}))
    scene.until(lambda: 3 in issues, "the bot opens another issue")
    assert "is not valid TOML" in issues[3].body
