"""`backup` and `restore`: what the operator types and sees."""

import os
import sqlite3
import stat

import pytest

from bot.store.board import SqlBoard
from bot_deploy import backup, restore
from bot_deploy.config import load
from bot_deploy.config.sources import ConfigError
from bot_deploy.migrate import migrate
from bot_deploy.wiring.parts import clock as now
from bot_deploy.wiring.parts import open_parts
from luggage.database import SchemaError
from luggage.database.backup import BackupError
from luggage.jobs import NewJob

APP = {"GITHUB_APP_ID": "1", "GITHUB_PRIVATE_KEY": "-", "GITHUB_WEBHOOK_SECRET": "s3cret"}
KINDS = ("sqlite", "postgresql")


@pytest.fixture
def use(tmp_path, monkeypatch, request):
    """Take another bot, with an empty database of a kind, as that of the environment."""

    def _use(kind, name="bot"):
        environ = APP | {"BOT_DATA": str(tmp_path / name)}
        if kind == "postgresql":
            environ["DATABASE_URL"] = request.getfixturevalue("postgresql_server").new_database()
        monkeypatch.setattr(os, "environ", environ)
        migrate(load(environ))
        return tmp_path / name

    return _use


def put(key):
    """Queue a delivery; returns whether it is new."""
    with open_parts(load(os.environ)) as parts:
        job = NewJob(queue="delivery", key=key, body=b"{}", run_at=0.0)
        return parts.queue.put(job).created


@pytest.mark.parametrize("to", KINDS)
@pytest.mark.parametrize("source", KINDS)
def test_a_fresh_bot_has_all_that_the_backup_has(use, tmp_path, capsys, source, to):
    """From either kind of database into either: nothing is lost, nothing later is there."""
    use(source, "old")
    put("before")
    assert backup.main(["backup", str(tmp_path / "file")]) == 0
    put("after")
    assert "wrote and checked" in capsys.readouterr().out
    use(to, "new")
    assert restore.main(["restore", str(tmp_path / "file")]) == 0
    assert not put("before")
    assert put("after")
    # The next number is not one that is taken, and another backup works.
    assert backup.main(["backup", str(tmp_path / "second")]) == 0


def test_only_the_owner_can_read_it(use, tmp_path):
    """Whatever the umask is; and nothing else stays beside it."""
    use("sqlite")
    folder = tmp_path / "folder"
    folder.mkdir()
    before = os.umask(0)
    try:
        backup.main(["backup", str(folder / "file")])
    finally:
        os.umask(before)
    assert [path.name for path in folder.iterdir()] == ["file"]
    assert stat.S_IMODE((folder / "file").stat().st_mode) == 0o600


def test_a_file_that_exists_is_never_overwritten(use, tmp_path):
    """The error names it; its contents stay."""
    use("sqlite")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(BackupError, match="file exists: name a new file"):
        backup.main(["backup", str(tmp_path / "file")])
    assert (tmp_path / "file").read_text() == "mine"


def test_without_a_database_there_is_no_backup(tmp_path, monkeypatch):
    """An empty backup would look like a good one; nothing is made."""
    monkeypatch.setattr(os, "environ", {"BOT_DATA": str(tmp_path / "nowhere")})
    with pytest.raises(ConfigError, match=r"there is no database .*bot\.sqlite: set BOT_DATA"):
        backup.main(["backup", str(tmp_path / "file")])
    assert list(tmp_path.iterdir()) == []


def test_a_directory_keeps_the_last_ones(use, tmp_path, monkeypatch, capsys):
    """Files are named by the time; others' files stay."""
    use("sqlite")
    folder = tmp_path / "backups"
    folder.mkdir()
    (folder / "notes").touch()
    for second in (1_800_000_000, 1_800_000_001, 1_800_000_002):
        monkeypatch.setattr(backup, "clock", lambda second=second: second)
        assert backup.main(["backup", str(folder), "--keep", "2"]) == 0
    names = ["bot-20270115T080001Z.backup", "bot-20270115T080002Z.backup", "notes"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert "deleted " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["file", "--keep", "2"], "--keep needs a directory"),
        ([".", "--keep", "0"], "'0' is not a number of files from 1 on"),
        ([".", "--keep", "-1"], "is not a number of files from 1 on"),
        ([], "required: FILE"),
    ],
)
def test_a_wrong_call_is_told_how(use, capsys, words, told):
    """Exit code 2."""
    use("sqlite")
    with pytest.raises(SystemExit) as ended:
        backup.main(["backup", *words])
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("kind", KINDS)
def test_a_database_with_rows_is_replaced_only_by_request(use, tmp_path, capsys, kind):
    """What it had is kept in a file that can be restored."""
    use(kind)
    put("old")
    backup.main(["backup", str(tmp_path / "file")])
    put("new")
    with pytest.raises(BackupError, match="not empty: --replace"):
        restore.main(["restore", str(tmp_path / "file")])
    assert not put("new")
    restore.main(["restore", str(tmp_path / "file"), "--replace"])
    assert put("new")
    (line,) = (line for line in capsys.readouterr().out.splitlines() if " is in " in line)
    put("newer")
    restore.main(["restore", line.rpartition(" is in ")[2], "--replace"])
    assert not put("new")
    assert put("newer")


