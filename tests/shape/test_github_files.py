""".github, .ci and .pre-commit-config.yaml: safe, well-formed, and about commands that exist."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bot_deploy.__main__ import subcommands

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
GITHUB = ROOT / ".github"
WORKFLOWS = sorted(GITHUB.glob("workflows/*.yml"))
TOOLS = [ROOT / "tests/tools" / name for name in ("install", "engine")]
SCRIPTS = sorted(path for path in (ROOT / ".ci").iterdir() if path.is_file())
# What check-jsonschema ships, and the files that it describes.
SCHEMAS = {
    "vendor.github-workflows": WORKFLOWS,
    "custom.github-workflows-require-timeout": WORKFLOWS,
    "vendor.dependabot": [GITHUB / "dependabot.yml"],
    "vendor.github-issue-forms": sorted(GITHUB.glob("ISSUE_TEMPLATE/[!c]*.yml")),
    "vendor.github-issue-config": [GITHUB / "ISSUE_TEMPLATE/config.yml"],
}
# What a runner has, beside our own scripts and targets.
PROGRAMS = {"docker", "echo", "make"}


def load(path):
    # YAML 1.1 reads the key `on` as True.
    return {
        "on" if key is True else key: part for key, part in yaml.safe_load(path.read_text()).items()
    }


def jobs():
    return [(path, name, job) for path in WORKFLOWS for name, job in load(path)["jobs"].items()]


def steps():
    return [step for _, _, job in jobs() for step in job.get("steps", [])]


def scripts():
    return [step["run"] for step in steps() if "run" in step]


def zizmor(*paths):
    command = [BIN / "zizmor", "--offline", "--no-progress", "--persona=auditor", *paths]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_zizmor_finds_nothing():
    """No injection, no unpinned action, no permission that is not needed, no credential kept."""
    done = zizmor(GITHUB)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("persist-credentials: false", "persist-credentials: true"),
        ("permissions: {}", "permissions: write-all"),
        ("run: .ci/run", "run: .ci/run ${{ github.head_ref }}"),
        ("checkout@9c091bb21b7c1c1d1991bb908d89e4e9dddfe3e0", "checkout@v7"),
    ],
)
def test_zizmor_finds_a_fault(tmp_path, good, bad):
    """The check can fail."""
    source = (GITHUB / "workflows/ci.yml").read_text()
    assert good in source
    (tmp_path / "ci.yml").write_text(source.replace(good, bad))
    assert zizmor(tmp_path / "ci.yml").returncode != 0


def fits(schema, *paths):
    command = [BIN / "check-jsonschema", "--builtin-schema", schema, *paths]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_each_file_fits_its_schema(schema):
    """GitHub knows every field of it, and each job has a timeout."""
    assert SCHEMAS[schema]
    done = fits(schema, *SCHEMAS[schema])
    assert done.returncode == 0, done.stdout


def test_a_misspelt_field_is_found(tmp_path):
    """The check can fail."""
    bad = tmp_path / "ci.yml"
    bad.write_text((GITHUB / "workflows/ci.yml").read_text().replace("runs-on:", "run-on:"))
    assert fits("vendor.github-workflows", bad).returncode == 1


def test_each_file_of_the_folder_is_checked():
    """A new workflow or form cannot escape the schemas."""
    listed = {path for paths in SCHEMAS.values() for path in paths}
    assert set(GITHUB.rglob("*.y*ml")) == listed


def test_each_action_is_pinned_and_has_its_version_beside_it():
    """By commit, and one action by the same commit everywhere."""
    pins = {}
    for path in WORKFLOWS:
        for uses in re.findall(r"uses: (.+)", path.read_text()):
            if uses.startswith("./"):
                continue
            action, commit, version = re.fullmatch(
                r"(\S+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)", uses
            ).groups()
            assert pins.setdefault(action, (commit, version)) == (commit, version)
    assert "actions/checkout" in pins


def test_a_workflow_is_given_nothing_and_each_job_what_it_needs():
    """`contents: write` belongs to the one job that makes the release."""
    for path in WORKFLOWS:
        workflow = load(path)
        assert (workflow["permissions"], "concurrency" in workflow) == ({}, True), path
    assert all("permissions" in job for _, _, job in jobs())
    writers = [name for _, name, job in jobs() if job["permissions"].get("contents") == "write"]
    assert writers == ["publish"]


def test_the_gate_is_one_command_and_a_release_waits_for_it():
    """CI runs what everybody runs, and nothing is pushed or released before it is green."""
    ci = load(GITHUB / "workflows/ci.yml")
    commands = {
        name: [step["run"] for step in job["steps"] if "run" in step]
        for name, job in ci["jobs"].items()
    }
    assert commands == {"gate": [".ci/run"], "audit": ["make audit"]}
    assert "workflow_call" in ci["on"]
    release = load(GITHUB / "workflows/release.yml")["jobs"]
    assert release["gate"]["uses"] == "./.github/workflows/ci.yml"
    for name, job in release.items():
        if "write" in job["permissions"].values():
            assert "gate" in job["needs"], name


@pytest.mark.parametrize("script", scripts())
def test_each_command_of_a_step_exists(script):
    """Every program, script, target and subcommand."""
    lines = re.sub(r"\\\n", " ", script).splitlines()
    for command in [part.split() for line in lines for part in re.split(r"\|\|?|&&", line)]:
        program = command[0]
        if program.startswith(".ci/"):
            assert os.access(ROOT / program, os.X_OK), program
        else:
            assert program in PROGRAMS, program
        if program == "make":
            assert re.search(rf"^{command[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), (
                command
            )


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_each_script_can_be_run(script):
    """Executable, strict, and Bash can read it."""
    assert os.access(script, os.X_OK)
    assert "set -euo pipefail" in script.read_text()
    subprocess.run(["bash", "-n", script], check=True)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_each_target_of_a_script_exists(script):
    """What it makes is in the Makefile."""
    code = re.sub(r"^\s*#.*", "", script.read_text(), flags=re.MULTILINE)
    targets = re.findall(r"^\s*make (?:-\S+ (?:\"[^\"]*\" )?)*([\w-]+)", code, re.MULTILINE)
    for target in targets:
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE), target


def commands(config):
    return [hook["entry"].split() for repo in config["repos"] for hook in repo["hooks"]]


def test_each_hook_runs_what_is_locked():
    """Local hooks alone, which need no network; each program is locked, or in the tree."""
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    for program, *_ in commands(config):
        path = (
            BIN / program.removeprefix(".venv/bin/")
            if program.startswith(".venv")
            else ROOT / program
        )
        assert os.access(path, os.X_OK), program


PAGES = ("SECURITY.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", ".github/pull_request_template.md")
FORMS = [str(path.relative_to(ROOT)) for path in SCHEMAS["vendor.github-issue-forms"]]


@pytest.mark.parametrize("name", [*PAGES, *FORMS])
def test_every_command_on_a_page_exists(name):
    """Every subcommand, make target and script that it names."""
    text = (ROOT / name).read_text()
    makefile = (ROOT / "Makefile").read_text()
    assert set(re.findall(r"python -m bot_deploy (\w+)", text)) <= set(subcommands())
    for target in re.findall(r"`?make (\w+)`", text):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for script in re.findall(r"\.ci/[\w-]+", text):
        assert os.access(ROOT / script, os.X_OK), script


def test_a_bug_names_each_way_to_install():
    """Those in the title of the page on installing, and each platform of the page on deploying."""
    form = load(GITHUB / "ISSUE_TEMPLATE/bug.yml")
    (asked,) = [one for one in form["body"] if one.get("id") == "deployment"]
    installs = (ROOT / "docs/howto/install.md").read_text().splitlines()[0]
    ways = re.findall(r"\w+", installs.removeprefix("# Install with ").replace(" or ", " "))
    deploy = (ROOT / "docs/howto/deploy.md").read_text()
    ways += re.findall(r"^## (?:on|with) (.+)$", deploy, re.MULTILINE | re.IGNORECASE)
    assert {"pip", "pipx", "uvx", "Heroku", "Docker Compose", "systemd"} <= set(ways)
    assert set(ways) - {"every platform"} <= set(asked["attributes"]["options"])


def test_a_report_has_a_private_way():
    """Both pages that take reports name the form that GitHub has for them."""
    for name in ("SECURITY.md", "CODE_OF_CONDUCT.md"):
        assert re.search(r"\*\*Report a\s+vulnerability\*\*", (ROOT / name).read_text()), name


def preview(tmp_path, settings):
    """Run the product's own check of a settings file."""
    (tmp_path / "bot.toml").write_text(settings)
    environ = {**os.environ, "BOT_DATA": str(tmp_path / "var")}
    bot = [sys.executable, "-m", "bot_deploy"]
    subprocess.run([*bot, "migrate"], cwd=ROOT, env=environ, check=True, capture_output=True)
    command = [*bot, "preview", str(tmp_path / "bot.toml"), "--repository", "example/portmanteau"]
    return subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )


def test_the_settings_of_this_repository_are_valid(tmp_path):
    """.github/bot.toml, as the bot itself would check it."""
    done = preview(tmp_path, (GITHUB / "bot.toml").read_text())
    assert done.returncode == 0, done.stderr


def test_a_wrong_setting_of_this_repository_is_found(tmp_path):
    """The check can fail, and names the place."""
    settings = (GITHUB / "bot.toml").read_text()
    done = preview(tmp_path, settings.replace("days = 21", 'days = "21"'))
    assert done.returncode == 1
    assert "nudge.days" in done.stderr


@pytest.mark.needs("shellcheck")
def test_shellcheck_finds_nothing():
    """In the scripts of .ci, in those of the tests' tools, and in `create`."""
    done = subprocess.run(
        ["shellcheck", *SCRIPTS, *TOOLS, ROOT / "create"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
