"""Vouchers: their codes, how long they hold, and what an offer may say of them."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearcast.domain.campaign import Offer
from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import CampaignId, CustomerId, MessageId, ShopId, TenantId
from nearcast.domain.voucher import CODE_BYTES, Voucher, VoucherState, VoucherTerms, code_from, grouped, read_code
from nearcast.services.voucher_codes import VoucherCodes
from tests.domain.builders import NOON, campaign

secrets = st.binary(min_size=CODE_BYTES, max_size=CODE_BYTES)
VOUCHER = Voucher(
    id="hash",
    message_id=MessageId("m"),
    customer_id=CustomerId("ada"),
    campaign_id=CampaignId("camp"),
    shop_id=ShopId("s1"),
    title="One espresso",
    terms="",
    issued_at=NOON,
    expires_at=NOON + timedelta(hours=1),
)


@given(secrets, secrets)
def test_other_secrets_make_other_codes(one: bytes, other: bytes):
    assert (code_from(one) == code_from(other)) == (one == other)


@given(secrets, st.booleans(), st.sampled_from(["-", " ", "\u2013", ""]))
def test_a_code_is_read_however_it_is_typed(secret: bytes, small: bool, between: str):
    code = code_from(secret)
    typed = grouped(code).replace("-", between).replace("0", "o").replace("1", "l")
    assert read_code(f" {typed.lower() if small else typed} ") == code


def test_a_code_that_a_button_copies_is_as_short_as_that_takes_and_is_read_too():
    codes, message = VoucherCodes(b"key"), (TenantId("t1"), MessageId("m"))
    copied = codes.of(*message, is_copied=True)
    assert (len(codes.of(*message)), len(copied)) == (16, 15)
    assert read_code(grouped(copied)) == copied


@given(st.text(max_size=24))
def test_whatever_is_typed_is_a_code_or_none(typed: str):
    code = read_code(typed)
    assert code is None or read_code(code) == code


@pytest.mark.parametrize("typed", ["", "0000", "0" * 14, "0" * 17, "U" * 16, "é" * 16, "0000-0000-0000-000!"])
def test_what_is_no_code_is_none(typed: str):
    assert read_code(typed) is None


def test_a_voucher_holds_as_long_as_it_says_and_else_as_long_as_its_offer():
    later, offer_ends = NOON + timedelta(minutes=5), NOON + timedelta(minutes=20)
    until = NOON + timedelta(days=3)
    assert VoucherTerms(title="x").expires_at(later, offer_ends) == offer_ends
    assert VoucherTerms(title="x", valid_s=60).expires_at(later, offer_ends) == later + timedelta(seconds=60)
    assert VoucherTerms(title="x", valid_until=until).expires_at(later, offer_ends) == until


def test_terms_that_contradict_each_other_are_refused():
    with pytest.raises(InvalidInput, match="one of valid_s and valid_until"):
        VoucherTerms(title="x", valid_s=60, valid_until=NOON)
    with pytest.raises(InvalidInput, match="not above 0"):
        VoucherTerms(title="x", valid_s=0)


def test_the_end_of_a_voucher_is_no_longer_part_of_it():
    last = VOUCHER.expires_at - timedelta(microseconds=1)
    assert VOUCHER.state(last) is VoucherState.ISSUED
    assert VOUCHER.state(VOUCHER.expires_at) is VoucherState.EXPIRED


def test_what_was_taken_stays_taken_whatever_becomes_of_its_message():
    taken = replace(VOUCHER, redeemed_at=NOON, is_void=True)
    assert taken.state(VOUCHER.expires_at) is VoucherState.REDEEMED
    assert replace(VOUCHER, is_void=True).state(NOON) is VoucherState.VOID


def test_a_text_may_speak_of_a_voucher_only_where_there_is_one():
    with pytest.raises(InvalidInput, match=r"\{voucher.code\} needs a voucher"):
        Offer(text="take {voucher.code}")
    offer = Offer(text="take {voucher.code} by {voucher.until}", voucher=VoucherTerms(title="x"))
    assert offer.render({"voucher.code": "A", "voucher.until": "12:00"}) == "take A by 12:00"


def test_no_campaign_outlasts_its_vouchers():
    offer = Offer(text="{voucher.code}", voucher=VoucherTerms(title="x", valid_until=NOON))
    for ends_at in (None, NOON + timedelta(seconds=1)):
        with pytest.raises(InvalidInput, match="valid_until of its vouchers"):
            campaign(offer=offer, active_until=ends_at)
    assert campaign(offer=offer, active_until=NOON).offers == (offer,)
