"""The wired web app."""

import hmac
import re
import time
import uuid

import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app

from bot.store.board import SqlBoard
from bot_deploy.config import load
from bot_deploy.config.sources import WEB, ConfigError
from bot_deploy.migrate import migrate
from bot_deploy.wiring.parts import open_parts
from bot_deploy.wiring.web import make_app
from tests.support.odd import EIGHT
from tests.support.running import free_port

APP = {"GITHUB_APP_ID": "1", "GITHUB_PRIVATE_KEY": "-", "GITHUB_WEBHOOK_SECRET": "s"}
TOKEN = "0123456789abcdef"
CLIENT = {"GITHUB_CLIENT_ID": "Iv1.1", "GITHUB_CLIENT_SECRET": "c"}


@pytest.fixture
def client_of(tmp_path):
    """Makes a browser at a bot with these settings."""

    def make(environ):
        config = load({**environ, "BOT_DATA": str(tmp_path)}, {})
        migrate(config)
        return make_app(config).test_client()

    return make


def test_a_delivery_is_taken_whatever_the_secret_is(client_of, tmp_path):
    """A delivery signed with any live secret is accepted, with another text refused."""
    new, old = tmp_path / "new", tmp_path / "old"
    others = {name: APP[name] for name in APP if "WEBHOOK" not in name}
    name = "GITHUB_WEBHOOK_SECRET"
    ways = [({}, {"github": {"webhook_secrets": EIGHT}}, EIGHT)]
    for first, second in zip(EIGHT[::2], EIGHT[1::2], strict=True):
        ways.append(({name: f"{first}\n", f"{name}_OLD": second}, {}, [first, second]))
    new.write_text(EIGHT[0])
    old.write_text(EIGHT[1])
    ways.append(({f"{name}_FILE": str(new), f"{name}_OLD_FILE": str(old)}, {}, EIGHT[:2]))
    client_of(APP)  # makes the database
    for environ, document, live in ways:
        config = load(others | environ | {"BOT_DATA": str(tmp_path)}, document)
        client = make_app(config).test_client()
        assert [posted(client, each) for each in live] == [202] * len(live)
        assert [posted(client, each) for each in (f"{live[0]} ", " ".join(live), "It's")] == [
            401
        ] * 3


def posted(client, secret):
    """The status that a delivery with this secret's signature is answered."""
    body = b'{"zen": "Keep it logically awesome."}'
    headers = {
        "X-GitHub-Event": "ping",
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-Hub-Signature-256": f"sha256={hmac.new(secret.encode(), body, 'sha256').hexdigest()}",
    }
    return client.post("/webhook/github", data=body, headers=headers).status_code


def test_with_a_client_id_github_is_offered(client_of):
    """With a client id the console offers GitHub, at the configured server."""
    client = client_of({**APP, **CLIENT, "GITHUB_SERVER_URL": "https://github.example"})
    assert "Sign in with GitHub" in client.get("/console/sign-in").text
    there = client.get("/console/sign-in/github").headers["Location"]
    assert there.startswith("https://github.example/login/oauth/authorize?client_id=Iv1.1&")


def test_without_one_there_are_links(client_of):
    """Without a client id the console only takes links."""
    client = client_of(APP)
    assert "Sign in with GitHub" not in client.get("/console/sign-in").text
    assert client.get("/").status_code == 200


def test_a_client_id_without_its_secret_is_an_error(client_of):
    """A client id without its secret raises ConfigError."""
    with pytest.raises(ConfigError, match="GITHUB_CLIENT_SECRET is missing"):
        client_of({**APP, "GITHUB_CLIENT_ID": "Iv1.1"})


def test_each_response_has_the_security_headers(client_of):
    """Every answer has the security headers, including errors."""
    answer = client_of(APP).get("/nothing/here")
    assert answer.status_code == 404
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"


HOSTS = ["evil.example", "evil.example:8000", "evil.example/", "x@evil.example", "[::evil"]


