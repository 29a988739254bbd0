"""Throw-away servers of peers: started on a free port with data in a temporary folder, and stopped afterwards."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep

import psycopg

from nearcast.domain.errors import InvalidInput

_PATIENCE_S = 30
_LOOPBACK = "127.0.0.1"


class Absent(InvalidInput):
    """A program that this machine does not have; `place` is the peer."""


@contextmanager
def redis_server() -> Iterator[tuple[str, int]]:
    """Host and port of a Redis that keeps nothing."""
    with TemporaryDirectory(prefix="nearcast-redis-") as folder:
        port = free_port()
        options = ("--bind", _LOOPBACK, "--port", str(port), "--dir", folder, "--save", "", "--appendonly", "no")
        with _running([_program("redis-server"), *options], port):
            yield _LOOPBACK, port


@contextmanager
def tile38_server() -> Iterator[tuple[str, int]]:
    """Host and port of a Tile38 that keeps nothing."""
    with TemporaryDirectory(prefix="nearcast-tile38-") as folder:
        port = free_port()
        options = ("-h", _LOOPBACK, "-p", str(port), "-d", folder, "--appendonly", "no", "-q")
        with _running([_program("tile38-server"), *options], port):
            yield _LOOPBACK, port


@contextmanager
def postgis_server(*, is_durable: bool = False) -> Iterator[str]:
    """The URL of a PostgreSQL with PostGIS that listens on a socket in a closed folder alone; if it is durable, each
    commit waits for the disk as it does in earnest.
    """
    initdb, pg_ctl = _postgres("initdb"), _postgres("pg_ctl")
    # PostgreSQL refuses to run as root
    as_server = ("runuser", "-u", "postgres", "--") if os.geteuid() == 0 else ()
    with TemporaryDirectory(prefix="nearcast-postgis-") as folder:
        if as_server:
            shutil.chown(folder, "postgres")
        data, log = f"{folder}/data", f"{folder}/log"
        _done([*as_server, initdb, "-D", data, "-U", "nearcast", "--auth=trust", "--encoding=UTF8", "--locale=C"])
        fsync = "on" if is_durable else "off"
        listening = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync={fsync}"
        _done([*as_server, pg_ctl, "-D", data, "-l", log, "-w", "-t", str(_PATIENCE_S), "-o", listening, "start"])
        try:
            url = f"postgresql:///postgres?host={folder}&user=nearcast"
            _add_postgis(url)
            yield url
        finally:
            _done([*as_server, pg_ctl, "-D", data, "-m", "immediate", "-w", "stop"])


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise Absent(f"{name} is not on PATH", place="--peers")
    return found


def _postgres(name: str) -> str:
    """Where PATH leads, else the newest of Debian's folders, which are not on PATH."""
    folders = Path("/usr/lib/postgresql").glob(f"*/bin/{name}")
    newest = max(folders, key=lambda path: int("0" + "".join(filter(str.isdigit, path.parts[-3]))), default=None)
    return shutil.which(name) or str(newest or _program(name))


def _add_postgis(url: str) -> None:
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION postgis")
    except psycopg.errors.UndefinedFile as error:
        raise Absent("PostGIS is not installed", place="--peers") from error


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _done(command: Sequence[str]) -> None:
    # its output goes to a file: a server that keeps a pipe open would never let us read to the end
    with TemporaryDirectory(prefix="nearcast-said-") as folder, open(f"{folder}/said", "w+") as said:
        done = subprocess.run(command, cwd="/", stdout=said, stderr=said, timeout=2 * _PATIENCE_S, check=False)  # noqa: S603
        if done.returncode != 0:
            said.seek(0)
            lines = said.read().strip().splitlines() or ["without a word"]
            program = next(Path(word).name for word in command if word.startswith("/"))
            raise InvalidInput(f"{program} failed: {lines[-1]}", place="--peers")


@contextmanager
def fake_whatsapp(*, answer_ms: float) -> Iterator[str]:
    """Run a WhatsApp of our own without limits, whose answers take so long; its URL."""
    port = free_port()
    free = ("pair_interval_s=0", "recipients_24h=null", "window_s=null", "sent_ms=null", "delivered_ms=null")
    command = [sys.executable, "-m", "nearcast", "fake-whatsapp", "--port", str(port), "--per-s", "1000000"]
    command += ["--answer-ms", str(answer_ms), *(word for each in free for word in ("--set", each))]
    with _running(command, port):
        yield f"http://{_LOOPBACK}:{port}"


@contextmanager
def _running(command: Sequence[str], port: int) -> Iterator[None]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:  # noqa: S603
        try:
            deadline = monotonic() + _PATIENCE_S
            while not _answers(port):
                if process.poll() is not None or monotonic() > deadline:
                    raise InvalidInput(f"{Path(command[0]).name} does not start", place="--peers")
                sleep(0.05)
            yield
        finally:
            process.terminate()
            try:
                process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((_LOOPBACK, port), timeout=1.0):
            return True
    except OSError:
        return False
