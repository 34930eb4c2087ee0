"""The real pex: its description, its reproducible build, and the bot inside."""

import json
import os
import shutil
import subprocess
import sys
import zipfile

import pytest

from luggage.fake_github import FakeGithub
from tests.support import checkout, needs, own_rule
from tests.support.documented import blocks, shell
from tests.support.packing import CONTENTS, Packed, offline, packed_once
from tests.support.running import running, until

REPO = "snakes/trio"


@pytest.fixture(scope="session")
def packed(tmp_path_factory):
    return packed_once(tmp_path_factory)


@pytest.fixture(scope="session")
def unpacked(packed):
    """The directory where the pex unpacks itself, shared by all tests."""
    return packed.pex.parent / "pex-root"


@pytest.fixture
def run(packed, unpacked, tmp_path):
    """Run a subcommand of the pex in an empty directory and a bare environment."""

    def _run(*words, python=sys.executable, **environ):
        env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PEX_ROOT": str(unpacked)}
        return subprocess.run(
            [python, packed.pex, *words],
            cwd=tmp_path,
            env=env | environ,
            capture_output=True,
            text=True,
            check=False,
        )

    return _run


def without_network():
    """The prefix that runs a command without network; empty where that fails."""
    words = ["unshare", "--net", "--map-root-user"]
    works = (
        shutil.which("unshare") and subprocess.run([*words, "true"], check=False).returncode == 0
    )
    return words if works else []


@pytest.fixture(scope="session")
def rebuilt(packed, tmp_path_factory):
    """The same commit, packed elsewhere, later, with private keys around, without network.

    By the page's commands for a wheelhouse, which also build it twice.
    """
    elsewhere = tmp_path_factory.mktemp("rebuilt") / "elsewhere"
    done = checkout.run("git", "clone", "-q", packed.home, elsewhere, cwd=packed.home)
    assert done.returncode == 0, done.stderr
    for folder in (elsewhere, elsewhere / "bot_deploy"):
        (folder / "secret.key").write_text("nobody-may-see-me")
    for name in CONTENTS:
        for path in (elsewhere / name, *(elsewhere / name).rglob("*")):
            os.utime(path, (1, 1))
    habits = {"TZ": "Asia/Tokyo", "LANG": "C", "PYTHONHASHSEED": "7", "PEX_VERBOSE": "1"}
    (commands,) = blocks("howto/deploy", section="As one file")[1:]
    how = {"prefix": without_network(), "umask": 0o077, **habits, **offline()}
    printed = shell(commands, cwd=elsewhere, **how)
    assert "both builds are the same, byte for byte" in printed
    return Packed(elsewhere / "bot.pex", elsewhere)


def test_two_builds_of_one_commit_are_the_same_to_the_byte(packed, rebuilt):
    """Every build of a commit yields the same pex and bill of materials."""
    assert rebuilt.sha256 == packed.sha256
    assert rebuilt.bill.read_bytes() == packed.bill.read_bytes()


def test_it_says_where_it_comes_from(packed, run):
    """`version` prints the version, the commit, Python and the dependencies."""
    lines = run("version").stdout.splitlines()
    assert lines[0].startswith(f"portmanteau 0.1.0, commit {packed.commit} of 20")
    assert lines[1] == "Python " + sys.version.split()[0]
    assert any(line.startswith("Flask ") for line in lines)


def test_the_bill_of_materials_names_what_is_inside(packed, run):
    """The bill lists each dependency with its version, and the pex's digest."""
    bill = json.loads(packed.bill.read_text())
    about = bill["metadata"]["component"]
    assert about["hashes"] == [{"alg": "SHA-256", "content": packed.sha256}]
    listed = {part["name"]: part["version"] for part in bill["components"]}
    parts = json.loads(run("version", "--json").stdout)["parts"]
    assert listed == {
        name.lower().replace("_", "-").replace(".", "-"): parts[name] for name in parts
    }


