"""The web process: gunicorn, inside this process, with everything set that matters.

Workers with an event loop, because as many slow clients as there are threads stop those. Two
workers, because one that is killed must not be an outage. The modules are imported before the fork;
the app, with its database connections, is made after it, by each worker for itself.
"""

import atexit
import errno
import gc
import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import uvloop  # noqa: F401  each worker would load it for itself
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from bot.web import webhook
from bot_deploy.arguments import subcommand_parser
from bot_deploy.config import Config, load
from bot_deploy.config.sources import ConfigError
from bot_deploy.wiring.parts import report_crashes
from bot_deploy.wiring.web import make_app
from luggage.run import GRACE_SECONDS, end_with_parent
from luggage.serving import Dispatcher
from luggage.serving.worker import GunicornWorker
from luggage.telemetry.logs import configure_logging

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "serve the web hook and the pages (one of the two processes of `start`)"

log = logging.getLogger(__name__)

_WORKERS = 2
# For the pages.
_THREADS = 4
# So many more objects made than freed before the collector looks at them; Python has 700.
_GARBAGE_THRESHOLD = 20_000
# The event loop hands the interpreter on so often (Python: each 5 ms) to the thread that commits,
# which may have the database's lock in hand when it asks for it.
_SWITCH_SECONDS = 0.0005
# Bodies that a worker has in hand together; it refuses more, before it reads them.
_MOST_BYTES = 4 * webhook.LARGEST_BODY
# A worker whose event loop says nothing for so long is replaced.
_SILENT_SECONDS = 30
# The workers of a killed predecessor hold the port until they have answered what they had begun.
_PATIENCE_SECONDS = SHUTDOWN_TIMEOUT_SECONDS + 2.0
_PAUSE_SECONDS = 0.1
_ALL = "0.0.0.0"  # noqa: S104  the port of a container is published from outside
_LOCAL = "127.0.0.1"
# Gunicorn makes files of its own there, by mkstemp.
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108


def main(argv: list[str]) -> int:
    """Serve until SIGTERM, then end within SHUTDOWN_TIMEOUT_SECONDS.

    Raises ConfigError when a setting is missing or the port is taken.
    """
    parser = subcommand_parser(argv, SUMMARY)
    parser.add_argument(
        "--host", help="where to listen (default: all addresses; with BOT_RECEIVE=poll: this one)"
    )
    arguments = parser.parse_args(argv[1:])
    config = load(os.environ)
    # Where deliveries are fetched, nobody out there has anything to ask.
    host = arguments.host or (_LOCAL if config.webhook_secrets() is None else _ALL)
    configure_logging(config.log_format, name="gunicorn")
    if notice := config.webhook_notice():
        say = log.warning if notice.remedy else log.info
        say("%s", "; ".join(filter(None, (notice.detail, notice.remedy))))
    listener = listen(host, config.port, clock=time.monotonic, sleep=time.sleep)
    Server(config, options(listener, shared_memory=_SHARED_MEMORY)).run()
    return 0


def listen(
    host: str, port: int, *, clock: Callable[[], float], sleep: Callable[[float], None]
) -> socket.socket:
    """Return a socket bound to `port`; waits a few seconds for one that is only just being freed.

    Raises ConfigError when the port is taken or not ours to take.
    """
    deadline = clock() + _PATIENCE_SECONDS
    while True:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen()
        except OSError as error:
            listener.close()
            if error.errno != errno.EADDRINUSE:
                raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror}") from error
            if clock() > deadline:
                raise ConfigError(
                    f"port {port} is in use by another program: end that, or set PORT"
                ) from error
        else:
            return listener
        sleep(_PAUSE_SECONDS)


def options(listener: socket.socket, *, shared_memory: Path) -> dict[str, Any]:
    """Return gunicorn's settings; it takes `listener` over.

    `shared_memory` is where workers leave their signs of life, if it can be written: on a disk that
    may block, and in a container of which the root is read-only there is no other place.
    """
    writable = os.access(shared_memory, os.W_OK)
    return {
        "bind": f"fd://{listener.detach()}",
        "workers": _WORKERS,
        "worker_class": GunicornWorker,
        "timeout": _SILENT_SECONDS,
        "graceful_timeout": int(SHUTDOWN_TIMEOUT_SECONDS),
        "worker_tmp_dir": str(shared_memory) if writable else None,
        "control_socket_disable": True,  # it would be made in the home directory
        "logger_class": _Logger,
        "errorlog": None,
        "accesslog": None,
        "post_fork": _post_fork,
        "proc_name": "portmanteau",
    }


class Server(BaseApplication):  # type: ignore[misc]
    """Gunicorn's application: `settings` instead of a command line, the app made in each worker."""

    def __init__(self, config: Config, settings: Mapping[str, Any]) -> None:
        self._config = config
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        """Hand our settings to gunicorn; called by it, also on SIGHUP."""
        for name, value in self._settings.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Return the app; called by gunicorn in each worker, after the fork."""
        report_crashes(self._config)
        app = make_app(self._config)
        # After the fork, because threads do not survive it.
        books = ExitStack()
        books.enter_context(app.extensions["bookkeeper"])
        atexit.register(books.close)
        # What is here now stays; what comes is free of cycles, and seldom worth a look.
        gc.freeze()
        gc.set_threshold(_GARBAGE_THRESHOLD)
        sys.setswitchinterval(_SWITCH_SECONDS)
        return Dispatcher(
            app,
            inline_paths={webhook.PATH},
            threads=_THREADS,
            max_body=webhook.LARGEST_BODY,
            max_buffered=_MOST_BYTES,
        )


class _Logger(Logger):  # type: ignore[misc]
    """Gunicorn's lines go the way of all others (`configure_logging`)."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.propagate = True


def _post_fork(_arbiter: Any, worker: Any) -> None:
    # A worker of a killed master would hold the port that the next one needs.
    end_with_parent(worker.ppid)
