"""The images with a real engine: ways to give the key, crashes, and contents."""

import os
import shutil
import subprocess
import tarfile
from contextlib import suppress

import pytest
import requests

from tests.support import needs, own_rule
from tests.support.docker import (
    HARDENED,
    HERE,
    built_once,
    container,
    docker,
    give_back,
    secrets_of,
)
from tests.support.running import until

REPO = "snakes/trio"
UID = 10001


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    built = built_once(tmp_path_factory)
    yield built
    give_back(built)


@pytest.fixture
def github(images):
    fake = images.github()
    fake.add_repository(REPO)
    return fake


@pytest.fixture
def api(images, github):
    """The options of `docker run` for the simulated GitHub."""
    with github.serve(host="0.0.0.0") as server:
        url = f"http://{HERE}:{server.port}"
        there = ("--add-host", f"{HERE}:host-gateway", "--env", f"GITHUB_API_URL={url}")
        yield (*there, "--env", "BOT_SETTLE_SECONDS=0")


@pytest.fixture
def with_file(images, api, tmp_path):
    """The hardened run options, with the key in a file of the bot's user."""
    key = shutil.copy(images.key, tmp_path / "secret.key")
    own(key)
    mounted = (
        "--volume",
        f"{key}:/run/secrets/key:ro",
        "--env",
        "SECRET_KEY_FILE=/run/secrets/key",
    )
    return (*api, *mounted, *HARDENED)


def own(path):
    """Change a file's owner to the bot's user, through a container if we may not."""
    if os.geteuid() == 0:
        os.chown(path, UID, UID)
        return
    docker("run", "--rm", "--user", "0", "-v", f"{path}:/key", "--entrypoint", "chown", "bot", UID)


def ping(github, bot, count=1):
    """Deliver commands; return the numbers of their issues."""
    numbers = []
    for _ in range(count):
        event = github.open_issue(REPO, "alice", body="/ping")
        assert github.deliver(*event, to=bot.hook) == 202
        numbers.append(event.payload["issue"]["number"])
    return numbers


def answered(github, numbers):
    return all(github.comments(REPO, number) for number in numbers)


def answers_a_ping(github, bot):
    numbers = ping(github, bot)
    until(lambda: answered(github, numbers), "the bot answers")


def test_the_short_line_runs_the_bot(images, github, api):
    """With SECRET_KEY a signed delivery takes effect, and a stop ends with exit code 0."""
    key = images.key.read_text().strip()
    with container(images, *api, "--env", "SECRET_KEY", SECRET_KEY=key) as bot:
        bot.wait_until_ready()
        answers_a_ping(github, bot)
        docker("stop", "--time", "60", bot.name)
        assert bot.state("ExitCode") == "0"
        assert "Traceback" not in bot.logs


def test_the_careful_line_runs_the_bot(images, github, with_file):
    """With a key file, a read-only root and no capabilities, the bot is healthy."""
    with container(images, *with_file) as bot:
        bot.wait_until_ready()
        answers_a_ping(github, bot)
        until(lambda: bot.state("Health.Status") == "healthy", "Docker has seen that it is healthy")
        docker("stop", "--time", "60", bot.name)
        assert bot.state("ExitCode") == "0"


def test_a_container_that_polls_has_reachable_pages(images, github, with_file):
    """With BOT_RECEIVE=poll the published port leads to the pages, and Docker sees it healthy."""
    with container(images, *with_file, "--env", "BOT_RECEIVE=poll") as bot:
        bot.wait_until_ready()
        page = requests.get(f"{bot.url}/", timeout=10).text
        assert "I fetch deliveries from GitHub every 5 seconds" in page
        until(lambda: bot.state("Health.Status") == "healthy", "Docker has seen that it is healthy")


def test_a_rule_of_ones_own_is_mounted_beside_the_data(images, github, with_file, tmp_path):
    """A custom rule works as documented: a read-only file and a variable."""
    file = tmp_path / own_rule.FILE
    file.write_text(own_rule.CODE)
    mounted = ("--volume", f"{file}:/data/{file.name}:ro", "--env", f"BOT_RULES={file.name}")
    with container(images, *with_file, *mounted) as bot:
        bot.wait_until_ready()
        own_rule.thanks(github, REPO, bot.hook)
        until(lambda: own_rule.hearts(github), "the rule is obeyed")


