"""Tests of the local registration pages."""

import json
import re
import threading
from html import unescape

import pytest
import requests

from bot.web.registration import (
    Registration,
    RegistrationError,
    RegistrationRequest,
    TryAgain,
    listen,
    make_app,
    serving,
)
from luggage.github.manifest import Registered
from luggage.github.secret import SecretText

STATE = "a-state-that-nobody-guesses"
REQUEST = RegistrationRequest(
    organization="snakes",
    address="https://github.test/organizations/snakes/settings/apps/new?state=s",
    manifest={
        "name": 'A "quoted" <name>',
        "default_permissions": {"issues": "write", "metadata": "read"},
        "default_events": ["issues", "pull_request"],
    },
    needed_by={"issues": {"": "write", "label": "read"}, "metadata": {"nudge": "read"}},
    state=STATE,
)
APP = Registered(
    id=7,
    slug="charmer",
    name="Charmer",
    owner="snakes",
    page="https://github.test/apps/charmer",
    client_id="Iv1.7",
    client_secret=SecretText("hunter2"),
    webhook_secret=SecretText("hunter3"),
    private_key=SecretText("hunter4"),
)


class Finish:
    """The `finish` callback, with scripted results."""

    def __init__(self, *ends):
        self.ends = list(ends)
        self.codes = []

    def __call__(self, code):
        self.codes.append(code)
        end = self.ends.pop(0)
        if isinstance(end, Exception):
            raise end
        return end


@pytest.fixture
def begin(clock):
    """Make a registration with these results, and a browser for its pages."""

    def begin(*ends):
        told = []
        registration = Registration(REQUEST, Finish(*ends), clock=clock, tell=told.append)
        registration.told = told
        return registration, make_app(registration).test_client()

    return begin


def back(client, state=STATE, code="c0de"):
    return client.get("/registered", query_string={"state": state, "code": code})


def main_of(answer):
    text = re.sub(r"<[^>]+>", " ", answer.text.partition("<main>")[2])
    return " ".join(unescape(text).split())


def test_the_page_sends_the_manifest_to_github(begin):
    """The form has one button and the exact manifest."""
    page = begin()[1].get("/").text
    assert re.findall(r'action="([^"]+)"', page) == [REQUEST.address]
    (value,) = re.findall(r'name="manifest" value="([^"]*)"', page)
    assert json.loads(unescape(value)) == REQUEST.manifest
    assert "<script" not in page


def test_the_page_says_what_the_app_may_do(begin):
    """The page lists the permissions and events."""
    words = main_of(begin()[1].get("/"))
    assert "issues: read and write, for the bot itself, the rule label (read)" in words
    assert "metadata: read, for the rule nudge" in words
    assert "It subscribes to: issues, pull request." in words


def test_a_reload_does_not_repeat_the_exchange(begin):
    """Reloading the last page does not repeat the exchange."""
    registration, client = begin(APP)
    first, again = back(client), back(client)
    assert (first.status_code, again.status_code) == (200, 200)
    assert "Charmer is registered" in main_of(again)
    assert "https://github.test/apps/charmer/installations/new" in again.text
    assert registration.ended.app is APP
    assert registration._finish.codes == ["c0de"]


def test_no_secret_is_on_a_page(begin):
    """The last page contains no secret and no code."""
    text = back(begin(APP)[1]).text
    assert not [word for word in ("hunter", "c0de", STATE) if word in text]


@pytest.mark.parametrize("state", ["", "another", STATE[:-1], STATE + "x", "ä"])
def test_another_state_is_refused(begin, state):
    """A wrong state is refused, and the right one still works."""
    registration, client = begin(APP)
    answer = back(client, state=state)
    assert answer.status_code == 400
    assert "its state differs" in main_of(answer)
    assert (registration.ended, registration._finish.codes) == (None, [])
    assert back(client).status_code == 200


def test_a_state_is_for_one_code(begin):
    """A second code for the same state is refused."""
    registration, client = begin(APP)
    back(client)
    answer = back(client, code="another")
    assert (answer.status_code, registration._finish.codes) == (400, ["c0de"])
    assert "already complete" in main_of(answer)


def test_without_a_code_nothing_happens(begin):
    """A return without a code is refused."""
    registration, client = begin(APP)
    assert back(client, code="").status_code == 400
    assert registration.ended is None


def test_an_hour_is_all(begin, clock):
    """After an hour, the registration is refused."""
    registration, client = begin(APP)
    clock.advance(3599)
    assert registration.remaining_seconds == 1
    clock.advance(1)
    answer = back(client)
    assert (answer.status_code, registration.ended) == (400, None)
    assert "The hour to register has passed" in main_of(answer)


def test_a_reload_after_a_failure_repeats_the_exchange(begin):
    """After TryAgain, a reload repeats the exchange."""
    registration, client = begin(TryAgain("GitHub did not answer"), APP)
    answer = back(client)
    assert (answer.status_code, registration.ended) == (502, None)
    assert not registration.over.is_set()
    assert "reload this page" in main_of(answer)
    assert registration.told == ["GitHub did not answer; reload the page in the browser to retry"]
    assert back(client).status_code == 200
    assert registration._finish.codes == ["c0de", "c0de"]


def test_a_final_failure_ends_the_registration(begin):
    """After RegistrationError, the page and the terminal show the remedy."""
    registration, client = begin(RegistrationError("that code is spent: begin again"))
    answer = back(client)
    assert answer.status_code == 502
    assert "That code is spent: begin again" in main_of(answer)
    assert registration.ended.app is None
    answer.close()
    assert registration.over.is_set()


@pytest.mark.parametrize("path", ["/", "/registered?state=x&code=y"])
def test_pages_keep_to_themselves(begin, path):
    """Pages forbid scripts, frames and referrers."""
    headers = begin()[1].get(path).headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"


def test_another_host_reads_nothing(begin):
    """Requests for another host name are refused."""
    answer = begin()[1].get("/", headers={"Host": "evil.example:8000"})
    assert (answer.status_code, STATE in answer.text) == (400, False)


def test_the_page_is_served_on_this_machine_alone(begin, capfd):
    """The server listens on this machine, logs no requests, and frees the port."""
    registration, _ = begin(APP)
    listener = listen(0)
    host, port = listener.getsockname()
    with serving(make_app(registration), listener):
        address = f"http://127.0.0.1:{port}/registered?state={STATE}&code=c0de"
        answer = requests.get(address, timeout=10)
        # `over` is set once the browser has the whole page.
        assert registration.over.wait(10)
    assert (host, answer.status_code) == ("127.0.0.1", 200)
    assert "c0de" not in "".join(capfd.readouterr())
    listen(port).close()


def test_ended_waits_for_a_running_exchange(begin, clock):
    """`ended` waits for a running exchange."""
    inside, go_on = threading.Event(), threading.Event()

    def finish(_code):
        inside.set()
        assert go_on.wait(10)
        return APP

    registration = Registration(REQUEST, finish, clock=clock, tell=print)
    worker = threading.Thread(target=registration.complete, args=(STATE, "c0de"))
    worker.start()
    assert inside.wait(10)
    threading.Timer(0.05, go_on.set).start()
    assert registration.ended.app is APP
    worker.join()


def test_the_state_does_not_show_itself():
    """The repr of the request does not contain the state."""
    assert STATE not in repr(REQUEST)
