"""Which edition of the world's time zones this machine goes by."""

import re
import zoneinfo
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

_EDITION = re.compile(r"(\d{4})")
_OLDEST_YEARS = 2


def edition_of_zones() -> str:
    """The edition that is read: the machine's own where it says which it is, else the package's."""
    for folder in map(Path, zoneinfo.TZPATH):
        if (folder / "Europe" / "Berlin").exists():
            try:
                with (folder / "tzdata.zi").open(encoding="ascii") as kept:
                    first = kept.readline()
            except (OSError, ValueError):
                return "an edition that it does not name"
            return first.removeprefix("# version").strip()
    return version("tzdata")


def is_recent(edition: str, now: datetime) -> bool:
    """Whether laws of the last two years may be in it; one without a year is taken for recent."""
    year = _EDITION.match(edition)
    return year is None or now.year - int(year[1]) <= _OLDEST_YEARS
