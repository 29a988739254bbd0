"""Requests to addresses that others have given us: to the internet, and into networks of one's own only where that is
allowed.

A name is looked up for every request, every address it has must be allowed, and the request goes to one of just these:
whoever answers differently the second time leads nowhere else. No redirect is followed, and no proxy is asked.
"""

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Timer

import httpx

from nearcast import __version__
from nearcast.channels.attempts import Answered
from nearcast.channels.tls import tls
from nearcast.domain.networks import is_public

_AGENT = f"nearcast/{__version__}"


class NotAllowed(Exception):
    """An address within a network of one's own."""


def looked_up(host: str, port: int) -> list[str]:
    """Every address of a host; OSError where it has none."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Guarded:
    """Posts; the other side may be silent for `timeout_s` at a time, and has `within_s` for all of its answer. Of what
    it says only the status and the headers are read.
    """

    def __init__(
        self,
        *,
        allows_private: bool,
        timeout_s: float,
        within_s: float,
        addresses: Callable[[str, int], list[str]] = looked_up,
    ) -> None:
        self._allows_private, self._addresses = allows_private, addresses
        self._timeout, self._within_s = httpx.Timeout(timeout_s), within_s

    def post(self, address: str, headers: Mapping[str, str], body: bytes) -> Answered:
        """One attempt. NotAllowed where it would lead inside; httpx.HTTPError, httpx.InvalidURL, OSError or
        UnicodeError where it fails, with texts that hold the address.
        """
        url = httpx.URL(address)
        host = url.raw_host.decode()  # as it was written: spelled out, sockets would write some names differently
        found = self._allowed(url, host)
        # a connection is for one host alone: nothing is kept open that another could be sent over
        with (
            httpx.Client(verify=tls(), timeout=self._timeout, trust_env=False) as client,
            hurried(client.close, self._within_s),
        ):
            request = client.build_request(
                "POST",
                url.copy_with(host=found),
                headers={**headers, "Host": url.netloc.decode(), "User-Agent": _AGENT},
                content=body,
                extensions={"timeout": self._timeout.as_dict(), "sni_hostname": host},
            )
            answer = client.send(request, stream=True)
            answer.close()
            return Answered(answer.status_code, answer.headers)

    def _allowed(self, url: httpx.URL, host: str) -> str:
        found = self._addresses(host, url.port or (443 if url.scheme == "https" else 80))
        if not self._allows_private and not all(map(is_public, found)):
            raise NotAllowed
        return found[0]


@contextmanager
def hurried(end: Callable[[], None], within_s: float) -> Iterator[None]:
    """Ends what goes on and on: timeouts of sockets begin again with every byte that comes."""
    timer = Timer(within_s, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
