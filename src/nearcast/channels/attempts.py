"""What one request came to, where it did not come to an answer: whether anything can have left this machine."""

import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

import httpx

from nearcast.domain.errors import InvalidInput
from nearcast.domain.reason import Reason
from nearcast.domain.sending import Attempt, NotSent, Outbound, Unknown

Self = TypeVar("Self")

_NOTHING_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, socket.gaierror)
_NO_ADDRESS = (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError)


@dataclass(frozen=True, slots=True)
class Answered:
    """What a provider said. Its `body` may hold addresses."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def retry_after_s(self) -> float | None:
        """For how long it wants to be left alone, where it says so in seconds."""
        said = self.headers.get("Retry-After", "")
        return float(said) if said.isascii() and said.isdigit() and len(said) <= 6 else None

    @property
    def said(self) -> dict[str, Any]:
        """The JSON object that its body is; empty where it is none."""
        try:
            said = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return said if isinstance(said, dict) else {}


def attempted(ask: Callable[[], Answered]) -> Answered | NotSent | Unknown:
    """The answer; NotSent where no connection came to be, Unknown where one broke. The reason is the kind of failure:
    its text would hold the address.
    """
    try:
        return ask()
    except _NOTHING_LEFT as error:
        return NotSent(reason=type(error).__name__)
    except _NO_ADDRESS as error:
        return NotSent(reason=type(error).__name__, is_final=True)
    except (httpx.HTTPError, OSError) as error:
        return Unknown(reason=type(error).__name__)


def refused_by_ourselves(send: Callable[[Self, Outbound], Attempt]) -> Callable[[Self, Outbound], Attempt]:
    """A `send` of which InvalidInput comes to be NotSent: what cannot be rendered does not leave, now or later."""

    @wraps(send)
    def sent(self: Self, outbound: Outbound) -> Attempt:
        try:
            return send(self, outbound)
        except InvalidInput:
            return NotSent(reason=Reason.CONTENT_REFUSED, is_final=True)

    return sent
