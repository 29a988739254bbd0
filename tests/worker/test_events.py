"""A worker brings events to webhooks by itself, and leads nowhere that it may not."""

import pytest

from nearcast.domain.webhook import DeliveryStatus
from tests.live.corner import ENTER, NOON, names, open_corner
from tests.worker.office import Office, eventually


@pytest.mark.enable_socket
def test_a_visit_is_tried_at_its_webhook_and_never_within_a_network_of_ones_own(office: Office) -> None:
    tenant = open_corner(office.store, ENTER, customers=names(1))
    inwards = {"url": "https://127.0.0.1/", "events": ["enter"], "shop_ids": None, "with_position": False}
    with office.store.writing(tenant) as uow:
        uow.catalogue.webhooks.put("wh_1", {**inwards, "generation": 1, "previous_until": None}, NOON)
        uow.commit()
    office.worker("worker")
    office.walk_in(tenant, *names(1))

    def answers() -> list[tuple[DeliveryStatus, str | None]]:
        with office.store.reading(tenant) as uow:
            found, _ = uow.events.page("wh_1", None, cursor=None, limit=9)
        return [(each.status, each.answer) for each in found]

    eventually(lambda: answers() == [(DeliveryStatus.QUEUED, "private_network")])