def test_without_a_key_it_says_so_in_one_line(images):
    """The error is one line with the remedy, and exit code 1."""
    with container(images) as bot:
        until(lambda: bot.state("Running") == "false", "it ends")
        assert bot.state("ExitCode") == "1"
        assert bot.logs.count("\n") == 0
        assert "SECRET_KEY_FILE" in bot.logs


@pytest.mark.parametrize("end", ["kill", "stop", "restart"])
def test_nothing_is_lost_in_the_middle_of_work(images, github, with_file, end):
    """After a kill, stop or restart all work is done, once, when the leases end."""
    with container(images, *with_file) as bot:
        bot.wait_until_ready()
        numbers = ping(github, bot, count=8)
        until(lambda: any(github.comments(REPO, number) for number in numbers), "it has begun")
        docker(end, bot.name)
        if end != "restart":
            docker("start", bot.name)
        until(lambda: answered(github, numbers), "all is answered", patience_seconds=180)
        assert [len(github.comments(REPO, number)) for number in numbers] == [1] * 8


def everything_secret(images, github):
    """The secrets to search for: each long enough line of each value."""
    values = [*secrets_of(github).values(), images.key.read_text()]
    lines = {line.strip() for value in values for line in value.splitlines()}
    return [line.encode() for line in lines if len(line) > 12 and not line.startswith("---")]


def test_no_secret_is_in_any_layer(images, github, tmp_path):
    """No file of any layer, and no description of the image, contains a secret."""
    saved = tmp_path / "image.tar"
    docker("save", "--output", saved, images.name)
    wanted = everything_secret(images, github)
    with tarfile.open(saved) as image:
        searched = [search(image, member, wanted) for member in image if member.isfile()]
    assert sum(searched) > 1000


def search(archive, member, wanted):
    """Search a file, and an archive's contents; return the number of files searched."""
    file = archive.extractfile(member)
    if member.name.startswith("blobs/") or member.name.endswith("layer.tar"):
        # The newer format's blobs include descriptions.
        with suppress(tarfile.ReadError), tarfile.open(fileobj=file) as layer:
            return sum(search(layer, inner, wanted) for inner in layer if inner.isfile())
        file.seek(0)
    assert_clean(file.read(), wanted, member.name)
    return 1


def assert_clean(data, wanted, name):
    assert not [secret for secret in wanted if secret in data], f"a secret is in {name}"


def test_no_secret_is_beside_the_processes_that_need_it(images, github, with_file):
    """With a key file, no environment, data or log contains a secret."""
    wanted = everything_secret(images, github)
    with container(images, *with_file) as bot:
        bot.wait_until_ready()
        answers_a_ping(github, bot)
        look = "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline; find /data -type f -exec cat {} +"
        found = subprocess.run(
            ["docker", "exec", bot.name, "sh", "-c", look], capture_output=True, check=True
        ).stdout
        assert b"PYTHONPYCACHEPREFIX" in found
        assert b"SQLite format 3" in found
        assert_clean(found, wanted, "/proc or /data")
        assert_clean(bot.logs.encode(), wanted, "the logs")


def test_there_is_nothing_but_the_bot_in_it(images):
    """The image has no compiler, sources, pex or pip cache, and only the bot's user."""
    words = ("run", "--rm", "--entrypoint", "sh", images.name, "-c")
    compiler = "find / -xdev -type f \\( -name 'gcc*' -o -name cc -o -name tcc \\) -perm /111"
    packed = "find / -xdev \\( -name '*.pex' -o -name '*.whl' -not -path '*/ensurepip/*' \\)"
    leftovers = "ls -d /build /opt/bot/lib/python3*/site-packages/pip"
    look = f"( {compiler}; {packed}; {leftovers} ) 2>/dev/null || true"
    assert docker(*words, look) == ""
    assert docker(*words, "id -u") == str(UID)
    label = '{{index .Config.Labels "org.opencontainers.image.revision"}}'
    assert docker("inspect", "--format", label, images.name) == images.commit


def test_it_adds_little_to_its_base(images):
    """The image adds at most 1.2 times the unpacked size of the pex's wheels."""
    script = (
        "import zipfile; files = zipfile.ZipFile('bot.pex').infolist(); "
        "print(sum(f.file_size for f in files if f.filename.startswith('.deps/')))"
    )
    wheels = int(docker("run", "--rm", images.builder, "python", "-c", script))
    size = ("inspect", "--format", "{{.Size}}")
    added = int(docker(*size, images.name)) - int(docker(*size, needs.BASE))
    assert added <= 1.2 * wheels, f"{added / wheels:.3f} times"
