"""The dated prices that come with nearcast."""

from datetime import UTC, datetime, time
from functools import cache
from importlib.resources import files

import yaml

from nearcast.domain.price import Money, PriceRow, PriceTable


@cache
def known_prices() -> tuple[PriceRow, ...]:
    """Every price that is written down."""
    lists = yaml.safe_load(files(__package__).joinpath("prices.yaml").read_text("utf-8"))
    return tuple(
        PriceRow(
            channel=each["channel"],
            category=category,
            market=market,
            since=datetime.combine(each["from"], time(), UTC),
            price=Money(micros, each["currency"]),
        )
        for each in lists
        for market, prices in each["prices"].items()
        for category, micros in prices.items()
    )


@cache
def known_table() -> PriceTable:
    """The prices for who has no others."""
    return PriceTable(known_prices())
