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
    said: dict[str, Any] = {"status": "APPROVED", "category": "MARKETING", "status_at": at, "category_at": at}
    template = MessageTemplate(name="coffee", language="en", components=(body,), **said | changes)
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
