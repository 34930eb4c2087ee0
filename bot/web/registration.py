"""The App is registered: a local page that leads to GitHub's, and what comes back from there.

Two clicks: a button here, one at GitHub. The page works without JavaScript, and serves this
machine alone. What comes back counts only with the state that was sent along, compared in constant
time: without it, any page in the same browser could slip in an App of its own.

Against a script that posts the form by itself: it would need a hole in the page's
Content-Security-Policy, and nobody would have read what they agree to.
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
    """It cannot become anything; the message is one line that ends with the remedy."""


class TryAgain(Exception):  # noqa: N818 - named after what to do
    """It did not work this time, and nothing is lost: the same code may be tried again."""


@dataclass(frozen=True, kw_only=True)
class RegistrationRequest:
    """What is sent to GitHub: the manifest, to the page at `address`, with a `state`."""

    organization: str
    address: str
    manifest: Mapping[str, Any]
    state: str = field(repr=False)


@dataclass(frozen=True)
class Ended:
    """How it ended: `app` is None where it failed, and `words` say why and what to do."""

    words: str
    app: Registered | None = None


class Registration:
    """One registration, good for an hour. Threads share it.

    `finish(code)` makes the App ours, and raises TryAgain or RegistrationError. `tell` is given
    each line that the person at the terminal should see meanwhile.
    """

    def __init__(
        self,
        wanted: RegistrationRequest,
        finish: Callable[[str], Registered],
        *,
        clock: Callable[[], float],
        tell: Callable[[str], None],
    ) -> None:
        self.wanted = wanted
        self.over = threading.Event()  # set when the browser has been told, too
        self._finish = finish
        self._clock = clock
        self._tell = tell
        self._until = clock() + CODE_SECONDS
        self._lock = threading.Lock()
        self._code = ""
        self._ended: Ended | None = None

    @property
    def remaining_seconds(self) -> float:
        """How long GitHub's page and its code are good for yet; 0 when they are not."""
        return max(0.0, self._until - self._clock())

    @property
    def ended(self) -> Ended | None:
        """How it ended, None while it has not; waits for an exchange that is under way."""
        with self._lock:
            return self._ended

    def come_back(self, state: str, code: str) -> Ended:
        """Take what GitHub sent back; the same once more gives the same end.

        Raises RegistrationError for what did not come from our page, and TryAgain.
        """
        if not hmac.compare_digest(state.encode(), self.wanted.state.encode()):
            raise RegistrationError(
                "this did not come from the page of this registration (its state is another): "
                "begin again at the address in the terminal"
            )
        with self._lock:
            self._admit(code)
            if self._ended is None:
                self._ended = self._exchange(code)
            return self._ended

    def _admit(self, code: str) -> None:
        if not code:
            raise RegistrationError("GitHub sent no code: begin again")
        if self._code and not hmac.compare_digest(code.encode(), self._code.encode()):
            raise RegistrationError(
                "this registration was answered already: run `register` again for another App"
            )
        if self._ended is None and not self.remaining_seconds:
            raise RegistrationError("an hour has passed: run `register` again")
        self._code = code

    def _exchange(self, code: str) -> Ended:
        try:
            app = self._finish(code)
        except RegistrationError as error:
            return Ended(str(error))
        except TryAgain as error:
            self._tell(f"{error}; reload the page in the browser to try again")
            raise
        return Ended(f"The App {app.name} is registered.", app)


def make_app(registration: Registration) -> Flask:
    """The two pages: the button that leads to GitHub, and where GitHub leads back to."""
    app = Flask("bot.web", template_folder="templates", static_folder="static")
    # Another host that is made to lead here (DNS rebinding) must not read the state.
    app.config["TRUSTED_HOSTS"] = ["127.0.0.1", "localhost"]
    app.after_request(_closed_to_others)

    @app.get("/")
    def ask() -> ResponseReturnValue:
        wanted = registration.wanted
        text = json.dumps(wanted.manifest, sort_keys=False)
        return render_template("bot/register.html", wanted=wanted, text=text)

    @app.get(RETURN_PATH)
    def come_back() -> ResponseReturnValue:
        state, code = (request.args.get(name, "") for name in ("state", "code"))
        try:
            ended = registration.come_back(state, code)
        except RegistrationError as error:
            return _told(Ended(str(error))), 400
        except TryAgain as error:
            return _told(Ended(str(error)), again=True), 502
        response = Response(_told(ended), status=200 if ended.app else 502)
        response.call_on_close(registration.over.set)
        return response

    # Browsers ask for it unasked, and would note an error.
    app.add_url_rule("/favicon.ico", view_func=lambda: ("", 204))
    return app


def _told(ended: Ended, *, again: bool = False) -> str:
    return render_template("bot/registered.html", ended=ended, again=again)


def _closed_to_others(response: Response) -> Response:
    # No form-action: GitHub may lead on to an organisation's own sign-in, on any host.
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    # The address of the second page holds the code.
    response.headers["Referrer-Policy"] = "no-referrer"
    # The style sheet is kept: at the second page nobody may serve it any more.
    is_style = request.endpoint == "static"
    response.headers["Cache-Control"] = "max-age=3600" if is_style else "no-store"
    return response


def listen(port: int) -> socket.socket:
    """A socket on this machine alone; port 0 takes a free one. Raises OSError for a taken one."""
    return socket.create_server(("127.0.0.1", port))


@contextmanager
def serving(app: Flask, listener: socket.socket) -> Iterator[None]:
    """Serve on the socket meanwhile; it is closed at the end."""
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
        """Nothing: the address of a request holds the code."""
