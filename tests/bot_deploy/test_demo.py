"""The demo, with a stand-in for the bot. With the real bot: acceptance."""

import os
import re
import shlex
import signal
import socket
import threading
import time

import pytest

from bot_deploy import demo
from bot_deploy.config import load
from bot_deploy.config.sources import KNOWN
from bot_deploy.demo import console_link, surroundings
from bot_deploy.demo import script as story
from bot_deploy.demo.scenes import SceneDelivery
from bot_deploy.demo.screen import Screen, is_at_keyboard
from bot_deploy.migrate import migrate
from bot_deploy.wiring.parts import open_database
from luggage.fake_github import Answer, FakeGithub, HttpServer, Outcome
from luggage.jobs import NewJob, Queue
from tests.support import ends
from tests.support.running import ROOT, until


@pytest.fixture(autouse=True)
def own_signals():
    """Signal handlers are as they were after each test."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


class Bot:
    """Answers as the web process does: `ready` and `accepted` are its statuses."""

    def __init__(self):
        self.ready, self.accepted = 200, 202
        self.received = []

    def answer(self, request):
        if request.method == "GET":
            return Outcome(answer=Answer(self.ready))
        self.received.append(request)
        return Outcome(answer=Answer(self.accepted))


@pytest.fixture
def bot():
    """A stand-in for the bot's web process, served."""
    stand_in = Bot()
    with HttpServer(stand_in.answer, clock=time.time) as server:
        stand_in.port = server.port
        yield stand_in


@pytest.fixture
def supervisor(monkeypatch):
    """No processes: `run` blocks until `stop`, or until the test interrupts it."""

    class Supervisor:
        interrupt_at_once = False

        def __init__(self, places, *, relay, handed_over, on_end):
            assert handed_over.keys() == {"gunicorn", "loop"}
            self.on_end = on_end
            self.stopped = threading.Event()
            relay("loop", "hello")

        def run(self):
            if not self.interrupt_at_once:
                self.stopped.wait()
            self.on_end()

        def stop(self):
            self.stopped.set()

    monkeypatch.setattr("luggage.run.supervisor.Supervisor", Supervisor)
    monkeypatch.setattr(story, "configure_logging", lambda *_, **__: None)
    monkeypatch.setattr(demo, "hide_memory", lambda: None)
    return Supervisor


@pytest.fixture
def play(bot, supervisor, tmp_path, monkeypatch):
    """Play the demo with these words; returns its exit code."""
    monkeypatch.setattr(story, "_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(surroundings.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(surroundings, "free_port", lambda _host, wanted: wanted)
    monkeypatch.setattr(story, "free_port", lambda *_: 0)
    environ = {"BOT_DATA": "/real", "PORT": str(bot.port), "GITHUB_APP_ID": "real"}
    monkeypatch.setattr(os, "environ", environ)
    return lambda *words: demo.main(["demo", "--every", "0", "--seed", "1", *words])


def test_it_ends_by_itself_after_so_many_deliveries(play, bot, capsys):
    """The deliveries reach the bot, signed; each is told; the exit code is 0."""
    assert play("--deliveries", "5") == 0
    assert len(bot.received) == 5
    assert all("x-hub-signature-256" in request.headers for request in bot.received)
    told = capsys.readouterr().out
    assert len([line for line in told.splitlines() if line.startswith("→")]) == 5
    assert f"http://127.0.0.1:{bot.port}/" in told
    assert "Stopped: 5 deliveries, 0 people invited, 0 comments" in told


def test_nothing_is_left(play, tmp_path):
    """Its files, also those of a demo that was killed, are gone at the end; others stay."""
    (tmp_path / "portmanteau-demo-killed").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "portmanteau-demo-link").symlink_to(tmp_path / "elsewhere")
    play("--deliveries", "1")
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "elsewhere",
        "portmanteau-demo-link",
    ]


def test_an_interrupted_demo_is_a_success(play, supervisor):
    """A Ctrl-C is how a demo ends: exit code 0."""
    supervisor.interrupt_at_once = True
    assert play() == 0


