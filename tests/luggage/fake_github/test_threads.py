"""Pages of repositories and threads, for people who follow a link."""

import pytest

from luggage.fake_github import FakeGithub, Request

REPO = "snakes/terrarium"
HOSTILE = "<script>alert(1)</script> <img src=x onerror=alert(1)> [x](javascript:alert(1))"


def page(github: FakeGithub, path: str) -> tuple[int, str]:
    """The status and the body that a browser gets, which has no token."""
    request = Request(method="GET", path=path, headers={"user-agent": "a browser"})
    answer = github.handle(request).answer
    return answer.status, str(answer.body)


def test_a_link_leads_to_what_was_written(github: FakeGithub) -> None:
    """The address in a payload shows the thread: comments and reactions, rendered, no marker."""
    opened = github.merge_pull_request(REPO, "tamiko", "Warm the egg", by="odalys")
    github.comment(REPO, 1, "bot", "<!-- portmanteau:1 -->Thank you! :tada:\n\n* one\n* two")
    github.review_comment(REPO, 1, "kofi", "On the diff")
    server, _, path = opened.payload["pull_request"]["html_url"].partition("/snakes")
    status, body = page(github, f"/snakes{path}")
    assert (status, server) == (200, github.world.server_url)
    assert "Warm the egg #1" in body
    assert "<p>Thank you! 🎉</p>\n<ul>" in body
    assert "On the diff" in body
    assert "portmanteau:1" not in body
    assert body.count('<article id="issuecomment-') == 1


def test_a_repository_lists_its_threads(github: FakeGithub) -> None:
    """The page of a repository links to issues and pull requests, with their states."""
    github.add_repository(REPO)
    assert "No issues or pull requests yet." in page(github, f"/{REPO}")[1]
    github.open_issue(REPO, "tamiko", "Too cold")
    github.open_pull_request(REPO, "tamiko", "Warm it")
    status, body = page(github, f"/{REPO}")
    assert status == 200
    assert f'<a href="/{REPO}/pull/2">Warm it</a>' in body
    assert "#1, open" in body


def test_people_cannot_run_anything_there(github: FakeGithub) -> None:
    """Titles, texts and names are shown as they are, never run."""
    github.open_issue(REPO, "tamiko", HOSTILE, HOSTILE)
    for path in (f"/{REPO}", f"/{REPO}/issues/1"):
        _, body = page(github, path)
        assert "<script" not in body
        assert "<img" not in body
        assert 'href="javascript' not in body


@pytest.mark.parametrize("path", ["/snakes/secret", "/snakes/secret/issues/1", f"/{REPO}/pull/9"])
def test_what_is_private_or_missing_is_not_there(github: FakeGithub, path: str) -> None:
    """Strangers get 404 for a private repository, and for a number that is none."""
    github.add_repository("snakes/secret", private=True)
    github.open_issue("snakes/secret", "tamiko", "Hush")
    github.open_issue(REPO, "tamiko", "Loud")
    assert page(github, path)[0] == 404
