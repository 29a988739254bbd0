"""What one request came to, where it did not come to an answer: whether anything can have left this machine."""

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

from nearcast.domain.sending import NotSent, Unknown

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
