"""Supervisor: runs ncolony in this process, restarts children and ends them all on a signal.

A small reactor between ncolony and Twisted makes up for gaps of Twisted's process monitor. The
monitor does not report exits, loses a child's output after a line of more than 16 kB, delays a
restart until grandchildren close the pipes (gunicorn's workers outlive a killed master), and does
not wait for its children when it stops.
"""

import logging
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ncolony import ctllib, service
from twisted.internet import reactor as _the_reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorProcess, IReactorTime
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import LogEvent, LogLevel, globalLogBeginner
from twisted.python.failure import Failure
from zope.interface import implementer  # type: ignore[import-untyped]

from luggage.run.secrets import HANDED_OVER, packed
from luggage.run.shutdown_timeout import KILL_SECONDS

_log = logging.getLogger(__name__)

# How often ncolony reads its directories, which normally do not change.
_POLL_SECONDS = 2.0
# A child that lived for this long is restarted at once. Others wait for the minimum delay, doubled
# each time up to the maximum: short enough for a killed child, long enough to save the processor
# when a child cannot start.
_SETTLED_SECONDS = 5.0
_MIN_DELAY_SECONDS = 0.5
_MAX_DELAY_SECONDS = 5.0
# Longer lines are split, so that a child without line ends cannot fill our memory.
_LINE_BYTES = 1 << 20
# A child's last lines are still in the pipe when it exits. A grandchild may keep the pipe open.
_DRAIN_SECONDS = 0.5
# A child's descriptors, as Twisted names them: it reads from "w", and writes to "r".
_STANDARD = {0: "w", 1: "r", 2: "r"}
_PIPE = 3

Relay = Callable[[str, str], None]


class Supervisor:
    """Keeps the processes of an ncolony configuration alive, from `run` until a signal or `stop`.

    `relay(name, line)` is called for each line that a child writes to stdout or stderr; it must not
    raise. Each start of a child named in `handed_over` gets these bytes over a pipe, for
    `luggage.run.receive`. `on_end` is called when the shutdown begins. Make only one in a process:
    a Twisted reactor cannot run twice.
    """

    def __init__(
        self,
        places: ctllib.Places,
        *,
        relay: Relay,
        handed_over: Mapping[str, bytes] | None = None,
        on_end: Callable[[], None] = lambda: None,
        reactor: Any = _the_reactor,
    ) -> None:
        self._reactor = reactor
        self._stopping = False
        self._on_end = on_end
        self._children = _Children(reactor, relay, handed_over or {})
        self._service = service.get(
            places.config, places.messages, _POLL_SECONDS, reactor=self._children
        )
        monitor = self._service.getServiceNamed("procmon")
        monitor.threshold = _SETTLED_SECONDS
        monitor.minRestartDelay = _MIN_DELAY_SECONDS
        monitor.maxRestartDelay = _MAX_DELAY_SECONDS
        monitor.killTime = KILL_SECONDS
        self._children.monitor = monitor

    def run(self) -> None:
        """Block until SIGTERM, SIGINT, SIGHUP or `stop`, and then until all children have ended.

        Call it in the main thread, because it sets signal handlers.
        """
        globalLogBeginner.beginLoggingTo([_observe], redirectStandardIO=False)  # type: ignore[list-item]
        self._reactor.addSystemEventTrigger("before", "shutdown", self._end)
        self._reactor.callWhenRunning(self._begin)
        self._reactor.run()

    def stop(self) -> None:
        """End all children and let `run` return; safe from any thread, and to repeat."""
        self._reactor.callFromThread(self._stop)

    def _begin(self) -> None:
        # Set after Twisted's handlers, which raise an error at a second Ctrl-C.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores SIGHUP
                signal.signal(number, lambda *_: self.stop())
        self._service.startService()

    def _stop(self) -> None:
        if not self._stopping:
            self._stopping = True
            self._on_end()
            self._reactor.stop()

    def _end(self) -> Deferred[None]:
        ended = self._children.all_ended()
        self._service.stopService()
        return ended


