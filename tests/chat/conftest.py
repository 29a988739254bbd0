"""A town whose shops are asked for in a chat, on both databases."""

import pytest

from nearcast.store.sql_store import SqlStore
from tests.chat.town import Town
from tests.live.conftest import migrated_postgres_url, sqlite_file, store, store_url

__all__ = ["migrated_postgres_url", "sqlite_file", "store", "store_url"]


@pytest.fixture
def town(store: SqlStore) -> Town:
    """Three cafés along a street, each with an offer, at Tuesday noon."""
    return Town(store)
