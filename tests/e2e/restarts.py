"""A server that ends, or is killed, and is started again on the same port; what it prints may be read slowly."""

import fcntl
import resource
import signal
import socket
import subprocess
import time
from contextlib import closing
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import IO, Self

import httpx

from tests.e2e.processes import NEARCAST, environment
from tests.loopback import LOOPBACK

LEASE_S = 3
_PAGE_BYTES = 4096
_PATIENCE_S = 120.0


class Served:
    """`nearcast serve` on a database; everything that it has printed is in `printed`.

    With `line_s` each line is read so many seconds after the last, and few ahead: the console is a channel that slow,
    until the server has ended once. It is killed at the end of the context.
    """

    def __init__(self, database_url: str, folder: Path, *, line_s: float = 0.0, **settings: object) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.printed, self.complaints = folder / "printed", folder / "complaints"
        self._environment = environment(database_url=database_url, lease_s=LEASE_S, **settings)
        self._line_s, self._has_ended = line_s, Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        if self._process is not None:
            self.kill()

    def start(self) -> None:
        command = [*NEARCAST, "serve", "--port", str(self.port)]
        with self.printed.open("ab") as out, self.complaints.open("wb") as complaints:
            self._process = subprocess.Popen(
                command,
                env=self._environment,
                stdout=subprocess.PIPE if self._line_s else out,
                stderr=complaints,
                bufsize=0,
            )
        if self._process.stdout is not None:
            fcntl.fcntl(self._process.stdout, fcntl.F_SETPIPE_SZ, _PAGE_BYTES)
            self._reader = Thread(target=self._read, args=(self._process.stdout,), daemon=True)
            self._reader.start()
        until = time.monotonic() + _PATIENCE_S
        while time.monotonic() < until:
            try:
                if httpx.get(f"{self.url}/healthz", **LOOPBACK).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError(f"the server does not come up: {self.complaints.read_text()}")

    @property
    def memory_bytes(self) -> int:
        """What it holds of the machine's memory now."""
        assert self._process is not None
        pages = Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]
        return int(pages) * resource.getpagesize()

    def kill(self) -> None:
        self._told(signal.SIGKILL).wait()

    def tell_to_end(self) -> None:
        self._told(signal.SIGTERM)

    def ended(self, within_s: float) -> int:
        """Its exit code, once all that it printed is read."""
        assert self._process is not None
        code = self._process.wait(within_s)
        self._has_ended.set()
        if self._reader is not None:
            self._reader.join(60)
            assert not self._reader.is_alive()
        return code

    def _told(self, number: int) -> subprocess.Popen[bytes]:
        assert self._process is not None
        self._process.send_signal(number)
        return self._process

    def _read(self, out: IO[bytes]) -> None:
        with out, self.printed.open("ab") as printed:
            while line := out.readline():
                printed.write(line)
                printed.flush()
                self._has_ended.wait(self._line_s)
