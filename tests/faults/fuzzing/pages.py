"""The web app in one process, and the conversion of inputs to requests."""

import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from sqlalchemy import text
from werkzeug.test import EnvironBuilder, run_wsgi_app

from bot.web.sessions import Sessions
from bot_deploy.config import load
from bot_deploy.migrate import migrate
from bot_deploy.wiring.parts import open_database
from bot_deploy.wiring.web import make_app

# An unused port: GitHub is away and no loop runs, so two pages return 503.
_NOBODY = "http://127.0.0.1:9"
_AWAY = ("/console/sign-in/callback", "/readyz")

_LINE = re.compile(rb"([A-Z]{1,20}) (/[!-~]*?)(?:\?([!-~]*))?")
_VALUE = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]*")


class Pages:
    """The app of `bot_deploy`, with an operator's session."""

    def __init__(self, data: Path) -> None:
        given = {
            "BOT_DATA": str(data),
            "GITHUB_APP_ID": "1",
            "GITHUB_PRIVATE_KEY": "-",
            "GITHUB_WEBHOOK_SECRET": "s",
            "GITHUB_CLIENT_ID": "Iv1.1",
            "GITHUB_CLIENT_SECRET": "c",
            "GITHUB_API_URL": _NOBODY,
            "GITHUB_SERVER_URL": _NOBODY,
            "BOT_METRICS_TOKEN": "0123456789abcdef",
        }
        config = load(given, {})
        migrate(config)
        self._engine = open_database(config)
        self._app: Any = make_app(config)
        self._session = Sessions(self._engine, clock=time.time).begin("operator")
        self._told = {b"$SESSION": self._session.token, b"$TOKEN": self._session.form_token}

    def ask(self, data: bytes) -> None:
        """Send a request of four lines; `$SESSION` is a valid session."""
        for name, value in self._told.items():
            data = data.replace(name, value.encode())
        line, _, rest = data.partition(b"\n")
        cookie, _, body = rest.partition(b"\n")
        # gunicorn refuses an invalid request line; the row tests that.
        if not (asked := _LINE.fullmatch(line)) or not _VALUE.fullmatch(cookie):
            return
        method, path, query = (part.decode() for part in asked.groups(b""))
        environ = EnvironBuilder(method="POST", data=body).get_environ()
        environ |= {"REQUEST_METHOD": method, "QUERY_STRING": query}
        environ["PATH_INFO"] = unquote_to_bytes(path).decode("latin-1")
        environ["HTTP_COOKIE"] = cookie.decode("latin-1")
        environ["CONTENT_TYPE"] = "application/x-www-form-urlencoded"
        answer, status, _headers = run_wsgi_app(self._app, environ)
        b"".join(answer)
        told = f"{status}: {line!r}"
        # Flask treats "//readyz" as "/readyz".
        assert status < "5" or re.sub("/+", "/", environ["PATH_INFO"]) in _AWAY, told
        with self._engine.connect() as connection:
            assert not connection.execute(text("SELECT count(*) FROM job")).scalar_one(), told
