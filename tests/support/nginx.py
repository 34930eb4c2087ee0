"""nginx with the server block of docs/deploy/nginx.conf, in front of a bot on this machine."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.running import ROOT, until

_TEMPORARY = ("proxy", "fastcgi", "uwsgi", "scgi")


@contextmanager
def running_nginx(
    program: str, home: Path, *, port: int, bot_port: int, dns_port: int = 0, more: str = ""
) -> Iterator[subprocess.Popen]:
    """Run nginx on this port of 127.0.0.1; `more` goes into its server block.

    With `dns_port` it asks a name server there for the address of `bot`.
    """
    documented = (ROOT / "docs/deploy/nginx.conf").read_text()
    server = _replace(documented, "listen 80;", f"listen 127.0.0.1:{port}; {more}")
    server = _replace(server, "http://$bot:8000", f"http://$bot:{bot_port}")
    if dns_port:
        server = _replace(server, "resolver 127.0.0.11 ", f"resolver 127.0.0.1:{dns_port} ")
    else:
        server = _replace(server, "set $bot bot;", "set $bot 127.0.0.1;")
    paths = "".join(f"{name}_temp_path {home}/{name}; " for name in _TEMPORARY)
    http = f"{paths}access_log off; client_body_temp_path {home}/body; {server}"
    # As root, its workers would run as `nobody`, who cannot write to the tests' directory.
    who = "" if os.geteuid() else "user root; "
    kept = f"{who}pid {home}/nginx.pid; error_log {home}/nginx.log; daemon off;"
    config = home / "nginx.conf"
    config.write_text(f"{kept}\nevents {{}}\nhttp {{ {http} }}\n")
    process = subprocess.Popen([program, "-c", str(config), "-p", str(home)])
    try:
        until(lambda: _listens(port) or process.poll() is not None, "nginx listens")
        yield process
    finally:
        process.terminate()
        process.wait()


def _replace(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, old
    return text.replace(old, new)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
