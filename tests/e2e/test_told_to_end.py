"""A server that is told to end under load: it says that it is not ready any more, answers what it has in hand, finishes
what it has begun, and the next one goes on where it stood.
"""

import socket
import threading
from contextlib import closing, suppress
from itertools import groupby
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.e2e.crowd import (
    CUSTOMERS,
    SENDERS,
    Walkers,
    city,
    each_has_its_effect_once,
    messages_in,
    on_their_way,
    printed_messages,
    set_up,
    wait_until_quiet,
)
from tests.e2e.processes import eventually
from tests.e2e.restarts import Served
from tests.loopback import LOOPBACK

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

DRAIN_S, SHUTDOWN_S = 1.0, 20.0
LONG = 80 * "Hello "
"""Few of these are read ahead."""


class Watch:
    """Asks again and again whether it is ready: the answers in their order, None for one that never came."""

    def __init__(self, url: str) -> None:
        self.answers: list[int | None] = []
        self._url, self._ended = url, threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _ask(self) -> None:
        with httpx.Client(base_url=self._url, **LOOPBACK) as client:
            while not self._ended.is_set():
                answer = None
                with suppress(httpx.TransportError):
                    answer = client.get("/readyz").status_code
                self.answers.append(answer)


def begin_request(url: str, key: str, body: bytes) -> socket.socket:
    """A request for pings whose body has yet to come."""
    address = urlsplit(url)
    connection = socket.create_connection((address.hostname, address.port), timeout=30)
    head = f"POST /v1/pings HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: {len(body)}\r\n"
    connection.sendall(f"{head}Content-Type: application/json\r\nExpect: 100-continue\r\n\r\n".encode())
    assert connection.recv(1_000).startswith(b"HTTP/1.1 100")
    return connection


def slow(database: str, folder: Path) -> Served:
    """A message a second can be printed, and more come."""
    return Served(database, folder, line_s=1, drain_s=DRAIN_S, shutdown_s=SHUTDOWN_S)


@pytest.mark.parametrize(
    "quick_database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.soak)], indirect=True
)
def test_told_to_end_under_load_it_finishes_what_it_has_begun_and_the_next_goes_on(quick_database: str, tmp_path: Path):
    with city(quick_database) as (store, key), slow(quick_database, tmp_path) as server:
        server.start()
        set_up(server.url, key, text=LONG)
        crowd = [Walkers(server.url, key, CUSTOMERS[n::SENDERS]) for n in range(SENDERS)]
        for walkers in crowd:
            walkers.start()
        eventually(lambda: len(on_their_way(store)) > 5, lambda: "the channel keeps up")
        watch = Watch(server.url)
        eventually(lambda: 200 in watch.answers, lambda: "it is not ready")
        with closing(begin_request(server.url, key, b"[]")) as in_hand:
            server.tell_to_end()
            eventually(lambda: watch.answers[-1] is None, lambda: "it still listens")
            in_hand.sendall(b"[]")
            assert in_hand.recv(1_000).startswith(b"HTTP/1.1 202")
        assert server.ended(DRAIN_S + SHUTDOWN_S) == 0
        watch.end()
        assert [answer for answer, _ in groupby(watch.answers)] == [200, 503, None]
        assert {message.status.value for message in on_their_way(store)} == {"queued"}
        sent = {message.id for message in messages_in(store) if message.status.value == "accepted"}
        assert sent == printed_messages(server.printed).keys()
        server.start()
        for walkers in crowd:
            walkers.await_more(3)
            walkers.stop()
        wait_until_quiet(store)
        came = each_has_its_effect_once(store, crowd, server.printed)
        assert came.statuses == {"accepted": came.enters}
