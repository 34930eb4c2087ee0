"""tests.support.browser: problems of a page are detected."""

from tests.support import browser

BAD = "data:text/html,<title>x</title><html lang=en><script>alert(1); nothing()</script><img src=x>"


def test_it_notes_dialogs_and_errors(chromium):
    """Dialogs and script errors are recorded."""
    with browser.visiting(chromium) as visit:
        visit.page.goto(BAD)
    assert "dialog: 1" in visit.troubles
    assert any("nothing is not defined" in trouble for trouble in visit.troubles)


def test_axe_finds_what_is_wrong(chromium):
    """An image without alternative text is a serious violation."""
    with browser.visiting(chromium) as visit:
        visit.page.goto(BAD)
        assert any(found.startswith("image-alt") for found in browser.violations(visit.page))


def test_a_page_that_is_too_wide_is_seen(chromium):
    """A page that is too wide is detected, one that fits is not."""
    with browser.visiting(chromium, width=390) as visit:
        visit.page.goto("data:text/html,<p style='width:500px'>wide")
        assert browser.is_scrolled_sideways(visit.page)
        visit.page.goto("data:text/html,<p>narrow")
        assert not browser.is_scrolled_sideways(visit.page)
