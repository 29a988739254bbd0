"""What a tenant charges its shops, and its own prices of messages, as its settings say them."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from nearcast.domain.payment import MOST_MINOR, Amount
from nearcast.domain.price import EVERYWHERE, MICROS, Money, PriceRow, PriceTable
from nearcast.services.prices import known_prices, known_table
from nearcast.services.scalars import Day

if TYPE_CHECKING:
    from nearcast.services.ports import Catalogue

_MOST = 1_000_000_000 * MICROS


def _as_decimal(said: Any) -> Any:
    """What was written, to the digit: a float is what its shortest writing says."""
    if isinstance(said, float | int) and not isinstance(said, bool) and isfinite(said):
        return Decimal(str(said))
    return Decimal(said) if isinstance(said, str) and _is_number(said) else said


def _is_number(said: str) -> bool:
    whole, _, rest = said.partition(".")
    return said.isascii() and len(said) < 20 and whole.isdigit() and (not rest or rest.isdigit())


def _whole_micros(said: Decimal) -> Decimal:
    if said < 0 or said * MICROS > _MOST or said * MICROS != int(said * MICROS):
        raise ValueError("is not an amount of 0 or more with at most six digits behind the point")
    return said


Value = Annotated[Decimal, BeforeValidator(_as_decimal), Field(strict=True), AfterValidator(_whole_micros)]
"""An amount as a number or as text."""

Currency = Annotated[str, Field(pattern="^[A-Z]{3}$")]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class MoneyShape(_Shape):
    """So much of a currency (ISO 4217); `value` may be written as text."""

    value: Value
    currency: Currency

    def as_money(self) -> Money:
        return Money(int(self.value * MICROS), self.currency)


class AmountShape(_Shape):
    """So many minor units of a currency (ISO 4217): 1250 EUR are 12.50 euros, 500 JPY are 500 yen."""

    minor: Annotated[int, Field(ge=1, le=MOST_MINOR)]
    currency: Currency

    def as_amount(self) -> Amount:
        return Amount(self.minor, self.currency)


class PriceShape(_Shape):
    """What one message costs from a day on (UTC): of a channel and a category, to a market (ISO 3166) or everywhere."""

    channel: Annotated[str, Field(min_length=1, max_length=100)]
    category: Annotated[str, Field(min_length=1, max_length=100)] = "marketing"
    market: Annotated[str, Field(pattern="^([A-Z]{2}|[*])$")] = EVERYWHERE
    from_: Annotated[Day, Field(alias="from")] = date(2000, 1, 1)
    value: Value
    currency: Currency

    def as_row(self) -> PriceRow:
        return PriceRow(
            channel=self.channel,
            category=self.category,
            market=self.market,
            since=datetime.combine(self.from_, time(), UTC),
            price=Money(int(self.value * MICROS), self.currency),
        )


class BillingShape(_Shape):
    """What a shop pays: its plan by the month, what providers take, and on top of that so many percent and so much a
    message. `prices` are one's own instead of those that come with nearcast, channel by channel.
    """

    plan: Annotated[str, Field(max_length=100)] = ""
    monthly_fee: MoneyShape | None = None
    mark_up_percent: Annotated[int, Field(ge=0, le=1000)] = 0
    mark_up_per_message: MoneyShape | None = None
    prices: Annotated[list[PriceShape], Field(max_length=5000)] = []


def price_table(billing: BillingShape) -> PriceTable:
    """One's own prices, and those that come with nearcast for channels without any."""
    if not billing.prices:
        return known_table()
    own = [each.as_row() for each in billing.prices]
    channels = {row.channel for row in own}
    return PriceTable([*own, *(row for row in known_prices() if row.channel not in channels)])


def billing_of(catalogue: "Catalogue") -> BillingShape:
    """As the tenant's settings stand."""
    settings = catalogue.settings()
    return BillingShape.model_validate((settings.doc if settings else {}).get("billing") or {})


def prices_of(catalogue: "Catalogue") -> PriceTable:
    """What messages of the tenant cost."""
    return price_table(billing_of(catalogue))
