"""Amounts as Stripe writes them: in minor units, but for two currencies that it still counts in hundredths.

https://docs.stripe.com/currencies#special-cases
"""

from typing import Any

from nearcast.domain.payment import Amount

_HUNDREDTHS = ("ISK", "UGX")


def said_amount(amount: Amount) -> tuple[int, str]:
    """How many units and of which currency Stripe is told."""
    times = 100 if amount.currency in _HUNDREDTHS else 1
    return amount.minor * times, amount.currency.lower()


def heard_amount(units: Any, currency: Any) -> Amount | None:
    """What Stripe says; None for what is no amount."""
    is_count = isinstance(units, int) and not isinstance(units, bool) and units >= 0
    if not is_count or not isinstance(currency, str) or not (currency.isascii() and len(currency) == 3):
        return None
    name = currency.upper()
    if name not in _HUNDREDTHS:
        return Amount(units, name)
    return None if units % 100 else Amount(units // 100, name)
