"""A catalogue that is brought up to date is as one that is read for the first time, whatever was edited."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nearcast.domain.campaign import CampaignState
from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import CampaignId, TenantId
from nearcast.services.catalogue import CatalogueCache
from nearcast.services.ports import Catalogue
from nearcast.services.world import World
from nearcast.store.sql_store import SqlStore
from tests.live.corner import NOON
from tests.store.values import new_tenant

Edit: TypeAlias = Callable[[Catalogue], object]
SHOPS, CAMPAIGNS = ("s1", "s2"), ("c1", "c2", "c3")


def campaign(shop: str, priority: int) -> dict[str, Any]:
    return {
        "shop_id": shop,
        "trigger": {"on": "enter"},
        "channel": "sms",
        "offer": {"text": "Cake"},
        "priority": priority,
        "caps": [{"id": "few", "kind": "rolling", "limit": priority + 1, "window_s": 60}],
        "budget": {"messages": 100 + priority},
    }


def put_campaign(key: str, shop: str, priority: int, state: CampaignState) -> Edit:
    doc = {"id": key, **campaign(shop, priority)}
    return lambda catalogue: catalogue.campaigns.put_campaign(key, doc, NOON, state=state)


def put_shop(key: str, zone: str) -> Edit:
    return lambda catalogue: catalogue.shops.put(key, {"id": key, "timezone": zone}, NOON)


def put_settings(min_accuracy_m: float) -> Edit:
    doc = {"ping_rules": {"max_accuracy_m": min_accuracy_m}}
    return lambda catalogue: catalogue.put_settings(doc, NOON)


EDITS: st.SearchStrategy[Edit] = st.one_of(
    st.builds(
        put_campaign,
        st.sampled_from(CAMPAIGNS),
        st.sampled_from(SHOPS),
        st.integers(0, 3),
        st.sampled_from(CampaignState),
    ),
    st.sampled_from(CAMPAIGNS).map(lambda key: lambda catalogue: catalogue.campaigns.delete(key, NOON)),
    st.builds(put_shop, st.sampled_from(SHOPS), st.sampled_from(["Europe/Berlin", "Asia/Tokyo"])),
    st.builds(put_settings, st.sampled_from([100.0, 200.0])),
)


def told(world: World) -> tuple[Any, ...]:
    book = world.campaigns
    return world.tenant, world.shops, list(book.by_id.items()), book.caps, book.limits, book.has_schedules


def edit(store: SqlStore, tenant: TenantId, edits: Sequence[Edit]) -> None:
    with store.writing(tenant) as uow:
        for each in edits:
            each(uow.catalogue)
        uow.commit()


def read(store: SqlStore, tenant: TenantId, cache: CatalogueCache) -> World:
    with store.reading(tenant) as uow:
        return cache.world(uow.catalogue)


@pytest.fixture
def tenant(store: SqlStore) -> TenantId:
    made = new_tenant(store)
    edit(store, made, [put_shop(key, "Europe/Berlin") for key in SHOPS])
    return made


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.lists(EDITS, min_size=1, max_size=3), max_size=4))
def test_whatever_is_edited(store: SqlStore, tenant: TenantId, batches: list[list[Edit]]) -> None:
    cache = CatalogueCache(tenant)
    read(store, tenant, cache)
    for edits in batches:
        edit(store, tenant, edits)
        assert told(read(store, tenant, cache)) == told(read(store, tenant, CatalogueCache(tenant)))


def test_a_world_that_is_in_use_stays_as_it_was_read(store: SqlStore, tenant: TenantId) -> None:
    cache = CatalogueCache(tenant)
    edit(store, tenant, [put_campaign("c1", "s1", 1, CampaignState.ACTIVE)])
    before = read(store, tenant, cache)
    edit(store, tenant, [put_campaign(key, "s1", 2, CampaignState.ACTIVE) for key in ("c1", "c0")])
    after = read(store, tenant, cache)
    assert (list(before.campaigns.by_id), list(after.campaigns.by_id)) == (["c1"], ["c0", "c1"])
    assert [world.campaigns.by_id[CampaignId("c1")].priority for world in (before, after)] == [1, 2]


def test_one_that_does_not_go_together_is_named_by_its_place(store: SqlStore, tenant: TenantId) -> None:
    cache = CatalogueCache(tenant)
    edit(store, tenant, [put_campaign("c1", "s1", 1, CampaignState.ACTIVE)])
    read(store, tenant, cache)
    edit(store, tenant, [put_campaign("c2", "nowhere", 1, CampaignState.ACTIVE)])
    with pytest.raises(InvalidInput) as caught:
        read(store, tenant, cache)
    assert caught.value.place == "catalogue: campaigns[1].shop_id"
