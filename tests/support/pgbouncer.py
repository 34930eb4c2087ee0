"""PgBouncer in front of a PostgreSQL server of the tests."""

import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import make_url

from tests.support import needs
from tests.support.running import free_port, until

# All else is PgBouncer's default.
_CONFIGURATION = """
[databases]
{name} = host={host} user={user} dbname={name}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {size}
"""


@contextmanager
def pooler(url: str, mode: str, *, size: int = 2) -> Iterator[str]:
    """Run a PgBouncer with a pool of `size` connections to a database; give its address.

    `url` is the address of a database on a Unix socket; PgBouncer reaches it as that user.
    """
    program, port, there = needs.program("pgbouncer"), free_port(), make_url(url)
    words = _CONFIGURATION.format(
        name=there.database,
        host=there.query["host"],
        user=there.username,
        port=port,
        mode=mode,
        size=size,
    )
    with tempfile.TemporaryDirectory() as home:
        file = Path(home, "pgbouncer.ini")
        file.write_text(words)
        file.chmod(0o644)
        Path(home).chmod(0o755)
        # It refuses to run as root, and the socket is the server's alone.
        user = None if os.geteuid() else Path(there.query["host"]).stat().st_uid
        command = [program, "--quiet", str(file)]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, user=user)
        try:
            until(lambda: _answers(port), "PgBouncer listens")
            here = there.difference_update_query(["host"]).set(host="127.0.0.1", port=port)
            yield here.render_as_string(hide_password=False)
        finally:
            process.terminate()
            process.wait()


def _answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
