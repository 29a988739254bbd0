"""To how many people a sender may write in any 24 hours, and whom it has written to already.

Who was written to within them costs nothing more: providers count people, not messages (messaging reference §3).
"""

from dataclasses import dataclass
from datetime import datetime

from nearcast.domain.reason import Reason
from nearcast.domain.sender_state import DAY, Blocked


@dataclass(slots=True)
class Allowance:
    """`counted` people of at most `limit`, of whom `known` are those that were asked about. `first_at` is when the one
    was written to who is the first to count no more; None where nobody is counted.
    """

    limit: int
    counted: int
    known: set[str]
    first_at: datetime | None = None

    def take(self, person: str) -> Blocked | None:
        """Count one more person, unless there is no room left."""
        if person not in self.known:
            if self.counted >= self.limit:
                until = None if self.first_at is None else self.first_at + DAY
                return Blocked(reason=Reason.ALLOWANCE_EXHAUSTED, until=until)
            self.counted += 1
            self.known.add(person)
        return None
