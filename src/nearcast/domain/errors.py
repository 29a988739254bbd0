"""What can go wrong, as a tree. Nothing here knows of HTTP or exit codes: the edges translate.

NearcastError
├─ InvalidInput       what was handed in cannot be right: names the thing, the place in it and the value
│  └─ InvalidGeofence a geofence that has no inside
├─ NotFound           a name that nothing here bears, or nothing that the asker may know of
│  └─ OutOfSight      it is there, and not the asker's to see
├─ NotAllowed         the asker may know of it and not do this
├─ Conflict           right in itself, and not possible as things stand
│  ├─ AlreadyExists   the id is taken
│  ├─ InUse           others refer to it
│  └─ RevisionChanged somebody else was faster
├─ StoreUnavailable   the store does not answer: nothing was changed, nothing may be sent
│  └─ Overtaken       it does, and others were faster
└─ ProviderAway       a provider does not answer: nobody can tell what it has done
"""

from collections.abc import Iterable
from typing import ClassVar

from nearcast.domain.ids import DecisionId


class NearcastError(Exception):
    """The root of everything raised on purpose. `code` is stable: programs rely on it."""

    code: ClassVar[str] = "fault"


class InvalidInput(NearcastError):
    """Input that is refused whole.

    `place` leads to the fault the way a person would look for it: a file, a row, a path inside the document.
    """

    code = "invalid_input"

    def __init__(self, message: str, *, place: str = "") -> None:
        super().__init__(f"{place}: {message}" if place else message)
        self.message = message
        self.place = place

    def within(self, outer: str) -> "InvalidInput":
        """The same fault, seen from a document that holds this one."""
        return type(self)(self.message, place=f"{outer}: {self.place}" if self.place else outer)


class InvalidGeofence(InvalidInput):
    """A geofence whose geometry, id or radius cannot be used; `place` names the feature and the vertex."""

    code = "invalid_geofence"


class NotFound(NearcastError):
    """A customer, campaign or file that does not exist, or belongs to somebody else."""

    code = "not_found"


class OutOfSight(NotFound):
    """Something of a shop that is not the asker's: told as if it were not there, and written into the audit trail."""

    def __init__(self, kind: str, key: str) -> None:
        super().__init__(f"there is no {kind} {key!r}")
        self.kind = kind
        self.key = key


class NotAllowed(NearcastError):
    """The asker's role or scope does not cover this."""

    code = "not_allowed"


class Conflict(NearcastError):
    """What is asked for does not go together with what there is."""

    code = "conflict"


class AlreadyExists(Conflict):
    """The id is taken: change what bears it, or take another."""

    code = "already_exists"


class InUse(Conflict):
    """It cannot go while others refer to it."""

    code = "in_use"


class RevisionChanged(Conflict):
    """It was changed since the asker read it: read it again."""

    code = "revision_changed"


class StoreUnavailable(NearcastError):
    """The database is away, locked or overloaded. What was to be done can be tried again as it stands."""

    code = "store_unavailable"


class Overtaken(StoreUnavailable):
    """Others were faster, and what a transaction took for granted does not hold any more. Done again, it knows more:
    `decided` are decisions that it took for new.
    """

    def __init__(self, message: str, *, decided: Iterable[DecisionId] = ()) -> None:
        super().__init__(message)
        self.decided = frozenset(decided)


class Overloaded(StoreUnavailable):
    """More comes in than can be dealt with. Nothing was kept; it may be sent again a little later."""

    code = "overloaded"


class ProviderAway(NearcastError):
    """A provider that was asked did not answer, or with nothing that can be understood."""

    code = "provider_unavailable"
