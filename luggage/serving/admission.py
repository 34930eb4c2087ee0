"""Admission: how many connections, and how many bytes of unfinished bodies, a worker holds.

Where there is no room, the oldest unfinished request makes room. An honest client sends its request
at once, so it is among the youngest: to displace it, an attacker has to fill the whole limit while
it sends. Use all methods in one event loop.
"""

from collections import OrderedDict
from typing import Protocol


class Sheddable(Protocol):
    """A connection that can be ended by others."""

    def shed(self) -> None:
        """Close the connection, whose request is unfinished."""

    def refuse(self) -> None:
        """Answer that the server is busy, close, and release the bytes of the body."""


class Connections:
    """At most `most` connections; those whose request is being answered are never shed."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0
        # Unfinished ones, the oldest first.
        self._unfinished: OrderedDict[Sheddable, None] = OrderedDict()

    def opened(self, client: Sheddable) -> bool:
        """Count a connection; return False if there is no room and all others are being answered.

        The caller calls `closed` for each that was opened, also for a shed one.
        """
        if self._count >= self._most:
            if not self._unfinished:
                return False
            oldest, _ = self._unfinished.popitem(last=False)
            oldest.shed()
        self._count += 1
        self._unfinished[client] = None
        return True

    def answering(self, client: Sheddable) -> None:
        """Protect a connection until `renewed`: its request is complete."""
        self._unfinished.pop(client, None)

    def renewed(self, client: Sheddable) -> None:
        """Make a connection the youngest: it was answered, or it has sent a good part of a body."""
        self._unfinished[client] = None
        self._unfinished.move_to_end(client)

    def closed(self, client: Sheddable) -> None:
        """Forget a connection that was opened."""
        self._unfinished.pop(client, None)
        self._count -= 1


class BodyBudget:
    """At most `most` bytes of bodies; a body is booked as it arrives, not as it is announced."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._booked = 0
        self._complete = 0
        # Bytes of unfinished bodies, the oldest first.
        self._unfinished: OrderedDict[Sheddable, int] = OrderedDict()

    def could_hold(self, length: int) -> bool:
        """Return whether a body of this length fits beside the complete ones."""
        return self._complete + length <= self._most

    def book(self, client: Sheddable, size: int) -> bool:
        """Book bytes that have arrived; return False if `client` itself has to make room."""
        while self._booked + size > self._most:
            oldest = next(iter(self._unfinished), None)
            if oldest is None or oldest is client:
                return False
            oldest.refuse()
        self._booked += size
        self._unfinished[client] = self._unfinished.get(client, 0) + size
        return True

    def complete(self, client: Sheddable) -> int:
        """Keep the bytes of a complete body until `release`; return how many they are."""
        size = self._unfinished.pop(client, 0)
        self._complete += size
        return size

    def release(self, size: int) -> None:
        """Release the bytes of a complete body."""
        self._complete -= size
        self._booked -= size

    def abandon(self, client: Sheddable) -> None:
        """Release the bytes of an unfinished body. Safe to repeat."""
        self._booked -= self._unfinished.pop(client, 0)
