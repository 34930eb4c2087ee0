"""Commands as people type them."""


def test_a_ping_is_answered(scene):
    """The bot answers a command in a new issue."""
    scene.deliver(scene.github.open_issue(scene.repo, "alice", body="/ping"))
    scene.until(lambda: scene.github.comments(scene.repo, 1), "the bot answers")
    scene.until(lambda: all(job["state"] == "done" for job in scene.jobs()), "all is done")
    assert f"POST /repos/{scene.repo}/issues/1/comments" in scene.writes()