@implementer(IReactorProcess, IReactorTime)
class _Children:
    """The reactor that ncolony's process monitor uses: spawns children and tracks which live."""

    def __init__(self, reactor: Any, relay: Relay, handed_over: Mapping[str, bytes]) -> None:
        self._reactor = reactor
        self._relay = relay
        self._handed_over = handed_over
        self._alive: set[_Child] = set()
        self._ended: Deferred[None] | None = None
        self._failing: set[str] = set()
        self.monitor: Any = None
        self.seconds = reactor.seconds
        self.callLater = reactor.callLater
        self.getDelayedCalls = reactor.getDelayedCalls

    def spawnProcess(  # noqa: N802  Twisted's name
        self, protocol: Any, executable: str, args: Sequence[str], **how: Any
    ) -> Any:
        """Start a child, see `IReactorProcess`; its lines go to the relay."""
        secret = self._handed_over.get(protocol.name)
        if secret is not None:
            how["childFDs"] = {**_STANDARD, _PIPE: "w"}
            how["env"] = {**how["env"], HANDED_OVER: str(_PIPE)}
        child = _Child(protocol, self._relay, self, secret)
        with _sigint_blocked():
            transport = self._reactor.spawnProcess(child, executable, args, **how)
        self._alive.add(child)
        _log.debug("%s started, process %s", protocol.name, transport.pid)
        return transport

    def all_ended(self) -> Deferred[None]:
        """Return a Deferred that fires when all children have ended; stop reporting exits."""
        self._ended = Deferred()
        self._fire()
        return self._ended

    def on_exit(self, child: "_Child", how: str) -> None:
        """Report the exit, and wait _DRAIN_SECONDS for the child's last lines."""
        if self._ended is None:
            self._report(child.name, how)
        self.callLater(_DRAIN_SECONDS, self.on_end, child)

    def on_end(self, child: "_Child") -> None:
        """Forget a child that has exited and closed its output; safe to repeat."""
        self._alive.discard(child)
        self._fire()

    def _fire(self) -> None:
        if self._ended is not None and not self._alive and not self._ended.called:
            self._ended.callback(None)

    def _report(self, name: str, how: str) -> None:
        """Log an exit: as a warning once, at DEBUG while the child keeps failing to start."""
        delay = self.monitor.restart[name].getTime() - self.seconds()
        if delay <= 0:  # it had settled
            self._failing.discard(name)
        level = logging.DEBUG if name in self._failing else logging.WARNING
        _log.log(level, "%s ended (%s); restarting it in %.1f s", name, how, max(delay, 0.0))
        if delay > 0:
            self._failing.add(name)


class _Child(ProcessProtocol):
    """Passes a child's lines to the relay, and its exit to ncolony's protocol and to `parent`.

    Writes `secret` to the child's pipe, and closes it.
    """

    def __init__(self, inner: Any, relay: Relay, parent: _Children, secret: bytes | None) -> None:
        self.name: str = inner.name
        self._inner = inner
        self._parent = parent
        self._secret = secret
        self._out = _Lines(self.name, relay)
        self._err = _Lines(self.name, relay)

    def connectionMade(self) -> None:  # noqa: N802
        self._inner.makeConnection(self.transport)
        if self._secret is not None:
            transport: Any = self.transport  # zope's interfaces have no `self`
            transport.writeToChild(_PIPE, packed(self._secret))
            transport.closeChildFD(_PIPE)

    def outReceived(self, data: bytes) -> None:  # noqa: N802
        self._out.feed(data)

    def errReceived(self, data: bytes) -> None:  # noqa: N802
        self._err.feed(data)

    def processExited(self, reason: Failure) -> None:  # noqa: N802
        self._inner.processEnded(reason)
        self._parent.on_exit(self, _how(reason.value))

    def processEnded(self, reason: Failure) -> None:  # noqa: ARG002, N802
        self._out.end()
        self._err.end()
        self._parent.on_end(self)


class _Lines:
    """Splits bytes into lines: escapes what is not UTF-8, splits lines that are too long."""

    def __init__(self, name: str, relay: Relay) -> None:
        self._name = name
        self._relay = relay
        self._rest = b""

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._pass_on(line)
        if len(self._rest) > _LINE_BYTES:
            self.end()

    def end(self) -> None:
        if self._rest:
            self._pass_on(self._rest)
        self._rest = b""

    def _pass_on(self, line: bytes) -> None:
        self._relay(self._name, line.decode("utf-8", "backslashreplace"))


@contextmanager
def _sigint_blocked() -> Iterator[None]:
    """Block SIGINT for a child that starts; a Ctrl-C while Python loads would be a traceback."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _how(end: Any) -> str:
    """Describe how a process ended, from ProcessDone or ProcessTerminated."""
    if end.signal is not None:
        return f"killed by {signal.Signals(end.signal).name}"
    return f"exit code {end.exitCode}"


def _observe(event: LogEvent) -> None:
    """Log Twisted's warnings and errors, with their tracebacks."""
    level = event.get("log_level", LogLevel.info)
    if level < LogLevel.warn:
        return
    failure = event.get("log_failure")
    trace = (failure.type, failure.value, failure.getTracebackObject()) if failure else None
    text = event.get("log_format") or "error in the supervisor"
    _log.log(logging.ERROR, "%s", text, exc_info=trace)
