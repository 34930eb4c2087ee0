"""Open files of a process: each connection is one, and the system limits them (RLIMIT_NOFILE)."""

import resource

# Connections of one worker: what 32 kB of head for each may cost in memory.
MOST_CONNECTIONS = 2_000
# For everything else: the database, the log, calls to GitHub, connections that are being shed.
_RESERVED = 256
WANTED = MOST_CONNECTIONS + _RESERVED


def limit() -> int:
    """Return how many files this process may have open, as high as it may set that itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return WANTED if resource.RLIM_INFINITY in (soft, hard) else max(soft, min(hard, WANTED))


def raise_limit() -> int:
    """Raise the soft limit as far as needed and allowed; return the limit. Safe to repeat.

    Children inherit it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = limit()
    if soft == resource.RLIM_INFINITY or soft >= allowed:
        return allowed
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    except (OSError, ValueError):  # a sandbox may forbid it
        return soft
    return allowed


def most_connections(files: int) -> int:
    """Return how many connections a worker may hold that may have `files` files open."""
    return min(MOST_CONNECTIONS, files - min(_RESERVED, files // 2))
