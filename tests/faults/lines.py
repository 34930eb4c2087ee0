"""Proxy between the bot and PostgreSQL whose connections can go dead silently."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

from sqlalchemy import make_url

_Order = Callable[..., None]


class Line:
    """Passes bytes between a TCP port and PostgreSQL's Unix socket; `url` leads through it."""

    def __init__(self, database_url: str) -> None:
        url = make_url(database_url)
        self._target = f"{url.query['host']}/.s.PGSQL.5432"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        through = url.difference_update_query(["host"]).set(host="127.0.0.1", port=self.port)
        self.url = through.render_as_string(hide_password=False)
        self._ports: set[int] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def open_ports(self) -> list[int]:
        """The ports of the current clients."""
        with self._lock:
            return sorted(self._ports)

    def stop(self) -> None:
        """Accept no new connections."""
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, (_, port) = self._listener.accept()
                threading.Thread(target=self._pass, args=(client, port), daemon=True).start()

    def _pass(self, client: socket.socket, port: int) -> None:
        with self._lock:
            self._ports.add(port)
        server = socket.socket(socket.AF_UNIX)
        with contextlib.suppress(OSError), client, server:
            server.connect(self._target)
            back = threading.Thread(target=_pump, args=(server, client), daemon=True)
            back.start()
            _pump(client, server)
            back.join()
        with self._lock:
            self._ports.discard(port)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def dead_line(line: Line, order: _Order) -> Iterator[None]:
    """Drop every packet of the current connections; new ones work."""
    with contextlib.ExitStack() as stack:
        for port in line.open_ports():
            for source, target in ((port, line.port), (line.port, port)):
                rule = ("-p", "tcp", "--sport", str(source), "--dport", str(target), "-j", "DROP")
                order("iptables", "-I", "INPUT", *rule)
                stack.callback(order, "iptables", "-D", "INPUT", *rule)
        yield
