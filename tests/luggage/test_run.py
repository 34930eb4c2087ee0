"""luggage.run with fake processes; the acceptance tests have real ones."""

import json
import logging
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ncolony import ctllib
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from luggage import run
from luggage.run import child, supervisor
from luggage.run.runtime_dirs import ProcessEntry, fresh_directory, runtime_dirs
from luggage.run.supervisor import Supervisor

# --- command_prefix ---


@pytest.mark.parametrize(
    ("original", "prefix"),
    [
        (["python", "-m", "bot_deploy"], ["/py", "-m", "bot_deploy"]),
        (["python", "-I", "/pex_root/venvs/1/pex"], ["/py", "-I", "/pex_root/venvs/1/pex"]),
        (["python3", "bot.pex"], ["/py", "bot.pex"]),
        (["python", "-W", "error", "-m", "x"], ["/py", "-W", "error", "-m", "x"]),
    ],
)
def test_children_are_started_as_their_parent_was(original: list[str], prefix: list[str]) -> None:
    """A module, a pex and an unpacked pex keep Python's options and drop the arguments."""
    arguments = ["start", "--or-demo"]
    found = run.command_prefix(
        executable="/py", original=[*original, *arguments], arguments=arguments
    )
    assert found == prefix


def test_without_arguments_all_of_it_is_the_prefix() -> None:
    """The whole command line of a program without arguments is its prefix."""
    found = run.command_prefix(executable="/py", original=["python", "bot.pex"], arguments=[])
    assert found == ["/py", "bot.pex"]


# --- runtime_dirs ---


def entry(name: str = "loop") -> ProcessEntry:
    """An entry that inherits a secret."""
    return ProcessEntry(
        name=name, command=["/py", "-m", "bot"], inherit=["SECRET_KEY"], settings={"PARENT": "7"}
    )


def test_an_entry_names_what_it_inherits_and_holds_no_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry's file has the command and the names of variables, but no secret."""
    monkeypatch.setenv("SECRET_KEY", "s3cret")
    with runtime_dirs(tmp_path, [entry()]) as places:
        written = json.loads((Path(places.config) / "loop").read_text())
    assert written == {
        "args": ["/py", "-m", "bot"],
        "env": {"PARENT": "7"},
        "env_inherit": ["SECRET_KEY"],
    }


def test_the_runtime_dirs_are_private(tmp_path: Path) -> None:
    """Other users can neither read the directories nor add an entry."""
    with runtime_dirs(tmp_path, []) as places:
        home = Path(places.config).parent
        modes = {stat.S_IMODE(path.stat().st_mode) for path in (home, *map(Path, places))}
    assert modes == {0o700}


def test_the_runtime_dirs_are_removed_at_the_end(tmp_path: Path) -> None:
    """Nothing is left, and a missing parent directory is created."""
    with runtime_dirs(tmp_path / "data", [entry()]):
        pass
    assert list((tmp_path / "data").iterdir()) == []


def test_the_directories_of_a_killed_supervisor_are_removed(tmp_path: Path) -> None:
    """The next supervisor removes directories without a lock."""
    left = tmp_path / "ncolony-dead" / "config"
    left.mkdir(parents=True)
    with runtime_dirs(tmp_path, []):
        assert not left.exists()


def test_only_directories_of_this_user_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In /tmp others may make directories and links of any name; nothing behind them is touched."""
    others = tmp_path / "others"
    others.mkdir()
    (others / "lock").write_text("precious")
    places = tmp_path / "tmp"
    places.mkdir()
    (places / "demo-link").symlink_to(others)
    (places / "demo-foreign").mkdir()
    with fresh_directory(places, "demo-") as home:
        assert {each.name for each in places.iterdir()} == {"demo-link", home.name}
    (places / "demo-foreign").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with fresh_directory(places, "demo-"):
        assert (places / "demo-foreign").is_dir()
    assert (others / "lock").read_text() == "precious"


def test_two_supervisors_may_share_a_data_directory(tmp_path: Path) -> None:
    """Two supervisors may share a data directory."""
    with runtime_dirs(tmp_path, [entry()]) as first, runtime_dirs(tmp_path, []):
        assert (Path(first.config) / "loop").exists()


def test_a_directory_removed_before_it_was_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another supervisor may remove a directory that is not locked yet."""
    homes = iter([tmp_path / "ncolony-swept", tmp_path / "ncolony-kept"])
    (tmp_path / "ncolony-kept").mkdir()
    monkeypatch.setattr("luggage.run.runtime_dirs.tempfile.mkdtemp", lambda **_: str(next(homes)))
    monkeypatch.setattr("luggage.run.runtime_dirs._sweep", lambda *_: None)
    with runtime_dirs(tmp_path, []) as places:
        assert Path(places.config).parent.name == "ncolony-kept"


