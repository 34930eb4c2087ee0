"""Making key pairs: `keygen` and `rotate`."""

import stat
from pathlib import Path

import pytest

from luggage.crypto import PrivateKey, parse_private_keys
from luggage.crypto.document import Document
from tests.support.sealed import SHIPPED, VALUE, Run, plain, private_half, shown


def test_keygen_makes_a_private_file(config: Path) -> None:
    """The private half is in a new file that only its owner can read, and fits the public half."""
    mode = stat.S_IMODE(Path("secret.key").stat().st_mode)
    assert (mode, private_half().id) == (0o600, Document(config.read_text()).current_key().id)


def test_keygen_shows_no_private_half(config: Path, run: Run) -> None:
    """The private half is not shown, and is not in config.toml."""
    config.write_text(SHIPPED.read_text())
    result = run("keygen", "--config", str(config), "--private-key", "a.key")
    assert "luggage_private_" not in shown(result) + config.read_text()


def test_keygen_refuses_a_second_pair(config: Path, run: Run) -> None:
    """A second pair is refused, with the way to rotate, and nothing is made."""
    before = config.read_text()
    result = run("keygen", "--config", str(config), "--private-key", "a.key")
    assert (result.code, "`rotate`" in result.err) == (1, True)
    assert (config.read_text(), Path("a.key").exists()) == (before, False)


def test_keygen_add(config: Path, run: Run) -> None:
    """Told so, it makes one more pair; what was sealed for the first still opens."""
    run("encrypt", "github.app_id", "--config", str(config), stdin=VALUE.encode())
    result = run("keygen", "--add", "--config", str(config), "--private-key", "a.key")
    current = Document(config.read_text()).current_key().id
    assert (result.code, current) == (0, private_half("a.key").id)
    assert plain(config, "github.app_id") == (VALUE,)


def test_keygen_never_overwrites(config: Path, run: Run) -> None:
    """An existing file is never overwritten with a private half, and config.toml stays."""
    config.write_text(SHIPPED.read_text())
    before = private_half().reveal()
    result = run("keygen", "--config", str(config))
    assert (result.code, "never overwrite" in result.err) == (1, True)
    assert (private_half().reveal(), config.read_text()) == (before, SHIPPED.read_text())


def test_keygen_stdout(config: Path, run: Run) -> None:
    """On demand the private half goes to stdout, alone, and into no file."""
    config.write_text(SHIPPED.read_text())
    Path("secret.key").unlink()
    result = run("keygen", "--config", str(config), "--stdout")
    key = parse_private_keys(result.out)[0]
    assert key.id == Document(config.read_text()).current_key().id
    assert ("luggage_private_" in result.err, Path("secret.key").exists()) == (False, False)


