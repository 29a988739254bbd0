"""What is only passing through goes when it has been kept for long enough."""

from datetime import datetime, timedelta
from typing import Any

from nearcast.domain.case import Send
from nearcast.domain.ids import CampaignId, TenantId
from nearcast.services.inbound_ports import EventStatus, NewEvent
from nearcast.services.intake import Intake
from nearcast.services.ledger_ports import Confirmation
from nearcast.services.live import Live
from nearcast.services.retention import Keep, Retention
from nearcast.store.sql_store import SqlStore
from tests.live.corner import ENTER, INSIDE_DEG, NOON, Heard, arrive, names, open_corner, seen, verdicts

A_BIT = timedelta(microseconds=1)
HOUR = timedelta(hours=1)


def passed_through(store: SqlStore, tenant: str = "t1", settings: dict[str, Any] | None = None) -> TenantId:
    """Two pings of noon, the second not consumed, and a request."""
    tenant_id = open_corner(store, customers=names(1), tenant=tenant, settings=settings)
    intake = Intake(store, lambda: None)
    intake.accept(tenant_id, seen(names(1), NOON, ping_id=["a"]), NOON)
    Live(store, tenant_id, Heard()).work_pings(NOON)
    intake.accept(tenant_id, seen(names(1), NOON, ping_id=["b"]), NOON)
    with store.writing(tenant_id) as uow:
        uow.idempotency.begin("key", route="POST /v1/pings", body_sha256="0", now=NOON)
        uow.commit()
    return tenant_id


def pruned(retention: Retention, tenant: TenantId, now: datetime) -> dict[str, int]:
    """What went of that which is only passing through."""
    gone = retention.prune(tenant, now)
    return {kind: gone[kind] for kind in ("pings", "ping_ids", "idempotency_keys")}


def test_each_kind_is_kept_for_its_time_and_no_longer(store: SqlStore) -> None:
    tenant, retention = passed_through(store), Retention(store)
    nothing = {"pings": 0, "ping_ids": 0, "idempotency_keys": 0}
    assert pruned(retention, tenant, NOON + 24 * HOUR) == nothing
    assert pruned(retention, tenant, NOON + 24 * HOUR + A_BIT) == {"pings": 1, "ping_ids": 0, "idempotency_keys": 1}
    assert pruned(retention, tenant, NOON + 48 * HOUR) == nothing
    assert pruned(retention, tenant, NOON + 48 * HOUR + A_BIT) == {"pings": 0, "ping_ids": 1, "idempotency_keys": 0}


def test_a_ping_that_nobody_has_consumed_stays(store: SqlStore) -> None:
    tenant = passed_through(store)
    Retention(store).prune(tenant, NOON + 1000 * HOUR)
    assert Live(store, tenant, Heard()).work_pings(NOON + 1000 * HOUR) == 1


def test_ids_are_kept_for_as_long_as_a_late_ping_may_come(store: SqlStore) -> None:
    settings = {"presence": {"profile": "raw", "lateness_s": 100 * 3600}}
    tenant = passed_through(store, settings=settings)
    assert Retention(store).prune(tenant, NOON + 100 * HOUR)["ping_ids"] == 0
    assert Retention(store).prune(tenant, NOON + 100 * HOUR + A_BIT)["ping_ids"] == 1


def test_much_goes_in_portions_and_all_of_it(store: SqlStore) -> None:
    tenant = open_corner(store, customers=names(1))
    pings = seen([names(1)[0]] * 12_000, NOON, ping_id=[str(n) for n in range(12_000)])
    Intake(store, lambda: None).accept(tenant, pings, NOON)
    Live(store, tenant, Heard()).work_pings(NOON)
    gone = pruned(Retention(store), tenant, NOON + 1000 * HOUR)
    assert gone == {"pings": 12_000, "ping_ids": 12_000, "idempotency_keys": 0}


def test_how_long_can_be_said_and_other_tenants_keep_theirs(store: SqlStore) -> None:
    ours, theirs = passed_through(store), passed_through(store, "t2")
    short = Retention(store, Keep(pings=HOUR, ping_ids=HOUR, idempotency_keys=HOUR))
    everything = {"pings": 1, "ping_ids": 1, "idempotency_keys": 1}
    assert pruned(short, ours, NOON + 2 * HOUR) == everything
    assert pruned(short, theirs, NOON + 2 * HOUR) == everything


DAY = timedelta(days=1)
LATER_KINDS = ("transitions", "message_texts", "messages", "other_sends", "decisions")


def told(store: SqlStore, tenant: TenantId) -> dict[str, int]:
    """How many rows of each kind that lasts there are; of texts those that are not empty."""
    with store.reading(tenant) as uow:
        messages = uow.outbox.page().items
        return {
            "transitions": len(list(uow.transitions.every())),
            "message_texts": len([message for message in messages if message.text]),
            "messages": len(messages),
            "other_sends": sum(map(len, uow.sends.of(names(2)).values())),
            "decisions": len(uow.match_log.page().items),
        }


