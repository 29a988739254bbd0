"""Connections to a provider, as many threads ask over them."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier
from time import monotonic

import httpx
import pytest

from nearcast.channels.attempts import Answered
from nearcast.channels.provider_http import Login, Provider
from tests.channels.peers import Asked, Said, peer


class Line(httpx.BaseTransport):
    """A connection that keeps what is asked, and knows how often it was closed."""

    def __init__(self) -> None:
        self.asked, self.closed = list[httpx.Request](), 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return httpx.Response(200, content=b"{}")

    def close(self) -> None:
        self.closed += 1


def test_a_request_says_who_asks_and_wants_nothing_packed() -> None:
    line = Line()
    with closing(Provider("http://n.example/v1/", monotonic_s=monotonic, bearer="token", transport=line)) as provider:
        provider.post("/a/messages", content=b"{}", headers={"Content-Type": "application/json"})
        provider.get("a", params={"fields": "health_status"})
    posted, got = line.asked
    assert (posted.method, str(posted.url)) == ("POST", "http://n.example/v1/a/messages")
    assert (posted.headers["Authorization"], posted.headers["Accept-Encoding"]) == ("Bearer token", "identity")
    assert str(got.url) == "http://n.example/v1/a?fields=health_status"


def test_a_login_is_told_as_basic_authentication() -> None:
    line = Line()
    login = Login(user="us", password="hidden")  # noqa: S106
    with closing(Provider("http://n.example", monotonic_s=monotonic, login=login, transport=line)) as provider:
        provider.post("/a", data={"To": "+49"})
    assert line.asked[0].headers["Authorization"] == "Basic dXM6aGlkZGVu"


def test_what_is_open_is_used_again_and_closed_at_the_end() -> None:
    line = Line()
    with closing(Provider("http://n.example", monotonic_s=monotonic, transport=line)) as provider:
        assert [type(provider.get("/a")) for _ in range(3)] == [Answered] * 3
        assert line.closed == 0
    assert line.closed == 1


def test_what_is_in_use_is_closed_as_soon_as_it_is_not() -> None:
    class Slow(Line):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            provider.close()
            assert self.closed == 0
            return super().handle_request(request)

    line = Slow()
    provider = Provider("http://n.example", monotonic_s=monotonic, transport=line)
    assert isinstance(provider.get("/a"), Answered)
    assert line.closed == 1


@pytest.mark.enable_socket
def test_threads_that_ask_at_once_do_not_wait_for_each_other() -> None:
    everybody = Barrier(4, timeout=10)

    def say(_asked: Asked) -> Said:
        everybody.wait()
        return Said(200, b"{}")

    with (
        peer(say) as other,
        closing(Provider(other.url, monotonic_s=monotonic)) as provider,
        ThreadPoolExecutor(4) as pool,
    ):
        answers = list(pool.map(lambda _: provider.get("/a"), range(8)))
    assert [type(answer) for answer in answers] == [Answered] * 8
