"""A shell whose `python -m bot_deploy` starts fast: each is a fork of one loaded process.

A new Python takes most of a second to import the bot; a fork takes a hundredth. Pipes, variables,
the current directory and exit codes are those of the shell.
"""

import contextlib
import importlib
import io
import os
import pkgutil
import runpy
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from tests.support.locks import ROOT
from tests.support.running import until

# Without the site packages it starts in 10 ms. Other programs than the bot are run as they are.
_CLIENT = """#!{python} -ISs
import os, socket, struct, sys
words = sys.argv[1:]
if os.path.basename(sys.argv[0]) == "portmanteau":
    words = ["-m", "bot_deploy", *words]
if words[:2] != ["-m", "bot_deploy"]:
    os.execv({python!r}, [{python!r}, *words])
server = socket.socket(socket.AF_UNIX)
server.connect({place!r})
environ = [name + "=" + value for name, value in os.environ.items()]
parts = [os.getcwd(), "\\0".join(words[2:]), "\\0".join(environ)]
sent = "\\0\\0\\0".join(parts).encode(errors="surrogateescape")
socket.send_fds(server, [struct.pack("!I", len(sent))], [0, 1, 2])
server.sendall(sent)
sys.exit(struct.unpack("!i", server.recv(4, socket.MSG_WAITALL))[0])
"""


@dataclass(frozen=True)
class QuickShell:
    """A directory with `python` and `portmanteau` for the PATH of shells."""

    programs: Path

    def run(self, script: str, *, cwd: Path, stdin: str = "", **environ: str) -> str:
        """Run commands as a user with an empty home does, and return their output.

        Raises AssertionError with the output if one fails.
        """
        kept = {name: os.environ[name] for name in ("LANG", "TMPDIR") if name in os.environ}
        done = subprocess.run(
            ["/bin/sh", "-euc", script],
            cwd=cwd,
            env=kept
            | {"PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}", "HOME": str(cwd)}
            | environ,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


@contextlib.contextmanager
def quick_shell(folder: Path) -> Iterator[QuickShell]:
    """Start the process with the bot loaded; it ends with the context."""
    place = folder / "socket"
    for name in ("python", "portmanteau"):
        (folder / name).write_text(_CLIENT.format(python=sys.executable, place=str(place)))
        (folder / name).chmod(0o755)
    command = [sys.executable, "-m", "tests.support.quick", str(place)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL) as server:
        try:
            until(lambda: place.exists() or server.poll() is not None, "the shell is ready")
            yield QuickShell(folder)
        finally:
            server.terminate()


def _serve(place: str) -> None:
    """Load the bot, and run each command in a fork."""
    for module in pkgutil.walk_packages(
        importlib.import_module("bot_deploy").__path__, "bot_deploy."
    ):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{place}.new")
        listener.listen()
        Path(f"{place}.new").rename(place)
        while True:
            client, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _run(client)
            client.close()


def _run(client: socket.socket) -> NoReturn:
    """Run the command of a client, tell it the exit code, and end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    code = 1
    try:
        size, files, _, _ = socket.recv_fds(client, 4, 3)
        (length,) = struct.unpack("!I", size)
        sent = client.recv(length, socket.MSG_WAITALL).decode(errors="surrogateescape")
        folder, words, environ = sent.split("\0\0\0")
        for number, file in enumerate(files):
            os.dup2(file, number)
        sys.stdin, sys.stdout, sys.stderr = (
            io.TextIOWrapper(os.fdopen(number, mode), line_buffering=True)
            for number, mode in ((0, "rb"), (1, "wb"), (2, "wb"))
        )
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(line.split("=", 1) for line in environ.split("\0"))
        sys.argv[1:] = words.split("\0") if words else []
        code = _code(lambda: runpy.run_module("bot_deploy", run_name="__main__", alter_sys=True))
        sys.stdout.flush()
    finally:
        client.sendall(struct.pack("!i", code))
        os._exit(0)


def _code(main) -> int:
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


if __name__ == "__main__":
    _serve(sys.argv[1])
