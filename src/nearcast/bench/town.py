"""A tenant on a PostGIS of its own, to be worked on: customers who agreed to everything and a long match log."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import numpy as np
import psycopg
from psycopg import sql

from nearcast.bench.installation import campaign_of, consents_of, customer_of, shop_of
from nearcast.domain.campaign import CampaignState
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.domain.position import Position
from nearcast.geo.batch import PingBatch
from nearcast.geo.validate import geofence_from_feature
from nearcast.services.contact_ports import SealedContact
from nearcast.services.instants import as_us
from nearcast.services.ledger_ports import LedgerLine
from nearcast.services.tenants import SAFE_DEFAULTS
from nearcast.sim.calendar import TIMEZONE
from nearcast.store.migrate import upgrade
from nearcast.store.sql_store import SqlStore

TENANT = TenantId("bench")
NOON = datetime(2026, 6, 2, 10, tzinfo=UTC)  # a Tuesday, 12:00 in Berlin
ROUND = timedelta(minutes=5)  # of five rounds no visit falls silent before it is worked on

_FENCES, _A_ROW = 200, 14
_SOUTH_DEG, _WEST_DEG = 52.45, 13.30
_APART_LAT_DEG, _APART_LON_DEG = 0.009, 0.0147  # about a kilometre
_RADIUS_M, _ACCURACY_M = 60.0, 10.0
_LONG_AGO = NOON - timedelta(days=400)
_AT_ONCE = 1_000

# decisions of everybody, and of a hundred thousand others, in the year before: for each campaign and customer a few of
# every outcome, and one reason that hardly ever was decisive
_FILL_LOG: LiteralString = """
INSERT INTO match_log (tenant_id, decision_id, customer_id, campaign_id, geofence_id, shop_id, trigger, at, decided_at,
    outcome, reason, reasons, detail, expires_at, tz_used, tz_source, would_have_sent, message_id)
SELECT %(tenant)s, gen_random_uuid()::text, 'c' || n %% 100000, 'campaign-' || place, 'fence-' || place,
    'shop-' || place, 'enter', at, at, outcome, why, CASE WHEN why IS NULL THEN '[]' ELSE '["' || why || '"]' END,
    %(detail)s, at + interval '20 minutes', 'Europe/Berlin', 'ping_location', outcome = 'holdout',
    CASE WHEN outcome = 'send' THEN gen_random_uuid()::text END
FROM generate_series(1, %(rows)s) AS n,
    LATERAL (SELECT %(since)s + n * (interval '365 days' / %(rows)s) AS at, (n + n / 100000) %% %(fences)s AS place,
        (hashint8(n) & 1048575) %% 1000 AS lot) AS drawn,
    LATERAL (SELECT CASE WHEN lot < 30 THEN 'send' WHEN lot < 35 THEN 'holdout' WHEN lot < 85 THEN 'defer'
        ELSE 'suppress' END AS outcome) AS decided,
    LATERAL (SELECT CASE outcome WHEN 'send' THEN NULL WHEN 'holdout' THEN 'holdout_global' WHEN 'defer' THEN
        'quiet_hours' ELSE CASE WHEN n %% 50000 = 7 THEN 'sensitive_location' ELSE (ARRAY['cap_min_gap', 'quiet_hours',
        'fence_cooldown', 'shop_closed', 'cap_calendar'])[1 + lot %% 5] END END AS why) AS made
"""
_FILL_SENT: LiteralString = """
INSERT INTO message (tenant_id, id, decision_id, customer_id, campaign_id, shop_id, geofence_id, channel, text, status,
    queued_at, not_before, expires_at, is_deferred, sent_at, attempt)
SELECT tenant_id, message_id, decision_id, customer_id, campaign_id, shop_id, geofence_id, 'sms', '',
    CASE WHEN seq %% 10 = 0 THEN 'failed' ELSE 'delivered' END, at, at, expires_at, false, at + interval '1 second', 1
