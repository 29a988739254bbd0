"""What can go wrong, as a tree. Nothing here knows of HTTP or exit codes: the edges translate.

NearcastError
├─ InvalidInput       what was handed in cannot be right: names the thing, the place in it and the value
│  └─ InvalidGeofence a geofence that has no inside
├─ NotFound           a name that nothing here bears
└─ StoreUnavailable   the store does not answer: nothing was changed, nothing may be sent
"""


class NearcastError(Exception):
    """The root of everything raised on purpose."""


class InvalidInput(NearcastError):
    """Input that is refused whole.

    `place` leads to the fault the way a person would look for it: a file, a row, a path inside the document.
    """

    def __init__(self, message: str, *, place: str = "") -> None:
        super().__init__(f"{place}: {message}" if place else message)
        self.message = message
        self.place = place

    def within(self, outer: str) -> "InvalidInput":
        """The same fault, seen from a document that holds this one."""
        return type(self)(self.message, place=f"{outer}: {self.place}" if self.place else outer)


class InvalidGeofence(InvalidInput):
    """A geofence whose geometry, id or radius cannot be used; `place` names the feature and the vertex."""


class NotFound(NearcastError):
    """A customer, campaign or file that does not exist."""


class StoreUnavailable(NearcastError):
    """The database is away, locked or overloaded. What was to be done can be tried again as it stands."""
