"""A provider in a thread: a real server that keeps what it gets and answers as it is told."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from nearcast.domain.ids import MessageId, TenantId
from nearcast.domain.sending import Outbound, Purpose, Recipient, Text

NOW = datetime(2026, 6, 2, 10, 0, tzinfo=UTC)
SOON = datetime(2026, 6, 2, 10, 20, tzinfo=UTC)


def outbound(to: str, body: str = "Coffee −20 % until 12:20", **changes: Any) -> Outbound:
    """An offer that is over in twenty minutes."""
    said: dict[str, Any] = {
        "id": MessageId("msg-1"),
        "tenant_id": TenantId("t1"),
        "sender": "t1",
        "to": Recipient(address=to),
        "content": Text(body=body),
        "purpose": Purpose.MARKETING,
        "not_after": SOON,
        "opt_out_url": "https://offers.example/unsubscribe/token",
    }
    return Outbound(**{**said, **changes})


@dataclass(frozen=True)
class Asked:
    """One request, as it came."""

    path: str
    headers: "Message[str, str]"
    body: bytes


@dataclass(frozen=True)
class Said:
    """One answer. `hangs_up`: the connection is closed without one, after the request was read."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    hangs_up: bool = False


class Peer(ThreadingHTTPServer):
    """Answers by `say`, which may be set anew between requests."""

    def __init__(self, say: Callable[[Asked], Said]) -> None:
        self.say, self.got = say, list[Asked]()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Peer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = Asked(self.path, self.headers, self.rfile.read(int(self.headers.get("Content-Length", 0))))
        self.server.got.append(asked)
        said = self.server.say(asked)
        if said.hangs_up:
            self.close_connection = True
            return
        self.send_response(said.status)
        for name, value in said.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(said.body)))
        self.end_headers()
        self.wfile.write(said.body)

    do_GET = do_POST

    def log_message(self, *_said: object) -> None:
        """Nothing."""


@contextmanager
def peer(say: Callable[[Asked], Said]) -> Iterator[Peer]:
    with Peer(say) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
