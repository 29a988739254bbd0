"""What passes through is sealed anew, too, when there is a new key: events, answers and the bytes that they came in."""

from collections.abc import Callable, Mapping

from nearcast.services.event_words import of_event
from nearcast.services.once import of_answer
from nearcast.services.ports import Store
from nearcast.services.replies import of_reply
from nearcast.services.secret_ports import SealedRow
from nearcast.services.vault import CannotOpen, Seals

_AT_ONCE = 500
_OF: Mapping[str, Callable[[str, str], str]] = {
    "event": of_event,
    "webhook": lambda tenant_id, sha256: f"webhook {sha256}",
    "quarantine": lambda tenant_id, sha256: f"quarantine {sha256}",
    "reply": of_reply,
    "answer": of_answer,
}
"""What each kind is sealed as, by its tenant and its key."""


def reseal_passing(store: Store, seals: Seals) -> int:
    """Seal with the first key what is sealed with another, in portions; how many. Broken off, it goes on where it
    stood. What no key of ours opens stays as it is, until it has been kept for long enough.
    """
    return sum(_reseal(store, seals, kind) for kind in _OF)


def _reseal(store: Store, seals: Seals, kind: str) -> int:
    done, after = 0, ("", "")
    while rows := store.sealed_otherwise(kind, seals.prefix, after=after, limit=_AT_ONCE):
        anew = [(row, text) for row in rows if (text := _anew(seals, kind, row)) is not None]
        store.reseal_rows(kind, anew)
        done, after = done + len(anew), (rows[-1].tenant_id, rows[-1].key)
    return done


def _anew(seals: Seals, kind: str, row: SealedRow) -> str | None:
    what = _OF[kind](row.tenant_id, row.key)
    try:
        return seals.seal_text(seals.open_text(row.sealed, of=what), of=what)
    except CannotOpen:
        return None
