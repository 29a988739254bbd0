"""Of which country a number is, and where nothing of a kind arrives."""

from datetime import UTC, datetime, timedelta

import pytest

from nearcast.domain.sending import Purpose, Recipient
from nearcast.services.markets import is_market_blocked, market_of, market_of_recipient

SINCE = datetime(2025, 4, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("number", "market"),
    [
        ("+12125550123", "US"),
        ("+18005550123", "US"),
        ("+14165550123", "CA"),
        ("+18765550123", "JM"),
        ("+17875550123", "PR"),
        ("+4915112345678", "DE"),
        ("+551187654321", "BR"),  # as it was before the ninth digit
        ("+5215512345678", "MX"),
        ("+77012345678", "KZ"),
    ],
)
def test_a_number_is_of_the_country_of_its_area_code(number: str, market: str) -> None:
    assert market_of(number) == market


@pytest.mark.parametrize("number", ["", "a@b.example", "+999123", "+80012345678", "12125550123"])
def test_what_is_no_countrys_number_has_no_market(number: str) -> None:
    assert market_of(number) is None


def test_whoever_shows_no_number_is_of_the_country_of_their_user_id() -> None:
    assert market_of_recipient(Recipient(user_id="US.13491208655302741918")) == "US"
    assert market_of_recipient(Recipient(user_id="BR.ENT.13491208655302741918")) == "BR"
    assert market_of_recipient(Recipient(address="+4915112345678", user_id="US.1349")) == "DE"
    assert market_of_recipient(Recipient(user_id="13491208655302741918")) is None


@pytest.mark.parametrize("number", ["+12125550123", "+15555550123"])
def test_marketing_by_whatsapp_is_blocked_in_the_united_states_and_on_what_may_be_there(number: str) -> None:
    assert is_market_blocked("whatsapp", Purpose.MARKETING, Recipient(address=number), SINCE)


@pytest.mark.parametrize("number", ["+14165550123", "+18765550123", "+4915112345678"])
def test_it_is_not_where_only_the_country_code_is_the_same(number: str) -> None:
    assert not is_market_blocked("whatsapp", Purpose.MARKETING, Recipient(address=number), SINCE)


def test_a_rule_holds_from_its_day_on_and_for_its_purpose_and_channel_alone() -> None:
    american = Recipient(address="+12125550123")
    assert not is_market_blocked("whatsapp", Purpose.MARKETING, american, SINCE - timedelta(microseconds=1))
    assert not is_market_blocked("whatsapp", Purpose.UTILITY, american, SINCE)
    assert not is_market_blocked("sms", Purpose.MARKETING, american, SINCE)
