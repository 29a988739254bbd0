"""Requests to Meta's Graph API: one attempt each, and whether it got there."""

from collections.abc import Callable, Mapping
from time import monotonic

import httpx

from nearcast.channels.attempts import Answered
from nearcast.channels.provider_http import Limit, Provider
from nearcast.domain.sending import NotSent, Unknown

_LONGEST_ANSWER = 1 << 20  # a page of templates


class NotReached(Exception):
    """Nothing of the request has left this machine; the text says why, without an address."""


class Lost(Exception):
    """The request may have got there: no answer came, or none that could be read to its end."""


class Graph:
    """One account's way to the Graph API, for many threads at once. The token is in its header and nowhere else:
    neither in an address nor in what is printed.
    """

    def __init__(
        self,
        *,
        base_url: str,
        version: str,
        token: str | Callable[[], str],
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._provider = Provider(
            f"{base_url.rstrip('/')}/{version}",
            monotonic_s=monotonic,
            bearer=token,
            limit=Limit(most_bytes=_LONGEST_ANSWER),
            transport=transport,
        )

    def get(self, path: str, params: Mapping[str, str]) -> Answered:
        """Read; NotReached, Lost."""
        return _answer(self._provider.get(path, params=params))

    def post(self, path: str, body: bytes) -> Answered:
        """Send JSON once; NotReached, Lost."""
        return _answer(self._provider.post(path, content=body, headers={"Content-Type": "application/json"}))

    def close(self) -> None:
        """End what is open; nothing can be asked afterwards."""
        self._provider.close()


def _answer(came: Answered | NotSent | Unknown) -> Answered:
    match came:
        case NotSent(reason=why):
            raise NotReached(why)
        case Unknown(reason=why):
            raise Lost(why)
        case Answered():
            return came