def test_it_holds_config_toml_and_no_key(rebuilt):
    """The pex contains the sealed configuration, and no private key of the tree."""
    with zipfile.ZipFile(rebuilt.pex) as archive:
        names = archive.namelist()
        (config,) = (name for name in names if name.endswith("bot_deploy/config.toml"))
        packed_config = archive.read(config)
    assert packed_config == (rebuilt.home / "bot_deploy" / "config.toml").read_bytes()
    assert not [name for name in names if name.endswith(".key")]


def test_a_home_that_cannot_be_written_is_one_line_and_once(run, tmp_path):
    """The pex unpacks elsewhere and says where; the next start reuses that silently."""
    there = {"PEX_ROOT": "/proc/nowhere", "TMPDIR": str(tmp_path)}
    first, second = run("version", **there), run("version", **there)
    place = f"{tmp_path}/portmanteau-pex-{os.getuid()}"
    remedy = "(set PEX_ROOT to choose another directory)"
    line = f"/proc/nowhere cannot be used; unpacking into {place} {remedy}"
    assert first.stderr == f"bot.pex: {line}\n"
    assert (first.returncode, second.returncode, second.stderr) == (0, 0, "")


@pytest.mark.needs("another Python")
def test_a_wrong_python_is_reported_in_one_line(run):
    """Another Python version ends with exit code 1 and the name of the right one."""
    done = run("version", python=needs.other_python())
    wanted = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert done.returncode == 1
    assert done.stderr.startswith(f"bot.pex: needs Python {wanted} but was started with 3.")
    assert done.stderr.count("\n") == 1


def test_a_pex_cannot_pack_itself(run):
    """`mkpex` inside a pex says that it needs a checkout."""
    done = run("mkpex")
    assert done.returncode == 1
    assert "is not a checkout" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_file_is_replaced_rolled_back_and_removed(packed, unpacked, tmp_path):
    """docs/howto/upgrade.md and uninstall.md: a running bot keeps its file, and nothing is left."""
    home = {"HOME": str(tmp_path), "PEX_ROOT": str(tmp_path / "pex-root")}
    (tmp_path / "pex-root").symlink_to(unpacked)
    shutil.copy(packed.pex, tmp_path / "bot.pex")
    shell("python3 bot.pex migrate", cwd=tmp_path, **home)
    (tmp_path / "bot.pex.new").write_text("the new one")
    upgrade, roll_back = blocks("howto/upgrade", "sh pex")
    shell(upgrade, cwd=tmp_path, **home)
    assert (tmp_path / "bot.pex").read_text() == "the new one"
    shell(roll_back, cwd=tmp_path, **home)
    shell("python3 bot.pex restore bot.backup --replace", cwd=tmp_path, **home)
    shell("\n".join(blocks("howto/uninstall", "sh pex")), cwd=tmp_path, **home)
    assert [path.name for path in tmp_path.iterdir()] == ["bot.backup"]
    assert unpacked.exists()  # the link alone is gone; other tests use it


@pytest.fixture
def bot(packed, unpacked, tmp_path):
    """The bot from the pex with a custom rule, and its GitHub."""
    (tmp_path / own_rule.FILE).write_text(own_rule.CODE)
    github = FakeGithub()
    github.add_repository(REPO)
    with github.serve() as server:
        settings = {
            "GITHUB_APP_ID": str(github.app_id),
            "GITHUB_PRIVATE_KEY": github.private_key,
            "GITHUB_WEBHOOK_SECRET": github.webhook_secret,
            "GITHUB_API_URL": server.url,
            "PEX_ROOT": str(unpacked),
            "BOT_RULES": own_rule.FILE,
        }
        program = (sys.executable, str(packed.pex))
        with running(tmp_path, settings, program=program, cwd=tmp_path) as started:
            started.wait_until_ready()
            yield started, github


def test_the_pex_runs_the_bot(bot):
    """Commands and custom rules work in the pex, and SIGTERM ends it with exit code 0."""
    started, github = bot
    own_rule.thanks(github, REPO, started.hook)
    github.deliver(*github.open_issue(REPO, "alice", body="/ping"), to=started.hook)
    until(lambda: github.comments(REPO, 2), "the bot answers")
    until(lambda: own_rule.hearts(github), "the custom rule runs")
    assert started.end() == 0
    assert "Traceback" not in started.output