FROM match_log WHERE tenant_id = %(tenant)s AND outcome = 'send' ORDER BY seq
"""
_DETAIL = (
    '{"location_consent":{"status":"live","event_ids":["e-1"]},"ping_age":{"age_s":1.0,"max_age_s":300},'
    '"ping_accuracy":{"accuracy_m":10.0,"max_accuracy_m":75},"spatial":{"trigger":"enter","geofence_id":"fence-1",'
    '"timezone":"Europe/Berlin"},"campaign_state":{"state":"active"},"campaign_window":{"from":null,"until":null},'
    '"suppression":{"listed":false},"marketing_consent":{"status":"live","channel":"sms","sender":"bench",'
    '"event_ids":["e-2","e-3"],"valid_until":null},"cap apart":{"scope":"customer","kind":"min_gap","limit":1,'
    '"count":1,"free_at":"2026-06-02T14:00:00Z","reason":"cap_min_gap"}}'
)
_FILL_MESSAGES: LiteralString = """
INSERT INTO message (tenant_id, id, decision_id, customer_id, campaign_id, shop_id, geofence_id, channel, text, status,
    queued_at, not_before, expires_at, is_deferred, attempt)
SELECT %(tenant)s, 'message-' || n, 'decision-' || n, 'c' || n, 'campaign-' || n %% %(fences)s,
    'shop-' || n %% %(fences)s, 'fence-' || n %% %(fences)s, 'sms', 'Shop: 20 %% off', 'queued',
    %(at)s, %(at)s, %(until)s, false, 0
