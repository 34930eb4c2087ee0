"""The data directory and the database: closed to others, or refused with a remedy."""

import os
import socket
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from bot_deploy.config import load
from bot_deploy.config.sources import ConfigError
from bot_deploy.migrate import migrate
from bot_deploy.wiring.data_directory import exposed, prepare_data
from bot_deploy.wiring.parts import open_parts

FILES = ("bot.sqlite", "bot.sqlite-wal", "bot.sqlite-shm", "bot.sqlite-journal", "old.sqlite")
STRANGER = 12_345

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def config(data):
    return load({"BOT_DATA": str(data)}, {})


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def modes(directory):
    """The modes of all files, which may only have bits of the owner."""
    return {path.name: f"{mode(path):04o}" for path in directory.iterdir() if mode(path) & 0o077}


def test_a_new_directory_and_all_in_it_are_private(config, data):
    """In the usual umask, while the database is open and after it."""
    before = os.umask(0o022)
    try:
        migrate(config)
        with open_parts(config) as parts:
            parts.queue.counts()
            names = {path.name for path in data.iterdir()}
            assert {"bot.sqlite", "bot.sqlite-wal", "bot.sqlite-shm"} <= names
            assert (mode(data), modes(data)) == (0o700, {})
    finally:
        os.umask(before)
    assert mode(data / "bot.sqlite") == 0o600


@pytest.mark.parametrize("given", range(0o700, 0o1000))
def test_a_directory_of_our_own_is_closed(config, data, given, caplog):
    """Each mode of a directory and its files is mended, and reported once."""
    data.mkdir()
    for name in FILES:
        (data / name).touch()
        (data / name).chmod(given & 0o666)
    os.mkfifo(data / "bot.sqlite-turn")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(data / "socket"))
    for name in ("bot.sqlite-turn", "socket"):
        (data / name).chmod(given & 0o666)
    data.chmod(given)
    prepare_data(config)
    assert (mode(data), modes(data)) == (0o700, {})
    assert bool(caplog.records) is bool(given & 0o077)
    caplog.clear()
    prepare_data(config)
    assert (caplog.records, list(exposed(config))) == ([], [])


def test_other_files_keep_their_modes(config, data):
    """A custom rule in the directory stays as its author made it."""
    data.mkdir(mode=0o755)
    (data / "greet.py").touch(mode=0o644)
    (data / "greet.py").chmod(0o644)
    prepare_data(config)
    assert mode(data / "greet.py") == 0o644


def test_a_shared_directory_is_refused(config, data, monkeypatch):
    """The bot does not close the directories of others; the remedy names one of its own."""
    data.mkdir()
    data.chmod(0o1777)
    with pytest.raises(ConfigError, match=f"set BOT_DATA to .*{data}/bot"):
        prepare_data(config)
    assert mode(data) == 0o1777
    data.chmod(0o755)
    monkeypatch.setenv("HOME", str(data))
    with pytest.raises(ConfigError, match="others keep files there"):
        prepare_data(config)
    for path in ("/", "/tmp"):
        with pytest.raises(ConfigError, match="BOT_DATA"):
            list(map(fail, exposed(replace(config, data=Path(path)))))


def fail(each):
    """Raise as `prepare_data` does, without changing anything."""
    if each.remedy:
        raise ConfigError(each.remedy)


@as_root
@pytest.mark.parametrize("given", [0o755, 0o777, 0o701, 0o2777])
def test_a_directory_of_another_user_is_refused(config, data, given, monkeypatch):
    """The remedy is to give it to the bot's user, or to name another."""
    data.mkdir()
    data.chmod(given)
    monkeypatch.setattr(os, "geteuid", lambda: STRANGER)
    with pytest.raises(ConfigError, match="give it to the bot's user"):
        prepare_data(config)
    assert stat.S_IMODE(data.stat().st_mode) == given


@as_root
@pytest.mark.parametrize("given", [0o700, 0o770, 0o2770, 0o750])
def test_a_volume_of_a_pod_s_group_is_taken(config, data, given, monkeypatch):
    """Kubernetes gives it to root and to the pod's group."""
    data.mkdir()
    data.chmod(given)
    monkeypatch.setattr(os, "geteuid", lambda: STRANGER)
    prepare_data(config)


@as_root
def test_a_directory_with_files_of_another_user_is_refused(config, data):
    """Nobody is locked out of files of their own."""
    data.mkdir(mode=0o755)
    (data / "theirs").touch()
    os.chown(data / "theirs", STRANGER, STRANGER)
    with pytest.raises(ConfigError, match="others keep files there"):
        prepare_data(config)


def test_a_database_elsewhere_is_closed_and_its_directory_is_not(tmp_path, data):
    """DATABASE_URL may name a file in a directory that is not the bot's."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    elsewhere.chmod(0o755)
    path = elsewhere / "other.sqlite"
    config = load({"BOT_DATA": str(data), "DATABASE_URL": f"sqlite:///{path}"}, {})
    prepare_data(config)
    assert mode(path) == 0o600
    path.chmod(0o644)
    (elsewhere / "other.sqlite-wal").touch()
    (elsewhere / "other.sqlite-wal").chmod(0o644)
    prepare_data(config)
    assert (mode(elsewhere), modes(elsewhere)) == (0o755, {})


def test_a_link_is_not_followed(config, data, tmp_path):
    """A name in the directory cannot make the bot close a file elsewhere."""
    data.mkdir(mode=0o700)
    victim = tmp_path / "victim"
    victim.touch()
    victim.chmod(0o644)
    (data / "evil.sqlite").symlink_to(victim)
    prepare_data(config)
    assert mode(victim) == 0o644
