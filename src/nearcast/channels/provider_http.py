"""Requests to the API of one provider, whose address we were given by whoever runs this."""

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import httpx

from nearcast import __version__
from nearcast.channels.attempts import Answered, attempted
from nearcast.channels.tls import tls
from nearcast.domain.sending import NotSent, Unknown

_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Limit:
    """How long the other side may be silent at a time, how long it has for all of its answer, and how long that is."""

    timeout_s: float = 10.0
    within_s: float = 20.0
    most_bytes: int = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Basic authentication."""

    user: str
    password: str = field(repr=False)


class Provider:
    """Asks over connections that are kept. No redirect is followed, no proxy is asked, nothing is asked twice. Many
    threads may use it, each over a connection of its own. `monotonic_s` tells how time goes by. A `bearer` that is
    renewed now and then is asked for each time.
    """

    def __init__(
        self,
        base_url: str,
        *,
        monotonic_s: Callable[[], float],
        login: Login | None = None,
        bearer: str | Callable[[], str] | None = None,
        limit: Limit | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._base_url, self._monotonic_s, self._limit = base_url.rstrip("/"), monotonic_s, limit or Limit()
        self._given, self._free = transport, list[httpx.BaseTransport]()
        self._is_closed = False
        self._headers = {"User-Agent": f"nearcast/{__version__}", "Accept": "*/*", "Accept-Encoding": "identity"}
        self._bearer = bearer if callable(bearer) else None
        if isinstance(bearer, str):
            self._headers["Authorization"] = f"Bearer {bearer}"
        if login is not None:
            said = b64encode(f"{login.user}:{login.password}".encode()).decode()
            self._headers["Authorization"] = f"Basic {said}"
        self._url = lru_cache(64)(lambda path: httpx.URL(f"{self._base_url}/{path.lstrip('/')}"))

    def post(self, path: str, **said: Any) -> Answered | NotSent | Unknown:
        """One attempt with `data`, `json` or `content`; an answer that is too long or too slow is Unknown."""
        return attempted(lambda: self._asked("POST", path, **said))

    def get(self, path: str, **said: Any) -> Answered | NotSent | Unknown:
        """As `post`, with `params`, of what changes nothing."""
        return attempted(lambda: self._asked("GET", path, **said))

    def close(self) -> None:
        """Let go of what is kept open, and of what is in use as soon as it is not."""
        self._is_closed = True
        while self._free:
            self._free.pop().close()

    def _asked(self, method: str, path: str, *, headers: Mapping[str, str] = _NOTHING, **said: Any) -> Answered:
        until_s, body = self._monotonic_s() + self._limit.within_s, bytearray()
        if self._bearer is not None:
            headers = {"Authorization": f"Bearer {self._bearer()}", **headers}
        timeout = {"timeout": httpx.Timeout(self._limit.timeout_s).as_dict()}
        request = httpx.Request(
            method, self._url(path), headers={**self._headers, **headers}, extensions=timeout, **said
        )
        with self._transport() as transport, closing(transport.handle_request(request)) as answer:
            if answer.headers.get("Content-Encoding", "identity") != "identity":
                raise httpx.DecodingError("nobody asked for it: a little of what is packed may be any amount")
            for part in answer.iter_bytes():
                body += part
                if len(body) > self._limit.most_bytes or self._monotonic_s() > until_s:
                    raise httpx.ReadTimeout("the answer goes on and on")
            return Answered(answer.status_code, answer.headers, bytes(body))

    @contextmanager
    def _transport(self) -> Iterator[httpx.BaseTransport]:
        """A connection for this thread alone: where many share their connections, each looks at all of them for every
        request. The last one used is the next one, for it is the least likely to have been hung up on.
        """
        try:
            transport = self._free.pop()
        except IndexError:
            transport = self._given or httpx.HTTPTransport(verify=tls(), trust_env=False)
        try:
            yield transport
        finally:
            if self._is_closed:
                transport.close()
            else:
                self._free.append(transport)
