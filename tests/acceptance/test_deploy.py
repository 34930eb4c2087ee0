"""The commands for Docker work in the documented order: deploy, back up, upgrade, uninstall.

Those of "As one file" make the pex that test_pex looks at.
"""

import re
import shutil
import stat

import pytest
import yaml

from tests.support import needs
from tests.support.docker import HERE, built_once, docker, give_back
from tests.support.documented import blocks, shell
from tests.support.packing import ROOT
from tests.support.running import free_port

# Another image, in place of another commit, whose build takes minutes.
NEWER = "printf 'FROM bot:latest\\nENV NEWER=1\\n' | docker build --tag bot:latest -"


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    built = built_once(tmp_path_factory)
    yield built
    give_back(built)


@pytest.fixture
def operator(images, tmp_path):
    """Run the pages' commands; only names and ports differ."""
    checkout = shutil.copytree(images.checkout, tmp_path / "checkout")
    (checkout / "var").mkdir(mode=0o700)
    shutil.copy(checkout / "bot_deploy/config.toml", checkout / "var/config.toml")
    shutil.copy(checkout / "secret.key", checkout / "var/secret.key")
    name, port = f"{images.name}-page", free_port()
    github = images.github()

    def _operator(script):
        for there, here in (
            ("./create", f"./create --name {images.name} --base {needs.BASE}"),
            ("--name bot ", f"--name {name} "),
            ("-v bot:", f"-v {name}:"),
            ("127.0.0.1:8000:8000", f"127.0.0.1:{port}:8000"),
            ("localhost:8000", f"127.0.0.1:{port}"),
            ("run --detach", f"run --detach --add-host {HERE}:host-gateway --env GITHUB_API_URL"),
            ("bot:previous", f"{images.name}:previous"),
            ("bot:latest", f"{images.name}:latest"),
            # Other tests use the images: another one stands for them.
            ("reference=bot --filter reference=bot-build", f"reference={name}"),
            ("--tag bot:gone", f"--tag {name}:gone"),
        ):
            script = script.replace(there, here)
        words = "stop|start|rm|rm --force|logs|exec|volume rm|volume inspect"
        script = re.sub(rf"(docker (?:{words})) bot\b", rf"\1 {name}", script)
        script = re.sub(r"'{{.Image}}' bot\b", f"'{{{{.Image}}}}' {name}", script)
        script = re.sub(r"\bbot:/data/", f"{name}:/data/", script)
        script = re.sub(
            r"(?<=[ \"])bot(?= (?:version|check|restore|10001|-c)|$)",
            images.name,
            script,
            flags=re.MULTILINE,
        )
        chown = (
            f'docker run --rm --user 0 -v "$PWD/$3":/key --entrypoint chown {images.name} $2 /key'
        )
        script = f"sudo() {{ {chown}; }}\n{script}"
        return shell(script, cwd=checkout, GITHUB_API_URL=url)

    with github.serve(host="0.0.0.0") as server:
        url = f"http://{HERE}:{server.port}"
        yield _operator
    docker("rm", "--force", name, check=False)
    docker("volume", "rm", "--force", name, check=False)


def test_the_commands_for_docker_work(operator):
    """The bot is deployed, backed up, restored, upgraded, rolled back and removed."""
    *deploy, ready = blocks("howto/deploy", section="As an image")
    before, replace, roll_back, later = blocks("howto/upgrade", "sh docker")
    (restore,) = blocks("howto/upgrade", "sh docker restore")
    start = roll_back.index("docker run")
    script = [
        *deploy,
        ready,
        *blocks("howto/backup", "sh docker"),
        before,
        NEWER,
        replace,
        ready,
        "docker exec bot printenv NEWER",
        roll_back[:start] + restore + roll_back[start:],
        ready,
        "if docker exec bot printenv NEWER; then exit 1; fi",
        "docker tag bot:previous bot:latest",
        later,
        "printf 'FROM bot:latest\\nENV GONE=1\\n' | docker build --tag bot:gone -",
        *blocks("howto/uninstall", "sh docker"),
        "if docker volume inspect bot; then exit 1; fi",
    ]
    assert "Traceback" not in operator("\n".join(script))


def test_the_compose_file_fits_the_image():
    """The copy of compose.yaml uses our image and port, and nginx in front."""
    compose = yaml.safe_load((ROOT / "docs/deploy/compose.yaml").read_text())
    assert compose["services"]["bot"]["image"] == "bot:latest"
    (_, config) = compose["services"]["proxy"]["volumes"][0].split("/", 1)
    proxy = (ROOT / "docs/deploy" / config.partition(":")[0]).read_text()
    assert "set $bot bot;" in proxy
    assert "proxy_pass http://$bot:8000;" in proxy
    assert "proxy_request_buffering on;" in proxy


def test_the_commands_for_compose_make_its_secrets(tmp_path):
    """The files that compose.yaml names, readable by their owner; both passwords match."""
    deploy = tmp_path / "docs/deploy"
    deploy.mkdir(parents=True)
    (tmp_path / "var").mkdir()
    (tmp_path / "var/secret.key").touch(mode=0o600)
    owners = 'sudo() { echo "$@" >> ../../owners; }'
    script = "\n".join([owners, *blocks("howto/deploy", "sh compose")])
    shell(script, cwd=tmp_path, umask=0o022, PYTHONPATH=str(ROOT))
    compose = yaml.safe_load((ROOT / "docs/deploy/compose.yaml").read_text())
    files = {name: deploy / one["file"] for name, one in compose["secrets"].items()}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o600}
    password = files["postgres-password"].read_text().strip()
    assert files["database-url"].read_text() == f"postgresql://bot:{password}@postgres/bot"
    assert len(files["metrics-token"].read_text()) >= 16
    # Files that the bot's containers read belong to their user.
    (line,) = (tmp_path / "owners").read_text().splitlines()
    words = line.split()
    assert words[:2] == ["chown", "10001"]
    readable = {(deploy / word).resolve() for word in words[2:]}
    assert readable == {files[name].resolve() for name in compose["services"]["bot"]["secrets"]}
