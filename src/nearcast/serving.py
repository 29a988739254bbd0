"""One process of the service: its socket, its loops, its signals, its log."""

import errno
import json
import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from traceback import extract_tb
from types import FrameType, TracebackType
from typing import NoReturn, Protocol, TypeAlias

import uvicorn
from fastapi import APIRouter

from nearcast.api.app import create_app
from nearcast.console.checkin import checkin_pages
from nearcast.console.onboarding import onboarding_pages
from nearcast.domain.errors import InvalidInput, NearcastError
from nearcast.services.application import Application
from nearcast.worker.worker import Worker

ROLES = frozenset({"api", "worker", "scheduler"})
_log = logging.getLogger(__name__)
_Raised: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
_GRACE_S = 10
_BACKLOG = 2048


def roles_of(said: str) -> frozenset[str]:
    """`all`, or some of the roles with commas between; InvalidInput for what is none."""
    asked = ROLES if said == "all" else frozenset(part.strip() for part in said.split(","))
    if unknown := sorted(asked - ROLES):
        raise InvalidInput(f"{unknown[0]!r} is none of all, {', '.join(sorted(ROLES))}", place="--role")
    return asked


class Part(Protocol):
    """What has threads of its own."""

    def start(self) -> None: ...

    def stop(self) -> object: ...


def run(
    application: Application,
    roles: Collection[str],
    listening: socket.socket | None,
    say: Callable[[str], None],
    *,
    pages: Sequence[APIRouter] = (),
    public_url: str | None = None,
    beside: Sequence[Part] = (),
) -> None:
    """Serve on `listening`, or without it only work, until told to end; what is in hand is finished first."""
    worker = Worker(application, set(roles) - {"api"})
    # before any thread starts: FastAPI silences warnings while it makes routes, and threads undo each other's silence
    served = replace(application, worker_status=worker.status)
    app = create_app(served, pages=[checkin_pages(), onboarding_pages(), *pages], public_url=public_url)
    with _started(worker, *beside):
        if listening is None:
            say(f"nearcast works as {', '.join(sorted(roles))}")
            threading.Event().wait()
        else:
            say(f"nearcast serves {public_url or url_of(listening)}")
            # its access log would hold positions: they stand in queries
            config = uvicorn.Config(
                app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=_GRACE_S
            )
            uvicorn.Server(config).run(sockets=[listening])


@contextmanager
def _started(*parts: Part) -> Iterator[None]:
    with ExitStack() as started:
        for part in parts:
            part.start()
            started.callback(part.stop)
        yield


@contextmanager
def until_told_to_end(log_format: str) -> Iterator[None]:
    """SIGTERM and Ctrl-C end what is done within, without a word; everything that is said of it goes to the log."""
    _log_to_stderr(log_format)
    before = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    except KeyboardInterrupt:
        pass
    except NearcastError as error:
        if log_format != "json":
            raise
        _log.error("%s", error)
        raise SystemExit(2 if isinstance(error, InvalidInput) else 1) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _log_to_stderr(form: str) -> None:
    """Warnings and worse of everybody, and what nearcast says of itself, as `text` or one JSON object a line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("nearcast").setLevel(logging.INFO)
    logging.captureWarnings(True)
    threading.excepthook = _thread_died


def _thread_died(died: threading.ExceptHookArgs) -> None:
    name = died.thread.name if died.thread else "?"
    raised = (died.exc_type, died.exc_value or died.exc_type(), died.exc_traceback)
    _log.error("thread %s died", name, exc_info=raised)


class _Text(logging.Formatter):
    def formatException(self, ei: _Raised) -> str:
        """What was raised and where; without its text, which may hold a position, an address or a message."""
        kind, _, trace = ei
        frames = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(extract_tb(trace))]
        return f"{kind.__name__ if kind else 'nothing'} at {' < '.join(frames)}"


class _Json(_Text):
    def format(self, record: logging.LogRecord) -> str:
        said = {"at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"), "level": record.levelname, "logger": record.name}
        raised = {"error": self.formatException(record.exc_info)} if record.exc_info else {}
        return json.dumps({**said, "message": record.getMessage(), **raised}, ensure_ascii=False)


class PortTaken(NearcastError):
    """Somebody else listens there."""


def listen_nearby(host: str, port: int, say: Callable[[str], None]) -> socket.socket:
    """As `listen`, on another port where that one is taken, which is said."""
    try:
        return listen(host, port)
    except PortTaken as taken:
        listening = listen(host, 0)
        say(f"{taken}: taking port {listening.getsockname()[1]}")
        return listening


def listen(host: str, port: int) -> socket.socket:
    """A socket on that address, port 0 for a free one; PortTaken or another NearcastError where it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends small answers at once only on sockets that name their protocol; else each waits 40 ms for an ACK
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        fault = PortTaken if error.errno == errno.EADDRINUSE else NearcastError
        raise fault(f"cannot listen on {host}, port {port}: {error.strerror}") from error
    return listening


def url_of(listening: socket.socket) -> str:
    """Where a browser finds it."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
