"""What a form says that a customer filled in for a slot. It is written by their device: nothing in it is believed."""

import json
from typing import Annotated

import msgspec

_LONGEST = 4_096
_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class NotFilledIn(Exception):
    """A form says something else than a form of ours does; nothing of it is told."""


class _Filled(msgspec.Struct, forbid_unknown_fields=True):
    """All that a form of ours says: which one it is, and the id of the chosen slot, as a list would have it."""

    flow_token: _Id
    slot: _Id


def session_of(said: str | None) -> str | None:
    """The id by which a form is known; None where it bears none. NotFilledIn for what is no JSON object."""
    try:
        found = json.loads(said or "")
    except (ValueError, RecursionError):
        raise NotFilledIn from None
    if not isinstance(found, dict):
        raise NotFilledIn
    token = found.get("flow_token")
    return token if isinstance(token, str) else None


def chosen_slot(said: str | None) -> str:
    """The id of the slot that was chosen. NotFilledIn where anything is missing, too much or of another kind."""
    if said is None or len(said) > _LONGEST:
        raise NotFilledIn
    try:
        return msgspec.json.decode(said, type=_Filled).slot
    except (msgspec.MsgspecError, UnicodeError):
        raise NotFilledIn from None
