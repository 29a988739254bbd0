"""What a refusal of the Graph API means, by the table of errors.yaml."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from nearcast.domain.sending import ProviderError, RetryClass, Scope
from nearcast.domain.value import value

NAME = "whatsapp"
_TRANSIENT_S = 30.0
# the provider's hint that it will pass says nothing about what a person wants, and its own pace is kept
_WHATEVER_PASSES = {
    RetryClass.THROTTLE,
    RetryClass.PAIR_WAIT,
    RetryClass.USER_COOLDOWN,
    RetryClass.USER_OPTOUT,
    RetryClass.USER_UNREACHABLE,
}


@value(kw_only=True)
class _Row:
    """A line of the table; `details` are words of which one must be there, in any case."""

    codes: frozenset[int]
    details: tuple[str, ...]
    retry: RetryClass
    scope: Scope
    retry_after_s: float | None
    is_news_of_template: bool = False


_UNHEARD_OF = _Row(codes=frozenset(), details=(), retry=RetryClass.BUG, scope=Scope.REQUEST, retry_after_s=None)


def provider_error(error: Mapping[str, Any], *, retry_after_s: float | None = None) -> ProviderError:
    """The error object of an answer or of a receipt, as the table has it; BUG for a code that nobody has told of.
    `retry_after_s` is what the answer itself asks for: the longer of the two holds.
    """
    code = code_of(error)
    row = _row(code, _details(error))
    retry, after_s = row.retry, row.retry_after_s
    if error.get("is_transient") is True and retry not in _WHATEVER_PASSES:
        retry, after_s = RetryClass.RETRY, after_s or _TRANSIENT_S
    return ProviderError(
        provider=NAME,
        code="unspecified" if code is None else str(code),
        retry=retry,
        scope=row.scope,
        retry_after_s=max((each for each in (after_s, retry_after_s) if each is not None), default=None),
        is_news_of_template=row.is_news_of_template,
    )


def code_of(error: Mapping[str, Any]) -> int | None:
    """The code of an error object, which receipts may write as text; None for one without."""
    code = error.get("code")
    if isinstance(code, str) and code.isascii() and code.isdigit() and len(code) <= 10:
        return int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) and 0 <= code < 10**10 else None


def _details(error: Mapping[str, Any]) -> str:
    data = error.get("error_data")
    said = data.get("details") if isinstance(data, Mapping) else None
    return said.casefold() if isinstance(said, str) else ""


def _row(code: int | None, details: str) -> _Row:
    for row in _table():
        if code in row.codes and (not row.details or any(words in details for words in row.details)):
            return row
    return _UNHEARD_OF


@cache
def _table() -> tuple[_Row, ...]:
    rows = yaml.safe_load(files(__package__).joinpath("errors.yaml").read_text("utf-8"))
    return tuple(
        _Row(
            codes=frozenset(row["codes"]) | _between(row.get("range")),
            details=tuple(row.get("details", ())),
            retry=RetryClass(row["class"]),
            scope=Scope(row["scope"]),
            retry_after_s=row.get("retry_after_s"),
            is_news_of_template=row.get("is_news_of_template", False),
        )
        for row in rows
    )


def _between(ends: list[int] | None) -> frozenset[int]:
    return frozenset(range(ends[0], ends[1] + 1)) if ends else frozenset()
