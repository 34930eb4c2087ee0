"""luggage.buildpex.Build with fake tools: their commands, the progress and the errors."""

import json
import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from luggage import buildpex
from luggage.buildpex import Build, BuildError, Commit, Recipe, tools

COMMIT = Commit("c0ffee", 1_700_000_000)


def make_wheel(path, name, *headers):
    """Write a wheel that holds only its metadata."""
    about = "\n".join(["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0", *headers, "", ""])
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}-1.0.dist-info/METADATA", about)


@pytest.fixture
def root(tmp_path):
    """A checkout of a project with two files, without git."""
    found = tmp_path / "root"
    (found / "app").mkdir(parents=True)
    (found / "app" / "__init__.py").touch()
    for name in ("setup.py", "requirements.txt", "requirements-build.txt"):
        (found / name).touch()
    return found


@pytest.fixture
def house(tmp_path):
    found = tmp_path / "house"
    found.mkdir()
    return found


@pytest.fixture
def calls(monkeypatch):
    """Fake the tools; return the step, the command and the environment of each call."""
    calls = []

    def pretend(step, command, *, env, cwd):
        calls.append((step, command, dict(env)))
        if "--wheel-dir" in command:
            into = Path(command[command.index("--wheel-dir") + 1])
            into.mkdir(exist_ok=True)
            name = "app" if step == "building our own wheel" else "part"
            make_wheel(into / f"{name}-1.0-py3-none-any.whl", name)
        if "--output-file" in command:
            contents = (cwd / "source" / "app" / "build.toml").read_text()
            Path(command[command.index("--output-file") + 1]).write_text(contents)

    monkeypatch.setattr(tools, "run", pretend)
    return calls


@pytest.fixture
def progress():
    return []


@pytest.fixture
def build(root, progress):
    recipe = Recipe(
        root=root, contents=("setup.py", "app"), name="app", package="app", commit=COMMIT
    )
    environ = {"PATH": "/bin", "SECRET_KEY": "hush", "https_proxy": "http://proxy"}
    return Build(recipe=recipe, environ=environ, tell=progress.append)


def test_only_the_downloads_may_use_the_network(build, calls, house):
    """Both lists are downloaded with hashes; the tools are installed from there, and first."""
    build.fill(house / "new")
    steps = {step: command for step, command, _ in calls}
    assert list(steps) == [
        "downloading requirements-build.txt",
        "installing requirements-build.txt",
        "downloading requirements.txt",
    ]
    assert all("--require-hashes" in command for command in steps.values())
    assert "--no-index" in steps["installing requirements-build.txt"]


def test_a_build_uses_no_network(build, calls, house, tmp_path):
    """Every step uses the wheelhouse only."""
    build.make(tmp_path / "app.pex", house)
    assert all("--no-index" in command or "--no-pypi" in command for _, command, _ in calls)
    assert all("https_proxy" not in env for _, _, env in calls)


def test_no_tool_gets_a_secret(build, calls, house, tmp_path):
    """A tool does not get the operator's environment, but the commit's time."""
    build.fill(house / "new")
    build.make(tmp_path / "app.pex", house)
    assert all("SECRET_KEY" not in env for _, _, env in calls)
    assert calls[-1][2]["SOURCE_DATE_EPOCH"] == "1700000000"


def test_the_pex_and_its_bill_are_put_in_place(build, calls, house, tmp_path):
    """They are in one directory, and the pex has the commit's stamp."""
    built = build.make(tmp_path / "out" / "app.pex", house)
    assert built.pex.read_text() == 'commit = "c0ffee"\ncommitted_at = 1700000000\n'
    assert built.bill == tmp_path / "out" / "app.cdx.json"
    names = [part["name"] for part in json.loads(built.bill.read_text())["components"]]
    assert names == ["part"]
    assert sorted(path.name for path in built.pex.parent.iterdir()) == ["app.cdx.json", "app.pex"]


def test_the_progress_is_a_line_for_each_step(build, calls, house, progress, tmp_path):
    """The lines are short, and name commit and file."""
    build.make(tmp_path / "app.pex", house)
    assert progress == [
        "checking the hashes and collecting the wheels",
        "building the wheel of app, commit c0ffee",
        "packing app.pex",
    ]


def test_the_second_of_two_builds_is_later_and_elsewhere(build, calls, house, tmp_path):
    """It starts two seconds later and is the same; only the first pex stays."""
    slept = []
    first, again = build.make_twice(tmp_path / "app.pex", house, sleep=slept.append)
    assert slept == [2.1]
    assert first.sha256 == again.sha256
    assert first.pex.exists()
    assert not again.pex.exists()


def test_a_wheelhouse_must_be_empty(build, calls, house):
    """A directory that is not empty is refused, and nothing is downloaded."""
    (house / "something").touch()
    with pytest.raises(BuildError, match="is not empty"):
        build.fill(house)
    assert calls == []


