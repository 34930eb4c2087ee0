"""Locked conversations, and reactions and comments that GitHub refuses."""

import pytest

from luggage.fake_github import faults
from luggage.fake_github.faults import refused

COMMANDS = "[commands]\nenabled = true\nallow = ['label', 'close', 'why']\nlabels = ['*']\n"


@pytest.fixture
def issue(scene):
    """An issue in a repository with commands and a label."""
    scene.github.add_file(scene.repo, ".github/bot.toml", COMMANDS)
    scene.github.add_collaborator(scene.repo, "olga")
    scene.github.open_issue(scene.repo, "alice")
    scene.github.open_issue(scene.repo, "alice")
    scene.github.label_issue(scene.repo, 2, "olga", "bug")
    return 1


def is_labelled(scene):
    """Whether the issue has the label."""
    return [one.name for one in scene.github.issue(scene.repo, 1).labels] == ["bug"]


def settled(scene):
    """Whether nothing is left to do, and nothing is dead."""
    return all(job["state"] in {"done", "ignored"} for job in scene.jobs())


def test_a_label_is_put_in_a_locked_conversation(scene, issue):
    """The work is done, and GitHub is asked for no reaction and no comment."""
    scene.github.lock_issue(scene.repo, issue, "olga")
    scene.deliver(scene.github.comment(scene.repo, issue, "olga", "/label bug\n\n/why"))
    scene.until(lambda: is_labelled(scene), "the bot labels")
    scene.until(lambda: settled(scene), "all is done")
    assert [each for each in scene.writes() if "labels" not in each] == []


def test_a_conversation_that_is_locked_meanwhile_ends_only_the_texts(scene, issue):
    """A comment from before the lock is obeyed; its answers are left out, with the reason."""
    happening = scene.github.comment(scene.repo, issue, "olga", "/label bug\n\n/why")
    scene.github.lock_issue(scene.repo, issue, "olga")
    happening.payload["issue"]["locked"] = False
    scene.deliver(happening)
    scene.until(lambda: is_labelled(scene), "the bot labels")
    scene.until(lambda: settled(scene), "all is done")
    ignored = [job for job in scene.jobs() if job["state"] == "ignored"]
    assert {job["kind"] for job in ignored} == {"react", "comment"}
    assert all("the conversation is locked" in job["reason"] for job in ignored)


@pytest.mark.parametrize("status", [403, 404, 410, 422, 451, 500])
def test_the_work_does_not_wait_for_a_refused_reaction(scene, issue, status):
    """Whatever GitHub answers to the eyes, the label is put."""
    path = f"/repos/{scene.repo}/issues/comments/*/reactions"
    scene.github.faults.append(faults.plan(refused(status, "No"), path=path, times=None))
    scene.deliver(scene.github.comment(scene.repo, issue, "olga", "/label bug"))
    scene.until(lambda: is_labelled(scene), "the bot labels")


def test_a_team_is_joined_though_the_welcome_is_refused(scene):
    """An invitation leads to the team, whether or not GitHub takes the comment."""
    settings = "[invite]\nteam = 'friends'\n"
    scene.github.add_file(f"{scene.organization}/.github", ".github/bot.toml", settings)
    team = scene.github.add_team(scene.organization, "friends")
    path = f"/repos/{scene.repo}/issues/*/comments"
    scene.github.faults.append(faults.plan(refused(422, "No"), path=path, times=None))
    scene.deliver(scene.github.merge_pull_request(scene.repo, "alice"))
    scene.until(lambda: "alice" in team.roles, "alice is in the team")
