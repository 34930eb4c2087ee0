"""The subcommand `register`, and its failures."""

import json
import os
import re
import socket

import pytest

from bot.rules import HELPFUL_EVENTS, RULES, needs
from bot_deploy import keygen, register
from bot_deploy.__main__ import main
from bot_deploy.config import load
from bot_deploy.registration import app_secrets, exchange, local_page
from bot_deploy.registration.app_secrets import NAMES
from bot_deploy.wiring.web import make_app
from luggage.fake_github import faults
from luggage.github.manifest import NO_WEBHOOK_URL
from tests.support.registering import Person, enterprise_server
from tests.support.sealed import SHIPPED, plain


@pytest.fixture
def github():
    """A GitHub whose pages and API are at one address, as on a GitHub Enterprise Server."""
    with enterprise_server() as fake:
        yield fake


@pytest.fixture
def environ(monkeypatch, github, tmp_path):
    """The environment of a person at a screen, and nothing else."""
    url = github.world.server_url
    found = {"GITHUB_API_URL": url, "GITHUB_SERVER_URL": url, "DISPLAY": ":0"}
    monkeypatch.setattr(os, "environ", found)
    monkeypatch.chdir(tmp_path)
    return found


@pytest.fixture
def config(tmp_path, environ):
    """A config.toml as shipped, with a key pair."""
    path = tmp_path / "config.toml"
    path.write_text(SHIPPED.read_text())
    assert keygen.main(["keygen", "--config", str(path)]) == 0
    return path


@pytest.fixture
def browser(monkeypatch):
    """Press every button, as soon as the command opens its page; gives the person's pages."""
    people = []

    class Browser:
        def __init__(self):
            self.habits = {}

        def open(self, address):
            people.append(Person(address, **self.habits))
            people[-1].start()

        @property
        def pages(self):
            return people[-1].pages

    made = Browser()
    monkeypatch.setattr(local_page.webbrowser, "open", made.open)
    yield made
    for person in people:
        person.join()


@pytest.fixture
def run(capsys):
    def run(config, *arguments, organization="snakes"):
        capsys.readouterr()
        line = ["register", "--organization", organization, "--config", str(config), *arguments]
        try:
            code = main(["bot_deploy", *line], {})
        except SystemExit as end:
            code = end.code
        return code, capsys.readouterr()

    return run


def test_the_app_is_made_and_its_secrets_are_sealed(run, config, browser, github):
    """Two clicks: what GitHub told is in config.toml, sealed, and opens with the key."""
    code, told = run(config)
    assert (code, told.err) == (0, "")
    opened = {name: plain(config, name) for name in NAMES}
    assert opened == {
        "github.app_id": (str(github.app_id),),
        "github.private_key": (github.private_key,),
        "github.webhook_secrets": (github.webhook_secret,),
        "github.client_id": (github.world.app.client_id,),
        "github.client_secret": (github.world.app.client_secret,),
    }
    assert len(re.findall('"sealed:[0-9a-f]', config.read_text())) == len(NAMES)


@pytest.mark.parametrize("beside", [True, False])
def test_it_says_what_comes_next(beside, run, config, browser, github):
    """The address to install it, the key if it lies elsewhere, `doctor`, `start`, in this order."""
    if not beside:
        config.with_name("secret.key").rename("elsewhere.key")
    out = run(config)[1].out
    install = f"{github.world.server_url}/apps/portmanteau-snakes/installations/new"
    key = [] if beside else ["export SECRET_KEY_FILE="]
    words = [install, *key, "bot_deploy doctor --config config", "start --config config.toml"]
    assert sorted(words, key=out.index) == words
    assert ("SECRET_KEY_FILE" in out) != beside


def test_no_secret_is_said(run, config, browser, github):
    """Neither the terminal nor a page shows a secret, the code, or the state."""
    _, told = run(config)
    shown = told.out + told.err + browser.pages[-1]
    assert github.private_key.splitlines()[1] not in shown
    assert github.webhook_secret not in shown
    assert github.world.app.client_secret not in shown
    assert "state=" not in told.out


def test_the_app_needs_what_the_rules_need(run, config, browser, github):
    """Permissions and events are those of the enabled rules; only the organisation installs it."""
    run(config)
    app, needed = github.world.app, needs(RULES)
    assert (dict(app.permissions), set(app.events)) == (
        needed.permissions,
        needed.events | HELPFUL_EVENTS,
    )
    assert (app.public, app.owner) == (False, "snakes")


