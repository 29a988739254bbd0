"""A campaign with an order of channels: each gets it on the first that reaches them and that they took."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from nearcast.channels.by_name import ByName
from nearcast.domain.channel_event import SenderChange
from nearcast.domain.consent import ConsentAction
from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import CampaignId, CustomerId
from nearcast.domain.message import Message
from nearcast.domain.sending import Accepted, Attempt, ProviderError, Rejected, RetryClass
from nearcast.services.channel_ports import Limits
from nearcast.services.channel_standing import ChannelStanding
from nearcast.services.explain_live import Explanations
from nearcast.services.live import Live
from nearcast.services.outbound import PostRoom
from nearcast.services.sender_states import NOBODY_IN_PARTICULAR, SenderStates
from nearcast.services.telling import told_explanation
from nearcast.store.sql_store import SqlStore
from tests.live.corner import ENTER, NOON, arrive, later, names, open_corner
from tests.live.test_providers_say import Provider
from tests.live.test_races import withdrawal
from tests.sealing import CONTACTS, put_customers

ORDER = {**ENTER, "channel": "whatsapp", "channels": ["whatsapp", "sms"]}
NUMBER, WAMID = "+4915100000000", "wamid.1"
GONE = Rejected(error=ProviderError(provider="whatsapp", code="131026", retry=RetryClass.USER_UNREACHABLE))
TAKEN = Accepted(provider_id="SM1")
(ANN,) = names(1)


class Two:
    """WhatsApp and a provider of text messages, and an engine that queued one message for a customer at noon."""

    def __init__(
        self,
        store: SqlStore,
        *answers: Attempt,
        agreed: Sequence[str] = ("whatsapp", "sms"),
        reached: Sequence[str] = ("whatsapp", "sms"),
        is_set_up: bool = True,
    ) -> None:
        self.whatsapp, self.sms = Provider(*(answers or (TAKEN,))), Provider(TAKEN)
        tenant = open_corner(store, ORDER, customers=[ANN])
        with store.writing(tenant) as uow:
            (said,) = [line for line in uow.consents.lines(ANN) if line.event.channel == "sms"]
            if "sms" not in agreed:
                uow.consents.append(withdrawal(ANN, later(-60)))
            for action in (ConsentAction.GRANTED, ConsentAction.CONFIRMED) if "whatsapp" in agreed else ():
                told = replace(said.event, event_id=f"w {action}", channel="whatsapp", action=action, at=later(-30))
                uow.consents.append(replace(said, event=told, recorded_at=later(-30)))
            put_customers(uow, tenant, {ANN: {"contacts": _numbers(reached)}}, NOON)
            uow.commit()
        adapters = {"sms": self.sms, **({"whatsapp": self.whatsapp} if is_set_up else {})}
        self.states = SenderStates({}, {"sms": Limits(body=160), "whatsapp": Limits(body=1024)})
        self.ways = ByName(adapters, None)
        room = PostRoom(contacts=CONTACTS, senders=self.states)
        self.live = Live(store, tenant, self.ways, room=room)
        arrive(store, tenant, [ANN])
        self.live.work_pings(NOON)

    def sent(self) -> tuple[int, int]:
        return len(self.whatsapp.asked), len(self.sms.asked)

    def message(self) -> Message:
        with self.live.store.reading(self.live.tenant_id) as uow:
            (message,) = uow.outbox.page().items
        return message

    def lose(self, channel: str) -> None:
        with self.live.store.writing(self.live.tenant_id) as uow:
            kept = [each for each in ("whatsapp", "sms") if each != channel]
            put_customers(uow, self.live.tenant_id, {CustomerId(ANN): {"contacts": _numbers(kept)}}, NOON)
            uow.commit()


def _numbers(channels: Sequence[str]) -> list[dict[str, str]]:
    return [{"channel": channel, "address": NUMBER} for channel in channels]


@pytest.mark.parametrize(
    ("lacks", "told"),
    [
        ({}, []),
        ({"agreed": ["sms"]}, ["consent_marketing_missing"]),
        ({"reached": ["sms"]}, ["no_address"]),
        ({"reached": ["sms"], "agreed": ["sms"]}, ["consent_marketing_missing", "no_address"]),
        ({"is_set_up": False}, ["channel_unavailable"]),
        ({"is_stopped": True}, ["sender_stopped"]),
    ],
)
def test_each_channel_of_the_order_is_explained(store: SqlStore, lacks: dict[str, object], told: list[str]) -> None:
    is_stopped = "is_stopped" in lacks
    two = Two(store, **({} if is_stopped else lacks))  # type: ignore[arg-type]
    if is_stopped:
        with store.writing(two.live.tenant_id) as uow:
            stop = SenderChange(key="", at=NOON, sender=NOBODY_IN_PARTICULAR, what="BANNED", is_stopped=True)
            two.states.change(uow, "whatsapp", stop, NOON)
            uow.commit()
    explanations = Explanations(store, channels=ChannelStanding(store, two.ways.through, two.states))
    (of_row,) = explanations.at(two.live.tenant_id, ANN, CampaignId("camp-7"), NOON)
    (elsewhere,) = explanations.at(two.live.tenant_id, ANN, CampaignId("camp-7"), later(1))
    assert (of_row["source"], elsewhere["source"]) == ("match_log", "facts")
    order = [{"channel": "whatsapp", "reasons": told}, {"channel": "sms", "reasons": []}]
    assert of_row["channels"] == elsewhere["channels"] == order
    assert not {"no_address", "consent_marketing_missing"} & set(elsewhere["reasons"])
    assert f"channels: whatsapp {'✗' if told else '✓'}" in "\n".join(told_explanation(elsewhere))


def test_who_can_be_reached_on_the_first_gets_it_there(store: SqlStore) -> None:
    two = Two(store)
    two.live.dispatch_due(NOON)
    assert (two.sent(), two.message().channel, two.message().reason) == ((1, 0), "whatsapp", None)


@pytest.mark.parametrize("lacks", [{"agreed": ["sms"]}, {"reached": ["sms"]}])
def test_who_never_took_the_first_is_queued_for_the_second(store: SqlStore, lacks: dict[str, list[str]]) -> None:
    two = Two(store, **lacks)  # type: ignore[arg-type]
    assert two.message().channel == "sms"
    two.live.dispatch_due(NOON)
    assert two.sent() == (0, 1)


def test_who_loses_the_first_address_before_it_leaves_gets_it_on_the_second(store: SqlStore) -> None:
    two = Two(store)
    two.lose("whatsapp")
    two.live.dispatch_due(NOON)
    message = two.message()
    assert (two.sent(), message.channel, message.status.value) == ((0, 1), "sms", "accepted")
    assert message.reason == "no_address"


def test_a_channel_that_is_not_set_up_leaves_it_to_the_next(store: SqlStore) -> None:
    two = Two(store, is_set_up=False)
    two.live.dispatch_due(NOON)
    assert (two.sent(), two.message().reason) == ((0, 1), "channel_unavailable")


def test_who_cannot_be_reached_gets_one_message_on_the_next(store: SqlStore) -> None:
    two = Two(store, GONE)
    two.live.dispatch_due(NOON)
    message = two.message()
    assert (two.sent(), message.channel, message.status.value) == ((1, 1), "sms", "accepted")
    assert message.reason == "user_unreachable"


def test_the_next_channel_needs_a_consent_of_its_own(store: SqlStore) -> None:
    two = Two(store, GONE, agreed=["whatsapp"])
    two.live.dispatch_due(NOON)
    message = two.message()
    assert (two.sent(), message.status.value, message.reason) == ((1, 0), "cancelled", "user_unreachable")


def test_an_order_begins_with_the_channel(store: SqlStore) -> None:
    tenant = open_corner(store, {**ORDER, "channels": ["sms", "whatsapp"]}, customers=[ANN])
    with pytest.raises(InvalidInput, match="begin with channel"):
        Live(store, tenant, Provider(TAKEN)).world()
