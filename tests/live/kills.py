"""A store that dies now and then at a commit: before it, or after it and before anybody hears of it."""

import random
from collections.abc import Callable
from threading import Lock
from typing import Any

from nearcast.domain.errors import StoreUnavailable
from nearcast.domain.ids import TenantId
from nearcast.store.sql_store import SqlStore
from nearcast.store.unit_of_work import SqlUnitOfWork


class DyingStore(SqlStore):
    """Each commit fails with the probability `risk`, half of them although everything was kept."""

    def __init__(self, url: str, seed: int, risk: float = 0.35) -> None:
        super().__init__(url)
        self._dice, self._lock, self.risk = random.Random(seed), Lock(), risk  # noqa: S311
        self.deaths = 0

    def writing(self, tenant_id: TenantId) -> "DyingUnitOfWork":
        return DyingUnitOfWork(self, tenant_id)

    def fate(self) -> str:
        with self._lock:
            dies = self._dice.random() < self.risk
            self.deaths += dies
            return self._dice.choice(["before", "after"]) if dies else "lives"


class DyingUnitOfWork(SqlUnitOfWork):
    def __init__(self, store: DyingStore, tenant_id: TenantId) -> None:
        super().__init__(store.engine, tenant_id)
        self._store = store

    def commit(self) -> None:
        fate = self._store.fate()
        if fate == "before":
            raise StoreUnavailable("killed before the commit")
        super().commit()
        if fate == "after":
            raise StoreUnavailable("killed after the commit")


def until_it_lives(step: Callable[[], Any]) -> Any:
    """As a worker does: the same step again."""
    while True:
        try:
            return step()
        except StoreUnavailable:
            continue
