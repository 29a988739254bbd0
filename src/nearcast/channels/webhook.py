"""Events over HTTP: to the internet, and into networks of one's own only where that is allowed.

A name is looked up for every request, every address it has must be allowed, and the request goes to one of just these:
whoever answers differently the second time leads nowhere else. No redirect is followed, and no proxy is asked.
"""

import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from threading import Timer

import httpx

from nearcast import __version__
from nearcast.domain.networks import is_public
from nearcast.services.event_ports import Answer, Post

_AT_ONCE = 16
_AGENT = f"nearcast/{__version__}"


class _NotAllowed(Exception):
    """An address within a network of one's own."""


def looked_up(host: str, port: int) -> list[str]:
    """Every address of a host; OSError where it has none."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class WebhookSender:
    """Posts events; the other side may be silent for `timeout_s` at a time, and has `within_s` for all of its answer.
    What it says is not read, but for its status.
    """

    def __init__(
        self,
        *,
        allows_private: bool,
        timeout_s: float = 5.0,
        within_s: float = 15.0,
        addresses: Callable[[str, int], list[str]] = looked_up,
    ) -> None:
        self._allows_private, self._addresses = allows_private, addresses
        self._timeout, self._within_s = httpx.Timeout(timeout_s), within_s

    def send_all(self, posts: Sequence[Post]) -> list[Answer]:
        """One attempt each, side by side."""
        with ThreadPoolExecutor(min(_AT_ONCE, max(1, len(posts))), thread_name_prefix="nearcast webhook") as pool:
            return list(pool.map(self._send, posts))

    def _send(self, post: Post) -> Answer:
        try:
            url = httpx.URL(post.url)
            host = url.raw_host.decode()  # as it was written: spelled out, sockets would write some names differently
            address = self._allowed(url, host)
            # a connection is for one host alone: nothing is kept open that another could be sent over
            with (
                httpx.Client(verify=self._tls, timeout=self._timeout, trust_env=False) as client,
                self._hurried(client),
            ):
                headers = {**post.headers, "Host": url.netloc.decode(), "User-Agent": _AGENT}
                request = client.build_request(
                    "POST",
                    url.copy_with(host=address),
                    headers=headers,
                    content=post.body,
                    extensions={"timeout": self._timeout.as_dict(), "sni_hostname": host},
                )
                answer = client.send(request, stream=True)
                answer.close()
                return Answer(answer.status_code)
        except _NotAllowed:
            return Answer(None, "private_network")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:  # their texts hold the address
            return Answer(None, type(error).__name__)

    @contextmanager
    def _hurried(self, client: httpx.Client) -> Iterator[None]:
        """Ends a request that goes on and on: its timeouts begin again with every byte that comes."""
        timer = Timer(self._within_s, client.close)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _allowed(self, url: httpx.URL, host: str) -> str:
        found = self._addresses(host, url.port or (443 if url.scheme == "https" else 80))
        if not self._allows_private and not all(map(is_public, found)):
            raise _NotAllowed
        return found[0]

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return httpx.create_ssl_context(trust_env=False)
