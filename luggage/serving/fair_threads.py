"""Threads that clients share in turn, so that the requests of one do not delay those of others."""

import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

_Call = tuple["Future[Any]", Callable[[], Any]]


class FairThreads:
    """Runs calls in `threads` threads; one client uses at most half of them.

    Clients take turns, each with its oldest call. At most `most_waiting` calls wait, and half of
    that many of one client. Safe to use from all threads.
    """

    def __init__(self, threads: int, *, most_waiting: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="page")
        self._idle = threads
        self._most_of_one = max(1, threads // 2)
        self._most_waiting = most_waiting
        self._running: Counter[str] = Counter()
        self._waiting: OrderedDict[str, deque[_Call]] = OrderedDict()
        self._waiting_count = 0
        self._lock = threading.Lock()

    def submit(self, client: str, call: Callable[[], Any]) -> "Future[Any] | None":
        """Return the future of a call, or None if too many are waiting."""
        future: Future[Any] = Future()
        with self._lock:
            mine = len(self._waiting.get(client, ()))
            if 2 * mine >= self._most_waiting or self._waiting_count >= self._most_waiting:
                return None
            self._waiting.setdefault(client, deque()).append((future, call))
            self._waiting_count += 1
            self._start()
        return future

    def _start(self) -> None:
        """Start waiting calls while a thread is idle; the caller holds the lock."""
        while self._idle and (client := self._next()) is not None:
            future, call = self._waiting[client].popleft()
            self._waiting.move_to_end(client)
            if not self._waiting[client]:
                del self._waiting[client]
            self._waiting_count -= 1
            self._idle -= 1
            self._running[client] += 1
            self._pool.submit(self._run, client, future, call)

    def _next(self) -> str | None:
        """Return the client whose turn it is."""
        turns = (each for each in self._waiting if self._running[each] < self._most_of_one)
        return next(turns, None)

    def _run(self, client: str, future: "Future[Any]", call: Callable[[], Any]) -> None:
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001  the future hands it on
            future.set_exception(error)
        else:
            future.set_result(result)
        with self._lock:
            self._idle += 1
            self._running[client] -= 1
            if not self._running[client]:
                del self._running[client]
            self._start()
