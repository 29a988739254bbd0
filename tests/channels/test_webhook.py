"""The sender of events against servers on this machine, and against names that lead astray."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from nearcast.channels.tls import tls
from nearcast.channels.webhook import WebhookSender
from nearcast.services.event_ports import Answer, Post

HEADERS = {"Content-Type": "application/cloudevents+json", "Nearcast-Signature": "t=1,v1=aa"}


class Receiver(ThreadingHTTPServer):
    """A server that keeps what it gets; `/503` answers so, `/away` sends elsewhere."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, dict(self.headers), body))
        self.send_response({"/503": 503, "/away": 302}.get(self.path, 204))
        self.send_header("Location", "/secret")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_said: object) -> None:
        """Nothing."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    with Receiver() as receiver:
        thread = threading.Thread(target=receiver.serve_forever, daemon=True)
        thread.start()
        yield receiver
        receiver.shutdown()
        thread.join()


@pytest.mark.enable_socket
def test_each_event_is_posted_once_and_its_answer_is_told_in_order() -> None:
    with receiving() as receiver:
        here = f"http://127.0.0.1:{receiver.port}"
        posts = [Post(f"{here}{path}", HEADERS, path.encode()) for path in ("/hook", "/503", "/away")]
        answers = WebhookSender(allows_private=True).send_all(posts)
    assert answers == [Answer(204), Answer(503), Answer(302)]
    assert sorted(path for path, _, _ in receiver.got) == ["/503", "/away", "/hook"]
    ((headers, body),) = [(headers, body) for path, headers, body in receiver.got if path == "/hook"]
    assert body == b"/hook"
    assert headers["Host"] == f"127.0.0.1:{receiver.port}"
    assert headers["Nearcast-Signature"] == "t=1,v1=aa"


@pytest.mark.enable_socket
def test_a_request_goes_to_the_address_that_was_looked_at_under_the_name_that_was_said() -> None:
    asked: list[tuple[str, int]] = []

    def addresses(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.1"]

    with receiving() as receiver:
        sender = WebhookSender(allows_private=True, addresses=addresses)
        answers = sender.send_all([Post(f"http://shop.example:{receiver.port}/hook", HEADERS, b"{}")])
    assert answers == [Answer(204)]
    assert asked == [("shop.example", receiver.port)]
    assert receiver.got[0][1]["Host"] == f"shop.example:{receiver.port}"


def test_a_name_is_looked_up_as_it_was_written() -> None:
    # spelled out it is straße.de, which sockets write as strasse.de: somebody else's
    asked: list[str] = []

    def addresses(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["10.0.0.1"]

    sender = WebhookSender(allows_private=False, addresses=addresses)
    assert sender.send_all([Post("https://xn--strae-oqa.de/hook", HEADERS, b"{}")]) == [Answer(None, "private_network")]
    assert asked == ["xn--strae-oqa.de"]


@pytest.mark.enable_socket
def test_an_answer_that_trickles_in_is_given_up() -> None:
    is_over = threading.Event()

    def trickle(listening: socket.socket) -> None:
        with listening.accept()[0] as client:
            client.recv(4096)
            while not is_over.wait(0.05):
                try:
                    client.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=trickle, args=[listening], daemon=True)
        thread.start()
        began_s = time.monotonic()
        fuse = threading.Timer(10, is_over.set)
        fuse.start()
        sender = WebhookSender(allows_private=True, within_s=0.3)
        (answer,) = sender.send_all([Post(f"http://127.0.0.1:{listening.getsockname()[1]}/", HEADERS, b"{}")])
        took_s = time.monotonic() - began_s
        fuse.cancel()
        is_over.set()
        thread.join()
    assert answer.status is None
    assert took_s < 5


@pytest.mark.parametrize("found", [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["::ffff:169.254.169.254"]])
def test_a_name_with_any_address_inside_is_not_gone_to(found: list[str]) -> None:
    # without a socket: a connection would fail this test
    sender = WebhookSender(allows_private=False, addresses=lambda host, port: found)
    assert sender.send_all([Post("https://rebound.example/hook", HEADERS, b"{}")]) == [Answer(None, "private_network")]


@pytest.mark.enable_socket
def test_a_server_that_is_not_there_or_cannot_speak_tls_is_a_failure_without_a_word_of_its_address() -> None:
    with receiving() as receiver:
        port = receiver.port
        (garbled,) = WebhookSender(allows_private=True).send_all([Post(f"https://127.0.0.1:{port}/", HEADERS, b"{}")])
    (gone,) = WebhookSender(allows_private=True).send_all([Post(f"http://127.0.0.1:{port}/", HEADERS, b"{}")])
    assert (garbled, gone) == (Answer(None, "ConnectError"), Answer(None, "ConnectError"))


def test_nobody_is_trusted_without_a_certificate() -> None:
    assert (tls().verify_mode, tls().check_hostname) == (ssl.CERT_REQUIRED, True)
