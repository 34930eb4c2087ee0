"""The bot and the library, installed without a checkout into an empty environment."""

import os
import re
import shlex
import signal
import subprocess
import tarfile
import time
import urllib.request
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

from luggage.buildpex.provenance import project_version
from luggage.fake_github import FakeGithub
from tests.support.documented import blocks, shell
from tests.support.installing import built, library_table, run, uv
from tests.support.packing import ROOT, wheelhouse
from tests.support.running import free_port

pytestmark = pytest.mark.xdist_group("installed")

LINES = [
    line
    for line in (ROOT / "requirements.in").read_text().splitlines()
    if line and not line.startswith("#")
]
EXTRAS = sorted(library_table())
LIBRARY_PAGE = (ROOT / "docs/library.md").read_text()
IMPORT_ALL = """
import importlib, pkgutil, sys
for name in sys.argv[1:]:
    module = importlib.import_module(name)
    for found in pkgutil.walk_packages(getattr(module, "__path__", []), f"{name}."):
        importlib.import_module(found.name)
"""


@pytest.fixture(scope="module")
def portmanteau(tmp_path_factory):
    return built(tmp_path_factory, "portmanteau")


@pytest.fixture(scope="module")
def luggage(tmp_path_factory):
    return built(tmp_path_factory, "luggage")


def metadata(wheel):
    """The headers of a wheel's METADATA."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return HeaderParser().parsestr(archive.read(name).decode())


def files(distribution):
    """The names in the sdist, without its top folder, and in the wheel."""
    with tarfile.open(distribution.sdist) as archive:
        assert all(member.isfile() or member.isdir() for member in archive)  # no link leads out
        sdist = {name.partition("/")[2] for name in archive.getnames()}
    with zipfile.ZipFile(distribution.wheel) as archive:
        return sdist, set(archive.namelist())


def test_the_bot_declares_what_the_lock_is_compiled_from(portmanteau):
    """The requirements are exactly the lines of requirements.in."""
    about = metadata(portmanteau.wheel)
    assert sorted(about.get_all("Requires-Dist")) == sorted(LINES)
    assert about["License-Expression"] == "MIT"
    assert about["Description-Content-Type"] == "text/markdown"
    assert about["Version"] == project_version(ROOT)


def test_the_sdist_holds_what_it_is_built_from(portmanteau, luggage):
    """The sdist contains the sources of the metadata."""
    needed = {"setup.py", "pyproject.toml", "requirements.in", "README.md", "LICENSE"}
    assert needed <= files(portmanteau)[0]
    assert needed | {"portmanteau.toml", "luggage/github/app.py"} <= files(luggage)[0]


def test_the_wheels_hold_every_file_of_their_packages(portmanteau, luggage):
    """The wheel has the pages, the simulated GitHub and config.toml, and no other folder."""
    packed = files(portmanteau)[1]
    expected = {
        str(path.relative_to(ROOT))
        for package in ("bot", "luggage", "bot_deploy")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert {name for name in packed if ".dist-info/" not in name} == expected
    alone = {name for name in files(luggage)[1] if ".dist-info/" not in name}
    assert alone == {name for name in expected if name.startswith("luggage/")}


def test_a_file_that_is_gone_is_not_packed_again(tmp_path, portmanteau):
    """A build leaves no copy of the sources that the next wheel would include."""
    # Not tarfile: Debian 12's Python has no filter, and newer ones demand one.
    run(["tar", "-xzf", str(portmanteau.sdist), "-C", str(tmp_path)], cwd=tmp_path, home=tmp_path)
    (tree,) = tmp_path.iterdir()
    out = tmp_path / "out"
    gone = tree / "bot" / "gone.py"
    for text in ("", None):
        gone.write_text(text) if text is not None else gone.unlink()
        run(uv("build", "--wheel", "--out-dir", out), cwd=tree, home=tmp_path / "home")
        (wheel,) = out.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            assert ("bot/gone.py" in archive.namelist()) == (text is not None)
        wheel.unlink()
    assert not (tree / "build").exists()


@pytest.fixture(scope="module")
def program(portmanteau, tmp_path_factory):
    """The console script of an environment with the bot, made by the commands of the page."""
    home = tmp_path_factory.mktemp("installed")
    sources = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheelhouse()), "PIP_QUIET": "1"}
    (commands,) = blocks("howto/install", "sh pip")
    commands = commands.replace("SOURCE", shlex.quote(str(portmanteau.wheel)))
    shell(commands, cwd=home, HOME=str(home), PIP_CONFIG_FILE=os.devnull, **sources)
    return home / "bot" / "bin" / "portmanteau"


@pytest.fixture
def bare(tmp_path):
    """An empty directory, an empty home and a minimal environment."""
    for name in ("work", "home", "tmp"):
        (tmp_path / name).mkdir()
    return {"PATH": os.defpath, "HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp")}


def call(program, bare, *words, **environ):
    """Run a subcommand in the empty directory."""
    return subprocess.run(
        [program, *words],
        cwd=Path(bare["HOME"]).with_name("work"),
        env=bare | environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def wait_for(pattern, path, child):
    """The match in the child's output, once it appears; AssertionError if it exits."""
    deadline = time.monotonic() + 120
    while not (found := re.search(pattern, path.read_text())):
        assert child.poll() is None, path.read_text()
        assert time.monotonic() < deadline, path.read_text()
        time.sleep(0.1)
    return found


