"""Processes: the command, the places, the supervisor's decisions. With real ones: acceptance."""

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
    """As a module, as a pex or as what a pex unpacked; Python's options stay, arguments go."""
    arguments = ["start", "--or-demo"]
    found = run.command_prefix(
        executable="/py", original=[*original, *arguments], arguments=arguments
    )
    assert found == prefix


def test_without_arguments_all_of_it_is_the_prefix() -> None:
    """A program that was started with nothing but its name."""
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
    """An entry's file has the command, the names of the variables, and no secret."""
    monkeypatch.setenv("SECRET_KEY", "s3cret")
    with runtime_dirs(tmp_path, [entry()]) as places:
        written = json.loads((Path(places.config) / "loop").read_text())
    assert written == {
        "args": ["/py", "-m", "bot"],
        "env": {"PARENT": "7"},
        "env_inherit": ["SECRET_KEY"],
    }


def test_the_places_are_private(tmp_path: Path) -> None:
    """Nobody else can look into the directories, or put an entry there."""
    with runtime_dirs(tmp_path, []) as places:
        home = Path(places.config).parent
        modes = {stat.S_IMODE(path.stat().st_mode) for path in (home, *map(Path, places))}
    assert modes == {0o700}


def test_the_places_are_gone_at_the_end(tmp_path: Path) -> None:
    """Nothing is left behind, and the directory above is made if need be."""
    with runtime_dirs(tmp_path / "data", [entry()]):
        pass
    assert list((tmp_path / "data").iterdir()) == []


def test_what_a_killed_supervisor_left_is_swept(tmp_path: Path) -> None:
    """Places that nobody holds any more are removed by the next supervisor."""
    left = tmp_path / "ncolony-dead" / "config"
    left.mkdir(parents=True)
    with runtime_dirs(tmp_path, []):
        assert not left.exists()


def test_a_directory_may_be_kept_until_the_next(tmp_path: Path) -> None:
    """What is kept can be read after the end; the next one of its name takes its place."""
    with fresh_directory(tmp_path, "demo-", keep=True) as first:
        (first / "log.txt").touch()
    assert (first / "log.txt").exists()
    with fresh_directory(tmp_path, "demo-", keep=True) as second:
        assert list(tmp_path.iterdir()) == [second]


def test_what_another_supervisor_holds_is_left_alone(tmp_path: Path) -> None:
    """Two supervisors may share a data directory."""
    with runtime_dirs(tmp_path, [entry()]) as first, runtime_dirs(tmp_path, []):
        assert (Path(first.config) / "loop").exists()


def test_a_home_swept_before_it_was_locked_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When another supervisor sweeps a directory that is not locked yet, one more is made."""
    homes = iter([tmp_path / "ncolony-swept", tmp_path / "ncolony-kept"])
    (tmp_path / "ncolony-kept").mkdir()
    monkeypatch.setattr("luggage.run.runtime_dirs.tempfile.mkdtemp", lambda **_: str(next(homes)))
    monkeypatch.setattr("luggage.run.runtime_dirs._sweep", lambda *_: None)
    with runtime_dirs(tmp_path, []) as places:
        assert Path(places.config).parent.name == "ncolony-kept"


# --- what a child does first ---


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Signals that were sent, none of which arrives."""
    signals: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: signals.append((pid, number)))
    return signals