FROM generate_series(0, %(rows)s - 1) AS n
"""


def build(url: str, *, customers: int, log_rows: int, rivals: int = 1) -> None:
    """Make the tenant in an empty database with PostGIS; `rivals` campaigns want whoever enters a geofence."""
    upgrade(url)
    store = SqlStore(url)
    try:
        store.add_tenant(TENANT, _LONG_AGO)
        _put_catalogue(store, rivals)
        _put_customers(store, customers)
    finally:
        store.close()
    with psycopg.connect(url.replace("+psycopg", "", 1), autocommit=True) as connection:
        _copy_ledger(connection)
        _fill_log(connection, log_rows)
        connection.execute("VACUUM ANALYZE")


def _fill_log(connection: "psycopg.Connection[Any]", rows: int) -> None:
    """Indexes are made afterwards: together that takes a fraction of the time."""
    indexes = connection.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = 'match_log'"
        " AND starts_with(indexname, 'ix_')"
    ).fetchall()
    for name, _ in indexes:
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
    said = {"tenant": TENANT, "rows": rows, "fences": _FENCES, "detail": _DETAIL}
    if rows:
        connection.execute(_FILL_LOG, {**said, "since": NOON - timedelta(days=366)})
    for _, definition in indexes:
        connection.execute(definition)


def remember_sent(url: str) -> None:
    """A message each for the decisions in the log that sent one."""
    with psycopg.connect(url.replace("+psycopg", "", 1), autocommit=True) as connection:
        connection.execute(_FILL_SENT, {"tenant": TENANT})
        connection.execute("VACUUM ANALYZE message")


def queue_messages(url: str, count: int) -> None:
    """A message each for the first customers, that may leave at noon."""
    with psycopg.connect(url.replace("+psycopg", "", 1), autocommit=True) as connection:
        until = NOON + timedelta(hours=6)
        connection.execute(
            _FILL_MESSAGES, {"tenant": TENANT, "rows": count, "fences": _FENCES, "at": NOON, "until": until}
        )
        connection.execute("VACUUM ANALYZE message")


def send_pings(url: str, *, customers: int, rounds: int) -> None:
    """Put pings into the log: in each round everybody is seen in a geofence other than the one before."""
    store = SqlStore(url)
    try:
        for number in range(rounds):
            for first in range(0, customers, _AT_ONCE):
                with store.writing(TENANT) as uow:
                    uow.pings.append(_pings(range(first, min(first + _AT_ONCE, customers)), number))
                    uow.commit()
    finally:
        store.close()


def _pings(customers: range, number: int) -> PingBatch:
    count = len(customers)
    centers = [_center((n * 7 + number * 13) % _FENCES) for n in customers]
    at_us = np.array([as_us(NOON + number * ROUND) + n for n in customers], dtype=np.int64)
    nothing = np.full(count, None, dtype=object)
    return PingBatch(
        customer_id=np.array([f"c{n}" for n in customers], dtype=object),
        recorded_at_us=at_us,
        received_at_us=at_us,
        lat_deg=np.array([center.lat_deg for center in centers]),
        lon_deg=np.array([center.lon_deg for center in centers]),
        accuracy_m=np.full(count, _ACCURACY_M),
        speed_mps=np.full(count, np.nan),
        ping_id=nothing,
        device_id=nothing,
    )


def _center(fence: int) -> Position:
    row, column = divmod(fence, _A_ROW)
    return Position(_SOUTH_DEG + row * _APART_LAT_DEG, _WEST_DEG + column * _APART_LON_DEG)


def _put_catalogue(store: SqlStore, rivals: int) -> None:
    policy = {**SAFE_DEFAULTS["policy"], "holdout": {"percent": 5, "salt": "holdout:bench"}}
    # a ping waits for as long as those before it take
    rules = {"max_age_s": 86_400, "max_accuracy_m": 75, "max_future_s": 60}
    settings = {**SAFE_DEFAULTS, "tenant": {"timezone": TIMEZONE}, "policy": policy, "ping_rules": rules}
    with store.writing(TENANT) as uow:
        uow.catalogue.put_settings(settings, _LONG_AGO)
        for n in range(_FENCES):
            feature = _feature(n)
            geofence = geofence_from_feature(feature, place=f"fence-{n}")
            shop = shop_of(n, geofence)
            uow.catalogue.shops.put(shop["id"], shop, _LONG_AGO)
            uow.catalogue.geofences.put_geofence(geofence, feature, _LONG_AGO)
            campaign: dict[str, Any] = {**campaign_of(n, geofence), "trigger": {"on": "enter"}}
            campaign["budget"] = {"messages": 1_000_000}
            for rival in range(rivals):
                key = f"{campaign['id']}-{rival}" if rival else campaign["id"]
                kept = {**campaign, "id": key}
                uow.catalogue.campaigns.put_campaign(key, kept, _LONG_AGO, state=CampaignState.ACTIVE)
        uow.commit()


def _feature(fence: int) -> dict[str, Any]:
    center = _center(fence)
    return {
        "type": "Feature",
        "properties": {"id": f"fence-{fence}", "radius_m": _RADIUS_M},
        "geometry": {"type": "Point", "coordinates": [center.lon_deg, center.lat_deg]},
    }


def _put_customers(store: SqlStore, count: int) -> None:
    for first in range(0, count, _AT_ONCE):
        some = range(first, min(first + _AT_ONCE, count))
        with store.writing(TENANT) as uow:
            ids = {n: CustomerId(f"c{n}") for n in some}
            uow.customers.upsert({key: customer_of(n, key) for n, key in ids.items()}, _LONG_AGO)
            uow.contacts.replace({key: [_contact(n, key)] for n, key in ids.items()})
            if first == 0:
                for line in _ledger("c0"):
                    uow.consents.append(line)
            uow.commit()


def _copy_ledger(connection: "psycopg.Connection[Any]") -> None:
    """Everybody agrees to what the first customer did. Nobody verifies this: line by line it would take hours."""
    columns = connection.execute(
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name = 'consent_event' AND column_name <> 'seq'"
    ).fetchall()
    names = sorted(name for (name,) in columns)
    own = {"subject": sql.SQL("c.subject"), "event_id": sql.SQL("line.event_id || c.id")}
    values = sql.SQL(", ").join(own.get(name, sql.Identifier("line", name)) for name in names)
    connection.execute(
        sql.SQL(
            "INSERT INTO consent_event ({names}) SELECT {values} FROM consent_event AS line, customer AS c"
            " WHERE c.id <> 'c0' ORDER BY c.id, line.seq"
        ).format(names=sql.SQL(", ").join(map(sql.Identifier, names)), values=values)
    )


def _contact(n: int, customer_id: CustomerId) -> SealedContact:
    """An address that nobody opens: what is measured only asks whether there is one."""
    return SealedContact(customer_id=customer_id, channel="sms", sealed="", address_index=f"{n:064x}")


def _ledger(customer_id: str) -> Iterator[LedgerLine]:
    for event in consents_of(CustomerId(customer_id), _LONG_AGO):
        yield LedgerLine(event=event, recorded_at=event.at)
