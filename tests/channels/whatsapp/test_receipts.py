"""What is read of what Meta reports of a message."""

from typing import Any

import pytest

from nearcast.domain.channel_event import (
    Price,
    Rank,
    Receipt,
)
from nearcast.domain.sending import ProviderError, RetryClass, Scope
from tests.channels.whatsapp.webhooks import (
    AT,
    BSUID,
    CONTACT,
    FAILED,
    NOW,
    NUMBER_ID,
    SENT,
    TIME,
    WA_ID,
    WAMID,
    messages,
    read,
    unread,
    webhook,
)


def status(**changes: Any) -> Receipt:
    said = {key: value for key, value in (SENT | changes).items() if value is not None}
    event = read(webhook(messages(statuses=[said])))
    assert isinstance(event, Receipt)
    return event


def test_a_status_says_how_far_a_message_has_come() -> None:
    assert status() == Receipt(
        key=f"s:{WAMID}:sent:",
        at=AT,
        rank=Rank.SENT,
        provider_id=WAMID,
        tag="nc1:m-1",
        price=Price(category="marketing", type="regular"),
        learnt=(WA_ID, BSUID),
        received_by=NUMBER_ID,
    )


@pytest.mark.parametrize(
    ("said", "rank"), [("sent", Rank.SENT), ("delivered", Rank.DELIVERED), ("read", Rank.READ), ("played", Rank.READ)]
)
def test_each_status_has_its_rank_and_its_key(said: str, rank: Rank) -> None:
    assert (status(status=said).rank, status(status=said).key) == (rank, f"s:{WAMID}:{said}:")


def test_a_failure_says_why_and_needs_no_contact() -> None:
    event = read(webhook(messages(statuses=[FAILED])))
    error = ProviderError(provider="whatsapp", code="131050", retry=RetryClass.USER_OPTOUT, scope=Scope.USER)
    assert event == Receipt(
        key=f"s:{WAMID}:failed::131050", at=AT, rank=None, provider_id=WAMID, error=error, received_by=NUMBER_ID
    )


def test_a_failure_without_a_reason_is_one_all_the_same() -> None:
    for errors in ([], None, "x", [None]):
        event = read(webhook(messages(statuses=[FAILED | {"errors": errors}])))
        assert isinstance(event, Receipt)
        assert event.error is not None
        assert (event.rank, event.error.code) == (None, "unspecified")


@pytest.mark.parametrize("timestamp", [str(TIME), TIME])
def test_a_time_is_a_number_or_a_text(timestamp: str | int) -> None:
    assert status(timestamp=timestamp).at == AT


@pytest.mark.parametrize("timestamp", [None, "", "soon", -1, 1.5, "99999999999", [], True])
def test_what_has_no_time_of_its_own_happened_when_its_entry_did_or_it_came(timestamp: Any) -> None:
    raw = [SENT | {"timestamp": timestamp}]
    assert getattr(read(webhook(messages(statuses=raw))), "at", None) == NOW
    assert getattr(read(webhook(messages(statuses=raw), time=TIME)), "at", None) == AT


def test_an_older_price_says_only_whether_it_is_billed() -> None:
    assert status(pricing={"category": "utility", "billable": True}).price == Price(category="utility", type="regular")
    free = status(pricing={"category": "service", "billable": False, "pricing_model": "CBP"}).price
    assert free == Price(category="service", type="free_customer_service")
    for said in ({}, None, "x", {"type": "regular"}):
        assert status(pricing=said).price is None


def test_a_receiver_may_have_a_number_a_user_id_or_none() -> None:
    assert status(recipient_id=None).learnt == (BSUID,)
    assert status(recipient_user_id=None).learnt == (WA_ID,)
    nobody = {key: value for key, value in SENT.items() if not key.startswith("recipient")}
    event = read(webhook(messages(statuses=[nobody])))
    assert isinstance(event, Receipt)
    assert event.learnt == ()


def test_a_contact_tells_the_other_names_of_the_same_person() -> None:
    by_number = {key: value for key, value in SENT.items() if key != "recipient_user_id"}
    others = {"wa_id": "4915199999999", "user_id": "DE.999"}
    event = read(webhook(messages(statuses=[by_number], contacts=[others, CONTACT])))
    assert isinstance(event, Receipt)
    assert event.learnt == (WA_ID, BSUID)


def test_the_only_contact_is_whom_an_item_without_a_name_is_about_and_of_several_none_is() -> None:
    nobody = {key: value for key, value in SENT.items() if not key.startswith("recipient")}
    one = read(webhook(messages(statuses=[nobody], contacts=[CONTACT, "x", {}])))
    two = read(webhook(messages(statuses=[nobody], contacts=[CONTACT, {"wa_id": "4915199999999"}])))
    assert isinstance(one, Receipt)
    assert isinstance(two, Receipt)
    assert (one.learnt, two.learnt) == ((WA_ID, BSUID), ())


def test_in_a_group_each_has_a_receipt_of_their_own() -> None:
    event = status(recipient_type="group", recipient_id="group-1", recipient_participant_id="4915112345678")
    assert event.key == f"s:{WAMID}:sent:4915112345678"
    assert event.learnt == (WA_ID, BSUID)


def test_a_message_may_be_known_by_its_tag_alone() -> None:
    event = status(id=None)
    assert (event.provider_id, event.tag, event.key) == (None, "nc1:m-1", "s:nc1:m-1:sent:")


@pytest.mark.parametrize(
    ("said", "what"),
    [
        (SENT | {"type": "payment", "status": "captured"}, "messages: status of a payment"),
        (SENT | {"status": "warned"}, "messages: status warned"),
        (SENT | {"status": "+49 151 12345678"}, "messages: status ?"),
        ({"status": "sent", "timestamp": "1"}, "messages: status of no message"),
        ({"id": WAMID}, "messages: no status"),
        ("sent", "messages: no object"),
    ],
)
def test_a_status_that_is_not_understood_is_told(said: Any, what: str) -> None:
    assert unread(webhook(messages(statuses=[said]))) == what