def test_a_rule_that_is_off_needs_nothing(run, config, browser, github):
    """A disabled rule adds no permissions."""
    config.write_text(config.read_text().replace("[invite]", "[invite]\nenabled = false"))
    run(config)
    assert github.world.app.permissions.get("members") != "write"


def test_with_an_address_deliveries_go_there(run, config, browser, github):
    """The webhook, the home page and the console's sign-in are below --url."""
    code, _ = run(config, "--url", "https://bot.example/", "--name", "Charmer")
    app = github.world.app
    assert (code, app.name, app.external_url) == (0, "Charmer", "https://bot.example/")
    assert (app.hook_url, app.hook_active) == ("https://bot.example/webhook/github", True)
    assert app.callback_urls == ("https://bot.example/console/sign-in/callback",)
    assert plain(config, "github.receive") == ("webhook",)


def test_without_an_address_deliveries_are_fetched(run, config, browser, github):
    """How deliveries come in is written down, so that the next terminal knows it."""
    run(config)
    assert plain(config, "github.receive") == ("poll",)
    assert 'receive = "poll"' in config.read_text()


def test_a_variable_that_contradicts_the_new_app_is_refused(run, config, monkeypatch):
    """BOT_RECEIVE would override what the App needs; the same value may stay."""
    monkeypatch.setenv("BOT_RECEIVE", "webhook")
    code, told = run(config)
    assert (code, "BOT_RECEIVE is set to 'webhook'" in told.err) == (1, True)
    assert "unset it" in told.err


def test_without_an_address_the_webhook_is_active_but_unreachable(run, config, browser, github):
    """The webhook is active, else there would be nothing to fetch; nobody can be at its address."""
    run(config)
    assert (github.world.app.hook_url, github.world.app.hook_active) == (NO_WEBHOOK_URL, True)


def test_a_name_that_is_taken_is_asked_for_again(run, config, browser, github):
    """GitHub's page says so, and takes another name; the command waits meanwhile."""
    tried = []

    def change(fields):
        if "name" in fields:
            tried.append(fields["name"])
            fields["name"] = "Test Bot" if len(tried) == 1 else "Another"

    browser.habits = {"change": change}
    assert run(config)[0] == 0
    assert (github.world.app.name, tried[1]) == ("Another", "Test Bot")
    assert any("already been taken" in page for page in browser.pages)


# What is wrong before anything is made


def refused(run, github, config, *arguments, **more):
    """The one line of a refusal; GitHub was not asked for anything."""
    code, told = run(config, *arguments, **more)
    assert code == 1
    assert github.calls == []
    (line,) = told.err.splitlines()
    return line


def test_without_a_key_pair_nothing_begins(run, tmp_path, environ, browser, github):
    """Without a key pair the command stops and names `keygen`."""
    path = tmp_path / "config.toml"
    path.write_text(SHIPPED.read_text())
    assert "`keygen`" in refused(run, github, path)


@pytest.fixture
def answers(monkeypatch):
    """Say this at the terminal when it is asked for."""

    def answers(text):
        monkeypatch.setattr("sys.stdin.isatty", lambda: True)
        monkeypatch.setattr("builtins.input", lambda _question: text)

    return answers


def test_a_key_pair_is_offered(run, tmp_path, environ, browser, github, answers):
    """At a terminal, Enter makes the pair, and the registration goes on."""
    path = tmp_path / "config.toml"
    path.write_text(SHIPPED.read_text())
    answers("")
    assert run(path)[0] == 0
    assert plain(path, "github.app_id") == (str(github.app_id),)


def test_an_offer_can_be_declined(run, tmp_path, environ, browser, github, answers):
    """A declined offer makes no key pair."""
    path = tmp_path / "config.toml"
    path.write_text(SHIPPED.read_text())
    answers("n")
    assert "`keygen`" in refused(run, github, path)
    assert not (tmp_path / "secret.key").exists()


def test_a_key_file_in_the_way_is_reported(run, tmp_path, environ, browser, github, answers):
    """An existing key file stops the registration."""
    path = tmp_path / "config.toml"
    path.write_text(SHIPPED.read_text())
    (tmp_path / "secret.key").write_text("something")
    answers("y")
    code, told = run(path)
    assert (code, github.calls) == (1, [])
    assert "secret.key exists" in told.err


