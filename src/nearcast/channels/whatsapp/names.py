"""What Meta calls a person: by number, by user id, by both (messaging reference §2.3, §2.4)."""

from collections.abc import Iterable, Mapping
from typing import Any

from nearcast.channels.whatsapp.reading import Change, objects, text
from nearcast.domain.sending import LearntKey

_KINDS = ("wa_id", "bsuid", "parent_bsuid")
_OWN = ("wa_id", "user_id", "parent_user_id")


def sender_keys(said: Mapping[str, Any], change: Change) -> tuple[LearntKey, ...]:
    """Of whoever wrote a message."""
    return _known(
        [text(said, "from"), text(said, "from_user_id"), text(said, "from_parent_user_id")],
        change,
    )


def receiver_keys(said: Mapping[str, Any], change: Change) -> tuple[LearntKey, ...]:
    """Of whoever a message went to; in a group, of the one that is spoken of."""
    in_group = text(said, "recipient_type") == "group"
    number = text(said, "recipient_participant_id" if in_group else "recipient_id")
    parent = text(said, "recipient_parent_user_id") or text(said, "parent_recipient_user_id")
    return _known([number, text(said, "recipient_user_id"), parent], change)


def own_keys(said: Mapping[str, Any], change: Change) -> tuple[LearntKey, ...]:
    """Of whoever tells something of themselves."""
    return _known([text(said, key) for key in _OWN], change)


def keys(names: Iterable[str | None]) -> tuple[LearntKey, ...]:
    """Number, user id, the portfolio's user id; those that are there."""
    return tuple(LearntKey(kind=kind, key=key) for kind, key in zip(_KINDS, names, strict=True) if key is not None)


def learnt_keys(names: Mapping[str, Any]) -> tuple[LearntKey, ...]:
    """What a contact is called there."""
    return keys(text(names, key) for key in _OWN)


def contacts_by_key(said: Mapping[str, Any]) -> Mapping[LearntKey, tuple[LearntKey, ...]]:
    """All names of each contact, by each of them."""
    return {key: names for names in map(learnt_keys, objects(said, "contacts")) for key in names}


def _known(names: list[str | None], change: Change) -> tuple[LearntKey, ...]:
    """With what the contact says that shares a name; where the item has none at all, of the only contact."""
    found = keys(names)
    contacts = {change.contacts[key] for key in found or change.contacts if key in change.contacts}
    if len(contacts) != 1:
        return found
    kinds = {each.kind for each in found}
    return (*found, *(each for each in contacts.pop() if each.kind not in kinds))
