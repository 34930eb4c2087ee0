"""Registration of the App: a local page that leads to GitHub, and the page that GitHub returns to.

The server listens on this machine only. The returned state must match the one sent, or another page
in the same browser could plant an App of its own. A button submits the form, not a script, so that
people see what they agree to (docs/decisions/0076).
"""

import hmac
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, Response, json, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.serving import WSGIRequestHandler, make_server

from luggage.github.manifest import CODE_SECONDS, Registered

RETURN_PATH = "/registered"


class RegistrationError(Exception):
    """The registration failed for good; the message is one line that ends with the remedy."""


class TryAgain(Exception):  # noqa: N818 - named after the remedy
    """The exchange failed, and may be retried with the same code."""


@dataclass(frozen=True, kw_only=True)
class RegistrationRequest:
    """The request to GitHub: the manifest for the page at `address`, with a `state`.

    `needed_by` says who needs each permission: permission -> rule, or "" for the bot -> access.
    """

    organization: str
    address: str
    manifest: Mapping[str, Any]
    needed_by: Mapping[str, Mapping[str, str]]
    state: str = field(repr=False)


@dataclass(frozen=True)
class RegistrationOutcome:
    """The end of a registration: `app` is None if it failed; `message` says why, and the remedy."""

    message: str
    app: Registered | None = None


class Registration:
    """One registration, valid for an hour. Threads share it.

    `finish(code)` exchanges the code for the App; it raises TryAgain or RegistrationError. `tell`
    prints a line at the terminal.
    """

    def __init__(
        self,
        request: RegistrationRequest,
        finish: Callable[[str], Registered],
        *,
        clock: Callable[[], float],
        tell: Callable[[str], None],
    ) -> None:
        self.request = request
        self.over = threading.Event()  # set once the browser has the last page
        self._finish = finish
        self._clock = clock
        self._tell = tell
        self._until = clock() + CODE_SECONDS
        self._lock = threading.Lock()
        self._code = ""
        self._outcome: RegistrationOutcome | None = None

    @property
    def remaining_seconds(self) -> float:
        """How long GitHub's page and its code are still valid."""
        return max(0.0, self._until - self._clock())

    @property
    def ended(self) -> RegistrationOutcome | None:
        """The outcome, or None if there is none yet; waits for a running exchange."""
        with self._lock:
            return self._outcome

    def complete(self, state: str, code: str) -> RegistrationOutcome:
        """Exchange the code that GitHub returned. Repeating it gives the same outcome.

        Raises RegistrationError for a request that did not come from our page, and TryAgain.
        """
        if not hmac.compare_digest(state.encode(), self.request.state.encode()):
            raise RegistrationError(
                "this request belongs to another registration (its state differs): "
                "start again at the address in the terminal"
            )
        with self._lock:
            self._check(code)
            if self._outcome is None:
                self._outcome = self._exchange(code)
            return self._outcome

    def _check(self, code: str) -> None:
        if not code:
            raise RegistrationError("GitHub sent no code: start again")
        if self._code and not hmac.compare_digest(code.encode(), self._code.encode()):
            raise RegistrationError(
                "this registration is already complete: run `register` again for another App"
            )
        if self._outcome is None and not self.remaining_seconds:
            raise RegistrationError("the hour to register has passed: run `register` again")
        self._code = code

    def _exchange(self, code: str) -> RegistrationOutcome:
        try:
            app = self._finish(code)
        except RegistrationError as error:
            return RegistrationOutcome(str(error))
        except TryAgain as error:
            self._tell(f"{error}; reload the page in the browser to retry")
            raise
        return RegistrationOutcome(f"The App {app.name} is registered.", app)


def make_app(registration: Registration) -> Flask:
    """The app with the two pages: the button that leads to GitHub, and the page after it."""
    app = Flask("bot.web", template_folder="templates", static_folder="static")
    # DNS rebinding must not reveal the state.
    app.config["TRUSTED_HOSTS"] = ["127.0.0.1", "localhost"]
    app.after_request(_protect)

    @app.get("/")
    def ask() -> ResponseReturnValue:
        sent = registration.request
        text = json.dumps(sent.manifest, sort_keys=False)
        return render_template("bot/register.html", registration=sent, manifest=text)

    @app.get(RETURN_PATH)
    def come_back() -> ResponseReturnValue:
        state, code = (request.args.get(name, "") for name in ("state", "code"))
        try:
            outcome = registration.complete(state, code)
        except RegistrationError as error:
            return _page(RegistrationOutcome(str(error))), 400
        except TryAgain as error:
            return _page(RegistrationOutcome(str(error)), retry=True), 502
        response = Response(_page(outcome), status=200 if outcome.app else 502)
        response.call_on_close(registration.over.set)
        return response

    # Every browser asks for it, and would report an error.
    app.add_url_rule("/favicon.ico", view_func=lambda: ("", 204))
    return app


def _page(outcome: RegistrationOutcome, *, retry: bool = False) -> str:
    return render_template("bot/registered.html", outcome=outcome, retry=retry)


def _protect(response: Response) -> Response:
    # No form-action: GitHub may redirect to an organisation's own sign-in on any host.
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    # The address of the second page contains the code.
    response.headers["Referrer-Policy"] = "no-referrer"
    # The browser caches the style sheet: the server may stop before the second page asks for it.
    is_style = request.endpoint == "static"
    response.headers["Cache-Control"] = "max-age=3600" if is_style else "no-store"
    return response


def listen(port: int) -> socket.socket:
    """A socket that only this machine can reach; port 0 takes a free one. Raises OSError."""
    return socket.create_server(("127.0.0.1", port))


@contextmanager
def serving(app: Flask, listener: socket.socket) -> Iterator[None]:
    """Serve the app on a socket, and close the socket at the end."""
    host, port = listener.getsockname()
    server = make_server(
        host, port, app, threaded=True, request_handler=_Quiet, fd=listener.fileno()
    )
    thread = threading.Thread(target=server.serve_forever, name="register", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        listener.close()


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
        """Log nothing, because the address of a request contains the code."""
