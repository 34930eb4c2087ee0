"""Secondary limits that GitHub words as something else."""

import pytest

from luggage.fake_github import faults

LIMITS = {
    "403 too quickly": faults.submitted_too_quickly(403),
    "422 too quickly": faults.submitted_too_quickly(422),
    "403 HTML": faults.limit_as_html(403),
    "429 HTML": faults.limit_as_html(429),
    "403 message": faults.secondary_limit(),
    "403 content": faults.refused(403, "You are temporarily blocked from content creation."),
    "403 in words": faults.refused(403, "API rate limit exceeded for installation ID 7."),
    "403 abuse": faults.refused(403, "You have triggered an abuse detection mechanism."),
    "429 zero": faults.too_many_requests(0),
}


@pytest.mark.parametrize("words", LIMITS)
def test_a_limit_waits_a_minute_whatever_its_words(scene, words):
    """The answer to `/ping` waits at least a minute, and is neither dead nor sent again."""
    path = f"/repos/{scene.repo}/issues/1/comments"
    scene.github.faults.append(faults.plan(LIMITS[words], method="POST", path=path))
    scene.deliver(scene.github.open_issue(scene.repo, "alice", body="/ping"))
    scene.until(lambda: _waiting(scene), "the comment waits")
    (comment,) = _waiting(scene)
    assert comment["state"] == "ready"
    assert scene.writes().count(f"POST {path}") == 1


def _waiting(scene):
    jobs = [job for job in scene.jobs() if job["kind"] == "comment"]
    return [job for job in jobs if job["run_at"] - job["created_at"] >= 60.0]
