"""The pings of one request, as a feed has read them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from nearcast.domain.errors import InvalidInput
from nearcast.geo.batch import OnePing, PingBatch, joined

MOST_PINGS = 10_000
NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")
"""The names that one ping on each line goes by; the first is ours."""
ARROW = "application/vnd.apache.arrow.stream"


class Unreadable(InvalidInput):
    """A request body that is not in the format that it is said to be in."""

    code = "malformed"


class TooManyPings(InvalidInput):
    """More than `MOST_PINGS` in one request."""

    code = "too_large"


@dataclass(frozen=True, slots=True, kw_only=True)
class PingRequest:
    """What a request brought: pings, where each of them stood in it, and (index, fault) of what was no ping."""

    pings: PingBatch | OnePing
    indices: Sequence[int]
    malformed: Sequence[tuple[int, str]]

    @property
    def batch(self) -> PingBatch:
        return joined([self.pings])


RequestReader: TypeAlias = Callable[[bytes, str, datetime], PingRequest]
"""Reads a body of a media type, received at an instant."""
