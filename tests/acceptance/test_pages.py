"""The pages in Chromium: readable, accessible, usable by keyboard, closed to strangers."""

import re
from contextlib import ExitStack

import pytest

from bot_deploy.demo.scenes import MAINTAINER, ORGANIZATION
from luggage.jobs import State
from tests.support.browser import clipped_labels, is_scrolled_sideways, violations, visiting
from tests.support.showroom import LONG_NAME, RIGHT_TO_LEFT, Showroom, showroom

# Addresses, and a text that must appear there.
PAGES = {
    "/": "Last 24 hours",
    "/console/sign-in": "Sign in with GitHub",
    "/console/sign-in/link/x": "This link works once",
    "/console/": "Needs attention",
    "/console/deliveries": "Older",
    "/console/deliveries?text=needle": "No deliveries match",
    "/console/github": "API budget",
    "/console/deliveries/999": "Something went wrong",
    "/console/people/quetzal": "invite quetzal to",
    "/console/people/nobody": "Nothing.",
    "/console/issues/snake-charmers/venom/8": "as it would read on GitHub",
    "/console/issues/snake-charmers/venom/999": "has no delivery",
    "/console/audit": "sign in",
    "/console/find": "Enter one of these",
    "/console/find?q=no+body": "Nothing was found",
    "/nothing": "Something went wrong",
    "/webhook/github": "GitHub posts deliveries here",
}
# What a bot shows on its first day.
EMPTY = {
    "/": "Nothing to report",
    "/console/": "has processed every delivery",
    "/console/deliveries": "No deliveries match",
    "/console/github": "has not called GitHub yet",
}


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A bot after a day of traffic; the tests of this file share it."""
    with showroom(tmp_path_factory.mktemp("room")) as room:
        yield room


@pytest.fixture(scope="module")
def new_room(tmp_path_factory):
    """A bot on its first day."""
    with ExitStack() as stack:
        yield Showroom(tmp_path_factory.mktemp("new"), stack)


def assert_readable(page, path, words):
    """The words are seen; one first heading; no violation; nothing is cut or wider than it."""
    assert page.get_by_text(words).first.is_visible(), path
    assert page.get_by_role("heading", level=1).count() == 1, path
    assert violations(page) == [], path
    assert not is_scrolled_sideways(page), path
    assert clipped_labels(page) == [], path


def sign_in(page, room):
    page.goto(room.link())
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Overview").wait_for()


def dead_one(room):
    """The number of the delivery whose invitation GitHub refused."""
    (row,) = room.queue.search("delivery", state=State.DEAD)
    return row.id


def hostile_one(room):
    row = room.queue.find("delivery", "91c5e7b4-c6d5-11f0-8d3b-0242ac120002")
    return row.id


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_each_page_is_readable_and_quiet(chromium, room, width, dark):
    """Pages work on a light desktop and a dark phone; axe-core finds no violation."""
    pages = {
        **PAGES,
        f"/console/deliveries/{dead_one(room)}": "Actions",
        f"/console/deliveries/{hostile_one(room)}": "Payload",
    }
    pages[f"/console/installations/{room.queue.get(dead_one(room)).tenant}"] = "API budget"
    with visiting(chromium, width=width, dark=dark) as visit:
        sign_in(visit.page, room)
        for path, words in pages.items():
            visit.page.goto(room.url + path)
            assert_readable(visit.page, path, words)
    # The console also reports missing resources.
    expected = re.compile("status of (404|405)")
    assert [each for each in visit.troubles if not expected.search(each)] == []


def test_the_pages_of_a_new_bot_say_that_there_is_nothing(chromium, new_room):
    """Empty pages are pages, also on a light phone."""
    with visiting(chromium, width=390) as visit:
        sign_in(visit.page, new_room)
        for path, words in EMPTY.items():
            visit.page.goto(new_room.url + path)
            assert_readable(visit.page, path, words)
    assert visit.troubles == []


@pytest.mark.parametrize("width", [1280, 390])
def test_everything_works_without_javascript(chromium, room, width):
    """Signing in, searching, pausing, resuming and signing out work with links and forms."""
    with visiting(chromium, width=width, javascript=False) as visit:
        page = visit.page
        page.goto(room.url)
        page.get_by_text("Refresh").wait_for()
        sign_in(page, room)
        page.get_by_role("link", name="Deliveries").click()
        page.get_by_label("Event").fill("star")
        page.get_by_role("button", name="Search").click()
        page.wait_for_url(re.compile("event=star"))
        page.get_by_role("link", name="star").first.click()
        page.get_by_role("heading", name="Payload").wait_for()
        page.get_by_role("link", name="Deliveries").first.click()
        page.get_by_role("searchbox", name="Find").fill("snake-charmers/venom#8")
        page.get_by_role("button", name="Find").click()
        page.get_by_text("Your pull request is in").wait_for()
        page.get_by_role("link", name="@quetzal").wait_for()
        page.get_by_role("link", name="pull_request closed").click()
        page.get_by_role("button", name="Do it anyway").wait_for()
        page.get_by_role("link", name="Overview").click()
        page.get_by_role("button", name="Pause").click()
        page.get_by_text("does not process them").first.wait_for()
        page.get_by_role("button", name="Resume").click()
        page.get_by_text("Back at work").wait_for()
        page.get_by_role("link", name="Audit log").click()
        page.get_by_text("resume").first.wait_for()
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/console/sign-in")
    assert room.queue.paused_at() is None


def tab_to(page, words):
    """Press Tab until the focused element visibly has this text."""
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "(() => { const it = document.activeElement; const style = getComputedStyle(it);"
            " return [it.innerText || '', style.outlineStyle] })()"
        )
        if words in focused[0]:
            assert focused[1] != "none", f"the focus on {words!r} is not seen"
            return
    raise AssertionError(f"{words!r} is not reached by Tab on {page.url}")


def test_the_keyboard_is_enough(chromium, room):
    """A keyboard user can sign in and retry a dead delivery."""
    number = dead_one(room)
    with visiting(chromium) as visit:
        page = visit.page
        page.goto(room.link())
        tab_to(page, "Sign in")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Overview").wait_for()
        tab_to(page, "Skip to content")
        page.keyboard.press("Enter")
        page.locator("main:focus").wait_for()
        tab_to(page, "pull_request")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Actions").wait_for()
        tab_to(page, "Retry")
        page.keyboard.press("Enter")
        page.get_by_text("Retrying now.").wait_for()
        tab_to(page, "Overview")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Overview").wait_for()
        for _ in range(20):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.name") == "q":
                break
        page.keyboard.type("quetzal")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="quetzal").wait_for()
        tab_to(page, "invite quetzal to")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Payload").wait_for()
    assert visit.troubles == []
    (invitation, comment) = room.queue.children(number)
    assert (invitation.state, comment.state) == (State.READY, State.HELD)
    refuse_again(room)


def refuse_again(room):
    """GitHub refuses the invitation, as before."""
    room.refuse_invitations()
    room.settle()
    assert room.queue.standing().dead == 1


def test_a_payload_that_means_harm_is_text(chromium, room):
    """A hostile payload runs no script, and the page stays usable."""
    with visiting(chromium) as visit:
        page = visit.page
        sign_in(page, room)
        page.goto(f"{room.url}/console/deliveries/{hostile_one(room)}")
        text = page.get_by_role("region", name="Payload").inner_text()
        assert "<script>alert('title')</script>" in text
        assert r"\u001b[31mred" in text
        assert r"\u202egnp.exe {{ 7 * 7 }}" in text
        assert "ghp_" not in page.content()
        assert page.locator("img").count() == 0
        assert page.locator("script:not([src])").count() == 0
        assert len(page.content()) < 50_000
        page.get_by_role("link", name="Overview").click()
        page.get_by_role("heading", name="Overview").wait_for()
    assert visit.troubles == []


def test_even_a_script_that_got_into_a_page_would_not_run(chromium, room):
    """The content security policy backs up the escaping."""
    script = "<img src=x onerror='window.ran = true'><script>window.ran = true</script>"
    with visiting(chromium) as visit:
        visit.page.goto(room.url)
        visit.page.evaluate(
            "it => document.body.append(...new DOMParser()"
            ".parseFromString(it, 'text/html').body.children)",
            script,
        )
        visit.page.evaluate(
            "it => { const s = document.createElement('script');"
            " s.textContent = 'window.ran = true'; document.body.append(s) }"
        )
        visit.page.wait_for_timeout(100)
        assert visit.page.evaluate("window.ran") is None
    assert sum("Content Security Policy" in trouble for trouble in visit.troubles) >= 2


@pytest.mark.parametrize("origin", ["http://127.0.0.1:9", "http://elsewhere.example"])
def test_a_form_on_another_page_does_nothing(chromium, room, origin):
    """Another site's page, even on the same host, cannot submit the console's forms."""
    forged = (
        f'<form method="post" action="{room.url}/console/pause"><input name="token" value="0">'
        "</form><script>document.forms[0].submit()</script>"
    )
    with visiting(chromium) as visit:
        page = visit.page
        sign_in(page, room)
        page.route(f"{origin}/", lambda route: route.fulfill(body=forged, content_type="text/html"))
        page.goto(f"{origin}/")
        page.wait_for_url(f"{room.url}/console/**")
        page.get_by_text(re.compile("nothing was changed|Sign in with GitHub")).wait_for()
    assert room.queue.paused_at() is None


def test_an_owner_signs_in_with_github(chromium, room):
    """An owner signs in through GitHub with one click; others cannot."""
    room.github.add_member(ORGANIZATION, MAINTAINER, role="admin")
    with visiting(chromium) as visit:
        page = visit.page
        for login, words in (("mallory", "cannot sign in"), (MAINTAINER, "Overview")):
            room.github.set_browser_user(login)
            page.goto(f"{room.url}/console/")
            page.get_by_role("link", name="Sign in with GitHub").click()
            page.get_by_text(words).first.wait_for()
        page.get_by_text(MAINTAINER).wait_for()
    assert [each for each in visit.troubles if "403" not in each] == []


def test_a_new_line_appears_without_a_reload(chromium, room):
    """A new line appears, open sections stay open, and an outage is shown."""
    with visiting(chromium) as visit:
        page = visit.page
        page.clock.install()
        page.goto(room.url)
        assert page.get_by_text("Refresh").is_hidden()
        page.evaluate("window.isTheSame = true")
        page.get_by_text("Show as a table").click()
        room.board.say("Something new")
        page.clock.fast_forward(6000)
        page.get_by_text("Something new").wait_for()
        assert page.evaluate("window.isTheSame")
        page.get_by_role("table").wait_for()
        assert visit.troubles == []
        page.route(f"{room.url}/", lambda route: route.abort())
        page.clock.fast_forward(6000)
        page.get_by_text("I am not responding").wait_for()
        page.unroute(f"{room.url}/")
        page.clock.fast_forward(6000)
        page.get_by_text("I am not responding").wait_for(state="hidden")


def test_live_pages_do_not_keep_a_session_awake(chromium, room):
    """After signing out elsewhere the page leads to the sign-in by itself."""
    with visiting(chromium) as visit:
        page = visit.page
        page.clock.install()
        sign_in(page, room)
        with room.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM console_session")
        page.clock.fast_forward(6000)
        page.wait_for_url("**/console/sign-in")


def test_ten_thousand_deliveries_and_long_names_fit(chromium, new_room):
    """Long names and names from right to left stay in their lines, also of a narrow window."""
    new_room.crowd(10_000)
    number = new_room.queue.find("delivery", "00000000").id
    new_room.clock.advance(60)
    pages = {
        "/": "10,000 deliveries",
        "/console/": "10000",
        "/console/deliveries": "Older",
        f"/console/deliveries/{number}": "as it would read",
        f"/console/issues/{LONG_NAME}/1": "Older",
        f"/console/people/{'a' * 39}": "Nothing.",
        "/console/installations/7": "Latest deliveries",
    }
    with visiting(chromium, width=390, dark=True) as visit:
        page = visit.page
        sign_in(page, new_room)
        for path, words in pages.items():
            page.goto(new_room.url + path)
            assert_readable(page, path, words)
        page.goto(f"{new_room.url}/console/deliveries/{number}")
        name = page.locator("bdi", has_text=re.compile(f"^{RIGHT_TO_LEFT}$")).first
        assert name.evaluate("it => getComputedStyle(it).direction") == "rtl"
        assert page.locator(".markdown").evaluate("it => getComputedStyle(it).direction") == "rtl"
    assert visit.troubles == []
