"""`console`: the link that signs in once."""

import os

import pytest

from bot_deploy import console
from bot_deploy.config import load
from bot_deploy.wiring.web import make_app
from tests.support.migrated import migrated_for

APP = {"GITHUB_APP_ID": "1", "GITHUB_PRIVATE_KEY": "-", "GITHUB_WEBHOOK_SECRET": "s"}


@pytest.fixture
def config(tmp_path, monkeypatch):
    environ = {**APP, "BOT_DATA": str(tmp_path), "PORT": "8123"}
    monkeypatch.setattr(os, "environ", environ)
    config = load(environ)
    migrated_for(config)
    return config


def test_the_link_opens_the_console(config, capsys):
    """The command prints one line, a link that signs its reader in."""
    assert console.main(["console"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    client = make_app(config).test_client()
    path = line.removeprefix("http://localhost:8123")
    assert client.post(path).status_code == 303
    assert client.get("/console/").status_code == 200


def test_the_link_is_for_where_the_bot_is_reached(config, capsys):
    """--url replaces the address of the link."""
    console.main(["console", "--url", "https://bot.example/"])
    assert capsys.readouterr().out.startswith("https://bot.example/console/sign-in/link/")