@pytest.mark.parametrize("name", ["keygen", "rotate"])
def test_a_failed_write_takes_the_key_back(
    name: str, full: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If config.toml cannot be written, no private half without a public one stays behind."""
    if name == "keygen":
        full.write_text(SHIPPED.read_text())
    before = full.read_text()

    def no_room(*_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("SECRET_KEY_FILE", "secret.key")
    monkeypatch.setattr("bot_deploy.config.secrets_file.os.fchmod", no_room)
    result = run(name, "--config", str(full), "--private-key", "new.key")
    assert (result.code, "No space left" in result.err) == (1, True)
    assert full.read_text() == before
    assert sorted(path.name for path in Path().iterdir()) == ["config.toml", "secret.key"]


def test_rotate(full: Path, run: Run) -> None:
    """After a rotation every value opens with the new key."""
    names = ("github.app_id", "github.private_key", "github.webhook_secrets")
    before = [plain(full, name, "secret.key") for name in names]
    result = run("rotate", "--config", str(full), "--key-file", "secret.key")
    assert (result.code, "3 values sealed again" in result.err) == (0, True)
    opened = [plain(full, name, "secret.key.new") for name in names]
    assert opened == before


def test_rotate_retires_the_old_key(full: Path, run: Run) -> None:
    """After a rotation the old key opens nothing, and check says which key is wanted."""
    run("rotate", "--config", str(full), "--key-file", "secret.key")
    result = run("check", "--config", str(full), "--key-file", "secret.key")
    wanted = private_half("secret.key.new").id
    assert (result.code, result.out.count(f"to the key of {wanted}")) == (1, 3)


def test_rotate_with_another_key(full: Path, run: Run) -> None:
    """A rotation with a key that does not open everything changes nothing and makes nothing."""
    before = full.read_text()
    Path("other.key").write_text(PrivateKey(b"1" * 32).reveal())
    Path("other.key").chmod(0o600)
    result = run("rotate", "--config", str(full), "--key-file", "other.key")
    assert (result.code, full.read_text()) == (1, before)
    assert not Path("secret.key.new").exists()


def test_rotate_stdout(full: Path, run: Run) -> None:
    """On demand the new private half goes to stdout, alone."""
    result = run("rotate", "--config", str(full), "--key-file", "secret.key", "--stdout")
    assert parse_private_keys(result.out)[0].id == Document(full.read_text()).current_key().id


def ids(path: str) -> set[str]:
    """The pairs whose private halves are in a file."""
    return {key.id for key in parse_private_keys(Path(path).read_text())}


def opens(name: str, config: Path, key: str, run: Run) -> bool:
    """Whether `decrypt` opens a value with the keys in a file."""
    return run("decrypt", name, "--config", str(config), "--key-file", key).code == 0


# Each value that the fixture seals, and the files that open it.
PARTS = [
    ("github.app_id", {"web", "loop"}),
    ("github.private_key", {"loop"}),
    ("github.webhook_secrets", {"web"}),
]


@pytest.mark.parametrize("again", [False, True])
def test_rotate_parts(full: Path, run: Run, *, again: bool) -> None:
    """Each part's file opens what it uses and no more; the parts stay in the next rotation."""
    new, old = "secret.key.new", "secret.key"
    assert run("rotate", "--config", str(full), "--key-file", old, "--parts").code == 0
    if again:
        old, new = new, "newer"
        words = ("--key-file", old, "--private-key", new)
        assert run("rotate", "--config", str(full), *words).code == 0
    for name, parts in PARTS:
        assert opens(name, full, new, run)
        assert {
            part for part in ("web", "loop") if opens(name, full, f"{new}.{part}", run)
        } == parts
    assert ids(new) == ids(f"{new}.web") | ids(f"{new}.loop")
    assert {stat.S_IMODE(path.stat().st_mode) for path in Path().glob(f"{new}*")} == {0o600}


def test_keygen_parts(config: Path, run: Run) -> None:
    """The first key pair may come with those of the parts, and `encrypt` uses them."""
    config.write_text(SHIPPED.read_text())
    assert run("keygen", "--config", str(config), "--private-key", "k", "--parts").code == 0
    for name, parts in PARTS:
        assert run("encrypt", name, "--config", str(config), stdin=VALUE.encode()).code == 0
        assert {part for part in ("web", "loop") if opens(name, config, f"k.{part}", run)} == parts


def test_check_of_a_part(full: Path, run: Run) -> None:
    """`check --part` looks at what that process uses alone."""
    run("rotate", "--config", str(full), "--key-file", "secret.key", "--parts")
    for part, other in (("web", "loop"), ("loop", "web")):
        words = ("check", "--config", str(full), "--key-file", f"secret.key.new.{part}")
        assert run(*words, "--part", part).code == 0
        assert run(*words).code == 1
        assert run(*words, "--part", other).code == 1


@pytest.mark.parametrize("name", ["keygen", "rotate"])
def test_parts_go_into_files(name: str, full: Path, run: Run) -> None:
    """The keys of parts are not printed: nobody could tell them apart."""
    before = full.read_text()
    result = run(name, "--config", str(full), "--parts", "--stdout")
    assert (result.code, "omit --stdout" in result.err) == (2, True)
    assert (result.out, full.read_text()) == ("", before)


def test_a_file_in_the_way_of_a_part(full: Path, run: Run) -> None:
    """If one of the files exists, none is made and nothing changes."""
    before = full.read_text()
    Path("secret.key.new.loop").write_text("mine")
    result = run("rotate", "--config", str(full), "--key-file", "secret.key", "--parts")
    assert (result.code, full.read_text()) == (1, before)
    assert sorted(path.name for path in Path().glob("*.new*")) == ["secret.key.new.loop"]
