"""Offers that leave as a text that the provider has approved."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest

from nearcast.domain.reason import Reason
from nearcast.domain.sending import Template, Text
from nearcast.domain.template import MessageTemplate
from nearcast.services.channel_ports import Capability, Limits
from nearcast.services.live import Live
from nearcast.services.outbound import PostRoom
from nearcast.services.sender_states import SenderStates
from nearcast.services.tap_ids import TapIds
from nearcast.store.sql_store import SqlStore
from tests.live.corner import ENTER, LONG_AGO, NOON, Heard, arrive, later, names, open_corner
from tests.sealing import CONTACTS, VAULT

VARIABLES = ["{customer.first_name}", "{shop.name}", "{expires_at}"]
TAPS = TapIds(b"a key of this test")
OFFER: dict[str, Any] = {"text": "Coffee", "template": {"name": "near_offer", "language": "de", "variables": VARIABLES}}
BODY = {"type": "BODY", "text": "Hello {{1}}, {{2}} has something for you until {{3}} today."}


class Approving(Heard):
    capabilities = Capability.TEXT | Capability.TEMPLATE


class Plain(Heard):
    capabilities = Capability.TEXT


def template(**changes: Any) -> MessageTemplate:
    said = {"name": "near_offer", "language": "de", "category": "MARKETING", "status": "APPROVED"}
    since = {"status_at": LONG_AGO, "category_at": LONG_AGO}
    return MessageTemplate(**{**said, **since, "components": (BODY,), **changes})


def dispatched(
    store: SqlStore, channel: Heard, *known: MessageTemplate, offer: Mapping[str, Any] = MappingProxyType(OFFER)
) -> Live:
    store.seal_with(VAULT)
    tenant = open_corner(store, {**ENTER, "offer": dict(offer)}, customers=names(1))
    with store.writing(tenant) as uow:
        uow.customers.upsert({names(1)[0]: {"attributes": {"first_name": "Anna"}}}, NOON)
        uow.templates.put(known)
        uow.commit()
    arrive(store, tenant, names(1))
    states = SenderStates({}, {"sms": Limits(body=1024)})
    live = Live(store, tenant, channel, room=PostRoom(contacts=CONTACTS, senders=states, taps=TAPS))
    live.work_pings(NOON)
    live.dispatch_due(NOON)
    return live


def why(live: Live) -> tuple[str, str | None]:
    with live.store.reading(live.tenant_id) as uow:
        (message,) = uow.outbox.page().items
    return message.status.value, message.reason


@pytest.mark.parametrize("category", ["MARKETING", "UTILITY"])
def test_an_offer_leaves_as_its_template_with_its_places_filled(store: SqlStore, category: str) -> None:
    approving = Approving()
    live = dispatched(store, approving, template(category=category))
    (sent,) = approving.messages
    expected = Template(
        name="near_offer",
        language="de",
        variables=("Anna", "s1", "12:20"),
        is_marketing=category == "MARKETING",
        body="Coffee",
    )
    assert (sent.content, why(live)) == (expected, ("accepted", None))


BUTTONS = {
    "type": "BUTTONS",
    "buttons": [
        {"type": "URL", "text": "Look", "url": "https://cafe.example/v/{{1}}"},
        {"type": "QUICK_REPLY", "text": "Near me"},
        {"type": "COPY_CODE", "example": "COFFEE20"},
        {"type": "QUICK_REPLY", "text": "Stop offers"},
    ],
}
TIMED = {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": "Today", "has_expiration": True}}


def test_a_template_is_filled_with_all_that_it_asks_for(store: SqlStore) -> None:
    approving = Approving()
    offer = {**OFFER, "voucher": {"title": "One espresso"}, "text": "{voucher.code}"}
    offer["template"] = {**OFFER["template"], "header_image": "https://cafe.example/cup.png"}
    picture = {"type": "HEADER", "format": "IMAGE"}
    live = dispatched(store, approving, template(components=(picture, TIMED, BODY, BUTTONS)), offer=offer)
    (sent,) = approving.messages
    assert isinstance(sent.content, Template)
    code = sent.content.body.replace("-", "")
    assert (len(code), sent.content.code, sent.content.url_suffix) == (15, code, code)
    assert (sent.content.header_image, sent.content.ends_at) == ("https://cafe.example/cup.png", sent.not_after)
    assert sent.content.button_indexes == (3, 2, 0)
    (payload,) = sent.content.payloads
    for_whom = names(1)[0]
    assert TAPS.read(live.tenant_id, "stop", payload, for_whom=for_whom) == sent.id
    assert why(live) == ("accepted", None)


@pytest.mark.parametrize(
    ("address", "suffix"), [("https://cafe.example/v/{{1}}", ""), ("https://cafe.example/{{1}}", "v/")]
)
def test_an_address_that_no_campaign_ends_leads_to_the_voucher(store: SqlStore, address: str, suffix: str) -> None:
    approving = Approving()
    buttons = {"type": "BUTTONS", "buttons": [{"type": "URL", "text": "Look", "url": address}]}
    offer = {**OFFER, "voucher": {"title": "One espresso"}, "text": "{voucher.code}"}
    dispatched(store, approving, template(components=(BODY, buttons)), offer=offer)
    (sent,) = approving.messages
    assert isinstance(sent.content, Template)
    assert (sent.content.url_suffix, sent.content.code) == (suffix + sent.content.body.replace("-", ""), None)


def test_a_template_that_asks_for_more_by_now_is_not_sent(store: SqlStore) -> None:
    approving = Approving()
    live = dispatched(store, approving, template(components=(BODY, BUTTONS)))
    assert (approving.messages, why(live)) == ([], ("cancelled", "template_misfit"))


def test_a_channel_without_templates_sends_the_text(store: SqlStore) -> None:
    plain = Plain()
    dispatched(store, plain, template())
    assert [sent.content for sent in plain.messages] == [Text(body="Coffee")]


@pytest.mark.parametrize("known", [[], [template(status="PAUSED")], [template(quality="RED")]])
def test_a_template_that_may_not_be_used_is_not(store: SqlStore, known: list[MessageTemplate]) -> None:
    approving = Approving()
    live = dispatched(store, approving, *known)
    assert (approving.messages, why(live)[1]) == ([], "template_not_approved")


def test_what_fills_a_template_is_sealed_with_the_text(store: SqlStore) -> None:
    dispatched(store, Approving(), template())
    with store.engine.connect() as connection:
        kept = str(connection.exec_driver_sql("SELECT text, content FROM message").all())
    assert "Coffee" not in kept
    assert "Anna" not in kept


def test_a_template_that_may_be_used_again_lets_what_waited_leave(store: SqlStore) -> None:
    approving = Approving()
    live = dispatched(store, approving, template(status="PAUSED"))
    with store.writing(live.tenant_id) as uow:
        uow.templates.put([template()])
        uow.senders.release("sms", [Reason.TEMPLATE_NOT_APPROVED], later(1))
        uow.commit()
    live.dispatch_due(later(2))
    assert (len(approving.messages), why(live)) == (1, ("accepted", None))
