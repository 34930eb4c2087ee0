"""docs/deploy for compose, systemd, Heroku, Fly and Render: well-formed, hardened, up to date."""

import configparser
import copy
import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest
import yaml

from bot_deploy.__main__ import subcommands
from luggage.run import KILL_SECONDS
from tests.support import needs

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "docs/deploy"
PAGE = (ROOT / "docs/howto/deploy.md").read_text()
REFERENCE = (ROOT / "docs/reference.md").read_text()
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
UNIT = DEPLOY / "portmanteau.service"
PROCFILE = dict(re.findall(r"^(\w+): (.+)$", (DEPLOY / "Procfile").read_text(), re.MULTILINE))
APP = json.loads((DEPLOY / "app.json").read_text())
FLY = tomllib.loads((DEPLOY / "fly.toml").read_text())
RENDER = yaml.safe_load((DEPLOY / "render.yaml").read_text())
# How exposed systemd may find the unit, from 0 to 100.
EXPOSURE = 13
# Variables of platforms, not of the bot.
FOREIGN = {"PEX_ROOT", "TINI_SUBREAPER", "PYTHON_VERSION"}


class UnitParser(configparser.RawConfigParser):
    """Reads a unit; a repeated setting keeps all of its values, one a line."""

    optionxform = staticmethod(str)


def unit():
    parser = UnitParser(strict=False, delimiters="=", interpolation=None)
    parser.read(UNIT)
    return parser["Service"]


# What the platforms document, as far as our files use it: a misspelt key is an error here, where
# Fly and Render would ignore it: fly.io/docs/reference/configuration,
# render.com/docs/blueprint-spec


def table(*required, **keys):
    return {
        "type": "object",
        "properties": keys,
        "required": list(required),
        "additionalProperties": False,
    }


def every(item):
    return {"type": "array", "items": item, "minItems": 1}


TEXT, YES_NO, NUMBER = {"type": "string"}, {"type": "boolean"}, {"type": "integer"}
SPAN = {"type": "string", "pattern": "^[0-9]+(s|m|h)$"}
TEXTS = {"type": "object", "additionalProperties": TEXT}
PROCESSES = every({"enum": list(FLY["processes"])})
CHECK = table(
    "path", method=TEXT, path=TEXT, grace_period=SPAN, interval=SPAN, timeout=SPAN, protocol=TEXT
)
FLY_SCHEMA = table(
    "kill_signal",
    "kill_timeout",
    kill_signal={"enum": ["SIGTERM"]},
    kill_timeout=SPAN,
    deploy=table(
        release_command=TEXT, strategy={"enum": ["rolling", "immediate", "canary", "bluegreen"]}
    ),
    processes=TEXTS,
    env=TEXTS,
    http_service=table(
        "internal_port",
        "processes",
        processes=PROCESSES,
        internal_port=NUMBER,
        force_https=YES_NO,
        auto_stop_machines={"enum": ["off", "stop", "suspend"]},
        auto_start_machines=YES_NO,
        min_machines_running=NUMBER,
        concurrency=table(
            type={"enum": ["requests", "connections"]}, soft_limit=NUMBER, hard_limit=NUMBER
        ),
        checks=every(CHECK),
    ),
    restart=every(
        table(
            policy={"enum": ["always", "on-failure", "never"]}, processes=PROCESSES, retries=NUMBER
        )
    ),
    vm=every(table(size=TEXT, memory=TEXT, processes=PROCESSES)),
)
VARIABLE = table(
    "key",
    key=TEXT,
    value=TEXT,
    sync={"const": False},
    generateValue={"const": True},
    fromDatabase=table("name", "property", name=TEXT, property={"enum": ["connectionString"]}),
) | {"minProperties": 2, "maxProperties": 2}
SERVICE = table(
    "type",
    "name",
    "runtime",
    "buildCommand",
    "startCommand",
    type={"enum": ["web", "worker"]},
    name=TEXT,
    runtime={"enum": ["python"]},
    plan={"enum": ["starter", "standard", "pro"]},
    buildCommand=TEXT,
    preDeployCommand=TEXT,
    startCommand=TEXT,
    healthCheckPath=TEXT,
    maxShutdownDelaySeconds={"type": "integer", "minimum": 1, "maximum": 300},
    autoDeployTrigger={"enum": ["off", "commit", "checksPass"]},
    envVars=every(VARIABLE),
)
RENDER_SCHEMA = table(
    "services",
    services=every(SERVICE),
    databases=every(
        table("name", name=TEXT, plan=TEXT, databaseName=TEXT, user=TEXT, ipAllowList={"const": []})
    ),
)
# devcenter.heroku.com/articles/app-json-schema
DYNO = table("quantity", quantity=NUMBER, size={"enum": ["eco", "basic", "standard-1x"]})
APP_SCHEMA = table(
    "name",
    name=TEXT,
    description=TEXT,
    keywords=every(TEXT),
    stack={"enum": ["heroku-22", "heroku-24"]},
    buildpacks=every(table("url", url=TEXT)),
    addons=every(table("plan", plan=TEXT)),
    formation=table("web", "loop", web=DYNO, loop=DYNO),
    env={
        "type": "object",
        "propertyNames": {"pattern": "^[A-Z][A-Z0-9_]*$"},
        "additionalProperties": table(
            "description",
            description=TEXT,
            value=TEXT,
            required=YES_NO,
            generator={"const": "secret"},
        ),
    },
)
FILES = {"fly": (FLY, FLY_SCHEMA), "render": (RENDER, RENDER_SCHEMA), "heroku": (APP, APP_SCHEMA)}


