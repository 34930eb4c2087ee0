"""Settings files as editors write them, and as other versions of the bot stored them."""

import codecs

import pytest

from bot.settings.files import FILE
from luggage.fake_github import faults

OFF = b"[ping]\nenabled = false\n"
VALID = {
    "a byte order mark": codecs.BOM_UTF8 + OFF,
    "CRLF": OFF.replace(b"\n", b"\r\n"),
    "a mark and CRLF": codecs.BOM_UTF8 + OFF.replace(b"\n", b"\r\n"),
    "no line end at the end": OFF.rstrip(),
    "other line ends in a comment": "# a\u2028b\x85c\n".encode() + OFF,
}
INVALID = {
    "UTF-16": (OFF.decode().encode("utf-16"), "must be encoded in UTF-8"),
    "a NUL byte": (b"# \0\n" + OFF, "is no text"),
    "lone carriage returns": (OFF.replace(b"\n", b"\r"), "a carriage return ends no line"),
}


def settle(scene):
    """Wait until the organisation's jobs have ended; returns the comments on its first issue."""
    scene.until(
        lambda: all(job["state"] in {"done", "ignored", "dead"} for job in scene.jobs()),
        "every job has ended",
    )
    assert [job["reason"] for job in scene.jobs() if job["state"] == "dead"] == []
    return scene.github.comments(scene.repo, 1)


@pytest.mark.parametrize("where", ["widgets", ".github"])
@pytest.mark.parametrize("form", VALID)
def test_a_valid_file_applies_to_each_delivery(scene, form, where):
    """In whatever form it is saved, the file applies to the first delivery and to later ones."""
    scene.github.add_file(f"{scene.organization}/{where}", FILE, VALID[form])
    scene.deliver(scene.github.open_issue(scene.repo, "alice", body="/ping"))
    assert settle(scene) == []
    scene.deliver(scene.github.comment(scene.repo, 1, "alice", "/ping"))
    assert [comment.body for comment in settle(scene)] == ["/ping"]


@pytest.mark.parametrize("form", INVALID)
def test_an_invalid_file_is_reported_and_stops_nothing(scene, form):
    """Bytes that are no TOML are told in an issue with the remedy; the bot goes on."""
    data, words = INVALID[form]
    scene.github.add_file(scene.repo, FILE, data)
    scene.deliver(scene.github.open_issue(scene.repo, "alice", body="/ping"))
    assert len(settle(scene)) == 1
    told = scene.github.issue(scene.repo, 2)
    assert (told.title, words in told.body) == (f"Problems in {FILE}", True)


@pytest.mark.parametrize("data", [b"", codecs.BOM_UTF8, b"\r\n", b"# nothing\n"], ids=repr)
def test_an_empty_file_sets_nothing(scene, data):
    """A file without settings is valid."""
    scene.github.add_file(scene.repo, FILE, data)
    scene.deliver(scene.github.open_issue(scene.repo, "alice", body="/ping"))
    assert len(settle(scene)) == 1
    assert len(scene.github.world.repositories[scene.repo].issues) == 1


def test_a_file_that_becomes_unreadable_leaves_the_last_valid_settings(scene):
    """After a push of UTF-16 the settings before it apply, and after the next push the new ones."""
    scene.github.add_file(scene.repo, FILE, OFF)
    scene.deliver(scene.github.open_issue(scene.repo, "alice", body="/ping"))
    assert settle(scene) == []
    scene.deliver(
        scene.github.push(scene.repo, "olga", files={FILE: OFF.decode().encode("utf-16")})
    )
    scene.deliver(scene.github.comment(scene.repo, 1, "alice", "/ping"))
    assert len(settle(scene)) == 1
    scene.deliver(scene.github.push(scene.repo, "olga", files={FILE: codecs.BOM_UTF8}))
    settle(scene)
    scene.deliver(scene.github.comment(scene.repo, 1, "alice", "/ping"))
    assert len(settle(scene)) == 3


CONTENT = {"type": "file", "encoding": "base64", "content": "", "sha": "0" * 40, "size": 9}
ANSWERS = {
    "over 1 MB": ({**CONTENT, "encoding": "none", "size": 2_000_000}, "is too large"),
    "a symlink": ({**CONTENT, "type": "symlink", "target": "../x.toml"}, "must be a file"),
    "a submodule": ({**CONTENT, "submodule_git_url": "git://x"}, "must be a file"),
    "a directory": ([CONTENT], "must be a file"),
}


@pytest.mark.parametrize("thing", ANSWERS)
def test_what_is_no_file_is_reported_and_stops_nothing(scene, thing):
    """Whatever GitHub has in the place of the file, an issue says so, and the bot goes on."""
    body, words = ANSWERS[thing]
    path = f"/repos/{scene.repo}/contents/{FILE}"
    scene.github.faults.append(faults.plan(faults.answered(body), path=path, times=None))
    scene.deliver(scene.github.open_issue(scene.repo, "alice", body="/ping"))
    assert len(settle(scene)) == 1
    assert words in scene.github.issue(scene.repo, 2).body


def test_content_that_is_left_out_is_no_empty_file(scene):
    """A file of nine bytes without its content is asked for again, and its settings apply."""
    scene.github.add_file(scene.repo, FILE, OFF)
    path = f"/repos/{scene.repo}/contents/{FILE}"
    scene.github.faults.append(faults.plan(faults.answered(CONTENT), path=path, times=1))
    scene.deliver(scene.github.open_issue(scene.repo, "alice", body="/ping"))
    assert settle(scene) == []
