"""The browser of the tests sees what goes wrong on a page."""

import stat

import pytest

from tests.support import browser

BAD = "data:text/html,<title>x</title><html lang=en><script>alert(1); nothing()</script><img src=x>"


def test_it_notes_dialogs_and_errors(chromium):
    """A dialog and an error in a script do not pass unseen."""
    with browser.visiting(chromium) as visit:
        visit.page.goto(BAD)
    assert "dialog: 1" in visit.troubles
    assert any("nothing is not defined" in trouble for trouble in visit.troubles)


def test_axe_finds_what_is_wrong(chromium):
    """A picture without words is a grave fault."""
    with browser.visiting(chromium) as visit:
        visit.page.goto(BAD)
        assert any(found.startswith("image-alt") for found in browser.grave_violations(visit.page))


def test_a_page_that_is_too_wide_is_seen(chromium):
    """What sticks out at the side is noticed, what fits is not."""
    with browser.visiting(chromium, width=390) as visit:
        visit.page.goto("data:text/html,<p style='width:500px'>wide")
        assert browser.is_scrolled_sideways(visit.page)
        visit.page.goto("data:text/html,<p>narrow")
        assert not browser.is_scrolled_sideways(visit.page)


@pytest.fixture
def apt(tmp_path, monkeypatch):
    """Put a script in the place of apt-get, on a machine without Chromium."""
    monkeypatch.setattr(browser, "CHROMIUM", str(tmp_path / "chromium"))
    monkeypatch.setattr(browser.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(browser.os, "geteuid", lambda: 0)

    def put(script):
        apt = tmp_path / "apt-get"
        apt.write_text(f"#!/bin/sh\n{script}\n")
        apt.chmod(apt.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(browser.shutil, "which", lambda _name: str(apt))
        return tmp_path / "chromium"

    return put


def test_it_is_installed_where_it_is_missing(apt, tmp_path):
    """As root, with lists that are out of date: they are renewed, and it is installed."""
    lists, chromium = tmp_path / "lists", tmp_path / "chromium"
    apt(f'[ "$1" = update ] && exec touch {lists}; [ -e {lists} ] && exec touch {chromium}; exit 1')
    assert browser._chromium() == str(chromium)


@pytest.mark.parametrize(
    ("user", "words"), [(0, "no network"), (1000, "install your system's package")]
)
def test_without_it_tests_are_skipped(apt, monkeypatch, user, words):
    """Where it cannot be installed, that is the reason to skip."""
    apt("echo no network >&2; exit 1")
    monkeypatch.setattr(browser.os, "geteuid", lambda: user)
    with pytest.raises(pytest.skip.Exception, match=words):
        browser._chromium()
