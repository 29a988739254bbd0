"""Signed ids of buttons and rows."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearcast.domain.ids import TenantId
from nearcast.services.tap_ids import TapIds
from nearcast.services.vault import Vault

_T1, _T2 = TenantId("t1"), TenantId("t2")
_SLOT = "018f3c1e-0000-7000-8000-000000000001"
_TAPS = TapIds(b"a key of tests, long enough")


@given(st.uuids(), st.sampled_from(["slot", "stop", "reserve"]), st.text(max_size=20))
def test_what_was_made_is_read_by_whom_it_is_for_and_fits_on_every_button(
    thing: UUID, purpose: str, for_whom: str
) -> None:
    made = _TAPS.make(_T1, purpose, str(thing), for_whom=for_whom)

    assert len(made) <= 200
    assert _TAPS.read(_T1, purpose, made, for_whom=for_whom) == str(thing)
    assert _TAPS.read(_T1, purpose, made, for_whom=f"{for_whom}x") is None


def test_an_id_is_for_one_tenant_and_one_purpose() -> None:
    made = _TAPS.make(_T1, "slot", _SLOT)

    assert _TAPS.read(_T2, "slot", made) is None
    assert _TAPS.read(_T1, "stop", made) is None
    assert _TAPS.read(_T1, "stop", made.replace("slot", "stop")) is None
    assert TapIds(b"another installation's key").read(_T1, "slot", made) is None


@given(st.text(max_size=250))
def test_nothing_that_anybody_makes_up_is_taken(payload: str) -> None:
    assert _TAPS.read(_T1, "slot", payload) is None


@given(st.integers(min_value=0, max_value=80), st.characters())
def test_an_id_with_one_other_letter_is_forged(place: int, letter: str) -> None:
    made = _TAPS.make(_T1, "slot", _SLOT)
    place %= len(made)
    changed = made[:place] + letter + made[place + 1 :]

    assert changed == made or _TAPS.read(_T1, "slot", changed) is None


@pytest.mark.parametrize(("purpose", "thing"), [("slot", "a:b"), ("slot", ""), ("Slot", "a"), ("slot", "x" * 101)])
def test_what_could_not_be_read_again_is_not_made(purpose: str, thing: str) -> None:
    with pytest.raises(ValueError, match="a purpose is"):
        _TAPS.make(_T1, purpose, thing)


def test_taps_outlive_a_change_of_the_sealing_keys() -> None:
    index_key = "i" * 32
    before, after = Vault(["a" * 32], index_key), Vault(["b" * 32, "a" * 32], index_key)
    made = TapIds(before.tap_key).make(_T1, "stop", _SLOT)

    assert TapIds(after.tap_key).read(_T1, "stop", made) == _SLOT
