"""Shell completion, in real shells."""

import os
import pty
import re
import select
import shutil
import subprocess
import time

import pytest

from bot_deploy import arguments
from bot_deploy.__main__ import main, subcommands
from bot_deploy.completion import whole_parser
from tests.support import needs

SHELLS = ("bash", "zsh", "fish")


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    """The script of each shell, in a file."""
    folder = tmp_path_factory.mktemp("completion")
    for shell in SHELLS:
        # As a child writes it: what is written at once by print() is flushed by the dispatcher.
        with pytest.MonkeyPatch.context() as patch, (folder / shell).open("w") as file:
            patch.setattr("sys.stdout", file)
            patch.setattr("sys.argv", ["portmanteau"])
            assert main(["portmanteau", "completion", shell], {}) == 0
    return folder


class Terminal:
    """A shell at a terminal, to which keys are typed."""

    def __init__(self, *command, **environ):
        self.shown = ""
        (
            inner,
            self._outer,
        ) = pty.openpty()[::-1]
        env = {"PATH": os.environ["PATH"], "TERM": "dumb", "LC_ALL": "C.UTF-8", **environ}
        self._child = subprocess.Popen(
            command, stdin=inner, stdout=inner, stderr=inner, env=env, start_new_session=True
        )
        os.close(inner)

    def type(self, keys):
        """Type; nothing is waited for."""
        self.shown = ""
        os.write(self._outer, keys.encode())

    def wait_for(self, pattern):
        """Return when the shell shows something since the last keys; AssertionError after 30 s."""
        deadline = time.monotonic() + 30
        while not re.search(pattern, self.shown):
            assert time.monotonic() < deadline, f"no {pattern!r} in {self.shown!r}"
            if select.select([self._outer], [], [], 0.2)[0]:
                self.shown += os.read(self._outer, 4096).decode(errors="replace")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._child.kill()
        self._child.wait()
        os.close(self._outer)


def at_bash(scripts, home):
    """An interactive bash that has read the script."""
    shell = Terminal(needs.program("bash"), "--norc", "--noprofile", "-i", HOME=str(home))
    shell.type(f"PS1=; source {scripts / 'bash'}; bind 'set bell-style none'; echo rea''dy\n")
    return shell


def at_zsh(scripts, home):
    """An interactive zsh that finds the script on its path of functions."""
    shutil.copy(scripts / "zsh", home / "_portmanteau")
    shell = Terminal(needs.program("zsh"), "-f", "-i", HOME=str(home))
    shell.type(
        f"PROMPT=; fpath=({home} $fpath); autoload -Uz compinit; compinit -u -d {home}/dump; "
        "bindkey '^I' complete-word; echo rea''dy\n"
    )
    return shell


@pytest.mark.parametrize("start", [at_bash, at_zsh])
def test_a_tab_completes(start, scripts, tmp_path):
    """A Tab completes subcommands, options, commands of a subcommand, and files."""
    (tmp_path / "downloaded.pem").touch()
    with start(scripts, tmp_path) as shell:
        shell.wait_for("ready")
        for typed, completed in (
            ("portmanteau doct\t", "doctor "),
            ("--js\t", "--json"),
            ("\x15portmanteau deliveries sh\t", "show "),
            ("--pay\t", "--payload"),
            (f"\x15portmanteau encrypt x --file {tmp_path}/down\t", "loaded.pem"),
            ("\x15portmanteau completion fi\t", "sh"),
        ):
            shell.type(typed)
            shell.wait_for(re.escape(completed))


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("portmanteau doct", {"doctor"}),
        ("portmanteau doctor --", {"--config", "--help", "--json", "--part"}),
        ("portmanteau deliveries show --p", {"--payload"}),
        ("portmanteau completion ", set(SHELLS)),
    ],
)
def test_fish_offers(typed, offered, scripts, tmp_path):
    """Fish offers subcommands and options."""
    done = subprocess.run(
        [
            needs.program("fish"),
            "--no-config",
            "-c",
            f"source {scripts / 'fish'}; complete -C '{typed}'",
        ],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert {line.partition("\t")[0] for line in done.stdout.splitlines()} == offered


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("name", sorted(subcommands()))
def test_each_subcommand_is_in_each_script(name, shell, scripts):
    """Each script names each subcommand."""
    text = (scripts / shell).read_text()
    assert re.search(rf"\b{name}\b", text)
    if shell != "bash":
        assert subcommands()[name][:20] in text


@pytest.mark.parametrize("name", sorted(subcommands()))
def test_each_option_of_a_subcommand_is_known(name):
    """The whole parser has each option of each subcommand."""
    module = __import__(f"bot_deploy.{name}", fromlist=["main"])
    alone = arguments.describe(module.main, name)
    (commands,) = (a for a in whole_parser()._actions if a.dest == "==SUPPRESS==" and a.choices)
    inside = commands.choices[name]
    for action in alone._actions:
        assert action.option_strings == [] or action.option_strings[0] in inside.format_help()


def test_a_subcommand_that_parses_nothing_cannot_be_described():
    """`describe` raises TypeError for a subcommand without a parser."""
    with pytest.raises(TypeError, match="extra does not parse"):
        arguments.describe(lambda _: 0, "extra")


def test_an_unknown_shell_is_wrong_usage(capsys):
    """An unknown shell ends with exit code 2 and the known ones."""
    with pytest.raises(SystemExit) as ended:
        main(["portmanteau", "completion", "csh"], {})
    assert ended.value.code == 2
    assert "zsh" in capsys.readouterr().err


def test_the_help_says_where_the_script_goes(monkeypatch, capsys):
    """The help has a line for each shell, with the program's name."""
    monkeypatch.setattr("sys.argv", ["/opt/bin/portmanteau"])
    with pytest.raises(SystemExit):
        main(["portmanteau", "completion", "--help"], {})
    told = capsys.readouterr().out
    assert (
        "/opt/bin/portmanteau completion fish > ~/.config/fish/completions/portmanteau.fish" in told
    )
