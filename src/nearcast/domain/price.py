"""What a message costs: dated prices, in millionths of a currency. Money is whole numbers, never floats."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypeAlias

from nearcast.domain.errors import InvalidInput
from nearcast.domain.value import value

EVERYWHERE = "*"
"""The market of a price that holds wherever no other does."""

MICROS = 1_000_000
"""So many of them are one unit of a currency."""

_FILED = {"marketing_lite": "marketing", "authentication-international": "authentication"}
_FREE_TYPES = ("free_customer_service", "free_entry_point")
_FREE_CATEGORY = "referral_conversion"
_Key: TypeAlias = tuple[str, str, str]


@value
class Money:
    """An amount in millionths of a currency (ISO 4217)."""

    micros: int
    currency: str

    def __post_init__(self) -> None:
        if self.micros < 0:
            raise InvalidInput(f"{self.micros} millionths are less than nothing")

    def times(self, count: int) -> "Money":
        return Money(self.micros * count, self.currency)

    @property
    def text(self) -> str:
        """As people write it, with as many digits as it needs and two at least: `0.0625 USD`.

        >>> Money(62_500, "USD").text, Money(29_000_000, "EUR").text
        ('0.0625 USD', '29.00 EUR')
        """
        whole, rest = divmod(self.micros, MICROS)
        return f"{whole}.{f'{rest:06}'.rstrip('0').ljust(2, '0')} {self.currency}"


@value(kw_only=True)
class PriceRow:
    """A message of that channel, category and market costs so much from `since` on: each of its segments, where it has
    any.
    """

    channel: str
    category: str
    market: str
    since: datetime
    price: Money


class PriceTable:
    """Prices by channel, category and market. A price holds from its instant on until that of the next one."""

    def __init__(self, rows: Iterable[PriceRow]) -> None:
        found: dict[_Key, list[PriceRow]] = {}
        for row in sorted(rows, key=lambda row: row.since):
            found.setdefault((row.channel, row.category, row.market), []).append(row)
        self._rows: Mapping[_Key, list[PriceRow]] = found

    def of(self, channel: str, category: str, market: str | None, at: datetime) -> Money | None:
        """What one message costs at that instant; None where nobody knows."""
        named = None if market is None else self._at((channel, category, market), at)
        return named or self._at((channel, category, EVERYWHERE), at)

    def highest(self, channel: str, category: str, currency: str) -> Money | None:
        """The most that one message may cost, wherever and whenever it goes; None where a price is in another currency,
        or nobody knows any.
        """
        markets = [rows for key, rows in self._rows.items() if key[:2] == (channel, category)]
        prices = [row.price for rows in markets for row in rows]
        if any(price.currency != currency for price in prices):
            return None
        return max(prices, key=lambda price: price.micros, default=None)

    def _at(self, key: _Key, at: datetime) -> Money | None:
        known = [row for row in self._rows.get(key, ()) if row.since <= at]
        return known[-1].price if known else None


def filed_as(category: str) -> str:
    """A provider's category by the name under which its price stands."""
    said = category.lower()
    return _FILED.get(said, said)


def is_free(category: str, kind: str) -> bool:
    """Whether the provider says that a message costs nothing."""
    return kind in _FREE_TYPES or category == _FREE_CATEGORY
