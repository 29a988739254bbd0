"""The way out of an offer: one press by a person or by their mail program, and none by what only looks."""

from typing import Any

import httpx
import pytest

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.opt_out_links import OptOut, OptOutLinks
from tests.api.people import awaited, known, messages
from tests.api.service import Service
from tests.loopback import LOOPBACK

pytestmark = pytest.mark.enable_socket


def way_out(service: Service, channel: str = "console", sender: str = "t1", customer: str = "anna") -> str:
    ends = OptOut(tenant_id=TenantId("t1"), customer_id=CustomerId(customer), channel=channel, sender=sender)
    return OptOutLinks(service.app.opt_outs._seals, service.url).url(ends)


def said(operator: httpx.Client) -> list[dict[str, Any]]:
    return [row for row in operator.get("/v1/customers/anna/consents").json()["items"] if row["action"] == "withdrawn"]


def test_a_mail_program_that_presses_ends_it_at_once_and_cancels_what_waits(service: Service):
    operator = awaited(service)
    pressed = httpx.post(way_out(service), data={"List-Unsubscribe": "One-Click"}, **LOOPBACK)
    assert pressed.status_code == 200
    (line,) = said(operator)
    assert (line["purpose"], line["channel"], line["sender"]) == ("marketing.nearby", "console", "t1")
    assert (line["source"], line["actor"]) == ("opt-out link", "self")
    assert [message.status for message in messages(service)] == ["cancelled"]
    assert httpx.post(way_out(service), **LOOPBACK).status_code == 200
    assert said(operator) == [line]


def test_looking_at_the_page_ends_nothing_and_it_speaks_their_language(service: Service):
    operator = awaited(service)
    for _ in range(2):
        shown = httpx.get(way_out(service), **LOOPBACK)
        assert (shown.status_code, "Angebote beenden" in shown.text) == (200, True)
    assert httpx.head(way_out(service), **LOOPBACK).status_code in (200, 405)
    assert said(operator) == []
    assert [message.status for message in messages(service)] == ["queued"]


def test_a_way_out_ends_the_offers_of_its_channel_and_sender_alone(service: Service):
    operator = awaited(service)
    for other in (way_out(service, channel="sms"), way_out(service, sender="shop-2")):
        assert httpx.post(other, **LOOPBACK).status_code == 200
    assert [message.status for message in messages(service)] == ["queued"]
    assert len(said(operator)) == 2


def test_a_changed_link_leads_nowhere_and_one_of_somebody_gone_changes_nothing(service: Service):
    operator = known(service)
    whole = way_out(service)
    for token in (whole[:-6] + "AAAAAA", f"{service.url}/unsubscribe/1.2.3", f"{service.url}/unsubscribe/%00"):
        assert httpx.post(token, **LOOPBACK).status_code == 404
        assert httpx.get(token, **LOOPBACK).status_code == 404
    link = service.app.onboarding._seals.seal_text('["t1", "anna", "sms", "t1"]', of="onboarding link")
    assert httpx.post(f"{service.url}/unsubscribe/{link}", **LOOPBACK).status_code == 404
    assert httpx.post(way_out(service, customer="nobody"), **LOOPBACK).status_code == 200
    assert said(operator) == []
