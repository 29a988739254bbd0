"""What phones' apps send, as a feed has read it, before anybody asks whose it is."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from nearcast.services.region_push import RegionChange


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """Where a phone says that it was: degrees as they were sent, finite and not yet checked for range.

    `accuracy_m` and `speed_mps` are None where the phone does not know. `ping_id` is its own name for this fix, the
    same when it is sent again. `repaired` is what was wrong with its clock.
    """

    recorded_at: datetime
    lat: float
    lon: float
    accuracy_m: float | None = None
    speed_mps: float | None = None
    ping_id: str | None = None
    repaired: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A request of a phone. `refused` are (index, reason) of what should have been a fix and was none; `besides` counts
    by kind what else was said, which is no position and is dropped.
    """

    fixes: tuple[Fix, ...] = ()
    refused: tuple[tuple[int, str], ...] = ()
    besides: Mapping[str, int] = field(default_factory=Counter)


FeedReader: TypeAlias = Callable[[bytes, str, Mapping[str, str], datetime], Read]
"""Reads a body of a media type, with what stood in the query, received at an instant. It never raises."""

TokenReader: TypeAlias = Callable[[bytes, str, Mapping[str, str]], str | None]
"""Finds the token of a client that can send no header: in the body of a media type, or in the query."""


def token_in_query(_body: bytes, _content_type: str, query: Mapping[str, str]) -> str | None:
    """`?token=`, as most clients can be told to send it."""
    return query.get("token") or None


Unsealer: TypeAlias = Callable[[bytes, str | None], tuple[bytes | None, bool]]
"""Opens a body with the secret that came along: the body, None where it stays shut, and whether it was sealed."""

Sealer: TypeAlias = Callable[[bytes, str | None], bytes]
"""Seals an answer with the secret that came with the request."""


def never_sealed(body: bytes, _secret: str | None) -> tuple[bytes | None, bool]:
    return body, False


def as_it_is(answer: bytes, _secret: str | None) -> bytes:
    return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionWords:
    """How a phone's app, which names itself as its user agent, is told which regions to watch."""

    most: Callable[[str], int]
    commands: Callable[[RegionChange, str], list[dict[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A protocol of phones: how its requests are read, where its token stands if not in a header, how it seals, and how
    it takes regions, if it does.
    """

    read: FeedReader
    token: TokenReader = token_in_query
    unseal: Unsealer = never_sealed
    seal: Sealer = as_it_is
    regions: RegionWords | None = None
