"""Processor time of calls, as a multiple of the time that reading the text takes here and now."""

import time
from collections.abc import Callable

MEGABYTE = 1_048_576


def seconds_of(call: Callable[..., object], *arguments: object) -> float:
    """The processor time of a call, without that of other threads."""
    begun = time.thread_time()
    call(*arguments)
    return time.thread_time() - begun


def _read(text: str) -> None:
    for character in text:
        ord(character)


#: The time of reading a character.
READING = min(seconds_of(_read, "a" * MEGABYTE) for _ in range(3)) / MEGABYTE


def readings(seconds: float, size: int) -> float:
    """How often a text of a size could have been read meanwhile."""
    return seconds / (READING * size)
