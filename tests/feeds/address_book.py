"""A search service for addresses on the loopback, which knows what it is told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

MARKET = {"place_id": 1, "lat": "52.5200000", "lon": "13.4050000", "display_name": "1, Markt, Nahstadt"}


class Book(HTTPServer):
    """Answers every search with the same, and remembers what it was asked."""

    def __init__(self, answer: Any, status: int) -> None:
        super().__init__(("127.0.0.1", 0), _Page)
        self.answer = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.status = status
        self.asked: list[tuple[str, dict[str, list[str]], str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/nominatim/"


class _Page(BaseHTTPRequestHandler):
    server: Book

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        self.server.asked.append((asked.path, parse_qs(asked.query), self.headers["User-Agent"]))
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.answer)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextmanager
def book(answer: Any, status: int = 200) -> Iterator[Book]:
    with Book(answer, status) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
