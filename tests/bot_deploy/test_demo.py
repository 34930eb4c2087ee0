"""The demo, with a stand-in for the bot. With the real bot: acceptance."""

import os
import signal
import socket
import threading
import time

import pytest

from bot_deploy import demo
from bot_deploy.config import load
from bot_deploy.demo import script as story
from bot_deploy.demo.scenes import SceneDelivery
from bot_deploy.migrate import migrate
from bot_deploy.wiring.parts import open_database
from luggage.fake_github import Answer, FakeGithub, HttpServer, Outcome
from luggage.jobs import NewJob, Queue
from tests.support import ends


@pytest.fixture(autouse=True)
def own_signals():
    """Signal handlers are as they were after each test."""
    numbers = (signal.SIGINT, signal.SIGTERM)
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
    return Supervisor


@pytest.fixture
def play(bot, supervisor, tmp_path, monkeypatch):
    """Play the demo with these words; returns its exit code."""
    monkeypatch.setattr(story, "_PAUSE_SECONDS", 0.001)
    environ = {"BOT_DATA": str(tmp_path), "PORT": str(bot.port), "GITHUB_APP_ID": "real"}
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


def test_the_log_is_kept(play, tmp_path):
    """What the processes say is in a file, which can be read after the end."""
    play("--deliveries", "1")
    (log,) = tmp_path.glob("demo-*/log.txt")
    assert log.read_text() == "loop: hello\n"


def test_an_interrupted_demo_is_a_success(play, supervisor):
    """A Ctrl-C is how a demo ends: exit code 0."""
    supervisor.interrupt_at_once = True
    assert play() == 0


def test_a_bot_that_never_gets_ready_is_a_failure(play, bot, monkeypatch, capsys):
    """A timeout of /readyz names the log and ends with exit code 1."""
    monkeypatch.setattr(story, "_TIMEOUT_SECONDS", 0.01)
    bot.ready = 503
    assert play() == 1
    assert "not ready" in capsys.readouterr().out


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
    return story.Script(FakeGithub(), config, seed=1, every_seconds=0)


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


def test_nothing_of_a_real_bot_reaches_the_demo():
    """The demo drops a real bot's variables and keeps the machine's."""
    environ = {
        "DATABASE_URL": "postgresql://real",
        "GITHUB_PRIVATE_KEY_FILE": "/real.pem",
        "SECRET_KEY": "real",
        "SENTRY_DSN": "real",
        "LOG_FORMAT": "json",
        "BOT_RECEIVE": "poll",
        "BOT_DATA": "/data",
        "PATH": "/bin",
    }
    assert story.surroundings(environ) == {"BOT_DATA": "/data", "PATH": "/bin"}


def test_the_bot_is_configured_for_the_simulated_github(tmp_path):
    """The bot's environment has the simulated App, its address, and a new data directory."""
    github = FakeGithub()
    found = story.environment(
        {"PORT": "18000"}, github, api_url="http://127.0.0.1:1", home=tmp_path
    )
    config = load(found)
    assert config.api_url == "http://127.0.0.1:1"
    assert config.data == tmp_path
    assert config.port == 18000
    assert config.needed_app().webhook_secrets() == (github.webhook_secret,)


def test_a_taken_port_is_not_used():
    """If the usual port is taken, the demo uses another one."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        assert story.free_port(taken) not in {taken, 0}


def test_the_usual_port_is_used_when_it_is_free():
    """The demo prefers the usual port."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        free = other.getsockname()[1]
    assert story.free_port(free) == free


def test_without_any_port_it_says_so(monkeypatch):
    """Without a free port the demo raises OSError."""
    monkeypatch.setattr(story, "_HOST", "192.0.2.1")
    with pytest.raises(OSError, match="no free port"):
        story.free_port(8000)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("tamiko stars a/b", "→ tamiko stars a/b\n"),
        ("portmanteau[bot] reacts with heart", "    ← the bot reacts with heart\n"),
        ("portmanteau[bot] comments: <!-- x:1 --> pong!", "    ← the bot comments: pong!\n"),
        ("tamiko says \x1b[2J", "→ tamiko says \\x1b[2J\n"),
    ],
)
def test_a_line_says_who_does_what(line, shown, capsys):
    """A line has an arrow, no marker, and no control characters."""
    story.tell(line)
    assert capsys.readouterr().out == shown


def test_a_long_line_is_cut(capsys):
    """A long line is shortened."""
    story.tell("portmanteau[bot] comments: " + "word " * 100)
    assert len(capsys.readouterr().out) < 120


def test_a_closed_stdout_does_not_end_the_demo(monkeypatch):
    """A closed stdout does not end the demo."""

    def closed(*_, **__):
        raise BrokenPipeError

    monkeypatch.setattr("builtins.print", closed)
    story.say("hello")
