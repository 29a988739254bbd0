"""How others write instants and places, brought to how `values` reads them.

What is not understood is handed on as it stands: who reads the value says what is wrong with it.
"""

import re
from datetime import datetime, tzinfo
from typing import Any

_INSTANT = re.compile(
    r"(?P<date>\d{4}[-/]\d{2}[-/]\d{2}|\d{2}\.\d{2}\.\d{4})"
    r"[Tt ]+(?P<time>\d{2}:\d{2})(?P<second>:\d{2}(?:[.,]\d+)?)?"
    r"\s*(?P<offset>[Zz]|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?"
)
_COORDINATE = re.compile(r"(?P<before>[NSEWnsew])?\s*(?P<number>[+-]?[\d.]+)\s*[°º]?\s*(?P<after>[NSEWnsew])?")
_PAIR = re.compile(r"\s*(?:geo:)?\s*([+-]?[\d.]+)\s*[°º]?\s*,\s*([+-]?[\d.]+)\s*[°º]?\s*(?:[,;].*)?")
E7 = 10_000_000


def instant_text(value: Any, zone: tzinfo | None) -> Any:
    """A text as RFC 3339; without an offset it is in `zone`, if there is one. An hour that the clocks go through twice
    is the first of the two.
    """
    found = _INSTANT.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        return value
    date = found["date"].replace("/", "-")
    if "." in date:
        date = "-".join(reversed(date.split(".")))
    text = f"{date}T{found['time']}{(found['second'] or ':00').replace(',', '.')}"
    offset = found["offset"]
    if offset is None:
        return value if zone is None else _in_zone(text, zone)
    if offset.upper() in ("Z", "UTC", "GMT"):
        return text + "Z"
    return f"{text}{offset[:3]}:{offset[-2:] if len(offset) > 3 else '00'}"


def _in_zone(text: str, zone: tzinfo) -> str:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone).isoformat()
    except ValueError:  # a day that does not exist
        return text + "Z"


def coordinate(value: Any) -> Any:
    """Degrees of a text such as `52.5N`, `W 13.4°` or `52,5`."""
    if not isinstance(value, str):
        return value
    found = _COORDINATE.fullmatch(value.strip().replace(",", ".") if value.count(",") == 1 else value.strip())
    if found is None or (found["before"] and found["after"]):
        return value
    letter = (found["before"] or found["after"] or "").upper()
    number = found["number"]
    if not letter:
        return number
    if number[0] in "+-":
        return value
    return f"-{number}" if letter in "SW" else number


def from_e7(value: Any) -> Any:
    """Degrees of a whole number of ten-millionths; one that has gone round as an unsigned number is brought back."""
    try:
        number = int(value)
        degrees = (number - (1 << 32) if number > 180 * E7 and number >= 1 << 31 else number) / E7
    except (TypeError, ValueError, OverflowError):
        return value
    return value if isinstance(value, float) and value != number else degrees


def pair(value: Any) -> tuple[Any, Any]:
    """Latitude and longitude of `52.5°, 13.4°` or `geo:52.5,13.4`; the text itself twice where it is neither."""
    found = _PAIR.fullmatch(value) if isinstance(value, str) else None
    return (found[1], found[2]) if found is not None else (value, value)


def at_least(value: Any, minimum: float) -> Any:
    """A number; nothing where it is less, which is how phones say that they do not know."""
    return None if isinstance(value, int | float) and not isinstance(value, bool) and value < minimum else value