def test_a_missing_wheelhouse_is_named(build, calls, tmp_path):
    """The error has the remedy."""
    with pytest.raises(BuildError, match="gone is not a wheelhouse: fill one with --download"):
        build.make(tmp_path / "app.pex", tmp_path / "gone")


def test_an_older_pex_stays_when_a_step_fails(build, calls, house, tmp_path, monkeypatch):
    """Only a finished pex replaces the output."""
    output = tmp_path / "app.pex"
    output.write_text("old")

    def fail(step, *args, **kwargs):
        raise BuildError(step)

    monkeypatch.setattr(tools, "run", fail)
    with pytest.raises(BuildError):
        build.make(output, house)
    assert output.read_text() == "old"


def test_a_tool_that_fails_shows_its_last_lines(tmp_path):
    """The error has the step, the exit code and the tool's last lines."""
    script = "for i in $(seq 50); do echo line $i; done; exit 3"
    with pytest.raises(BuildError) as raised:
        tools.run("trying", ["/bin/sh", "-c", script], env=dict(os.environ), cwd=tmp_path)
    lines = str(raised.value).splitlines()
    assert lines[0] == "trying failed with exit code 3:"
    assert lines[1].strip() == "line 31"
    assert lines[-1].strip() == "line 50"


def test_a_tool_that_is_not_there_is_named(tmp_path):
    """The error names the program and the reason."""
    with pytest.raises(BuildError, match="trying: /no/such cannot be started: No such file"):
        tools.run("trying", ["/no/such"], env={}, cwd=tmp_path)


def test_a_tool_that_works_is_quiet(tmp_path, capfd):
    """Its output is not shown."""
    tools.run("trying", ["/bin/echo", "hello"], env={}, cwd=tmp_path)
    assert capfd.readouterr().out == ""


def git(root, *words):
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "core.hooksPath=")
    subprocess.run(["git", "-C", root, *who, *words], check=True, capture_output=True)


@pytest.fixture
def checkout(root):
    """The same project, committed."""
    (root / ".gitignore").write_text("secret.key\n")
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "-m", "One")
    return root


def test_a_clean_checkout_is_its_commit(checkout):
    """The hash has 40 digits, and the time is the commit's."""
    found = buildpex.commit_of(checkout)
    assert len(found.hash) == 40
    assert not found.dirty
    assert found.committed_at > 1_700_000_000


@pytest.mark.parametrize("name", ["setup.py", "app/new.py"])
def test_a_changed_or_new_file_makes_it_dirty(checkout, name):
    """The hash ends with -dirty."""
    (checkout / name).write_text("# changed\n")
    assert buildpex.commit_of(checkout).dirty


def test_a_change_elsewhere_does_not_matter(checkout):
    """Only the packed files count."""
    (checkout / "README.md").touch()
    assert not buildpex.commit_of(checkout, ("setup.py", "app")).dirty


def test_without_git_the_caller_must_name_the_commit(root):
    """The error names the options."""
    with pytest.raises(BuildError, match="pass --commit HASH and --committed-at SECONDS"):
        buildpex.commit_of(root)


def test_a_missing_git_command_is_reported(root, monkeypatch):
    """The error says that git cannot be started."""
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BuildError, match="git cannot be started"):
        buildpex.commit_of(root)


def exported(root, to):
    buildpex.source.export(root, ("setup.py", "app"), to)
    return sorted(str(path.relative_to(to)) for path in to.rglob("*") if path.is_file())


def test_ignored_files_are_not_packed(checkout, tmp_path):
    """New files are packed, ignored and deleted ones are not."""
    (checkout / "app" / "secret.key").touch()
    (checkout / "app" / "new.py").touch()
    (checkout / "setup.py").unlink()
    assert exported(checkout, tmp_path / "to") == ["app/__init__.py", "app/new.py"]


def test_without_git_all_but_junk_is_packed(root, tmp_path):
    """Bytecode and build directories are left out."""
    (root / "app" / "__pycache__").mkdir()
    (root / "app" / "__pycache__" / "x.pyc").touch()
    (root / "app" / "data").mkdir()
    (root / "app" / "data" / "page.html").touch()
    assert exported(root, tmp_path / "to") == ["app/__init__.py", "app/data/page.html", "setup.py"]


def test_modes_are_the_same_for_all(root, tmp_path):
    """They do not depend on the umask of the checkout."""
    (root / "setup.py").chmod(0o700)
    exported(root, tmp_path / "to")
    assert (tmp_path / "to" / "setup.py").stat().st_mode & 0o777 == 0o644


def test_a_directory_that_is_no_checkout_is_refused(tmp_path):
    """The error has the first missing name."""
    with pytest.raises(BuildError, match=r"is not a checkout, setup\.py is missing"):
        buildpex.check_contents(tmp_path, ("setup.py", "app"))
    buildpex.check_contents(tmp_path, ())