def test_an_app_that_is_there_is_kept(run, config, browser, github):
    """An existing App is kept without --replace."""
    run(config)
    before, config_before = github.app_id, config.read_text()
    code, told = run(config)
    assert (code, "--replace" in told.err) == (1, True)
    assert (github.app_id, config.read_text()) == (before, config_before)
    assert run(config, "--replace", "--name", "Another")[0] == 0
    assert plain(config, "github.app_id") == (str(github.app_id),) != (str(before),)
    assert plain(config, "github.webhook_secrets") == (github.webhook_secret,)


@pytest.mark.parametrize("variable", ["GITHUB_APP_ID", "GITHUB_PRIVATE_KEY_FILE"])
def test_a_variable_would_hide_the_new_app(run, config, browser, github, environ, variable):
    """A variable that would override the new App stops the registration."""
    environ[variable] = "7"
    assert variable in refused(run, github, config)


def test_a_config_that_cannot_be_written_is_reported_first(
    run, config, browser, github, monkeypatch
):
    """A read-only config.toml is refused before GitHub is asked."""

    def refuse(*_arguments, **_options):
        raise PermissionError(13, "Permission denied", "config.toml")

    monkeypatch.setattr(app_secrets, "write_config", refuse)
    assert "Permission denied" in refused(run, github, config)


def test_a_port_that_is_taken_is_reported(run, config, browser, github):
    """A taken port is one line with the port and the remedy."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        line = refused(run, github, config, "--port", str(port))
    assert line.endswith(f"port {port}: Address already in use; choose another --port")


def test_two_githubs_at_once_are_refused(run, config, environ, github):
    """GITHUB_API_URL without GITHUB_SERVER_URL is refused."""
    del environ["GITHUB_SERVER_URL"]
    assert "GITHUB_SERVER_URL" in refused(run, github, config)


@pytest.mark.parametrize(
    ("arguments", "organization"),
    [
        (["--url", "bot.example"], "snakes"),
        (["--url", "https://[bot"], "snakes"),
        (["--url", "https://bot.example/?a=b"], "snakes"),
        ([], "not/one"),
        ([], ""),
    ],
)
def test_invalid_arguments_are_wrong_usage(run, config, arguments, organization):
    """Invalid arguments end with exit code 2."""
    assert run(config, *arguments, organization=organization)[0] == 2


def test_the_organization_is_needed(environ, capsys):
    """--organization is required."""
    with pytest.raises(SystemExit) as end:
        register.main(["register"])
    assert end.value.code == 2
    assert "--organization" in capsys.readouterr().err


# What goes wrong afterwards


def test_an_app_of_another_organization_is_not_taken(run, config, browser, github):
    """An App of another organisation is refused."""
    github.add_organization("lions", installed=False)
    before = config.read_text()
    browser.habits = {"lead": lambda target: target.replace("/snakes/", "/lions/")}
    code, told = run(config)
    assert (code, config.read_text()) == (1, before)
    assert "belongs to lions, not to snakes" in told.err


def test_a_code_that_is_spent_says_what_to_do(run, config, browser, github):
    """A spent code is an error with the address of the App."""
    github.faults.append(faults.plan(faults.refused(404, "Not Found"), path="/app-manifests/*"))
    before = config.read_text()
    code, told = run(config)
    assert (code, config.read_text()) == (1, before)
    assert "/organizations/snakes/settings/apps, delete it there, and begin again" in told.err


def test_a_github_that_does_not_answer_can_be_asked_again(run, config, browser, github):
    """The command waits, and says so; a reload of the page in the browser ends well."""
    github.faults.append(faults.plan(faults.failed(502, done=False), path="/app-manifests/*"))
    browser.habits = {"reloads": 1}
    code, told = run(config)
    assert code == 0
    assert "reload the page in the browser to retry" in told.out
    assert "reload this page" in browser.pages[-2]


def test_a_disk_that_is_full_loses_nothing(run, config, browser, github, monkeypatch):
    """When sealing fails after all, the sealed lines are in the terminal, and can be used."""
    before = config.read_text()
    real, times = app_secrets.write_config, []

    def write(path, document):
        times.append(path)
        if len(times) > 1:
            raise OSError(28, "No space left on device", str(path))
        real(path, document)

    monkeypatch.setattr(app_secrets, "write_config", write)
    code, told = run(config)
    assert (code, config.read_text()) == (1, before)
    assert "No space left on device" in told.err
    lines = re.findall(r'^\w+ = \[?"sealed:.*$', told.out, re.MULTILINE)
    config.write_text(before.replace("[github]", "\n".join(["[github]", *lines])))
    assert plain(config, "github.private_key") == (github.private_key,)
    assert plain(config, "github.webhook_secrets") == (github.webhook_secret,)


def test_a_config_that_was_spoiled_meanwhile_loses_nothing(run, config, browser, github):
    """A config.toml that broke meanwhile also leaves the sealed lines."""
    browser.habits = {"change": lambda _fields: config.write_text("[[[")}
    code, told = run(config)
    assert (code, told.out.count('"sealed:')) == (1, len(NAMES))
    assert "not valid TOML" in told.err


def test_no_answer_within_the_hour_is_reported(run, config, monkeypatch, github, environ):
    """Or Ctrl-C before one: nothing was registered, exit code 1, no traceback."""
    environ.pop("DISPLAY")

    def interrupted(_seconds):
        raise KeyboardInterrupt

    made = local_page.Registration
    monkeypatch.setattr(
        local_page,
        "Registration",
        lambda *arguments, **options: interrupting(made(*arguments, **options), interrupted),
    )
    code, told = run(config)
    assert (code, github.calls) == (1, [])
    assert told.err.splitlines() == [
        "python -m bot_deploy register: no App was registered: you did not return from GitHub"
    ]


def interrupting(registration, interrupted):
    registration.over.wait = interrupted
    return registration


# Where the person sits


def test_over_ssh_the_tunnel_is_said(run, config, browser, github, environ, monkeypatch):
    """No browser is opened on the far machine; the command for the near one is printed."""
    environ["SSH_CONNECTION"] = "192.0.2.7 50000 192.0.2.1 22"
    monkeypatch.setattr(local_page, "_wait", lambda _registration: None)
    out = run(config, "--port", "0")[1].out
    port = re.search(r"http://127.0.0.1:(\d+)/", out)[1]
    assert re.search(rf"ssh -L {port}:127.0.0.1:{port} \S+@192.0.2.1", out)
    assert github.calls == []


def test_another_port_of_ssh_is_said(monkeypatch):
    """The tunnel command has the connection's port."""
    monkeypatch.setattr(local_page.getpass, "getuser", lambda: "me")
    command = local_page.tunnel(4000, {"SSH_CONNECTION": "a 1 host.example 2222"})
    assert command == "ssh -p 2222 -L 4000:127.0.0.1:4000 me@host.example"


