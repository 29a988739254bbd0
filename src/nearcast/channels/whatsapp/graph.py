"""Requests to Meta's Graph API: one attempt each, and whether it got there."""

import json
from collections.abc import Mapping
from functools import cached_property
from time import monotonic
from typing import Any

import httpx

from nearcast import __version__
from nearcast.domain.value import value

_LONGEST_ANSWER = 1 << 20
_CONNECTIONS = 128


class NotReached(Exception):
    """Nothing of the request has left this machine; the text says why, without an address."""


class Lost(Exception):
    """The request may have got there: no answer came, or none that could be read to its end."""


@value
class GraphAnswer:
    """`retry_after_s` is what the provider asks to wait for, where it does."""

    status: int
    body: bytes
    retry_after_s: float | None = None

    @property
    def said(self) -> Mapping[str, Any]:
        """The JSON object of the body; an empty one for anything else."""
        try:
            said = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return said if isinstance(said, dict) else {}


class Graph:
    """One account's way to the Graph API, for many threads at once. The token is in its header and nowhere else:
    neither in an address nor in what is printed. No redirect is followed and no proxy is asked.

    `connect_s` is for connecting and for a free connection, `silent_s` for each silence of the other side, and
    `within_s` for the whole of its answer once that has begun.
    """

    def __init__(
        self,
        *,
        base_url: str,
        version: str,
        token: str,
        connect_s: float = 5.0,
        silent_s: float = 15.0,
        within_s: float = 20.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._base_url = f"{base_url.rstrip('/')}/{version}"
        self._token, self._transport, self._within_s = token, transport, within_s
        self._timeout = httpx.Timeout(connect=connect_s, pool=connect_s, read=silent_s, write=silent_s)

    def get(self, path: str, params: Mapping[str, str]) -> GraphAnswer:
        """Read; NotReached, Lost."""
        return self._ask(self._client.build_request("GET", self._url(path), params=params))

    def post(self, path: str, body: bytes) -> GraphAnswer:
        """Send JSON once; NotReached, Lost."""
        headers = {"Content-Type": "application/json"}
        return self._ask(self._client.build_request("POST", self._url(path), content=body, headers=headers))

    def close(self) -> None:
        """End what is open; nothing can be asked afterwards."""
        self._client.close()

    def _url(self, path: str) -> str:
        return f"{self._base_url}/{path}"

    def _ask(self, request: httpx.Request) -> GraphAnswer:
        began = monotonic()
        try:
            answer = self._client.send(request, stream=True)
            try:
                return GraphAnswer(answer.status_code, self._read(answer, began), _retry_after_s(answer))
            finally:
                answer.close()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as error:
            raise NotReached(type(error).__name__) from None  # their texts and their requests hold the token
        except httpx.HTTPError as error:
            raise Lost(type(error).__name__) from None

    def _read(self, answer: httpx.Response, began: float) -> bytes:
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise Lost("Packed")  # nobody asked for that: a little of it may be any amount
        body = bytearray()
        for part in answer.iter_bytes():
            body += part
            if len(body) > _LONGEST_ANSWER:
                raise Lost("TooLong")
            if monotonic() - began > self._within_s:
                raise Lost("TooSlow")
        return bytes(body)

    @cached_property
    def _client(self) -> httpx.Client:
        """Made when it is first needed: reading the world's certificates takes a while."""
        return httpx.Client(
            transport=self._transport,
            timeout=self._timeout,
            limits=httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS),
            follow_redirects=False,
            trust_env=False,
            headers={
                "Authorization": f"Bearer {self._token}",
                "Accept-Encoding": "identity",
                "User-Agent": f"nearcast/{__version__}",
            },
        )


def _retry_after_s(answer: httpx.Response) -> float | None:
    said = answer.headers.get("Retry-After", "")
    return float(said) if said.isascii() and said.isdigit() and len(said) <= 6 else None
