"""A campaign names templates that there are, with what they ask for, and says when one of them stops it."""

from datetime import datetime
from typing import Any

import pytest

from nearcast.domain.ids import TenantId
from nearcast.domain.template import MessageTemplate
from nearcast.services.access import Role
from tests.api.service import Service
from tests.api.town import open_shop

pytestmark = pytest.mark.enable_socket
NAMED = {"name": "coffee", "language": "en", "variables": ["{customer.first_name}"]}


def known(service: Service, at: datetime, **changes: Any) -> None:
    body = {"type": "BODY", "text": "Hello {{1}}, coffee is ready for you"}
    said: dict[str, Any] = {
        "components": (body,),
        "status": "APPROVED",
        "category": "MARKETING",
        "status_at": at,
        "category_at": at,
    }
    template = MessageTemplate(name="coffee", language="en", **said | changes)
    with service.store.writing(TenantId("t1")) as uow:
        uow.templates.put([template])
        uow.commit()


def campaign(**template: Any) -> dict[str, Any]:
    return {
        "id": "hello",
        "shop_id": "cafe",
        "trigger": {"on": "enter"},
        "channel": "whatsapp",
        "offer": {"text": "Coffee", "template": {**NAMED, **template}},
    }


def test_a_template_that_the_provider_has_is_named_with_what_it_asks_for(sqlite_service: Service):
    operator = sqlite_service.client()
    open_shop(sqlite_service)
    known(sqlite_service, sqlite_service.clock.at)
    for wrong, place in (
        ({"name": "tea"}, "offer.template.name"),
        ({"language": "de"}, "offer.template.name"),
        ({"variables": []}, "offer.template.variables"),
        ({"variables": ["a", "b"]}, "offer.template.variables"),
    ):
        refused = operator.post("/v1/campaigns", json=campaign(**wrong))
        assert (refused.status_code, refused.json()["path"]) == (422, place)
    assert operator.post("/v1/campaigns", json=campaign()).status_code == 201
    in_a_variant = {**campaign(), "id": "split", "variants": [{"name": "a", "offer": campaign(name="tea")["offer"]}]}
    refused = operator.post("/v1/campaigns", json=in_a_variant)
    assert (refused.status_code, refused.json()["path"]) == (422, "variants[0].offer.template.name")


WHOLE: tuple[dict[str, Any], ...] = (
    {"type": "HEADER", "format": "IMAGE"},
    {"type": "BODY", "text": "Hello {{1}}, coffee is ready for you"},
    {
        "type": "BUTTONS",
        "buttons": [
            {"type": "QUICK_REPLY", "text": "Stop offers"},
            {"type": "COPY_CODE", "example": "COFFEE20"},
            {"type": "URL", "text": "Look", "url": "https://cafe.example/v/{{1}}"},
        ],
    },
)
PICTURE, VOUCHER = {"header_image": "https://cafe.example/cup.png"}, {"title": "One espresso"}


@pytest.mark.parametrize(
    ("template", "voucher", "place", "names"),
    [
        ({}, VOUCHER, "offer.template.header_image", "IMAGE"),
        (PICTURE, None, "offer.voucher", "COPY_CODE"),
        ({**PICTURE, "header": "Hello"}, VOUCHER, "offer.template.header", "HEADER"),
        ({**PICTURE, "taps": ["reserve", "stop"]}, VOUCHER, "offer.template.taps", "QUICK_REPLY"),
        (PICTURE, VOUCHER, None, ""),
    ],
)
def test_a_campaign_brings_all_that_its_template_asks_for_and_nothing_else(
    sqlite_service: Service, template: dict[str, Any], voucher: dict[str, Any] | None, place: str | None, names: str
):
    operator = sqlite_service.client()
    open_shop(sqlite_service)
    known(sqlite_service, sqlite_service.clock.at, components=WHOLE)
    said = campaign(**template)
    if voucher is not None:
        said["offer"]["voucher"] = voucher
    answer = operator.post("/v1/campaigns", json=said)
    if place is None:
        assert (answer.status_code, operator.post("/v1/campaigns/hello/activate").status_code) == (201, 200)
    else:
        assert (answer.status_code, answer.json()["path"]) == (422, place)
        assert names in answer.json()["detail"]


def test_a_campaign_whose_template_asks_for_more_by_now_is_not_activated(sqlite_service: Service):
    operator = sqlite_service.client()
    open_shop(sqlite_service)
    known(sqlite_service, sqlite_service.clock.at)
    assert operator.post("/v1/campaigns", json=campaign()).status_code == 201
    known(sqlite_service, sqlite_service.clock.at, components=WHOLE)
    refused = operator.post("/v1/campaigns/hello/activate")
    assert (refused.status_code, refused.json()["path"]) == (422, "offer.template.header_image")


def test_before_any_template_was_read_back_none_can_be_wrong(sqlite_service: Service):
    open_shop(sqlite_service)
    assert sqlite_service.client().post("/v1/campaigns", json=campaign(name="tea")).status_code == 201


@pytest.mark.parametrize(
    ("changes", "is_usable", "waits"),
    [({}, True, False), ({"status": "PAUSED"}, False, True), ({"status": "DISABLED"}, False, False)],
)
def test_a_campaign_says_when_its_template_stops_it(
    sqlite_service: Service, changes: dict[str, Any], is_usable: bool, waits: bool
):
    open_shop(sqlite_service)
    assert sqlite_service.client().post("/v1/campaigns", json=campaign()).status_code == 201
    owner = sqlite_service.client(Role.OWNER, shops=["cafe"])
    (unknown,) = owner.get("/v1/campaigns/hello/templates").json()["items"]
    assert (unknown["status"], unknown["is_usable"]) == (None, False)
    known(sqlite_service, sqlite_service.clock.at, **changes)
    (found,) = owner.get("/v1/campaigns/hello/templates").json()["items"]
    assert (found["is_usable"], found["waits"]) == (is_usable, waits)
    assert owner.get("/v1/campaigns/cafe-offer/templates").json()["items"] == []