def test_a_bot_that_never_gets_ready_is_a_failure(play, bot, monkeypatch, capsys):
    """A timeout of /readyz shows the end of the log and ends with exit code 1."""
    monkeypatch.setattr(story, "_TIMEOUT_SECONDS", 0.01)
    bot.ready = 503
    assert play() == 1
    shown = capsys.readouterr().out
    assert "not ready" in shown
    assert "loop: hello" in shown


def test_a_refused_delivery_is_shown(play, bot, capsys):
    """A refused delivery is printed with its status."""
    bot.accepted = 503
    play("--deliveries", "1")
    assert "! the bot refused this delivery: status 503" in capsys.readouterr().out


def test_without_a_seed_one_is_chosen_and_shown(play, capsys, monkeypatch):
    """Without --seed the demo chooses a seed and prints it."""
    monkeypatch.setattr(demo.secrets, "randbelow", lambda _: 4711)
    assert demo.main(["demo", "--every", "0", "--deliveries", "1"]) == 0
    assert "seed 4711" in capsys.readouterr().out


@pytest.fixture
def script(bot, tmp_path, monkeypatch):
    """A script whose bot has a database of its own."""
    monkeypatch.setattr(story, "_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(story, "_TIMEOUT_SECONDS", 0.02)
    config = load({"BOT_DATA": str(tmp_path), "PORT": str(bot.port)})
    migrate(config)
    screen = Screen(80, has_colour=False)
    return story.Script(FakeGithub(), config, screen, seed=1, every_seconds=0, command="bot")


@pytest.fixture
def queue(script):
    """The queue of that bot."""
    engine = open_database(script._config)
    yield Queue(engine, clock=time.time)
    engine.dispose()


def put(queue):
    queue.put(NewJob(queue="delivery", key="1", body=b"{}", run_at=0.0))


def test_unfinished_work_is_a_failure(script, queue, capsys):
    """Unfinished deliveries end with exit code 1."""
    put(queue)
    assert not script._is_finished()
    assert "has not finished" in capsys.readouterr().out


def test_dead_work_is_a_failure(script, queue, capsys):
    """A dead job is printed and ends with exit code 1."""
    put(queue)
    (job,) = queue.claim(["delivery"], worker="w", lease_seconds=9)
    ends.bury(queue, job, "broken")
    assert not script._is_finished()
    assert "! 1 job failed for good" in capsys.readouterr().out


def test_an_unreachable_bot_is_not_ready(script):
    """A bot that refuses connections is not ready."""
    script._address = "http://127.0.0.1:9"
    assert not script._is_ready()


def test_an_end_between_two_deliveries_is_not_a_failure(script):
    """A Ctrl-C between two deliveries ends with exit code 0."""
    script._over.set()
    assert script._show(None)


def test_an_end_before_the_bot_is_ready_is_not_a_failure(script, bot, capsys):
    """A Ctrl-C during the start ends with exit code 0 and no error."""
    bot.ready = 503
    script._over.set()
    assert script._show(None)
    assert capsys.readouterr().out == ""


def test_a_redelivery_is_reported(script, bot, capsys):
    """The demo prints each redelivery."""
    event = script._github.star("a/b", "tamiko")
    script._send(SceneDelivery(event, "guid-1", repeated=True))
    assert bot.received[0].headers["x-github-delivery"] == "guid-1"
    assert "the same delivery again" in capsys.readouterr().out


DOCUMENTED = sorted(
    {
        *re.findall(r"`([A-Z][A-Z0-9_]+)`", (ROOT / "docs/reference.md").read_text()),
        *(name for setting in KNOWN.values() for name in setting.variables),
        "HTTP_PROXY",
        "https_proxy",
        "PGHOST",
        "GUNICORN_CMD_ARGS",
        "WEB_CONCURRENCY",
    }
    - {"NO_COLOR"}
)


def test_no_setting_reaches_the_demo(tmp_path):
    """Whatever a documented variable holds, the demo's settings are the same."""
    assert {"PORT", "BOT_CONFIG", "BOT_RECEIVE", "REQUESTS_CA_BUNDLE"} <= {*DOCUMENTED}
    github = FakeGithub()
    machine = {"PATH": "/bin", "LC_ALL": "C", "PEX_ROOT": "/pex", "TMPDIR": "/tmp"}

    def of(environ):
        found = surroundings.environment(
            environ, github, directory=tmp_path, host=surroundings.LOCAL
        )
        return {name: value for name, value in found.items() if name != "PORT"}

    broken = dict.fromkeys(DOCUMENTED, "/no \N{SNOWMAN} such thing")
    assert of(broken | machine) == of(machine)
    assert machine.items() <= of(machine).items()


def test_the_bot_is_configured_for_the_simulated_github(tmp_path, monkeypatch):
    """The bot's environment has the simulated App, its address, and an empty config.toml."""
    monkeypatch.setattr(surroundings.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(surroundings, "free_port", lambda _host, wanted: wanted)
    github = FakeGithub()
    github.world.api_url = github.world.server_url = "http://127.0.0.1:1"
    with surroundings.home() as home:
        found = surroundings.environment(
            {"PORT": "18000"}, github, directory=home, host=surroundings.LOCAL
        )
        config = load(found)
        assert load({"BOT_CONFIG": found["BOT_CONFIG"]}).app is None
    assert config.api_url == config.server_url == "http://127.0.0.1:1"
    assert config.data == home
    assert config.port == 18000
    assert config.needed_app().webhook_secrets() == (github.webhook_secret,)


@pytest.mark.parametrize("port", ["", "0", "x", "70000", "٣", "9" * 5000])
def test_a_port_that_is_none_is_not_used(port):
    """With an invalid PORT the demo wants the usual one."""
    assert surroundings._wanted(port) == 8000


def test_the_way_out_leads_to_the_demos_database(tmp_path):
    """The command for other terminals names the demo's directory, not the operator's database."""
    command = surroundings.command(tmp_path, {"DATABASE_URL": "postgresql://real"})
    settings = dict(
        word.split("=") for word in shlex.split(command.replace("\\\n", " ")) if "=" in word
    )
    assert settings == {
        "BOT_CONFIG": f"{tmp_path}/config.toml",
        "BOT_DATA": str(tmp_path),
        "DATABASE_URL": "",
    }
    (tmp_path / "config.toml").touch()
    assert load(settings).database_url == surroundings.database_in(tmp_path)


def test_in_a_container_it_listens_for_the_outside(tmp_path, monkeypatch):
    """In a container the port is published, so the demo listens on all addresses."""
    monkeypatch.setattr(surroundings, "_OF_A_CONTAINER", (tmp_path / "none",))
    assert surroundings.default_host() == "127.0.0.1"
    monkeypatch.setattr(surroundings, "_OF_A_CONTAINER", (tmp_path / "none", tmp_path))
    assert surroundings.default_host() == "0.0.0.0"


def test_a_taken_port_is_not_used():
    """If the usual port is taken, the demo uses another one."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        assert surroundings.free_port("127.0.0.1", taken) not in {taken, 0}


def test_the_usual_port_is_used_when_it_is_free():
    """The demo prefers the usual port."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        free = other.getsockname()[1]
    assert surroundings.free_port("127.0.0.1", free) == free


def test_without_any_port_it_says_so():
    """Without a free port the demo raises OSError."""
    with pytest.raises(OSError, match="no free port"):
        surroundings.free_port("192.0.2.1", 8000)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("tamiko stars a/b", "→ tamiko stars a/b\n"),
        ("portmanteau[bot] reacts with heart", "    ← the bot reacts with heart\n"),
        (
            "portmanteau[bot] comments on a/b#1: <!-- x:1 --> pong!",
            "    ← the bot comments on a/b#1: pong!\n      http://fake/a/b/issues/1\n",
        ),
        (
            "tamiko comments on a/b#1: one\n\n* two",
            "→ tamiko comments on a/b#1:\n  │ one\n  │\n  │ * two\n",
        ),
        ("tamiko says \x1b[2J", "→ tamiko says \\x1b[2J\n"),
    ],
)
def test_a_line_says_who_does_what(line, shown, capsys):
    """A line has an arrow, no marker, and no control characters."""
    Screen(80, has_colour=False, github="http://fake").tell(line)
    assert capsys.readouterr().out == shown


