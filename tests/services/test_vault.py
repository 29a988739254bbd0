"""Addresses are sealed for one customer on one channel, and found again by a keyed hash."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.vault import CannotOpen, Vault

FIRST, SECOND, INDEX = "first key " * 4, "second key " * 4, "index key " * 4
T1, ANNA, BOB = TenantId("t1"), CustomerId("anna"), CustomerId("bob")
NUMBER = "+4915112345678"
VAULT = Vault([FIRST], INDEX)


@given(st.text())
def test_what_is_sealed_opens_as_it_was(address: str) -> None:
    assert VAULT.open(T1, ANNA, "sms", VAULT.seal(T1, ANNA, "sms", address)) == address


def test_what_is_sealed_shows_nothing_and_is_never_the_same_twice() -> None:
    sealed = {VAULT.seal(T1, ANNA, "sms", NUMBER) for _ in range(100)}
    assert len(sealed) == 100
    assert all(NUMBER not in each and re.fullmatch(r"1\.[0-9a-f]{8}\.[\w=-]+", each) for each in sealed)


@pytest.mark.parametrize(
    ("tenant", "customer", "channel"), [("t2", "anna", "sms"), ("t1", "bob", "sms"), ("t1", "anna", "whatsapp")]
)
def test_moved_to_another_row_it_does_not_open(tenant: str, customer: str, channel: str) -> None:
    sealed = VAULT.seal(T1, ANNA, "sms", NUMBER)
    with pytest.raises(CannotOpen, match="belongs to something else"):
        VAULT.open(TenantId(tenant), CustomerId(customer), channel, sealed)


def test_names_that_only_look_alike_when_joined_are_told_apart() -> None:
    sealed = VAULT.seal(TenantId("a|1:b"), CustomerId("c"), "sms", NUMBER)
    with pytest.raises(CannotOpen):
        VAULT.open(TenantId("a"), CustomerId("b|1:c"), "sms", sealed)


@pytest.mark.parametrize(
    "spoil", [lambda s: s[:-6] + "AAAA==", lambda s: s[:12], lambda s: s + "ä", lambda s: "", str.upper]
)
def test_what_was_changed_does_not_open_and_says_nothing(spoil: Callable[[str], str]) -> None:
    with pytest.raises(CannotOpen) as raised:
        VAULT.open(T1, ANNA, "sms", spoil(VAULT.seal(T1, ANNA, "sms", NUMBER)))
    assert NUMBER not in str(raised.value)


def test_the_first_key_seals_and_all_open() -> None:
    before, both, after = Vault([FIRST], INDEX), Vault([SECOND, FIRST], INDEX), Vault([SECOND], INDEX)
    old, new = before.seal(T1, ANNA, "sms", NUMBER), both.seal(T1, ANNA, "sms", NUMBER)
    assert [both.open(T1, ANNA, "sms", each) for each in (old, new)] == [NUMBER, NUMBER]
    assert after.open(T1, ANNA, "sms", new) == NUMBER
    with pytest.raises(CannotOpen, match="NEARCAST_DATA_KEY does not hold"):
        after.open(T1, ANNA, "sms", old)


def test_the_index_of_an_address_outlives_the_keys_that_seal_it() -> None:
    assert Vault([SECOND], INDEX).blind_index("sms", NUMBER) == VAULT.blind_index("sms", NUMBER)
    assert Vault([FIRST], SECOND).blind_index("sms", NUMBER) != VAULT.blind_index("sms", NUMBER)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("email", "Ada@Example.org"), ("email", " ada@example.ORG "), True),
        (("sms", NUMBER), ("whatsapp", NUMBER), True),
        (("sms", NUMBER), ("sms", "+4915112345679"), False),
        (("console", "Caf\u00e9"), ("console", "Cafe\u0301"), True),
        (("console", "A table"), ("console", "a table"), False),
    ],
)
def test_the_index_compares_addresses_as_people_do(one: tuple[str, str], other: tuple[str, str], same: bool) -> None:
    assert (VAULT.blind_index(*one) == VAULT.blind_index(*other)) is same


@pytest.mark.parametrize(
    ("data_keys", "index_key"), [([], INDEX), (["short"], INDEX), ([FIRST, ""], INDEX), ([FIRST], "x")]
)
def test_keys_that_can_be_guessed_are_refused(data_keys: list[str], index_key: str) -> None:
    with pytest.raises(InvalidInput, match="key"):
        Vault(data_keys, index_key)
