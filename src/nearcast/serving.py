"""One process of the service: its socket, its loops, its signals, its log."""

import json
import logging
import signal
import socket
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from threading import Event
from types import FrameType
from typing import NoReturn

import uvicorn
from fastapi import APIRouter

from nearcast.api.app import create_app
from nearcast.domain.errors import InvalidInput, NearcastError
from nearcast.services.application import Application
from nearcast.worker.worker import Worker

ROLES = frozenset({"api", "worker", "scheduler"})
_GRACE_S = 10
_BACKLOG = 2048


def roles_of(said: str) -> frozenset[str]:
    """`all`, or some of the roles with commas between; InvalidInput for what is none."""
    asked = ROLES if said == "all" else frozenset(part.strip() for part in said.split(","))
    if unknown := sorted(asked - ROLES):
        raise InvalidInput(f"{unknown[0]!r} is none of all, {', '.join(sorted(ROLES))}", place="--role")
    return asked


def run(
    application: Application,
    roles: Collection[str],
    listening: socket.socket | None,
    say: Callable[[str], None],
    *,
    pages: Sequence[APIRouter] = (),
    public_url: str | None = None,
) -> None:
    """Serve on `listening`, or without it only work, until SIGTERM or SIGINT; what is in hand is finished first."""
    worker = Worker(application, set(roles) - {"api"})
    signal.signal(signal.SIGTERM, _end)
    worker.start()
    try:
        if listening is None:
            say(f"nearcast works as {', '.join(sorted(roles))}")
            Event().wait()
        else:
            say(f"nearcast serves {public_url or url_of(listening)}")
            app = create_app(replace(application, worker_status=worker.status), pages=pages, public_url=public_url)
            # its access log would hold positions: they stand in queries
            config = uvicorn.Config(
                app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=_GRACE_S
            )
            uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        pass
    finally:
        worker.stop()


def log_to_stderr(form: str) -> None:
    """Warnings and worse of everybody, and what nearcast says of itself, as `text` or one JSON object a line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        _Json() if form == "json" else logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("nearcast").setLevel(logging.INFO)


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        said = {"at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"), "level": record.levelname, "logger": record.name}
        return json.dumps({**said, "message": record.getMessage()}, ensure_ascii=False)


def listen(host: str, port: int) -> socket.socket:
    """A socket on that address, port 0 for a free one; NearcastError where it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends small answers at once only on sockets that name their protocol; else each waits 40 ms for an ACK
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise NearcastError(f"cannot listen on {host}, port {port}: {error.strerror}") from error
    return listening


def url_of(listening: socket.socket) -> str:
    """Where a browser finds it."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)