def test_one_whose_parent_is_gone_already_ends_at_once(
    sent: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel tells of a death only after it was asked; an earlier one is seen by looking."""
    monkeypatch.setattr(child, "_set_death_signal", lambda: True)
    run.end_with_parent(os.getppid() + 1)
    assert sent == [(os.getpid(), signal.SIGTERM)]


def test_without_prctl_a_thread_looks_for_the_parent(
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


def test_the_kernel_is_asked() -> None:
    """On Linux prctl(2) takes the request; another process asks, so that ours is left alone."""
    script = "from luggage.run import child; raise SystemExit(not child._set_death_signal())"
    done = subprocess.run([sys.executable, "-c", script], check=False)
    assert (done.returncode == 0) == (sys.platform == "linux")


def test_leaving_the_terminal_drops_a_ctrl_c_that_waited(monkeypatch: pytest.MonkeyPatch) -> None:
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
    """A child on paper: takes signals, and ends when the test says so."""

    def __init__(self, reactor: "Reactor", protocol: Any, args: list[str], env: Any) -> None:
        self.reactor, self.protocol, self.args, self.env = reactor, protocol, args, env
        self.pid = 100 + len(reactor.processes)
        self.signals: list[str] = []

    def signalProcess(self, name: str) -> None:  # noqa: N802 - Twisted's name
        self.signals.append(name)

    def exit(self, *, code: int = 0, by: int | None = None, pipes_close: bool = True) -> None:
        """End; the pipes stay open when a grandchild holds them."""
        end = ProcessTerminated(code, by) if code or by else ProcessDone(0)
        self.protocol.processExited(Failure(end))
        if pipes_close:
            self.protocol.processEnded(Failure(end))


class Reactor(Clock):
    """Twisted's reactor, with the time and the processes in the test's hands."""

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
        """Begin, and do what the test has in mind."""
        for hook in self._hooks:
            hook()
        self.script()

    def stop(self) -> None:
        """Begin the shutdown; `ended` tells when the real reactor would have returned."""
        assert not self.ended
        self._at_shutdown().addCallback(lambda _: setattr(self, "ended", True))


class Stage:
    """A Supervisor of one process, `loop`, on a Reactor."""

    def __init__(self, places: ctllib.Places) -> None:
        self.reactor = Reactor()
        self.lines: list[tuple[str, str]] = []
        self.supervisor = Supervisor(
            places,
            relay=lambda *line: self.lines.append(line),
            on_end=lambda: self.lines.append(("", "the end begins")),
            reactor=self.reactor,
        )
        self.supervisor.run()

    @property
    def process(self) -> Process:
        """The newest child."""
        return self.reactor.processes[-1]

    def starts_after(self, seconds: float) -> bool:
        """Whether the child is started again after so long, and not a moment earlier."""
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
        yield Stage(places)
    for number, handler in zip(handled, before, strict=True):
        signal.signal(number, handler)


def test_the_child_gets_its_command_and_what_it_inherits(stage: Stage) -> None:
    """The child is started as its entry says; ncolony's own variable holds no secret."""
    assert stage.process.args == ["/py", "-m", "bot"]
    assert stage.process.env["SECRET_KEY"] == "s3cret"
    assert b"s3cret" not in stage.process.env["NCOLONY_CONFIG"]


def test_the_child_is_born_with_sigint_blocked(stage: Stage) -> None:
    """A Ctrl-C cannot hit a child before it has left the terminal; our own mask is put back."""
    assert signal.SIGINT in stage.reactor.masks[0]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_a_child_that_had_settled_is_started_again_at_once(stage: Stage) -> None:
    """One killed after a while is back without a wait."""
    stage.reactor.advance(60)
    stage.process.exit(by=signal.SIGKILL)
    stage.reactor.advance(0)
    assert len(stage.reactor.processes) == 2


def test_a_child_that_cannot_start_waits_longer_each_time_but_never_long(stage: Stage) -> None:
    """Restarts are backed off from 0.5 s to 5 s and stay there for ever."""
    for seconds in (0.5, 1, 2, 4, 5, 5, 5):
        stage.process.exit(code=1)
        assert stage.starts_after(seconds)


def test_the_restart_does_not_wait_for_grandchildren(stage: Stage) -> None:
    """A worker that outlives its killed master holds the pipe open, not the restart up."""
    stage.reactor.advance(60)
    stage.process.exit(by=signal.SIGKILL, pipes_close=False)
    stage.reactor.advance(0)
    assert len(stage.reactor.processes) == 2


def test_lines_come_out_whole_and_named(stage: Stage) -> None:
    """Bytes of stdout and stderr become lines, however they were cut; the last may lack its end."""
    stage.process.protocol.outReceived(b"one\ntw")
    stage.process.protocol.errReceived(b"error\n")
    stage.process.protocol.outReceived(b"o\nthree \xff")
    stage.process.exit()
    lines = ["one", "error", "two", "three \\xff"]
    assert stage.lines == [("loop", line) for line in lines]


def test_an_endless_line_is_cut(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that never ends its line cannot fill our memory."""
    monkeypatch.setattr(supervisor, "_LINE_BYTES", 10)
    for _ in range(4):
        stage.process.protocol.outReceived(b"x" * 6)
    assert stage.lines == [("loop", "x" * 12)] * 2


def test_an_end_is_reported(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """The log says which child ended, how, and when it will be back."""
    stage.process.exit(by=signal.SIGKILL)
    assert caplog.messages == ["loop ended (killed by SIGKILL); restarting it in 0.5 s"]


def test_the_tries_of_one_that_cannot_start_are_quiet(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """The first failure is a warning, the repetitions are not."""
    for _ in range(3):
        stage.process.exit(code=1)
        stage.reactor.advance(10)
    assert [record.levelno for record in caplog.records if "ended" in record.message] == [
        logging.WARNING
    ]


def test_one_that_had_recovered_is_reported_again(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """After a good while, the next end is news."""
    for seconds in (0, 60, 0):
        stage.reactor.advance(seconds)
        stage.process.exit(code=1)
        stage.reactor.advance(0.6)
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 3


def test_a_signal_asks_all_to_end_and_waits_for_them(stage: Stage) -> None:
    """SIGTERM is handed to the child; the supervisor is over when the child is."""
    signal.raise_signal(signal.SIGTERM)
    assert stage.process.signals == ["TERM"]
    assert not stage.reactor.ended
    stage.process.exit()
    assert stage.reactor.ended


def test_it_is_told_when_the_end_begins(stage: Stage) -> None:
    """Whoever works beside the children learns of the end before they are gone, and once."""
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGTERM)
    assert stage.lines == [("", "the end begins")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_ctrl_c_and_a_hang_up_are_the_same(stage: Stage, number: signal.Signals) -> None:
    """Ctrl-C, or closing the terminal, ends as SIGTERM does."""
    signal.raise_signal(number)
    stage.process.exit()
    assert stage.reactor.ended


def test_a_second_ctrl_c_changes_nothing(stage: Stage) -> None:
    """An impatient operator does not turn an orderly end into an error."""
    stage.supervisor.stop()
    stage.supervisor.stop()
    assert stage.process.signals == ["TERM"]


def test_one_that_does_not_end_is_killed(stage: Stage) -> None:
    """After KILL_SECONDS there is no more asking."""
    stage.supervisor.stop()
    stage.reactor.advance(run.KILL_SECONDS)
    assert stage.process.signals == ["TERM", "KILL"]


def test_an_end_on_request_is_no_news(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """What we ended ourselves is neither reported nor started again."""
    stage.supervisor.stop()
    stage.process.exit(by=signal.SIGTERM)
    stage.reactor.advance(60)
    assert caplog.messages == []
    assert len(stage.reactor.processes) == 1


def test_a_grandchild_cannot_hold_up_the_end(stage: Stage) -> None:
    """When the child is gone, its last lines are waited for, but not for ever."""
    stage.supervisor.stop()
    stage.process.exit(pipes_close=False)
    assert not stage.reactor.ended
    stage.reactor.advance(1)
    assert stage.reactor.ended


def test_an_end_between_two_starts_is_an_end(stage: Stage) -> None:
    """Told to end while a child waits for its restart, nothing is started any more."""
    stage.process.exit(code=1)
    stage.supervisor.stop()
    stage.reactor.advance(60)
    assert stage.reactor.ended
    assert len(stage.reactor.processes) == 1


def test_nohup_is_respected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where SIGHUP is ignored, it stays ignored."""
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


def test_what_twisted_only_tells_itself_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    """Twisted's information is not ours to show."""
    supervisor._observe({"log_level": supervisor.LogLevel.info, "log_format": "x"})
    assert caplog.records == []


def test_an_error_inside_twisted_shows_itself(caplog: pytest.LogCaptureFixture) -> None:
    """A failure in the reactor is logged, with its traceback."""
    failure = Failure(ValueError("broken"))
    supervisor._observe({"log_level": supervisor.LogLevel.critical, "log_failure": failure})
    assert caplog.records[0].exc_info is not None
    assert str(caplog.records[0].exc_info[1]) == "broken"
