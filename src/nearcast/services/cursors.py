"""Cursors that tell nothing: a place in a list that all tenants share would tell each of them how much the others do.

A place is enciphered with the installation's key, by four rounds of Feistel over HMAC-SHA256: one cursor for each
place of a tenant's list, and none that somebody else could make or read.
"""

import hmac

from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import TenantId

_HALF = 16  # bytes
_ROUNDS = 4
_DIGITS = 4 * _HALF


class Cursors:
    """Seals places, which are whole numbers, and opens what was sealed."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def seal(self, tenant_id: TenantId, place: str | None) -> str | None:
        """A place as those who ask get it; None stays None."""
        if place is None:
            return None
        left, right = 0, int(place)
        for n in range(_ROUNDS):
            left, right = right, left ^ self._mixed(tenant_id, n, right)
        return (_bytes(left) + _bytes(right)).hex()

    def open(self, tenant_id: TenantId, cursor: str | None) -> str | None:
        """The place that a cursor stands for; InvalidInput for one that this tenant was never given."""
        if cursor is None:
            return None
        try:
            said = bytes.fromhex(cursor if len(cursor) == _DIGITS else "")
        except ValueError:
            said = b""
        left, right = int.from_bytes(said[:_HALF]), int.from_bytes(said[_HALF:])
        for n in reversed(range(_ROUNDS)):
            left, right = right ^ self._mixed(tenant_id, n, left), left
        if not said or left:
            raise InvalidInput(f"{cursor[:40]!r} is not a cursor of this list", place="cursor")
        return str(right)

    def _mixed(self, tenant_id: TenantId, n: int, half: int) -> int:
        said = b"cursor %d " % n + _bytes(half) + tenant_id.encode()
        return int.from_bytes(hmac.digest(self._secret, said, "sha256")[:_HALF])


def _bytes(half: int) -> bytes:
    return half.to_bytes(_HALF)