def visited(store: SqlStore, campaign: dict[str, Any] = ENTER, **about: Any) -> TenantId:
    """A visit of noon with its decision and its message, and a send of somebody else's."""
    tenant = open_corner(store, campaign, customers=names(1), **about)
    arrive(store, tenant, names(1))
    live = Live(store, tenant, Heard())
    live.work_pings(NOON)
    live.dispatch_due(NOON)
    with store.writing(tenant) as uow:
        uow.sends.append([(names(1)[0], Send(campaign_id=CampaignId("elsewhere"), at=NOON))])
        uow.commit()
    assert set(told(store, tenant).values()) == {1}
    return tenant


def test_what_lasts_goes_kind_by_kind_and_texts_before_their_messages(store: SqlStore) -> None:
    tenant, retention = visited(store), Retention(store)
    left = {}
    for days in (30, 90, 400):
        retention.prune(tenant, NOON + days * DAY)
        before = told(store, tenant)
        retention.prune(tenant, NOON + days * DAY + A_BIT)
        after = told(store, tenant)
        left[days] = [kind for kind in LATER_KINDS if before[kind] and not after[kind]]
    assert left == {30: ["message_texts"], 90: ["transitions"], 400: ["messages", "other_sends", "decisions"]}


def test_a_tenant_says_how_long_and_what_went_is_written_down(store: SqlStore) -> None:
    tenant = visited(store, settings={"retention": {"decisions_days": 7, "pings_hours": 1}})
    retention = Retention(store)
    retention.prune(tenant, NOON + 7 * DAY + A_BIT)
    assert told(store, tenant)["decisions"] == 0
    table = {row["kind"]: row["kept_s"] for row in retention.table(tenant)}
    assert (table["decisions"], table["pings"], table["ping_ids"]) == (7 * 86_400, 3_600, 48 * 3_600)
    assert table["suppressed_addresses"] is None
    with store.reading(tenant) as uow:
        (entry,) = uow.audit.page().items
    assert (entry.action, entry.detail) == ("purged", {"pings": 1, "decisions": 1})


def test_messages_stay_for_as_long_as_a_rule_counts_them_by_the_day(store: SqlStore) -> None:
    tenant, retention = visited(store, {**ENTER, "re_eligibility_days": 500}), Retention(store)
    retention.prune(tenant, NOON + 500 * DAY)
    assert (told(store, tenant)["messages"], told(store, tenant)["other_sends"]) == (1, 1)
    retention.prune(tenant, NOON + 501 * DAY + A_BIT)
    assert (told(store, tenant)["messages"], told(store, tenant)["other_sends"]) == (0, 0)


def test_requests_to_confirm_go_when_they_ran_out_long_ago(store: SqlStore) -> None:
    tenant = open_corner(store, customers=names(1))
    asked = Confirmation(token_sha256="0" * 64, subject="s", event_id="e", sent_at=NOON, expires_at=NOON + 7 * DAY)
    with store.writing(tenant) as uow:
        uow.confirmations.insert(asked)
        uow.commit()
    retention = Retention(store)
    assert retention.prune(tenant, NOON + 37 * DAY)["confirmations"] == 0
    assert retention.prune(tenant, NOON + 37 * DAY + A_BIT)["confirmations"] == 1
    with store.reading(tenant) as uow:
        assert uow.confirmations.get(asked.token_sha256) is None


def test_what_a_rule_still_counts_stays(store: SqlStore) -> None:
    tenant = visited(store, {**ENTER, "re_eligibility_s": 500 * 86_400})
    Retention(store).prune(tenant, NOON + 500 * DAY)
    assert told(store, tenant)["messages"] == 1
    Retention(store).prune(tenant, NOON + 500 * DAY + A_BIT)
    assert told(store, tenant)["messages"] == 0


def test_a_budget_is_spent_though_its_messages_are_gone(store: SqlStore) -> None:
    tenant = visited(store, {**ENTER, "budget": {"messages": 1}})
    Retention(store).prune(tenant, NOON + 450 * DAY)
    assert told(store, tenant)["messages"] == 0
    for day, lat_deg in ((450, 53.0), (451, INSIDE_DEG)):
        at = NOON + day * DAY
        arrive(store, tenant, names(1), at, lat_deg)
        Live(store, tenant, Heard()).work_pings(at)
    assert verdicts(store, tenant) == [("cust-0000", "budget_exhausted")]


def test_what_is_said_of_a_message_that_nobody_knows_goes_after_a_week(store: SqlStore) -> None:
    tenant, retention = open_corner(store, customers=names(1)), Retention(store)
    said = [
        NewEvent(event_index=index, channel="sms", kind="receipt", what="sent", at=NOON, status=status, sealed="{}")
        for index, status in (("known", EventStatus.APPLIED), ("orphan", EventStatus.ORPHAN))
    ]
    with store.writing(tenant) as uow:
        uow.heard.insert(said, NOON)
        uow.commit()
    gone = [retention.prune(tenant, NOON + late) for late in (7 * DAY, 7 * DAY + A_BIT, 30 * DAY + A_BIT)]
    assert [(each["orphans"], each["provider_events"]) for each in gone] == [(0, 0), (1, 0), (0, 1)]
