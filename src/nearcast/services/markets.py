"""Which market a number is of, and what no provider delivers there (messaging reference §0.10)."""

from datetime import UTC, date, datetime, time
from functools import cache
from importlib.resources import files

import yaml
from phonenumbers import NumberParseException, parse, region_code_for_country_code, region_code_for_number

from nearcast.domain.sending import Purpose, Recipient
from nearcast.domain.value import value

_NOWHERE = (None, "ZZ", "001")


@value(kw_only=True)
class MarketRule:
    """Nothing of this purpose is delivered to a market from `since` on and before `until`."""

    channel: str
    purpose: Purpose
    market: str
    since: datetime
    until: datetime | None

    def covers(self, channel: str, purpose: Purpose, market: str, at: datetime) -> bool:
        named = (self.channel, self.purpose, self.market) == (channel, purpose, market)
        return named and self.since <= at and (self.until is None or at < self.until)


def market_of(number: str) -> str | None:
    """The country (ISO 3166) of a number in E.164, of a number that nobody has that of its country code; None for what
    is no number of a country.

    >>> market_of("+12125550123"), market_of("+14165550123"), market_of("+18765550123"), market_of("+15555550123")
    ('US', 'CA', 'JM', 'US')
    """
    try:
        parsed = parse(number, None)
    except NumberParseException:
        return None
    found = region_code_for_number(parsed) or region_code_for_country_code(parsed.country_code or 0)
    return None if found in _NOWHERE else found


def market_of_recipient(to: Recipient) -> str | None:
    """The market of a recipient's number; of one who has shown none, that in front of the user id (`US.1349…`)."""
    if to.address is not None:
        return market_of(to.address)
    country, dot, _ = (to.user_id or "").partition(".")
    return country if dot and len(country) == 2 and country.isalpha() else None


def is_market_blocked(channel: str, purpose: Purpose, to: Recipient, at: datetime) -> bool:
    """Whether the channel delivers nothing of this purpose where the recipient is."""
    ruled = [rule for rule in market_rules() if (rule.channel, rule.purpose) == (channel, purpose)]
    market = market_of_recipient(to) if ruled else None
    return market is not None and any(rule.covers(channel, purpose, market, at) for rule in ruled)


@cache
def market_rules() -> tuple[MarketRule, ...]:
    """The rules of market_rules.yaml."""
    rows = yaml.safe_load(files("nearcast.services").joinpath("market_rules.yaml").read_text("utf-8"))
    return tuple(
        MarketRule(
            channel=row["channel"],
            purpose=Purpose(row["purpose"]),
            market=row["market"],
            since=_midnight(row["from"]),
            until=row["until"] and _midnight(row["until"]),
        )
        for row in rows
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
