"""A desk on both databases."""

from collections.abc import Iterator
from datetime import datetime

import pytest

from nearcast.store.sql_store import SqlStore
from tests.live.conftest import migrated_postgres_url, sqlite_file, store, store_url
from tests.live.corner import NOON
from tests.payments.desk import Desk
from tests.payments.fake_stripe import fake_stripe

__all__ = ["migrated_postgres_url", "sqlite_file", "store", "store_url"]


@pytest.fixture
def desk(store: SqlStore) -> Iterator[Desk]:
    found: list[Desk] = []

    def now() -> datetime:
        return found[0].now if found else NOON

    with fake_stripe(now) as fake:
        found.append(Desk(store, fake))
        yield found[0]
        found[0].port.close()
