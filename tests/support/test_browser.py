"""The browser of the tests sees what goes wrong on a page."""

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