def test_a_long_text_is_shown_whole(capsys):
    """A long text is wrapped, not cut."""
    Screen(40, has_colour=False).tell("portmanteau[bot] comments on a/b#1: " + "word " * 100)
    shown = capsys.readouterr().out
    assert shown.count("word") == 100
    assert max(map(len, shown.splitlines())) <= 40


@pytest.mark.parametrize(
    ("at_terminal", "environ", "has_colour"),
    [
        (True, {"TERM": "xterm"}, True),
        (True, {"TERM": "xterm", "NO_COLOR": ""}, True),
        (True, {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (True, {"TERM": "dumb"}, False),
        (True, {}, False),
        (False, {"TERM": "xterm"}, False),
    ],
)
def test_colour_is_for_terminals_that_have_it(
    at_terminal, environ, has_colour, monkeypatch, capsys
):
    """There are escape sequences only at a terminal, and where NO_COLOR is unset or empty."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: at_terminal)
    screen = Screen.of(environ)
    screen.title("The demo")
    screen.problem("none")
    screen.hint("Look", "http://x")
    assert ("\x1b" in capsys.readouterr().out) is has_colour


def test_a_closed_stdout_does_not_end_the_demo(monkeypatch):
    """A closed stdout does not end the demo."""

    def closed(*_, **__):
        raise BrokenPipeError

    monkeypatch.setattr("builtins.print", closed)
    Screen(80, has_colour=False).say("hello")


@pytest.fixture
def links(monkeypatch):
    """The links that were printed, and the event that ends them."""
    over, made = threading.Event(), []
    screen = Screen(80, has_colour=False)
    monkeypatch.setattr(console_link, "_PAUSE_SECONDS", 0.01)
    printer = console_link.ConsoleLinks(lambda: made.append("link") or "link", screen, over)

    def start():
        threads.append(printer.start())
        return made

    threads = []
    yield start
    over.set()
    for thread in threads:
        thread.join()


@pytest.fixture
def keyboard(monkeypatch):
    """A terminal as stdin; returns the descriptor to type at."""
    typist, terminal = os.openpty()
    before = os.dup(0)
    os.dup2(terminal, 0)
    monkeypatch.setattr(console_link, "is_at_keyboard", lambda: True)
    yield typist
    os.dup2(before, 0)
    for each in (typist, terminal, before):
        os.close(each)


def test_enter_prints_a_new_link(keyboard, links, capsys):
    """Each press of Enter prints a link; nothing else does."""
    made = links()
    assert len(made) == 1
    os.write(keyboard, b"\n")
    until(lambda: len(made) == 2, "a new link")
    assert "press Enter" in capsys.readouterr().out


def test_without_a_keyboard_the_next_link_comes_in_time(links, monkeypatch, capsys):
    """Where nobody types, a link is printed before the last one expires."""
    monkeypatch.setattr(console_link, "is_at_keyboard", lambda: False)
    assert console_link._MARGIN_SECONDS < console_link.LINK_SECONDS
    monkeypatch.setattr(console_link, "_MARGIN_SECONDS", console_link.LINK_SECONDS)
    made = links()
    until(lambda: len(made) >= 3, "further links")
    assert "follows in time" in capsys.readouterr().out


def test_a_closed_keyboard_is_not_asked_again(keyboard, links, monkeypatch):
    """After Ctrl-D the links come in time, as where nobody types."""
    monkeypatch.setattr(console_link, "_MARGIN_SECONDS", console_link.LINK_SECONDS)
    made = links()
    assert len(made) == 1
    os.write(keyboard, b"\x04")
    until(lambda: len(made) >= 3, "further links")


def test_a_terminal_of_others_is_not_read(keyboard):
    """A process in the background leaves the terminal alone: reading would stop it."""
    assert not is_at_keyboard()
