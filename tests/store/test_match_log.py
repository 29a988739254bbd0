"""The match log: written once, found by what analysts ask for."""

from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import CampaignId, DecisionId, GeofenceId, ShopId, TenantId
from nearcast.services.ports import MatchLogFilter
from nearcast.store.sql_store import SqlStore
from tests.store.values import ANNA, BOB, later, row


def numbers(rows: list[dict[str, Any]]) -> list[int]:
    return [int(one["decision_id"].removeprefix("decision-")) for one in rows]


def write(store: SqlStore, tenant: TenantId, *rows: dict[str, Any]) -> None:
    with store.writing(tenant) as uow:
        uow.match_log.append(rows)
        uow.commit()


def test_a_row_is_read_as_it_was_written(store: SqlStore, tenant: TenantId) -> None:
    written = row(1)
    write(store, tenant, written)
    with store.reading(tenant) as uow:
        read = uow.match_log.get(DecisionId("decision-1"))
        assert uow.match_log.get(DecisionId("decision-2")) is None
    assert read == written
    assert list(read) == list(written)


def test_instants_among_the_details_become_text(store: SqlStore, tenant: TenantId) -> None:
    write(store, tenant, row(1, detail={"quiet_hours": {"until": later(0.5)}}))
    with store.reading(tenant) as uow:
        read = uow.match_log.get(DecisionId("decision-1"))
    assert read is not None
    assert read["detail"] == {"quiet_hours": {"until": "2026-06-02T10:00:00.500000Z"}}


def test_an_opportunity_is_decided_once(store: SqlStore, tenant: TenantId) -> None:
    write(store, tenant, row(1), row(2))
    with pytest.raises(IntegrityError):
        write(store, tenant, row(3), row(2))
    with store.reading(tenant) as uow:
        asked = [DecisionId(f"decision-{n}") for n in (1, 2, 3)]
        assert uow.match_log.known(asked) == {"decision-1", "decision-2"}


CASES = [
    (MatchLogFilter(campaign_id=CampaignId("camp-8")), [2]),
    (MatchLogFilter(shop_ids=[ShopId("s2"), ShopId("s3")]), [3, 4]),
    (MatchLogFilter(shop_ids=[]), []),
    (MatchLogFilter(geofence_ids=[GeofenceId("f2")]), [4]),
    (MatchLogFilter(customer_id=BOB), [4]),
    (MatchLogFilter(outcome="send"), [1]),
    (MatchLogFilter(reason="cap_rolling"), [2, 3]),
    (MatchLogFilter(reason="cap_rolling", shop_ids=[ShopId("s1")]), [2]),
    (MatchLogFilter(since=later(3), until=later(5)), [2, 3]),
    (MatchLogFilter(), [1, 2, 3, 4]),
]


@pytest.mark.parametrize(("wanted", "found"), CASES)
def test_filters(store: SqlStore, tenant: TenantId, wanted: MatchLogFilter, found: list[int]) -> None:
    write(
        store,
        tenant,
        row(1, outcome="send", reason=None),
        row(2, campaign_id="camp-8", reason="cap_rolling"),
        row(3, shop_id="s2", reason="cap_rolling"),
        row(4, shop_id="s3", customer_id=BOB, geofence_id="f2"),
    )
    with store.reading(tenant) as uow:
        assert numbers(uow.match_log.page(wanted, newest_first=False).items) == found
        assert numbers(uow.match_log.page(wanted).items) == found[::-1]


def test_pages_neither_repeat_nor_hide_while_rows_are_written(store: SqlStore, tenant: TenantId) -> None:
    write(store, tenant, *(row(n) for n in range(1, 8)))
    found: list[int] = []
    cursor = None
    for written in range(8, 12):
        with store.reading(tenant) as uow:
            page = uow.match_log.page(MatchLogFilter(customer_id=ANNA), cursor=cursor, limit=3)
        found += numbers(page.items)
        if (cursor := page.next_cursor) is None:
            break
        write(store, tenant, row(written))
    assert found == [7, 6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1.5", "²", "9" * 30])
def test_a_cursor_from_elsewhere_is_refused(store: SqlStore, tenant: TenantId, cursor: str) -> None:
    with store.reading(tenant) as uow, pytest.raises(InvalidInput, match="cursor"):
        uow.match_log.page(cursor=cursor)
