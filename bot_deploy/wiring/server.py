"""Gunicorn inside the web process: the socket, the settings, the app in each worker.

The modules are imported before the fork; each worker makes the app, with its database connections,
after it.
"""

import atexit
import gc
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import uvloop  # noqa: F401  each worker would load it for itself
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from sqlalchemy.exc import SQLAlchemyError

from bot.web import webhook
from bot_deploy.config import Config
from bot_deploy.config.handover import log_notices
from bot_deploy.wiring.listening import listen
from bot_deploy.wiring.open_files import WORKERS, notice_of
from bot_deploy.wiring.parts import report_crashes
from bot_deploy.wiring.web import make_app
from luggage.run import SHUTDOWN_TIMEOUT_SECONDS, end_with_parent
from luggage.serving import Dispatcher, ServingLimits, TrustedProxies, descriptors
from luggage.serving.worker import GunicornWorker

# For the pages.
_THREADS = 8
# The longest form of a page.
_LONGEST_FORM = 16 * 1024
# The collector runs after this many net allocations (Python's default: 700).
_GARBAGE_THRESHOLD = 20_000
# The event loop yields the interpreter after this time (Python's default: 5 ms) to the committing
# thread, which may hold the database's lock.
_SWITCH_SECONDS = 0.0005
# A worker buffers at most this many bytes of bodies.
_MOST_BYTES = 4 * webhook.LARGEST_BODY
# A worker whose event loop is silent for this long is replaced.
_SILENT_SECONDS = 30
# How often the first worker looks whether the bot is ready.
_READY_PAUSE_SECONDS = 0.2
# Gunicorn makes its files there with mkstemp.
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108
_ANYWHERE = ("0.0.0.0", "127.0.0.1")  # noqa: S104  both are reached as localhost

log = logging.getLogger(__name__)


def serve(config: Config, host: str | None, command: str) -> None:
    """Serve until SIGTERM, then end within SHUTDOWN_TIMEOUT_SECONDS.

    `command` runs the subcommands, for help texts; `host` replaces the address in the settings.
    Raises ConfigError if a setting is missing or the port is taken.
    """
    log_notices(config.webhook_notice(), config.excess(), notice_of(descriptors.raise_limit()))
    config.webhook_secrets()
    listener = listen(host or config.host, config.port, clock=time.monotonic, sleep=time.sleep)
    Server(config, options(listener, shared_memory=_SHARED_MEMORY), command).run()


def options(listener: socket.socket, *, shared_memory: Path) -> dict[str, Any]:
    """Return gunicorn's settings; gunicorn takes over `listener`.

    Workers write their heartbeats to `shared_memory` if it is writable: a disk may block, and a
    container's root may be read-only.
    """
    writable = os.access(shared_memory, os.W_OK)
    return {
        "bind": f"fd://{listener.detach()}",
        "workers": WORKERS,
        "worker_class": GunicornWorker,
        "timeout": _SILENT_SECONDS,
        "graceful_timeout": int(SHUTDOWN_TIMEOUT_SECONDS),
        "worker_tmp_dir": str(shared_memory) if writable else None,
        "control_socket_disable": True,  # it would be made in the home directory
        "logger_class": _Logger,
        "errorlog": None,
        "accesslog": None,
        "post_fork": _post_fork,
        "when_ready": _when_ready,
        "post_worker_init": _post_worker_init,
        "proc_name": "portmanteau",
    }


class Server(BaseApplication):  # type: ignore[misc]
    """Gunicorn's application, with `settings` instead of a command line."""

    def __init__(self, config: Config, settings: Mapping[str, Any], command: str = "") -> None:
        self._config = config
        self._command = command
        self._settings = settings
        self._readiness: Callable[[], Mapping[str, str]] = dict
        super().__init__()

    def load_config(self) -> None:
        """Hand the settings to gunicorn, which calls this at the start and on SIGHUP."""
        for name, value in self._settings.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Return the app; gunicorn calls this in each worker, after the fork."""
        report_crashes(self._config)
        app = make_app(self._config, self._command)
        self._readiness = app.extensions["readiness"]
        # After the fork: threads do not survive one.
        books = ExitStack()
        books.enter_context(app.extensions["bookkeeper"])
        atexit.register(books.close)
        # Today's objects stay until the end; later objects seldom form cycles.
        gc.freeze()
        gc.set_threshold(_GARBAGE_THRESHOLD)
        sys.setswitchinterval(_SWITCH_SECONDS)
        return Dispatcher(
            app,
            inline_paths={webhook.PATH},
            limits=ServingLimits(
                threads=_THREADS,
                max_body=webhook.LARGEST_BODY,
                max_page_body=_LONGEST_FORM,
                max_buffered=_MOST_BYTES,
                max_connections=descriptors.most_connections(descriptors.raise_limit()),
            ),
            proxies=TrustedProxies(self._config.trusted_proxies),
        )

    def say_when_ready(self) -> None:
        """Log, once and from a thread, that the bot does what it is for, as /readyz says it."""
        threading.Thread(target=self._say_when_ready, daemon=True).start()

    def _say_when_ready(self) -> None:
        while self._is_unready():
            time.sleep(_READY_PAUSE_SECONDS)
        config = self._config
        how = f"fetches them every {config.poll_seconds:g} s"
        log.info(
            "ready: evaluates deliveries, and %s",
            how if config.receive == "poll" else f"receives them at {webhook.PATH}",
        )

    def _is_unready(self) -> bool:
        try:
            return bool(self._readiness())
        except SQLAlchemyError:
            return True


class _Logger(Logger):  # type: ignore[misc]
    """Gunicorn's logger, whose lines go through the root logger (`configure_logging`)."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.propagate = True


def _post_fork(_arbiter: Any, worker: Any) -> None:
    # A worker of a killed master would hold the port that the next one needs.
    end_with_parent(worker.ppid)


def _when_ready(arbiter: Any) -> None:
    # The port listens, so that a browser waits for the first worker.
    host, port = arbiter.LISTENERS[0].sock.getsockname()
    log.info("status page: http://%s:%s/", "localhost" if host in _ANYWHERE else host, port)


def _post_worker_init(worker: Any) -> None:
    # Gunicorn numbers a master's workers: the first one speaks for all.
    if worker.age == 1:
        worker.app.say_when_ready()
