"""How many prices one message of a campaign may cost at most, before anybody knows what it says."""

from collections.abc import Iterable

from nearcast.domain.campaign import Offer
from nearcast.domain.offer_template import filled_in, placeholders
from nearcast.domain.text_message import segments

_PER_SEGMENT = "sms"
_MOST_CHARACTERS = 1600  # no longer one leaves
_INSTANT, _CODE, _ADDRESS = "0000-00-00 00:00", "X" * 24, "x" * 200
_LONGEST = {"expires_at": _INSTANT, "voucher.until": _INSTANT, "voucher.code": _CODE, "voucher.url": _ADDRESS}
_ANY_ATTRIBUTE = "\u2014" * 500  # in no alphabet that is cheap


def most_prices(channel: str, offers: Iterable[Offer], shop_name: str) -> int:
    """One where messages have no segments. An attribute of customers may be as long as any is taken, and in any
    alphabet, so that an offer that names one counts for many.
    """
    if channel != _PER_SEGMENT:
        return 1
    return max((segments(_longest(offer.text, shop_name)) for offer in offers), default=1)


def _longest(text: str, shop_name: str) -> str:
    known = {**_LONGEST, "shop.name": shop_name}
    values = {name: known.get(name, _ANY_ATTRIBUTE) for name in placeholders(text)}
    return filled_in(text, values)[:_MOST_CHARACTERS]
