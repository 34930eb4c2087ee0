"""`register` as its user has it: a real Chromium, from the local page to GitHub's and back."""

import os
import queue
import threading

import pytest

from bot_deploy import keygen, register
from bot_deploy.registration import local_page
from tests.support.browser import WIDTHS, is_scrolled_sideways, violations, visiting
from tests.support.registering import enterprise_server
from tests.support.sealed import SHIPPED, plain


@pytest.fixture
def github():
    with enterprise_server() as fake:
        yield fake


@pytest.fixture
def address(github, monkeypatch, tmp_path):
    """Where the command, which runs beside, wants the browser to go; it has ended at the end."""
    url = github.world.server_url
    settings = {"GITHUB_API_URL": url, "GITHUB_SERVER_URL": url, "DISPLAY": ":0"}
    monkeypatch.setattr(os, "environ", settings | {"PATH": os.environ["PATH"]})
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "config.toml"
    config.write_text(SHIPPED.read_text())
    assert keygen.main(["keygen", "--config", str(config)]) == 0
    addresses, codes = queue.Queue(), queue.Queue()
    monkeypatch.setattr(local_page.webbrowser, "open", addresses.put)
    line = ["register", "--organization", "snakes", "--config", str(config)]
    command = threading.Thread(target=lambda: codes.put(register.main(line)))
    command.start()
    yield addresses.get(timeout=30)
    command.join(30)
    assert codes.get(timeout=1) == 0
    assert plain(config, "github.app_id") == (str(github.app_id),)


@pytest.mark.parametrize(("width", "javascript"), [(WIDTHS[0], True), (WIDTHS[1], False)])
def test_an_app_is_registered_and_installed(chromium, address, github, width, javascript):
    """By the keyboard and by clicks, with JavaScript and without, wide and narrow."""
    with visiting(chromium, width=width, javascript=javascript) as visit:
        page = visit.page
        page.goto(address)
        assert not is_scrolled_sideways(page)
        if javascript:
            assert violations(page) == []
            page.keyboard.press("Enter")  # the button has the focus
        else:
            page.get_by_role("button", name="Continue on GitHub").click()
        page.get_by_role("button", name="Create GitHub App for snakes").click()
        page.get_by_role("heading", name="portmanteau-snakes is registered").wait_for()
        assert not is_scrolled_sideways(page)
        if javascript:
            assert violations(page) == []
        assert page.evaluate("document.styleSheets[0].cssRules.length") > 0
        page.get_by_role("link", name="install it").click()
        page.get_by_role("button", name="Install on snakes").click()
        page.get_by_role("heading", name="portmanteau-snakes is installed").wait_for()
        # Chromium asks each site for an icon, also one that has ended.
        assert [each for each in visit.troubles if "Failed to load resource" not in each] == []
    assert [one.account.login for one in github.world.installations.values()] == ["snakes"]
