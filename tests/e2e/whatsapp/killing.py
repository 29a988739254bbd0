"""`nearcast serve` as a process that can be killed and started again within a second: forked from one that has loaded
everything.
"""

import multiprocessing
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from multiprocessing.context import ForkServerProcess

import httpx

from tests.e2e.processes import eventually
from tests.loopback import LOOPBACK

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["nearcast.bootstrap", "nearcast.serving", "nearcast.channels.whatsapp.adapter"])


def _serve(said: Mapping[str, str], port: int) -> None:
    from nearcast.bootstrap import serve

    os.environ.update({f"NEARCAST_{name.upper()}": value for name, value in said.items()})
    serve("all", host=None, port=port, say=lambda _: None)


class Mortal:
    """A server with these settings on a port that stays its own."""

    def __init__(self, **settings: object) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._settings = {name: str(said) for name, said in settings.items()}
        self._process: ForkServerProcess | None = None

    def start(self) -> None:
        self._process = _forks.Process(target=_serve, args=(self._settings, self._port), daemon=True)
        self._process.start()
        eventually(self._is_up, lambda: "the server does not come up")

    def kill(self) -> None:
        """Without a word of warning."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process.close()
            self._process = None

    def _is_up(self) -> bool:
        assert self._process is not None
        assert self._process.is_alive()
        try:
            return httpx.get(f"{self.url}/healthz", **LOOPBACK).status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def mortal(**settings: object) -> Iterator[Mortal]:
    server = Mortal(**settings)
    try:
        yield server
    finally:
        server.kill()
