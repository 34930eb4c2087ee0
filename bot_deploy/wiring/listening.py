"""The port of the web process: where it listens, and whether it can."""

import errno
import socket
from collections.abc import Callable

from bot_deploy.config import Config
from bot_deploy.config.sources import ConfigError
from luggage.run import SHUTDOWN_TIMEOUT_SECONDS

# The workers of a killed predecessor keep the port until they have answered their last requests.
_PORT_TIMEOUT_SECONDS = SHUTDOWN_TIMEOUT_SECONDS + 2.0
_PAUSE_SECONDS = 0.1


def receives(config: Config) -> str:
    """Return how deliveries come in, and where the pages are."""
    pages = f"listens on {config.host}:{config.port}"
    if config.receive == "poll":
        return f"fetches deliveries from GitHub every {config.poll_seconds:g} s; {pages}"
    return f"GitHub sends deliveries to /webhook/github; {pages}"


def require_free_port(
    config: Config, *, clock: Callable[[], float], sleep: Callable[[float], None]
) -> None:
    """Return if the web process will be able to listen; raises ConfigError otherwise."""
    if config.port == 0:
        raise ConfigError("PORT is 0, a port that nobody would know: set one from 1 to 65535")
    listen(config.host, config.port, clock=clock, sleep=sleep).close()


def listen(
    host: str, port: int, *, clock: Callable[[], float], sleep: Callable[[float], None]
) -> socket.socket:
    """Return a socket that listens on `port`; waits some seconds for a port that is being freed.

    Raises ConfigError if the port stays taken or the system refuses it.
    """
    deadline = clock() + _PORT_TIMEOUT_SECONDS
    while True:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen()
        except OSError as error:
            listener.close()
            if error.errno != errno.EADDRINUSE:
                raise ConfigError(
                    f"cannot listen on {host}:{port} ({error.strerror}): set PORT, or BOT_HOST to "
                    "an address of this machine"
                ) from error
            if clock() > deadline:
                raise ConfigError(
                    f"port {port} is in use by another program: stop that, or set PORT"
                ) from error
        else:
            return listener
        sleep(_PAUSE_SECONDS)