def test_the_demo_runs(program, bare, tmp_path):
    """The page responds; Ctrl-C ends it with exit code 0, without errors; nothing stays."""
    work, said = tmp_path / "work", tmp_path / "said"
    with said.open("w") as out:
        child = subprocess.Popen(
            [program, "demo", "--every", "0.2"], cwd=work, env=bare, stdout=out, stderr=out
        )
        try:
            page = wait_for(r"status page  (\S+)", said, child)[1]
            wait_for(r"← the bot ", said, child)
            with urllib.request.urlopen(page, timeout=30) as answer:
                assert answer.status == 200
                assert b"portmanteau" in answer.read().lower()
            child.send_signal(signal.SIGINT)
            assert child.wait(timeout=60) == 0
        finally:
            child.kill()
            child.wait()
    assert "Traceback" not in said.read_text()
    assert "Stopped: " in said.read_text()
    assert not any(work.iterdir())
    assert not any((tmp_path / "home").iterdir())
    assert not any((tmp_path / "tmp").iterdir())
    assert not _running(program.parent.parent)


def _running(venv):
    """The processes of an environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:  # it ended meanwhile
            continue
        if any(word.startswith(f"{venv}/") for word in words):
            found.append(words)
    return found


def test_it_says_what_it_is(program, bare):
    """`version` prints the distribution's version, not a checkout's."""
    assert call(program, bare, "--version").stdout == f"portmanteau {project_version(ROOT)}\n"
    assert f"portmanteau {project_version(ROOT)}, commit " in call(program, bare, "version").stdout


@pytest.mark.parametrize("named", [{}, {"BOT_CONFIG": "mine.toml"}], ids=["data", "named"])
def test_secrets_are_in_a_file_of_the_operator(named, program, bare, tmp_path):
    """Secrets are written to and found in a file outside of the environment, with its key."""
    work = tmp_path / "work"
    for words in (["keygen"], ["encrypt", "github.app_id", "--file", "id"]):
        (work / "id").write_text("1234")
        done = call(program, bare, *words, **named)
        assert done.returncode == 0, done.stderr
    checked = call(program, bare, "check", **named)
    assert "github.app_id: opens" in checked.stdout
    assert "Traceback" not in checked.stderr
    (work / "id").unlink()
    made = {str(path.relative_to(work)) for path in work.rglob("*") if path.is_file()}
    assert made == ({"mine.toml", "secret.key"} if named else {"var/config.toml", "var/secret.key"})


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["mkpex"], "is not a checkout"),
        (["mkpex", "--download", "house"], "is not a checkout"),
        (["register", "--organization", "o"], "make a pair with `keygen`"),
        (["encrypt", "github.app_id", "--file", "/dev/null"], "`keygen`, which creates it"),
        (["rotate"], "`keygen`, which creates it"),
        (["start"], "no GitHub App is configured"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_subcommand_that_needs_more_says_so(words, told, program, bare):
    """The error is one line with the remedy, and exit code 1."""
    done = call(program, bare, *words)
    assert done.returncode == 1
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.fixture
def environment(tmp_path):
    """Create an environment with some wheels by uv; returns its Python."""

    def _environment(*requirements):
        venv = tmp_path / "venv"
        run(uv("venv", venv), cwd=tmp_path, home=tmp_path / "home")
        for one in requirements:
            command = uv("pip", "install", one, python=venv)
            run(command, cwd=tmp_path, home=tmp_path / "home")
        return [venv / "bin" / "python", "-I"]

    return _environment


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_is_enough_for_its_parts(extra, luggage, environment, tmp_path):
    """Each module that an extra covers can be imported with that extra alone."""
    wanted = f"luggage[{extra}] @ {luggage.wheel.as_uri()}" if extra else luggage.wheel
    python = environment(wanted)
    parts = [f"luggage.{part}" for part in library_table()[extra]["parts"]]
    run([*python, "-c", IMPORT_ALL, *parts], cwd=tmp_path, home=tmp_path / "home")


def test_the_library_is_alone(luggage, environment, tmp_path):
    """The library installs neither the bot nor dependencies of other extras."""
    python = environment(luggage.wheel)
    look = (
        "import importlib.util as u, luggage.github; "
        "print([n for n in ('bot', 'bot_deploy', 'flask', 'sqlalchemy', 'nacl', 'ncolony') "
        "if u.find_spec(n)])"
    )
    assert run([*python, "-c", look], cwd=tmp_path, home=tmp_path / "home") == "[]\n"


def test_the_bot_of_the_page_runs_with_what_the_page_installs(luggage, environment, tmp_path):
    """The library, and what the section on the bot in ten lines tells people to install."""
    section = LIBRARY_PAGE.partition("## A bot in ten lines")[2].partition("\n## ")[0]
    (code,) = re.findall(
        r"```python\n(.*?)```", section.partition("One more statement")[0], re.DOTALL
    )
    (python, *_) = environment(luggage.wheel, *re.findall(r"`pip install (\w+)`", section))
    (tmp_path / "pong.py").write_text(code)
    github, port = FakeGithub(), free_port()
    github.add_repository("acme/widgets")
    github.add_user("alice")
    with github.serve() as server, (tmp_path / "said").open("w+") as said:
        environ = {
            "PATH": os.environ["PATH"],
            "GITHUB_APP_ID": str(github.app_id),
            "GITHUB_PRIVATE_KEY": github.private_key,
            "GITHUB_WEBHOOK_SECRET": github.webhook_secret,
            "GITHUB_USER_AGENT": "pong",
            "GITHUB_API_URL": server.url,
        }
        command = [python.with_name("flask"), "--app", "pong", "run", "--port", str(port)]
        child = subprocess.Popen(command, cwd=tmp_path, env=environ, stdout=said, stderr=said)
        try:
            wait_for(r"Running on http", tmp_path / "said", child)
            headers, body = github.signed(
                *github.open_issue("acme/widgets", "alice", "A title", "/ping")
            )
            url = f"http://127.0.0.1:{port}/webhook/github"
            asking = urllib.request.Request(url, data=body, headers=dict(headers))
            with urllib.request.urlopen(asking, timeout=30) as answer:
                assert answer.status == 202
        finally:
            child.terminate()
            child.wait()
    assert [comment.body for comment in github.comments("acme/widgets", 1)] == ["pong!"]


def test_each_part_of_the_library_is_in_one_place():
    """Every part belongs to the core or to one extra."""
    assigned = [part for about in library_table().values() for part in about["parts"]]
    folder = ROOT / "luggage"
    there = [path.parent.name for path in folder.glob("*/__init__.py")]
    there += [path.stem for path in folder.glob("*.py") if path.stem != "__init__"]
    assert sorted(assigned) == sorted(there)


def test_the_library_needs_what_the_bot_was_locked_with(luggage):
    """Every installed package is a line of requirements.in; pip is the environment's."""
    about = metadata(luggage.wheel)
    named = {line.partition(";")[0].strip() for line in about.get_all("Requires-Dist")}
    assert named - set(LINES) == {"pip"}
    assert set(about.get_all("Provides-Extra")) == set(EXTRAS) - {""}
    assert about["Version"] == project_version(ROOT)


@pytest.mark.parametrize("order", [1, -1])
def test_both_in_one_environment_do_no_harm(order, portmanteau, luggage, environment, tmp_path):
    """Both installers install the same files."""
    python = environment(*(portmanteau.wheel, luggage.wheel)[::order])
    home = tmp_path / "home"
    program = python[0].with_name("portmanteau")
    assert run([program, "--version"], cwd=tmp_path, home=home).startswith("portmanteau ")
    run([*python, "-c", "import bot.web, luggage.github, luggage.jobs"], cwd=tmp_path, home=home)