def addresses(app):
    """Each address of the app, and how a stranger may misspell it."""
    for rule in app.url_map.iter_rules():
        path = re.sub("<[^>]*>", "1", rule.rule)
        yield from {path, path.rstrip("/"), f"/{path}", f"{path}/", path.replace("/", "//")}
    yield from ("//evil.example", "//evil.example/console", "/console?next=//evil.example")


@pytest.mark.parametrize("host", HOSTS)
def test_no_answer_repeats_the_host(client_of, host):
    """A stranger cannot send people elsewhere: redirects are relative, and pages name no host."""
    app = client_of({**APP, **CLIENT}).application
    names = ("X-Forwarded-Host", "X-Forwarded-Server", "Forwarded", "X-Original-Host")
    said = {"Host": host, **dict.fromkeys(names, "host=evil.example")}
    locations = set()
    for address in addresses(app):
        environ = EnvironBuilder("/", headers=said).get_environ()
        path, _, query = address.partition("?")
        environ |= {"PATH_INFO": path, "QUERY_STRING": query, "HTTP_HOST": host}
        parts, _, headers = run_wsgi_app(app, environ)
        location = headers.get("Location", "")
        assert "evil" not in str(headers).replace(location, "")
        assert b"evil" not in b"".join(parts) or "evil" in address
        assert re.match("/(?!/)|https://github.com/|$", location), address
        locations.add(location)
    assert {"/console/", "/console/sign-in", "/deliveries"} & locations


def test_a_link_without_its_slash_leads_on(client_of):
    """`/console` leads to `/console/`, by a path alone, with its query."""
    answer = client_of(APP).get("/console?a=b", base_url="https://evil.example")
    assert (answer.status_code, answer.headers["Location"]) == (308, "/console/?a=b")


def test_start_hands_over_all_trusted_proxies(tmp_path):
    """The web process gets each network, from the variable and from config.toml."""
    names = ["10.0.0.0/8", "192.0.2.1", "2001:db8::/32"]
    environ = {**APP, "BOT_DATA": str(tmp_path)}
    for variable, document in (
        ({"BOT_TRUSTED_PROXIES": " ".join(names)}, {}),
        ({}, {"web": {"trusted_proxies": names}}),
    ):
        config = load(environ | variable, document)
        handed = load({"BOT_DATA": str(tmp_path)}, {}, part=WEB, opened=config.handed_over(WEB))
        assert handed.trusted_proxies == config.trusted_proxies
        assert len(handed.trusted_proxies) == 3


def test_without_a_token_there_are_no_metrics(client_of):
    """Without a token /metrics is 404."""
    assert client_of(APP).get("/metrics").status_code == 404


def test_with_the_token_there_are_metrics(client_of):
    """/metrics needs the token, and shows build and totals."""
    client = client_of({**APP, "BOT_METRICS_TOKEN": TOKEN})
    assert client.get("/metrics").status_code == 401
    told = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
    assert "portmanteau_database_up 1.0" in told
    assert 'portmanteau_build_info{commit="' in told


def test_a_board_on_parse_that_is_down_is_reported_on_the_page(client_of, tmp_path):
    """The page shows the database's lines, and that Parse is down."""
    client_of(APP)
    nobody = f"http://127.0.0.1:{free_port()}/parse"
    names = ("URL", "APPLICATION_ID", "REST_KEY")
    with open_parts(load({**APP, "BOT_DATA": str(tmp_path)}, {})) as parts:
        SqlBoard(parts.engine, clock=time.time).say("I was here")
    settings = {f"PARSE_{board}_{name}": nobody for board in ("LINES", "MOOD") for name in names}
    answer = client_of({**APP, "BOT_BOARD": "parse", **settings}).get("/")
    assert answer.status_code == 200
    assert "has not responded since" in answer.text
    assert "I was here" in answer.text