@pytest.mark.parametrize("kind", KINDS)
def test_two_restores_of_one_second_keep_both(use, tmp_path, monkeypatch, kind):
    """What the first one kept is not overwritten by what the second one keeps."""
    monkeypatch.setattr(restore, "clock", lambda: 1_800_000_000)
    data = use(kind)
    put("old")
    backup.main(["backup", str(tmp_path / "file")])
    for _ in range(2):
        restore.main(["restore", str(tmp_path / "file"), "--replace"])
    names = sorted(path.name for path in data.glob("replaced-*.backup"))
    assert names == ["replaced-20270115T080000Z.backup", "replaced-20270115T080001Z.backup"]


def cut(file):
    file.write_bytes(file.read_bytes()[:-9000])


def zeroed(file):
    data = bytearray(file.read_bytes())
    data[4096 : 4096 * 8] = bytes(4096 * 7)
    file.write_bytes(data)


def text(file):
    file.write_text("a text")


def empty(file):
    file.write_bytes(b"")


def stranger(file):
    file.unlink()
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE other (id)")
    connection.close()


@pytest.mark.parametrize("damage", [cut, zeroed, text, empty, stranger])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_whole_backup_is_refused(use, tmp_path, kind, damage):
    """The database stays as it is."""
    use(kind)
    put("old")
    file = tmp_path / "file"
    backup.main(["backup", str(file)])
    damage(file)
    with pytest.raises(BackupError, match=r"is damaged|is no backup of the bot"):
        restore.main(["restore", str(file), "--replace"])
    assert not put("old")


@pytest.mark.parametrize("damage", [cut, zeroed, text])
def test_a_damaged_database_is_replaced(use, tmp_path, damage):
    """It is refused as a source, and what is left of it is kept."""
    data = use("sqlite")
    put("old")
    backup.main(["backup", str(tmp_path / "file")])
    for journal in data.glob("bot.sqlite-*"):
        journal.unlink()
    damage(data / "bot.sqlite")
    left = (data / "bot.sqlite").read_bytes()
    with pytest.raises((BackupError, SchemaError)):
        backup.main(["backup", str(tmp_path / "second")])
    assert not (tmp_path / "second").exists()
    restore.main(["restore", str(tmp_path / "file"), "--replace"])
    assert not put("old")
    (aside,) = data.glob("replaced-*.backup")
    assert aside.read_bytes() == left


def test_an_empty_database_leaves_no_file(use, tmp_path):
    """There was nothing to keep."""
    use("sqlite", "old")
    backup.main(["backup", str(tmp_path / "file")])
    data = use("sqlite", "new")
    restore.main(["restore", str(tmp_path / "file")])
    assert not list(data.glob("replaced-*"))


def test_a_database_elsewhere_is_replaced_in_its_own_directory(use, tmp_path):
    """It may be on another disk, and a file is moved within a disk alone."""
    data, elsewhere = use("sqlite"), tmp_path / "elsewhere"
    elsewhere.mkdir()
    os.environ["DATABASE_URL"] = f"sqlite:///{elsewhere / 'mine.sqlite'}"
    migrate(load(os.environ))
    put("old")
    backup.main(["backup", str(tmp_path / "file")])
    restore.main(["restore", str(tmp_path / "file"), "--replace"])
    assert len(list(elsewhere.glob("replaced-*.backup"))) == 1
    assert not list(data.glob("replaced-*"))
    assert not put("old")


def test_a_bot_that_runs_is_not_restored(use, tmp_path, monkeypatch):
    """The loop would go on with what it remembers."""
    use("sqlite")
    backup.main(["backup", str(tmp_path / "file")])
    with open_parts(load(os.environ)) as parts:
        board = SqlBoard(parts.engine, clock=now)
        board.beat("loop")
        later = iter(range(100, 1000, 100))
        board = SqlBoard(parts.engine, clock=lambda: now() + next(later))
        monkeypatch.setattr("bot_deploy.restore.time.sleep", lambda _seconds: board.beat("loop"))
        with pytest.raises(ConfigError, match="stop the bot"):
            restore.main(["restore", str(tmp_path / "file"), "--replace"])


def test_a_backup_of_an_older_version_is_upgraded(use, tmp_path):
    """As `migrate` would; a newer one is refused."""
    use("sqlite", "old")
    put("before")
    file = tmp_path / "file"
    backup.main(["backup", str(file)])
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE bot_version SET version_num = 'later'")
    connection.close()
    use("sqlite", "new")
    with pytest.raises(SchemaError, match="newer"):
        restore.main(["restore", str(file)])
