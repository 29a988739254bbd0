"""Request bodies: read up to a limit, and JSON that means what it says."""

import json
import math
from typing import Any, NoReturn

from starlette.requests import Request

from nearcast.api.problems import Refusal

MIB = 1 << 20
LONGEST_LENGTH = 20  # digits
_ESCAPE = b"\\u"  # without one there is no NUL and no half character: JSON forbids the first raw, UTF-8 the second


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The whole body; Refusal 413 as soon as it is known to be longer than `max_bytes`."""
    too_large = Refusal(413, f"a body of this route has at most {max_bytes} bytes", {"Connection": "close"})
    said = request.headers.get("content-length", "0").lstrip("0")
    if said.isdecimal() and (len(said) > LONGEST_LENGTH or int(said) > max_bytes):
        raise too_large
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > max_bytes:
            raise too_large
        parts.append(part)
    return b"".join(parts)


def parse_json(raw: bytes) -> Any:
    """A JSON document (RFC 8259). Refusal 400 names the place where it stops being one; NaN, Infinity, a key that is
    there twice, NUL and half characters (lone surrogates) are refused with it.
    """
    try:
        found = json.loads(raw.decode(), parse_constant=_no_number, object_pairs_hook=_object, parse_float=_finite)
        if _ESCAPE in raw:
            _check_texts(found)
        return found
    except UnicodeDecodeError as error:
        raise Refusal(400, f"the body is not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise Refusal(400, f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise Refusal(400, "the body is nested too deeply") from None
    except _NotJson as error:
        raise Refusal(400, f"the body is not JSON: {error}") from None
    except ValueError:  # an integer of thousands of digits
        raise Refusal(400, "the body has a number that is too long") from None


class _NotJson(Exception):
    """What Python reads and RFC 8259 does not allow."""


def _no_number(name: str) -> NoReturn:
    raise _NotJson(f"{name} is not a number")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise _NotJson(f"{digits[:40]} is too large")
    return number


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in found if keys.count(key) > 1)
        raise _NotJson(f"the key {twice[:40]!r} is there twice")
    return found


def _check_texts(found: object) -> None:
    waiting = [found]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.keys()
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str) and any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value):
            raise _NotJson("a text in it has NUL or half a character")
