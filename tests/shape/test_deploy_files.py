"""docs/deploy: the files fit Kubernetes, the image, and what the pages say of them."""

import copy
import re
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from bot_deploy.__main__ import subcommands
from bot_deploy.config.sources import KNOWN

ROOT = Path(__file__).parents[2]
PAGE, SEALED = (
    (ROOT / "docs/howto/many-machines.md")
    .read_text()
    .split("## With Kubernetes and sealed secrets\n")
)
REFERENCE = (ROOT / "docs/reference.md").read_text()
# The oldest release that is cared for, and the newest whose schema there is.
VERSIONS = ("1.33", "1.37")
MANIFESTS = list(yaml.safe_load_all((ROOT / "docs/deploy/kubernetes.yaml").read_text()))
WEB, LOOP, SERVICE, *BUDGETS = MANIFESTS
COMPOSE = yaml.safe_load((ROOT / "docs/deploy/compose.yaml").read_text())


def pod(deployment):
    return deployment["spec"]["template"]["spec"]


def containers(deployment):
    return [*pod(deployment)["initContainers"], *pod(deployment)["containers"]]


def every_container():
    return [one for deployment in (WEB, LOOP) for one in containers(deployment)]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "manifest", MANIFESTS, ids=lambda one: "{kind}-{metadata[name]}".format(**one)
)
def test_a_manifest_fits_the_schema(manifest, version):
    """Kubernetes takes it, and knows every field of it."""
    assert kubernetes_validate.validate(manifest, version, strict=True)


