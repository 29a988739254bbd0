"""Addresses looked up with a search service that speaks as Nominatim does (GET /search, format jsonv2)."""

from collections.abc import Sequence
from typing import Any

import httpx

from nearcast import __version__
from nearcast.domain.errors import InvalidInput
from nearcast.domain.position import Position
from nearcast.services.addresses import Candidate, GeocoderUnavailable

_MOST_CANDIDATES = 6
_AGENT = f"nearcast/{__version__}"  # the public service asks for a name of one's own


class SearchService:
    """One search service; `url` is what stands before `/search`. It may be silent for `timeout_s` at a time."""

    def __init__(self, url: str, *, timeout_s: float = 5.0) -> None:
        self._url, self._timeout_s = f"{url.rstrip('/')}/search", timeout_s

    def find(self, address: str) -> list[Candidate]:
        """The candidates in the service's order; GeocoderUnavailable where it fails, is slow or says something else."""
        asked: dict[str, str | int] = {"q": address, "format": "jsonv2", "limit": _MOST_CANDIDATES}
        try:
            # what proxies the environment names is not among the settings
            with httpx.Client(timeout=self._timeout_s, headers={"User-Agent": _AGENT}, trust_env=False) as client:
                answer = client.get(self._url, params=asked)
                answer.raise_for_status()
                found = answer.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError):  # their texts hold the address
            raise _unavailable() from None
        if not isinstance(found, list):
            raise _unavailable()
        return _candidates(found)


def _candidates(found: Sequence[Any]) -> list[Candidate]:
    try:
        return [Candidate(str(each["display_name"]), _position(each)) for each in found]
    except (TypeError, KeyError, ValueError, InvalidInput):
        raise _unavailable() from None


def _position(found: Any) -> Position:
    return Position(float(found["lat"]), float(found["lon"]))


def _unavailable() -> GeocoderUnavailable:
    return GeocoderUnavailable("addresses cannot be looked up just now: try again, or give a Point")
