"""Who may be located, as a tenant's ledger says it, kept in memory from one transaction to the next."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from nearcast.domain.ids import CustomerId
from nearcast.geo.batch import Ints, Texts
from nearcast.services.ingest import NEVER, located_from
from nearcast.services.instants import as_instant, as_us
from nearcast.services.ledger_ports import LedgerMark
from nearcast.services.ports import UnitOfWork

_NOBODY = -1
_ROOM_AT_FIRST = 1_024


class _Rows(dict[str, int]):
    """Which row is whose."""

    def __missing__(self, name: str) -> int:
        return _NOBODY


class ConsentView:
    """For one thread at a time. It is as new as the transaction that it was last brought up to date in: a withdrawal
    that was committed before that began, by whichever process, is in it.

    Whoever asks goes by the ledger alone: of customers that do not exist nothing is kept.
    """

    def __init__(self) -> None:
        self._mark: LedgerMark | None = None
        self._rows = _Rows()
        self._names: dict[str, str] = {}  # by subject
        self._free: list[int] = []
        self._since_us: Ints = np.zeros(_ROOM_AT_FIRST, dtype=np.int64)
        self._known_until_us: Ints = np.zeros(_ROOM_AT_FIRST, dtype=np.int64)

    def refresh(self, uow: UnitOfWork) -> list[CustomerId]:
        """Forget whoever has said something since the last time; who of those that were known."""
        changes = uow.consents.changes_since(self._mark)
        if changes.subjects is None:
            forgotten = list(self._rows)
            self._forget_all()
        else:
            forgotten = [self._names.pop(subject) for subject in changes.subjects & self._names.keys()]
            self._free += [self._rows.pop(name) for name in forgotten]
        self._mark = changes.mark
        return [CustomerId(name) for name in forgotten]

    def live_since_us(self, uow: UnitOfWork, customer_ids: Texts, asked_us: Ints) -> Ints:
        """Since when the customers of n pings may be located when asked at those instants, `NEVER` for who may not."""
        names = customer_ids.tolist()
        rows = self._rows_of(names)
        unknown = np.flatnonzero((rows == _NOBODY) | (asked_us >= self._known_until_us[rows])).tolist()
        if unknown:
            self._ask(uow, {names[n] for n in unknown}, as_instant(int(asked_us[unknown].max())))
            rows = self._rows_of(names)
        since_us: Ints = np.where(rows == _NOBODY, NEVER, self._since_us[rows])
        return since_us

    def since_us_of(self, uow: UnitOfWork, customer_ids: Sequence[CustomerId], now: datetime) -> list[int]:
        """The same for customers, asked at `now`."""
        names = np.array(customer_ids, dtype=object)
        found: list[int] = self.live_since_us(uow, names, np.full(len(names), as_us(now))).tolist()
        return found

    def _rows_of(self, names: list[str]) -> Ints:
        return np.fromiter(map(self._rows.__getitem__, names), dtype=np.int64, count=len(names))

    def _ask(self, uow: UnitOfWork, names: set[str], now: datetime) -> None:
        subjects = uow.customers.subjects(map(CustomerId, names))
        ledgers = uow.consents.of(subjects)
        for name, subject in subjects.items():
            row = self._rows.get(name, _NOBODY)
            if row == _NOBODY:
                row = self._rows[name] = self._free.pop() if self._free else self._new_row()
                self._names[subject] = name
            self._since_us[row], self._known_until_us[row] = located_from(ledgers.get(name, ()), now)

    def _new_row(self) -> int:
        row = len(self._rows)
        if row + 1 >= len(self._since_us):  # the last one is nobody's
            self._since_us = np.resize(self._since_us, 2 * len(self._since_us))
            self._known_until_us = np.resize(self._known_until_us, 2 * len(self._known_until_us))
        return row

    def _forget_all(self) -> None:
        self._rows.clear()
        self._names.clear()
        self._free.clear()
