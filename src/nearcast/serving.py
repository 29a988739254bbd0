"""One process of the service: its socket, its loops, its signals, its log."""

import errno
import json
import logging
import math
import signal
import socket
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from traceback import extract_tb
from types import FrameType, TracebackType
from typing import Any, NoReturn, Protocol, TypeAlias

import uvicorn
from fastapi import APIRouter
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from nearcast.api.app import create_app, create_watch_app
from nearcast.api.wire import Together
from nearcast.console.checkin import checkin_pages
from nearcast.console.onboarding import onboarding_pages
from nearcast.console.opt_out import opt_out_pages
from nearcast.console.till import till_pages
from nearcast.console.voucher import voucher_pages
from nearcast.domain.errors import InvalidInput, NearcastError
from nearcast.services.application import Application
from nearcast.services.channel_ports import close_all
from nearcast.worker.memory import settle_memory
from nearcast.worker.worker import Worker

ROLES = frozenset({"api", "worker", "scheduler"})
_log = logging.getLogger(__name__)
_Raised: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
_KEEP_ALIVE_S = 15
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """For how many seconds a process that is told to end goes on as before, and then may finish what is in hand."""

    drain_s: float = 0.0
    shutdown_s: float = 20.0


def run(
    application: Application,
    roles: Collection[str],
    listening: socket.socket | None,
    say: Callable[[str], None],
    *,
    pages: Sequence[APIRouter] = (),
    public_url: str | None = None,
    beside: Sequence[Part] = (),
    ending: Ending = Ending(),
) -> None:
    """Serve on `listening`, without the role `api` health and figures alone, without it only work, until told to end.

    Then `/readyz` says so; after `drain_s`, or when told again, no connection is taken any more, requests are answered,
    loops finish the step in hand and give back what is leased to them: all of that within `shutdown_s`, of which each
    half is left to the requests and to the loops.
    """
    worker = Worker(application, set(roles) - {"api"})
    # before any thread starts: FastAPI silences warnings while it makes routes, and threads undo each other's silence
    served = replace(application, worker_status=worker.status)
    if "api" in roles:
        own_pages = [checkin_pages(), onboarding_pages(), opt_out_pages(), voucher_pages(), till_pages()]
        app = create_app(served, pages=[*own_pages, *pages], public_url=public_url)
    else:
        app = create_watch_app(served)
    settle_memory()
    with ExitStack() as at_the_end, _started(worker, *beside, stop_within_s=ending.shutdown_s / 2):
        at_the_end.callback(close_all, application.connected)
        working = f"nearcast works as {', '.join(sorted(roles))}"
        if listening is None:
            say(working)
            threading.Event().wait()
        else:
            is_api = "api" in roles
            say(f"nearcast serves {public_url or url_of(listening)}" if is_api else f"{working}: {url_of(listening)}")
            # its access log would hold positions: they stand in queries
            config = uvicorn.Config(
                app,
                http=Connection,
                log_config=None,
                access_log=False,
                lifespan="off",
                timeout_keep_alive=_KEEP_ALIVE_S,
                timeout_graceful_shutdown=math.ceil(ending.shutdown_s / 2),
            )
            _Server(config, application.health.ending, ending.drain_s).run(sockets=[listening])


class Connection(HttpToolsProtocol):
    """Answers leave in one piece."""

    def connection_made(self, transport: Any) -> None:
        """As the protocol."""
        super().connection_made(Together(transport, self.loop))  # type: ignore[arg-type]


class _Server(uvicorn.Server):
    """Says that it ends as soon as it is told to, and does so `drain_s` later, or when it is told again."""

    def __init__(self, config: uvicorn.Config, ending: threading.Event, drain_s: float) -> None:
        super().__init__(config)
        self._ending, self._drain_s = ending, drain_s
        self._told: tuple[int, float] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._ending.is_set() or not self._drain_s:
            super().handle_exit(sig, frame)
        self._told = sig, monotonic() + self._drain_s
        self._ending.set()

    async def on_tick(self, counter: int) -> bool:
        if self._told is not None and not self.should_exit and monotonic() >= self._told[1]:
            super().handle_exit(self._told[0], None)
        return await super().on_tick(counter)


@contextmanager
def _started(worker: Worker, *parts: Part, stop_within_s: float) -> Iterator[None]:
    with ExitStack() as started:
        worker.start()
        started.callback(worker.stop, stop_within_s)
        for part in parts:
            part.start()
            started.callback(part.stop)
        yield


@contextmanager
def until_told_to_end(log_format: str, log_level: str = "info") -> Iterator[None]:
    """SIGTERM and Ctrl-C end what is done within, without a word; everything that is said of it goes to the log."""
    _log_to_stderr(log_format, log_level)
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


def _log_to_stderr(form: str, level: str) -> None:
    """Warnings and worse of everybody, and what nearcast says of itself from `level` on, as `text` or one JSON object a
    line.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("nearcast").setLevel(level.upper())
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
        fields = getattr(record, "said", {})
        return json.dumps({**said, "message": record.getMessage(), **fields, **raised}, ensure_ascii=False)


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
