"""Keys that nobody set up are made and kept; those that are given take over from them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.vault import CannotOpen, Vault
from nearcast.services.vault_keys import open_vault, reseal_index_key

NOW = datetime(2026, 6, 2, 10, 0, tzinfo=UTC)
OURS, OTHERS = "a key of our own " * 2, "a key of somebody else " * 2
NUMBER = "+4915112345678"


@dataclass
class Secrets:
    kept: dict[str, str] = field(default_factory=dict)

    def secret(self, name: str, made: str, at: datetime) -> str:
        return self.kept.setdefault(name, made)

    def kept_secret(self, name: str) -> str | None:
        return self.kept.get(name)

    def replace_secret(self, name: str, value: str | None, at: datetime) -> None:
        self.kept.pop(name, None)
        if value is not None:
            self.kept[name] = value


def opened(secrets: Secrets, *given: str) -> Vault:
    store: Any = secrets
    return open_vault(store, given, NOW)


def sealed(vault: Vault) -> str:
    return vault.seal(TenantId("t1"), CustomerId("anna"), "sms", NUMBER)


def unsealed(vault: Vault, text: str) -> str:
    return vault.open(TenantId("t1"), CustomerId("anna"), "sms", text)


def test_the_keys_that_were_made_are_kept() -> None:
    secrets = Secrets()
    first, second = opened(secrets), opened(secrets)
    assert unsealed(second, sealed(first)) == NUMBER
    assert first.blind_index("sms", NUMBER) == second.blind_index("sms", NUMBER)
    assert opened(Secrets()).blind_index("sms", NUMBER) != first.blind_index("sms", NUMBER)


def test_keys_that_are_given_are_kept_nowhere_and_alone_open() -> None:
    secrets = Secrets()
    text = sealed(opened(secrets, OURS))
    assert OURS not in str(secrets.kept)
    with pytest.raises(CannotOpen, match="NEARCAST_DATA_KEY does not hold"):
        opened(secrets, OTHERS)
    assert unsealed(opened(secrets, OTHERS, OURS), text) == NUMBER


def test_what_the_kept_key_sealed_opens_after_a_key_was_given() -> None:
    secrets = Secrets()
    before = opened(secrets)
    after = opened(secrets, OURS)
    assert unsealed(after, sealed(before)) == NUMBER
    alone = opened(Secrets(), OURS)
    assert unsealed(alone, sealed(after)) == NUMBER
    with pytest.raises(CannotOpen, match="NEARCAST_DATA_KEY does not hold"):
        unsealed(alone, sealed(before))
    assert after.blind_index("sms", NUMBER) == before.blind_index("sms", NUMBER)


def test_the_kept_index_key_shows_nothing_by_itself() -> None:
    secrets = Secrets()
    opened(secrets, OURS)
    assert secrets.kept["index_key"].count(".") == 2
    assert list(secrets.kept) == ["index_key"]


def test_after_a_rotation_the_new_key_is_enough_and_the_index_is_the_same() -> None:
    secrets = Secrets()
    before = opened(secrets)
    store: Any = secrets
    reseal_index_key(store, [OURS], NOW)
    assert list(secrets.kept) == ["index_key"]
    assert opened(secrets, OURS).blind_index("sms", NUMBER) == before.blind_index("sms", NUMBER)