@pytest.mark.parametrize("name", FILES)
def test_a_file_has_only_keys_that_its_platform_documents(name):
    """With values of the documented kind."""
    jsonschema.validate(*FILES[name])


@pytest.mark.parametrize("name", FILES)
def test_a_misspelt_key_of_a_platform_is_found(name):
    """The check can fail."""
    document, schema = FILES[name]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document, "misspelt": 1}, schema)


def compose_fits(path):
    command = [Path(sys.executable).with_name("check-jsonschema"), "--builtin-schema"]
    command += ["vendor.compose-spec", path]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_compose_fits_the_specification():
    """Docker Compose knows every field of it."""
    done = compose_fits(DEPLOY / "compose.yaml")
    assert done.returncode == 0, done.stdout


def test_a_misspelt_field_of_compose_is_found(tmp_path):
    """The check can fail."""
    (tmp_path / "compose.yaml").write_text(
        (DEPLOY / "compose.yaml").read_text().replace("  read_only:", "  readonly:")
    )
    assert compose_fits(tmp_path / "compose.yaml").returncode == 1


def test_no_command_of_compose_needs_a_variable():
    """Secrets are files, so that logs, ps and down work in any shell."""
    assert "$" not in (DEPLOY / "compose.yaml").read_text()
    used = {name for one in COMPOSE["services"].values() for name in one.get("secrets", [])}
    assert used == set(COMPOSE["secrets"])
    for name, secret in COMPOSE["secrets"].items():
        assert secret["file"].removeprefix("../../") in PAGE, name


def test_each_service_of_compose_reads_the_secrets_that_it_is_given():
    """Each variable that names a file names one of the service's own secrets."""
    for name, service in COMPOSE["services"].items():
        named = {
            value.removeprefix("/run/secrets/")
            for variable, value in service.get("environment", {}).items()
            if variable.endswith("_FILE")
        }
        assert named == set(service.get("secrets", [])), name


def test_git_and_docker_ignore_the_files_with_secrets():
    """Neither a commit nor an image can take one along."""
    names = [secret["file"] for secret in COMPOSE["secrets"].values()]
    paths = [str((DEPLOY / name).resolve().relative_to(ROOT)) for name in names]
    command = ["git", "check-ignore", "--no-index", *paths]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.stdout.split() == paths


def test_each_service_of_compose_is_confined():
    """Memory limits, rotated logs and restarts for all; the bot's can do no more than they must."""
    for name, service in COMPOSE["services"].items():
        assert {"mem_limit", "logging", "restart"} <= service.keys(), name
        assert service["security_opt"] == ["no-new-privileges:true"], name
    for name in ("bot", "loop"):
        service = COMPOSE["services"][name]
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert "ports" not in service


