"""What a matcher answers: who is inside what, as two columns."""

from dataclasses import dataclass

import numpy as np

from nearcast.geo.batch import Ints


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Ping `ping_row[k]` is inside the geofence in `slot[k]`; each pair once, by ping_row, then slot."""

    ping_row: Ints
    slot: Ints

    @classmethod
    def of(cls, ping_row: Ints, slot: Ints) -> "Pairs":
        """Pairs from columns in any order and with repetitions."""
        order = np.lexsort((slot, ping_row))
        ping_row, slot = ping_row[order], slot[order]
        is_new = np.ones(len(slot), dtype=np.bool_)
        is_new[1:] = (ping_row[1:] != ping_row[:-1]) | (slot[1:] != slot[:-1])
        return cls(ping_row[is_new], slot[is_new])

    def __len__(self) -> int:
        return len(self.ping_row)


NO_PAIRS = Pairs(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
