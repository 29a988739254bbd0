"""Requests to the API of one provider, whose address we were given by whoever runs this."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from nearcast import __version__
from nearcast.channels.attempts import Answered, attempted
from nearcast.channels.tls import tls
from nearcast.domain.sending import NotSent, Unknown

_AT_ONCE = 128


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
    threads may use it. `monotonic_s` tells how time goes by.
    """

    def __init__(
        self,
        base_url: str,
        *,
        monotonic_s: Callable[[], float],
        login: Login | None = None,
        bearer: str | None = None,
        limit: Limit | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._monotonic_s, self._limit = monotonic_s, limit or Limit()
        self._client = httpx.Client(
            base_url=base_url,
            auth=None if login is None else (login.user, login.password),
            timeout=self._limit.timeout_s,
            limits=httpx.Limits(max_connections=_AT_ONCE, max_keepalive_connections=_AT_ONCE),
            headers={
                "User-Agent": f"nearcast/{__version__}",
                "Accept-Encoding": "identity",
                **({} if bearer is None else {"Authorization": f"Bearer {bearer}"}),
            },
            verify=tls(),
            trust_env=False,
            transport=transport,
        )
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells addresses, in which a bot's token stands

    def post(self, path: str, **said: Any) -> Answered | NotSent | Unknown:
        """One attempt with `data` or `json`; an answer that is too long or too slow is Unknown."""
        return attempted(lambda: self._asked("POST", path, said))

    def get(self, path: str, **said: Any) -> Answered | NotSent | Unknown:
        """As `post`, with `params`, of what changes nothing."""
        return attempted(lambda: self._asked("GET", path, said))

    def close(self) -> None:
        """Let go of what is kept open."""
        self._client.close()

    def _asked(self, method: str, path: str, said: Mapping[str, Any]) -> Answered:
        until_s, body = self._monotonic_s() + self._limit.within_s, bytearray()
        with self._client.stream(method, path, **said) as answer:
            if answer.headers.get("Content-Encoding", "identity") != "identity":
                raise httpx.DecodingError("nobody asked for it: a little of what is packed may be any amount")
            for part in answer.iter_bytes():
                body += part
                if len(body) > self._limit.most_bytes or self._monotonic_s() > until_s:
                    raise httpx.ReadTimeout("the answer goes on and on")
            return Answered(answer.status_code, answer.headers, bytes(body))
