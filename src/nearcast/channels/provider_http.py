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

_MOST_BYTES = 65_536
_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Limit:
    """How long the other side may be silent at a time, and how long it has for all of its answer."""

    timeout_s: float = 10.0
    within_s: float = 20.0


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
        limit: Limit | None = None,
    ) -> None:
        limit = limit or Limit()
        self._monotonic_s, self._within_s = monotonic_s, limit.within_s
        self._client = httpx.Client(
            base_url=base_url,
            auth=None if login is None else (login.user, login.password),
            timeout=limit.timeout_s,
            limits=httpx.Limits(max_connections=_AT_ONCE),
            headers={"User-Agent": f"nearcast/{__version__}"},
            verify=tls(),
            trust_env=False,
        )
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells addresses, in which a bot's token stands

    def post(self, path: str, **said: Any) -> Answered | NotSent | Unknown:
        """One attempt with `data` or `json`; an answer that is too long or too slow is Unknown."""
        return attempted(lambda: self._asked("POST", path, said))

    def get(self, path: str) -> Answered | NotSent | Unknown:
        """As `post`, of what changes nothing."""
        return attempted(lambda: self._asked("GET", path, {}))

    def close(self) -> None:
        """Let go of what is kept open."""
        self._client.close()

    def _asked(self, method: str, path: str, said: Mapping[str, Any]) -> Answered:
        until_s, body = self._monotonic_s() + self._within_s, b""
        with self._client.stream(method, path, **said) as answer:
            for part in answer.iter_bytes():
                body += part
                if len(body) > _MOST_BYTES or self._monotonic_s() > until_s:
                    raise httpx.ReadTimeout("the answer goes on and on")
            return Answered(answer.status_code, answer.headers, body)
