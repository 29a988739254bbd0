"""The codes of vouchers, made from the names of their messages with keys of their own: nothing that is kept tells one.

HMAC-SHA-256, of which a code has 80 bits, or 75 where a button may have to copy it. What a code is found by is hashed
with another key.
"""

import hashlib
import hmac
from datetime import datetime

from nearcast.domain.ids import MessageId, TenantId
from nearcast.domain.voucher import COPIED_LETTERS, code_from

PAGE = "/v"


class VoucherCodes:
    """Makes codes and finds them again. `public_url` is where customers see their codes."""

    def __init__(self, key: bytes, public_url: str = "") -> None:
        self._making, self._finding = (hashlib.sha256(key + each).digest() for each in (b" making", b" finding"))
        self._public_url = public_url.rstrip("/")

    def of(self, tenant_id: TenantId, message_id: MessageId, *, is_copied: bool = False) -> str:
        """The code of a message; the same however often the work is repeated. One that may have to be copied with a tap
        is a letter shorter: providers take no longer ones.
        """
        code = code_from(_hashed(self._making, f"{len(tenant_id)}:{tenant_id}{message_id}"))
        return code[:COPIED_LETTERS] if is_copied else code

    def url(self, code: str) -> str:
        """The page of a code."""
        return f"{self._public_url}{PAGE}/{code}"

    def index(self, code: str) -> str:
        """What a code is kept and found by."""
        return _hashed(self._finding, code).hex()


WITHOUT_KEY = VoucherCodes(b"no key")
"""For a replay, which is the same every time and whose codes nobody takes."""


def until(expires_at: datetime, now: datetime) -> str:
    """An instant on the wall clock, both in the zone of whoever reads it; dated if it is another day."""
    return f"{expires_at:%H:%M}" if expires_at.date() == now.date() else f"{expires_at:%Y-%m-%d %H:%M}"


def _hashed(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
