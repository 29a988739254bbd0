"""The ids of what can be tapped, signed: each is for one purpose and one thing, which stands in it, and nothing else.

A tap may come back from an old message, twice, or from nobody's button at all: whoever reads an id looks at what it
stands for when it comes back. Whatever stands on a button is for people only.
"""

import hmac
import re

from nearcast.domain.ids import TenantId

MARK = "nc1"
_THING, _PURPOSE, _SIGNATURE_LETTERS = re.compile(r"[A-Za-z0-9._-]{1,100}"), re.compile(r"[a-z_]{1,20}"), 32


class TapIds:
    """Makes ids and reads them. `key` is `Vault.tap_key`, which stays when the sealing keys change: what was sent
    before can be tapped after.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make(self, tenant_id: TenantId, purpose: str, thing: str, *, for_whom: str = "") -> str:
        """`nc1:PURPOSE:THING:SIGNATURE`, of at most 160 characters; of use to nobody but `for_whom`, if anybody is
        named. ValueError for a purpose or a thing that does not fit in: a UUID does.
        """
        if not (_PURPOSE.fullmatch(purpose) and _THING.fullmatch(thing)):
            raise ValueError("a purpose is 1 to 20 small letters, a thing 1 to 100 letters, digits, '.', '_' and '-'")
        said = "|".join(f"{len(part)}:{part}" for part in (tenant_id, purpose, thing, for_whom))
        signed = hmac.digest(self._key, said.encode(), "sha256").hex()[:_SIGNATURE_LETTERS]
        return f"{MARK}:{purpose}:{thing}:{signed}"

    def read(self, tenant_id: TenantId, purpose: str, payload: str, *, for_whom: str = "") -> str | None:
        """The thing that an id of this purpose is for; None for one that is forged, or not for them."""
        parts = payload.split(":")
        if len(parts) != 4 or parts[:2] != [MARK, purpose] or not _THING.fullmatch(parts[2]):
            return None
        made = self.make(tenant_id, purpose, parts[2], for_whom=for_whom)
        return parts[2] if hmac.compare_digest(made.encode(), payload.encode(errors="replace")) else None
