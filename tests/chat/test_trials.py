"""A campaign is sent to the people of its own shop, and nobody and nothing else hears of it."""

from datetime import timedelta

import pytest

from nearcast.domain.campaign import CampaignState
from nearcast.domain.errors import NotFound
from nearcast.domain.sending import Purpose, Text
from nearcast.services.access import Principal
from nearcast.services.campaigns import Campaigns
from nearcast.services.terms import Terms
from nearcast.services.trials import MARK, NoTestNumber, SilentTestNumber, Trials
from nearcast.services.voucher_codes import VoucherCodes
from tests.chat.town import COUNTER, T1, Town
from tests.live.corner import NOON

TEA = {
    "text": "Tea for {customer.first_name} until {expires_at}: {voucher.code} {voucher.url} {voucher.until}",
    "expires_after_s": 1200,
    "voucher": {"title": "One tea", "valid_s": 3600},
}


def tried(town: Town, by: Principal, key: str = "near-offer", channel: str | None = None) -> list[str]:
    """What was sent, to whom: a line for each."""
    codes = VoucherCodes(b"key", "https://shop.example/")
    trials = Trials(town.store, Campaigns(town.store), town.staff, Terms(), town.replies, codes)
    before = len(town.pen.sent)
    told = trials.send(by, key, channel, town.now)
    while town.replies.send_some(T1, town.now, lambda: town.now):
        pass
    sent = town.pen.sent[before:]
    assert told["sent_to"] == len(sent)
    assert all(isinstance(each.content, Text) and each.content.body == told["text"] for each in sent)
    assert {each.purpose for each in sent} <= {Purpose.SERVICE}
    return [f"{each.to.address} {told['text']}" for each in sent]


def test_a_draft_is_sent_to_its_own_shop_with_samples_and_counts_nowhere(town: Town) -> None:
    town.hire()
    town.run_campaign("tea", "near", state=CampaignState.DRAFT, offer=TEA)
    said = "Tea for [first_name] until 12:20: 0000-0000-0000-0000 https://shop.example/v/0000000000000000 13:00"
    assert tried(town, town.owner("near"), "tea") == [f"{COUNTER} {MARK}{said}"]
    with town.store.reading(T1) as uow:
        assert uow.outbox.page().items == []
        assert uow.match_log.page().items == []
        (entry,) = [each for each in uow.audit.page().items if each.action == "tested"]
        assert (entry.id, entry.detail) == ("tea", {"channel": "whatsapp", "sent_to": 1})
        assert uow.vouchers.redeemed(["m"]) == {}  # type: ignore[list-item]
    assert COUNTER[1:] not in town.dump()


def test_a_test_can_be_sent_twice(town: Town) -> None:
    town.hire()
    assert len(tried(town, town.owner())) == 1
    town.at(NOON + timedelta(seconds=1))
    assert len(tried(town, town.owner())) == 1


def test_there_is_nobody_to_send_to_before_a_number_is_confirmed(town: Town) -> None:
    with pytest.raises(NoTestNumber):
        tried(town, town.owner())
    town.hire(is_verified=False)
    with pytest.raises(NoTestNumber):
        tried(town, town.owner())
    town.hire("mid")
    with pytest.raises(NoTestNumber):
        tried(town, town.owner(), "near-offer")
    town.hire()
    with pytest.raises(NoTestNumber):
        tried(town, town.owner(), channel="email")


def test_who_has_not_written_for_a_day_gets_no_test(town: Town) -> None:
    town.hire()
    town.at(NOON + timedelta(hours=24))
    with pytest.raises(SilentTestNumber):
        tried(town, town.owner())
    town.say("hello", by=COUNTER)
    assert len(tried(town, town.owner())) == 1


def test_the_campaign_of_another_shop_is_nobodys_to_test(town: Town) -> None:
    town.hire()
    with pytest.raises(NotFound):
        tried(town, town.owner("mid"))