@pytest.mark.parametrize(
    ("environ", "platform", "expected"),
    [({}, "linux", False), ({"WAYLAND_DISPLAY": "w"}, "linux", True), ({}, "darwin", True)],
)
def test_a_browser_is_opened_where_there_is_a_screen(environ, platform, expected):
    """A browser opens only on a machine with a screen."""
    assert local_page.has_screen(environ, platform) == expected


def test_a_missing_webhook_secret_is_reported(tmp_path):
    """GitHub's description allows it; the rest is sealed all the same."""
    app = exchange.Registered(
        id=1, slug="s", name="S", owner="o", page="p", client_id="c",
        client_secret="x", webhook_secret="", private_key="k",
    )  # fmt: skip
    lines = list(local_page.next_steps(app, tmp_path, more="", has_key=True))
    assert any("created no webhook secret" in line for line in lines)
    assert "github.webhook_secrets" not in app_secrets._values(app)


def test_people_come_back_to_the_console(tmp_path):
    """The address that the App is registered with is the one that the console listens at."""
    names = ("APP_ID", "PRIVATE_KEY", "WEBHOOK_SECRET", "CLIENT_ID", "CLIENT_SECRET")
    given = {f"GITHUB_{name}": "1" for name in names}
    app = make_app(load(given | {"BOT_DATA": str(tmp_path)}))
    routes = {rule.rule for rule in app.url_map.iter_rules()}
    assert exchange.CONSOLE_CALLBACK in routes


def test_the_manifest_is_json(config, environ):
    """The manifest is JSON with the local return address."""
    settings = exchange.settings(config, environ)
    requested = exchange.request(settings, 4000, "snakes", url=None, name=None)
    assert json.loads(json.dumps(requested.manifest))["redirect_url"].endswith(":4000/registered")
