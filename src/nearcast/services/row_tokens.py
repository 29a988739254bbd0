"""The ids of buttons and rows: signed, each for one purpose and one thing, so that nobody can make one up.

An id may come back from an old message at any time: what it stands for is looked at when it does. What it is about is
in it as a hash, for ids are short; whoever reads it knows the few things that it may be.
"""

import hashlib
import hmac
from collections.abc import Iterable

from nearcast.domain.ids import TenantId

_MARK, _LETTERS = "nc1", 24


class RowTokens:
    """Makes ids and reads them."""

    def __init__(self, secret: str) -> None:
        self._key = hashlib.sha256(f"rows {secret}".encode()).digest()

    def make(self, tenant_id: TenantId, purpose: str, thing: str, *, for_whom: str = "") -> str:
        """The id for that thing and purpose, of use to nobody but `for_whom`, if anybody is named."""
        named = hashlib.sha256(thing.encode()).hexdigest()[:_LETTERS]
        said = "|".join(f"{len(part)}:{part}" for part in (tenant_id, purpose, thing, for_whom))
        signed = hmac.new(self._key, said.encode(), hashlib.sha256).hexdigest()[:_LETTERS]
        return f"{_MARK}:{purpose}:{named}:{signed}"

    def read(
        self, tenant_id: TenantId, purpose: str, token: str, things: Iterable[str], *, for_whom: str = ""
    ) -> str | None:
        """Which of the things an id is for; None for one that is forged, somebody else's, or about something else."""
        for thing in things:
            made = self.make(tenant_id, purpose, thing, for_whom=for_whom)
            if hmac.compare_digest(made.encode(), token.encode(errors="replace")):
                return thing
        return None


def is_for(purpose: str, payload: str | None) -> bool:
    """Whether an id says that it is of that purpose, forged or not."""
    return payload is not None and payload.startswith(f"{_MARK}:{purpose}:")