# --- first steps of a child ---


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The signals that were sent; none arrives."""
    signals: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: signals.append((pid, number)))
    return signals


def test_a_child_whose_parent_has_ended_ends_at_once(
    sent: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel reports only later deaths, so the child also checks its parent."""
    monkeypatch.setattr(child, "_set_death_signal", lambda: True)
    run.end_with_parent(os.getppid() + 1)
    assert sent == [(os.getpid(), signal.SIGTERM)]


def test_without_prctl_a_thread_watches_the_parent(
    sent: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On other systems a thread sees that the parent changed, and ends the process."""
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(os, "getppid", lambda: 1 if died.is_set() else 7)
    monkeypatch.setattr(child, "_POLL_SECONDS", 0.001)
    died = threading.Event()
    before = set(threading.enumerate())
    run.end_with_parent(7)
    (watch,) = set(threading.enumerate()) - before
    assert sent == []
    died.set()
    watch.join()
    assert sent == [(os.getpid(), signal.SIGTERM)]


def test_the_death_signal_is_set() -> None:
    """On Linux prctl(2) accepts it; the test runs it in another process."""
    script = "from luggage.run import child; raise SystemExit(not child._set_death_signal())"
    done = subprocess.run([sys.executable, "-c", script], check=False)
    assert (done.returncode == 0) == (sys.platform == "linux")


def test_leaving_the_terminal_drops_a_pending_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Ctrl-C that came while SIGINT was blocked does not interrupt the child later."""
    monkeypatch.setattr(os, "setsid", lambda: None)
    before = signal.getsignal(signal.SIGINT)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        signal.raise_signal(signal.SIGINT)
        run.leave_terminal()
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    finally:
        signal.signal(signal.SIGINT, before)


# --- Supervisor ---


class Process:
    """A fake child, which takes signals and ends when the test says so."""

    def __init__(self, reactor: "Reactor", protocol: Any, args: list[str], env: Any) -> None:
        self.reactor, self.protocol, self.args, self.env = reactor, protocol, args, env
        self.pid = 100 + len(reactor.processes)
        self.signals: list[str] = []
        self.written: dict[int, bytes] = {}
        self.closed: list[int] = []

    def writeToChild(self, descriptor: int, data: bytes) -> None:  # noqa: N802 - Twisted's name
        self.written[descriptor] = self.written.get(descriptor, b"") + data

    def closeChildFD(self, descriptor: int) -> None:  # noqa: N802 - Twisted's name
        self.closed.append(descriptor)

    def signalProcess(self, name: str) -> None:  # noqa: N802 - Twisted's name
        self.signals.append(name)

    def exit(self, *, code: int = 0, by: int | None = None, pipes_close: bool = True) -> None:
        """End; a grandchild may keep the pipes open."""
        end = ProcessTerminated(code, by) if code or by else ProcessDone(0)
        self.protocol.processExited(Failure(end))
        if pipes_close:
            self.protocol.processEnded(Failure(end))


class Reactor(Clock):
    """Twisted's reactor, with a clock and processes that the test controls."""

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[Process] = []
        self.masks: list[set[int]] = []
        self.ended = False
        self._hooks: list[Callable[[], Any]] = []
        self._at_shutdown: Callable[[], Any] = lambda: None
        self.script: Callable[[], None] = lambda: None

    def spawnProcess(  # noqa: N802 - Twisted's name
        self, protocol: Any, _executable: str, args: list[str], *, env: Any, **_: Any
    ) -> Process:
        self.masks.append(set(signal.pthread_sigmask(signal.SIG_BLOCK, [])))
        self.processes.append(Process(self, protocol, args, env))
        protocol.makeConnection(self.processes[-1])
        return self.processes[-1]

    def addSystemEventTrigger(self, _phase: str, _event: str, call: Any) -> None:  # noqa: N802
        self._at_shutdown = call

    def callWhenRunning(self, call: Callable[[], Any]) -> None:  # noqa: N802
        self._hooks.append(call)

    def callFromThread(self, call: Callable[[], Any]) -> None:  # noqa: N802
        call()

    def run(self) -> None:
        """Start, and run the test's scenario."""
        for hook in self._hooks:
            hook()
        self.script()

    def stop(self) -> None:
        """Begin the shutdown; `ended` tells when the real reactor would return."""
        assert not self.ended
        self._at_shutdown().addCallback(lambda _: setattr(self, "ended", True))


class Stage:
    """A Supervisor of one process, `loop`, on a Reactor."""

    def __init__(self, places: ctllib.Places, handed_over: dict[str, bytes] | None = None) -> None:
        self.reactor = Reactor()
        self.lines: list[tuple[str, str]] = []
        self.supervisor = Supervisor(
            places,
            relay=lambda *line: self.lines.append(line),
            handed_over=handed_over,
            on_end=lambda: self.lines.append(("", "the end begins")),
            reactor=self.reactor,
        )
        self.supervisor.run()

    @property
    def process(self) -> Process:
        """The newest child."""
        return self.reactor.processes[-1]

    def starts_after(self, seconds: float) -> bool:
        """Return whether the child is restarted after exactly so many seconds."""
        before = len(self.reactor.processes)
        self.reactor.advance(seconds - 0.01)
        early = len(self.reactor.processes) > before
        self.reactor.advance(0.02)
        return not early and len(self.reactor.processes) == before + 1


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A supervisor that has just started its child."""
    monkeypatch.setattr(supervisor.globalLogBeginner, "beginLoggingTo", lambda *_, **__: None)
    monkeypatch.setenv("SECRET_KEY", "s3cret")
    handled = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in handled]
    with runtime_dirs(tmp_path, [entry()]) as places:
        yield Stage(places, {"loop": b"handed-0ver"})
    for number, handler in zip(handled, before, strict=True):
        signal.signal(number, handler)


def test_the_child_gets_its_command_and_what_it_inherits(stage: Stage) -> None:
    """The child is started as its entry says, and ncolony's variable has no secret."""
    assert stage.process.args == ["/py", "-m", "bot"]
    assert stage.process.env["SECRET_KEY"] == "s3cret"
    assert b"s3cret" not in stage.process.env["NCOLONY_CONFIG"]


def test_each_start_of_a_child_is_handed_its_secrets(stage: Stage) -> None:
    """The first start and a restart write the same to a pipe, close it, and name it alone."""
    stage.process.exit(by=signal.SIGKILL)
    stage.reactor.advance(5.0)
    assert len(stage.reactor.processes) == 2
    for process in stage.reactor.processes:
        assert process.env[run.HANDED_OVER] == "3"
        assert (process.written, process.closed) == ({3: b"handed-0ver\0"}, [3])
        assert "handed-0ver" not in str(process.env)


def test_the_child_starts_with_sigint_blocked(stage: Stage) -> None:
    """A Ctrl-C cannot hit a child before it leaves the terminal; our own mask is restored."""
    assert signal.SIGINT in stage.reactor.masks[0]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_a_settled_child_is_restarted_at_once(stage: Stage) -> None:
    """A child that was killed after a while is restarted without a delay."""
    stage.reactor.advance(60)
    stage.process.exit(by=signal.SIGKILL)
    stage.reactor.advance(0)
    assert len(stage.reactor.processes) == 2


def test_a_child_that_cannot_start_is_restarted_with_a_backoff(stage: Stage) -> None:
    """The delay grows from 0.5 s to 5 s and stays there."""
    for seconds in (0.5, 1, 2, 4, 5, 5, 5):
        stage.process.exit(code=1)
        assert stage.starts_after(seconds)


def test_the_restart_does_not_wait_for_grandchildren(stage: Stage) -> None:
    """A worker that outlives its killed master keeps the pipe open without delaying the restart."""
    stage.reactor.advance(60)
    stage.process.exit(by=signal.SIGKILL, pipes_close=False)
    stage.reactor.advance(0)
    assert len(stage.reactor.processes) == 2


def test_lines_come_out_whole_and_named(stage: Stage) -> None:
    """Chunks of stdout and stderr become lines; the last may lack its line end."""
    stage.process.protocol.outReceived(b"one\ntw")
    stage.process.protocol.errReceived(b"error\n")
    stage.process.protocol.outReceived(b"o\nthree \xff")
    stage.process.exit()
    lines = ["one", "error", "two", "three \\xff"]
    assert stage.lines == [("loop", line) for line in lines]


def test_an_endless_line_is_cut(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child without line ends cannot fill our memory."""
    monkeypatch.setattr(supervisor, "_LINE_BYTES", 10)
    for _ in range(4):
        stage.process.protocol.outReceived(b"x" * 6)
    assert stage.lines == [("loop", "x" * 12)] * 2


def test_an_exit_is_logged(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """The log has the child's name, how it ended, and when it is restarted."""
    stage.process.exit(by=signal.SIGKILL)
    assert caplog.messages == ["loop ended (killed by SIGKILL); restarting it in 0.5 s"]


def test_repeated_failures_are_quiet(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """The first failure is a warning, the repetitions are not."""
    for _ in range(3):
        stage.process.exit(code=1)
        stage.reactor.advance(10)
    assert [record.levelno for record in caplog.records if "ended" in record.message] == [
        logging.WARNING
    ]


def test_a_child_that_had_recovered_is_reported_again(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """After a while its next exit is a warning again."""
    for seconds in (0, 60, 0):
        stage.reactor.advance(seconds)
        stage.process.exit(code=1)
        stage.reactor.advance(0.6)
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 3


def test_a_signal_asks_all_to_end_and_waits_for_them(stage: Stage) -> None:
    """The child gets SIGTERM, and the supervisor ends after it."""
    signal.raise_signal(signal.SIGTERM)
    assert stage.process.signals == ["TERM"]
    assert not stage.reactor.ended
    stage.process.exit()
    assert stage.reactor.ended


def test_on_end_is_called_when_the_shutdown_begins(stage: Stage) -> None:
    """It is called once, while the children still run."""
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGTERM)
    assert stage.lines == [("", "the end begins")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_ctrl_c_and_a_hang_up_are_the_same(stage: Stage, number: signal.Signals) -> None:
    """Ctrl-C and closing the terminal work like SIGTERM."""
    signal.raise_signal(number)
    stage.process.exit()
    assert stage.reactor.ended


def test_a_second_ctrl_c_changes_nothing(stage: Stage) -> None:
    """An impatient operator does not turn an orderly shutdown into an error."""
    stage.supervisor.stop()
    stage.supervisor.stop()
    assert stage.process.signals == ["TERM"]


def test_a_child_that_does_not_end_is_killed(stage: Stage) -> None:
    """It gets SIGKILL after KILL_SECONDS."""
    stage.supervisor.stop()
    stage.reactor.advance(run.KILL_SECONDS)
    assert stage.process.signals == ["TERM", "KILL"]


def test_a_requested_exit_is_not_reported(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """A child that we ended is neither reported nor restarted."""
    stage.supervisor.stop()
    stage.process.exit(by=signal.SIGTERM)
    stage.reactor.advance(60)
    assert caplog.messages == []
    assert len(stage.reactor.processes) == 1


def test_a_grandchild_cannot_delay_the_shutdown(stage: Stage) -> None:
    """The wait for a child's last lines is limited."""
    stage.supervisor.stop()
    stage.process.exit(pipes_close=False)
    assert not stage.reactor.ended
    stage.reactor.advance(1)
    assert stage.reactor.ended


def test_a_shutdown_during_a_restart_delay_starts_nothing(stage: Stage) -> None:
    """No child is started after the shutdown has begun."""
    stage.process.exit(code=1)
    stage.supervisor.stop()
    stage.reactor.advance(60)
    assert stage.reactor.ended
    assert len(stage.reactor.processes) == 1


def test_nohup_is_respected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ignored SIGHUP stays ignored."""
    monkeypatch.setattr(supervisor.globalLogBeginner, "beginLoggingTo", lambda *_, **__: None)
    handled = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in handled]
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with runtime_dirs(tmp_path, []) as places:
            Stage(places)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        for number, handler in zip(handled, before, strict=True):
            signal.signal(number, handler)


def test_information_of_twisted_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    """Twisted's INFO lines are not logged."""
    supervisor._observe({"log_level": supervisor.LogLevel.info, "log_format": "x"})
    assert caplog.records == []


def test_an_error_inside_twisted_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A failure in the reactor is logged with its traceback."""
    failure = Failure(ValueError("broken"))
    supervisor._observe({"log_level": supervisor.LogLevel.critical, "log_failure": failure})
    assert caplog.records[0].exc_info is not None
    assert str(caplog.records[0].exc_info[1]) == "broken"