def test_compose_can_add_loops():
    """A service that differs from the bot in command and token, and runs only when asked."""
    bot, loop = (copy.deepcopy(COMPOSE["services"][name]) for name in ("bot", "loop"))
    for key in ("command", "scale", "healthcheck", "depends_on"):
        bot.pop(key, None)
    assert (loop.pop("command"), loop.pop("scale")) == (["loop"], 0)
    assert (loop.pop("healthcheck"), bool(loop.pop("depends_on"))) == ({"disable": True}, True)
    # A loop serves no /metrics, and no proxy is in front of it.
    del bot["environment"]["BOT_METRICS_TOKEN_FILE"]
    del bot["environment"]["BOT_TRUSTED_PROXIES"]
    bot["secrets"].remove("metrics-token")
    assert loop == bot


OVERRIDE = "compose.override.yaml"


@pytest.fixture
def override(tmp_path):
    """The file that the page tells the operator to write."""
    (command,) = re.findall(rf"^printf .* > {OVERRIDE}$", PAGE, re.MULTILINE)
    subprocess.run(["/bin/sh", "-euc", command], cwd=tmp_path, check=True)
    return tmp_path / OVERRIDE


def test_the_number_of_loops_stays_in_a_file(override):
    """Compose reads it with every command; Git and ./create do not see it."""
    assert compose_fits(override).returncode == 0
    document = yaml.safe_load(override.read_text())
    assert document == {"services": {"loop": {"scale": 3}}}
    command = ["git", "check-ignore", "--quiet", f"docs/deploy/{OVERRIDE}"]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def test_no_port_is_published_past_the_firewall():
    """Docker opens a port without an address on all of them; the proxy alone may have one."""
    pages = [ROOT / "create", ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    commands = [
        line
        for page in pages
        for line in page.read_text().splitlines()
        if "docker run" in line or line.startswith("    -p ")
    ]
    ports = re.findall(r"(?:-p|--publish)[ =](\S+)", "\n".join(commands))
    assert len(ports) >= 4
    assert all(port.startswith("127.0.0.1:") for port in ports), ports
    published = {name for name, one in COMPOSE["services"].items() if "ports" in one}
    assert published == {"proxy"}


PAGES = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_command_scales_until_the_next_one(page):
    """`up` without --scale silently removes what an earlier --scale added."""
    assert not re.search(r"compose\b.*--scale", page.read_text())


def systemd_analyze(*words):
    command = [needs.program("systemd-analyze"), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def verify(path):
    done = systemd_analyze("verify", "--man=no", path)
    return done.stdout + done.stderr


def test_systemd_understands_the_unit():
    """It has nothing to say of it; an unknown setting would be a warning."""
    assert verify(UNIT) == ""


def test_systemd_finds_a_misspelt_setting(tmp_path):
    """The check can fail."""
    spoiled = tmp_path / UNIT.name
    spoiled.write_text(UNIT.read_text().replace("ProtectClock=", "ProtectClocks="))
    assert "ProtectClocks" in verify(spoiled)


def exposed(path, threshold):
    words = ("security", "--offline=true", "--no-pager", f"--threshold={threshold}", path)
    return systemd_analyze(*words).returncode


def test_the_unit_is_hardened():
    """As `systemd-analyze security` measures it; one point less would be too much."""
    assert exposed(UNIT, EXPOSURE) == 0


def test_a_softer_unit_is_found(tmp_path):
    """The check can fail."""
    soft = tmp_path / UNIT.name
    soft.write_text(UNIT.read_text().replace("PrivateUsers=yes\n", ""))
    assert exposed(soft, EXPOSURE) != 0


def before_sigterm(pod):
    """How long Kubernetes lets a pod sleep first, within the time that it waits."""
    hooks = (one.get("lifecycle", {}).get("preStop") for one in pod["containers"])
    return max((hook["sleep"]["seconds"] for hook in hooks if hook), default=0)


def waits():
    """How long each platform waits after SIGTERM, in seconds."""
    manifests = yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())
    pods = [one["spec"]["template"]["spec"] for one in manifests if one["kind"] == "Deployment"]
    return {
        "kubernetes": min(
            pod["terminationGracePeriodSeconds"] - before_sigterm(pod) for pod in pods
        ),
        "compose": min(
            float(COMPOSE["services"][name]["stop_grace_period"].removesuffix("s"))
            for name in ("bot", "loop")
        ),
        "systemd": float(unit()["TimeoutStopSec"]),
        "fly": float(FLY["kill_timeout"].removesuffix("s")),
        "render": min(service["maxShutdownDelaySeconds"] for service in RENDER["services"]),
    }


@pytest.mark.parametrize("platform", waits())
def test_each_platform_waits_until_the_bot_has_ended(platform):
    """Twice as long as the bot may take, so that nothing in progress is killed."""
    assert waits()[platform] >= 2 * KILL_SECONDS


def programs():
    """Every command line that starts a part of the bot, by its place."""
    yield "systemd", unit()["ExecStart"].partition("bot.pex ")[2]
    for name, line in PROCFILE.items():
        yield f"Procfile {name}", line.partition("-m bot_deploy ")[2]
    yield "fly release", FLY["deploy"]["release_command"]
    yield from ((f"fly {name}", line) for name, line in FLY["processes"].items())
    for service in RENDER["services"]:
        for key in ("preDeployCommand", "startCommand"):
            yield f"render {service['name']}", service[key].partition("-m bot_deploy ")[2]


@pytest.mark.parametrize(("place", "line"), list(programs()))
def test_each_platform_runs_a_subcommand(place, line):
    """What a platform is told to run exists, and takes no further words."""
    (name,) = shlex.split(line)
    assert name in subcommands()


def variables():
    """Every variable that a file sets."""
    yield from re.findall(
        r"(\w+)=", " ".join(re.findall(r"^Environment=(.*)$", UNIT.read_text(), re.MULTILINE))
    )
    yield from APP["env"]
    yield from FLY["env"]
    yield from (one["key"] for service in RENDER["services"] for one in service["envVars"])
    for name in ("bot", "loop"):
        yield from COMPOSE["services"][name]["environment"]
    for one in re.findall(
        r"- name: ([A-Z_]+)|\{name: ([A-Z_]+), value", (DEPLOY / "kubernetes.yaml").read_text()
    ):
        yield "".join(one)
    yield from re.findall(r"-u (\w+)", " ".join(PROCFILE.values()))


@pytest.mark.parametrize("name", sorted(set(variables()) - FOREIGN))
def test_each_variable_is_in_the_reference(name):
    """Every variable of the files is a setting of the bot."""
    assert re.search(rf"^\| `{name.removesuffix('_FILE')}`", REFERENCE, re.MULTILINE)


def test_each_process_has_the_secrets_it_needs_and_no_other():
    """What the world can talk to cannot act for the App; the loop needs no webhook secret."""
    assert "-u GITHUB_PRIVATE_KEY " in PROCFILE["web"]
    assert "-u GITHUB_WEBHOOK_SECRET " in PROCFILE["loop"]
    web, loop = ({one["key"] for one in service["envVars"]} for service in RENDER["services"])
    assert "GITHUB_PRIVATE_KEY" in loop - web
    assert "GITHUB_WEBHOOK_SECRET" in web - loop


def test_health_checks_ask_the_web_process_alone():
    """A platform that asked for a loop, too, would stop receiving because of it."""
    checks = [check["path"] for check in FLY["http_service"]["checks"]]
    checks += [one["healthCheckPath"] for one in RENDER["services"] if one["type"] == "web"]
    assert checks == ["/healthz", "/healthz"]


def test_app_json_starts_what_the_procfile_names():
    """Heroku scales each process of the Procfile, and runs the release phase by itself."""
    assert set(APP["formation"]) | {"release"} == set(PROCFILE)


@pytest.mark.parametrize("path", sorted(DEPLOY.iterdir()), ids=lambda path: path.name)
def test_each_file_has_its_place_in_the_docs(path):
    """A page links it."""
    pages = (ROOT / "docs/howto").glob("*.md")
    if path.is_file():
        assert any(f"../deploy/{path.name}" in page.read_text() for page in pages)