def test_a_misspelt_field_is_found():
    """The check can fail."""
    spoiled = copy.deepcopy(WEB)
    pod(spoiled)["containers"][0]["readinesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(spoiled, VERSIONS[-1], strict=True)


def test_each_container_runs_a_subcommand():
    """What the image is told to run is there."""
    told = [one["args"] for one in every_container()]
    assert told == [["migrate"], ["gunicorn"], ["migrate"], ["loop"]]
    assert {name for (name,) in told} <= set(subcommands())


def test_each_container_can_do_no_more_than_it_must():
    """No root, no privileges, nothing to write to but two empty directories."""
    for deployment in (WEB, LOOP):
        assert pod(deployment)["securityContext"]["runAsNonRoot"]
        assert not pod(deployment)["automountServiceAccountToken"]
    for one in every_container():
        context = one["securityContext"]
        assert (context["allowPrivilegeEscalation"], context["readOnlyRootFilesystem"]) == (
            False,
            True,
        )
        assert context["capabilities"] == {"drop": ["ALL"]}


def test_secrets_come_by_reference_from_the_secret_of_the_page():
    """No value stands in the file, and each key is one that the page has the operator make."""
    made = set(re.findall(r"--from-(?:literal|file)=([\w-]+)", PAGE))
    variables = [variable for one in every_container() for variable in one["env"]]
    keys = {
        variable["valueFrom"]["secretKeyRef"]["key"]
        for variable in variables
        if "valueFrom" in variable
    }
    plain = {variable["name"] for variable in variables if "value" in variable}
    assert keys | {"private-key"} == made
    assert plain == {
        "BOT_DATA",
        "BOT_TRUSTED_PROXIES",
        "GITHUB_PRIVATE_KEY_FILE",
        "LOG_FORMAT",
    }


def test_the_command_for_the_secret_can_be_repeated_and_shows_no_secret():
    """An existing Secret is replaced; arguments, which others can read, hold the App's id alone."""
    (command,) = re.findall(r"^kubectl create secret (?:.*\\\n)*.*", PAGE, re.MULTILINE)
    assert "--dry-run=client --output=yaml" in command
    assert command.endswith("| kubectl apply --filename=-")
    assert re.findall(r"--from-literal=([\w-]+)", PAGE) == ["app-id"]
    files = re.findall(r"--from-file=[\w-]+=([\w.-]+)", PAGE)
    ignored = subprocess.run(
        ["git", "check-ignore", "--no-index", *files],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ignored.stdout.split() == files


def labels_of(deployment):
    return deployment["spec"]["template"]["metadata"]["labels"]


def test_each_deployment_keeps_pods_when_a_node_goes():
    """Its pods are spread over the nodes, and a drain takes one of them at a time."""
    for deployment, budget in zip((WEB, LOOP), BUDGETS, strict=True):
        (spread,) = pod(deployment)["topologySpreadConstraints"]
        assert spread["labelSelector"]["matchLabels"] == labels_of(deployment)
        # A hard constraint could leave a pod without a node.
        assert spread["whenUnsatisfiable"] == "ScheduleAnyway"
        assert budget["kind"] == "PodDisruptionBudget"
        assert budget["spec"]["selector"]["matchLabels"] == labels_of(deployment)
        assert budget["spec"]["maxUnavailable"] < deployment["spec"]["replicas"]


def test_a_web_pod_answers_until_the_service_has_forgotten_it():
    """The loop gets no requests and ends at once."""
    (web,), (loop,) = pod(WEB)["containers"], pod(LOOP)["containers"]
    assert web["lifecycle"]["preStop"]["sleep"]["seconds"] == 5
    assert "lifecycle" not in loop


def test_each_pod_has_the_secrets_it_needs_and_no_other():
    """What the world can talk to cannot act for the App; the loop needs no webhook secret."""
    assert "private-key" not in str(WEB)
    assert "webhook-secret" not in str(LOOP)


def with_sealed_secrets(deployment, part):
    """The Deployment as the page has it changed for sealed secrets."""
    changed = copy.deepcopy(deployment)
    (snippet,) = re.findall(r"```yaml\n(.*?)```", SEALED, re.DOTALL)
    snippet = yaml.safe_load(snippet.replace("portmanteau-web", f"portmanteau-{part}"))
    spec = pod(changed)
    spec["volumes"] = [one for one in spec["volumes"] if one["name"] != "private-key"]
    spec["volumes"] += snippet["volumes"]
    for one in containers(changed):
        kept = [variable for variable in one["env"] if variable["name"] == "LOG_FORMAT"]
        one["env"] = kept + snippet["env"]
        mounts = [mount for mount in one["volumeMounts"] if mount["name"] != "private-key"]
        one["volumeMounts"] = mounts + snippet["volumeMounts"]
    return changed


@pytest.mark.parametrize(("deployment", "part"), [(WEB, "web"), (LOOP, "loop")])
def test_sealed_secrets_need_one_key_in_each_pod(deployment, part):
    """As the page says, a pod has the key of its part and no other secret."""
    changed = with_sealed_secrets(deployment, part)
    assert kubernetes_validate.validate(changed, VERSIONS[-1], strict=True)
    assert re.findall(r"'secretName': '([\w-]+)'", str(changed)) == [f"portmanteau-{part}"]
    assert "secretKeyRef" not in str(changed)
    assert f"doctor --part {part}\n" in SEALED


def variables_of(deployment):
    return {variable["name"] for one in containers(deployment) for variable in one["env"]}


def kept_by(line):
    """The variables that a line of the Procfile leaves to its process, of all that are known."""
    dropped = set(re.findall(r"-u (\w+)", line))
    return {name for setting in KNOWN.values() for name in setting.variables} - dropped


LINES = (ROOT / "docs/deploy/Procfile").read_text()
PROCFILE = dict(re.findall(r"^(\w+): (.+)$", LINES, re.MULTILINE))
RENDER = yaml.safe_load((ROOT / "docs/deploy/render.yaml").read_text())["services"]


@pytest.mark.parametrize(
    ("part", "given"),
    [
        ("web", variables_of(WEB)),
        ("loop", variables_of(LOOP)),
        # A dyno has no files for secrets.
        ("web", {name for name in kept_by(PROCFILE["web"]) if not name.endswith("_FILE")}),
        ("loop", {name for name in kept_by(PROCFILE["loop"]) if not name.endswith("_FILE")}),
        ("loop", set(COMPOSE["services"]["loop"]["environment"])),
        ("web", {variable["key"] for variable in RENDER[0]["envVars"]}),
        ("loop", {variable["key"] for variable in RENDER[1]["envVars"]}),
    ],
    ids=[
        "k8s web",
        "k8s loop",
        "heroku web",
        "heroku loop",
        "compose",
        "render web",
        "render loop",
    ],
)
def test_no_process_is_given_a_secret_that_it_does_not_use(part, given):
    """What one process alone uses is not in the environment of the other."""
    secret = [setting for setting in KNOWN.values() if setting.secret and not setting.is_for(part)]
    assert secret
    assert not given & {variable for setting in secret for variable in setting.variables}


def test_the_service_leads_to_the_web_pods():
    """And to them alone, at the port they listen on."""
    labels = WEB["spec"]["template"]["metadata"]["labels"]
    assert SERVICE["spec"]["selector"].items() <= labels.items()
    assert not SERVICE["spec"]["selector"].items() <= LOOP["metadata"]["labels"].items()
    (port,) = pod(WEB)["containers"][0]["ports"]
    assert (port["name"], port["containerPort"]) == (
        SERVICE["spec"]["ports"][0]["targetPort"],
        8000,
    )


def test_each_deployment_finds_its_pods():
    """The selector is that of the template's labels."""
    for deployment in (WEB, LOOP):
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert deployment["spec"]["selector"]["matchLabels"] == labels


def test_the_web_pods_are_asked_whether_they_live():
    """Not whether a loop does: a bot without one still has to receive."""
    web = pod(WEB)["containers"][0]
    paths = [web[probe]["httpGet"]["path"] for probe in ("readinessProbe", "livenessProbe")]
    assert paths == ["/healthz", "/healthz"]
