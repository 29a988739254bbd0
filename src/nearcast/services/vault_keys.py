"""Where the vault's keys come from, so that whoever sets nothing up has one as well."""

import secrets
from collections.abc import Sequence
from datetime import datetime

from nearcast.services.ports import Store
from nearcast.services.vault import Seals, Vault

_KEPT, _INDEX = "data_key", "index_key"


def open_vault(store: Store, given: Sequence[str], now: datetime) -> Vault:
    """The vault of this installation. Without `given` keys one is made and kept in the database; it still opens what it
    has sealed after keys were given. The index key is kept there too, sealed: without it the suppression list would
    forget everybody, so that it never changes.

    CannotOpen where the keys are not those with which this database's were sealed.
    """
    kept = store.kept_secret(_KEPT) if given else store.secret(_KEPT, secrets.token_urlsafe(32), now)
    keys = [*given, *([kept] if kept else [])]
    seals = Seals(keys)
    made = seals.seal_text(secrets.token_urlsafe(32), of=_INDEX)
    return Vault(keys, seals.open_text(store.secret(_INDEX, made, now), of=_INDEX))


def reseal_index_key(store: Store, given: Sequence[str], now: datetime) -> None:
    """Seal the index key with the first of the given keys, and forget the one that was kept: nothing is sealed with it
    any more. After everything else has been sealed anew.
    """
    kept = store.kept_secret(_KEPT)
    index_key = Seals([*given, *([kept] if kept else [])]).open_text(store.kept_secret(_INDEX) or "", of=_INDEX)
    store.replace_secret(_INDEX, Seals(given).seal_text(index_key, of=_INDEX), now)
    store.replace_secret(_KEPT, None, now)
