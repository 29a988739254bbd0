"""A code that comes with one message, and that its shop takes once."""

from datetime import datetime, timedelta
from enum import StrEnum

from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import CampaignId, CustomerId, MessageId, ShopId
from nearcast.domain.value import value

CODE_BYTES = 10
"""80 bits, which nobody guesses."""

COPIED_LETTERS = 15
"""A button that copies a code takes no longer one (messaging reference §1.2); 75 bits nobody guesses either."""

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MEANT = str.maketrans("OIL", "011", "- \t\u2010\u2011\u2012\u2013\u2014")
_LENGTH = CODE_BYTES * 8 // 5
_LENGTHS = (_LENGTH, COPIED_LETTERS)
_GROUP = 4


class VoucherState(StrEnum):
    ISSUED = "issued"
    REDEEMED = "redeemed"
    EXPIRED = "expired"
    VOID = "void"


@value(kw_only=True)
class VoucherTerms:
    """What an offer promises with a code. It holds `valid_s` seconds from when its message may leave, or until
    `valid_until`; without either as long as the offer.
    """

    title: str
    terms: str = ""
    valid_s: float | None = None
    valid_until: datetime | None = None

    def __post_init__(self) -> None:
        if self.valid_s is not None and self.valid_until is not None:
            raise InvalidInput("a voucher names one of valid_s and valid_until")
        if self.valid_s is not None and self.valid_s <= 0:
            raise InvalidInput(f"a voucher's valid_s {self.valid_s} is not above 0")

    def expires_at(self, since: datetime, offer_ends_at: datetime) -> datetime:
        """The first instant at which a code that is out since then is not taken any more."""
        return self.valid_until or (offer_ends_at if self.valid_s is None else since + timedelta(seconds=self.valid_s))


@value(kw_only=True)
class Voucher:
    """A code that was promised in one message, kept without the code: `id` is a keyed hash of it. `is_void` where the
    message has ended without reaching anybody.
    """

    id: str
    message_id: MessageId
    customer_id: CustomerId
    campaign_id: CampaignId
    shop_id: ShopId
    title: str
    terms: str
    issued_at: datetime
    expires_at: datetime
    redeemed_at: datetime | None = None
    redeemed_by: str | None = None
    is_void: bool = False

    def state(self, now: datetime) -> VoucherState:
        """What it is at `now`: taken once, it stays taken."""
        if self.redeemed_at is not None:
            return VoucherState.REDEEMED
        if self.is_void:
            return VoucherState.VOID
        return VoucherState.EXPIRED if now >= self.expires_at else VoucherState.ISSUED


def code_from(secret: bytes) -> str:
    """Ten bytes as a code of sixteen characters that nobody mistakes for others (Crockford's base 32).

    >>> code_from(bytes(range(10)))
    '000G40R40M30E209'
    """
    number = int.from_bytes(secret[:CODE_BYTES])
    return "".join(_DIGITS[number >> 5 * place & 31] for place in reversed(range(_LENGTH)))


def read_code(typed: str) -> str | None:
    """The code that somebody typed or scanned, in whichever case and with whatever between its groups; None for what
    is none. O is read as 0, I and L as 1.

    >>> read_code(" o00g-4or4-om3o-e2o9 ")
    '000G40R40M30E209'
    """
    code = typed.strip().upper().translate(_MEANT)
    return code if len(code) in _LENGTHS and all(each in _DIGITS for each in code) else None


def grouped(code: str) -> str:
    """A code as people read it out.

    >>> grouped("000G40R40M30E209")
    '000G-40R4-0M30-E209'
    """
    return "-".join(code[place : place + _GROUP] for place in range(0, len(code), _GROUP))
