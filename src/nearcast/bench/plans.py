"""By which plans does PostgreSQL answer what is asked of it most, in a log of many rows, and how fast?"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import product
from statistics import median
from time import perf_counter
from typing import Any, TypeAlias

from nearcast.bench.databases import databases
from nearcast.bench.town import NOON, ROUND, TENANT, build, queue_messages, remember_sent, send_pings
from nearcast.channels.recorder import Recorder
from nearcast.domain.ids import CampaignId, CustomerId, DecisionId, GeofenceId, ShopId
from nearcast.domain.message import MessageStatus
from nearcast.services.explain_live import Explanations
from nearcast.services.live import Live
from nearcast.services.ports import MatchLogFilter, MessageFilter
from nearcast.store.plans import Plan, explained
from nearcast.store.sql_store import SqlStore

Question: TypeAlias = tuple[str, Callable[[], Any]]
"""What is asked, and how; it can be asked again and again."""

LARGE = frozenset(
    {
        *("assignment", "consent_event", "contact", "customer", "match_log", "message", "other_send", "ping_log"),
        *("ping_seen", "track", "transition", "visiting"),
    }
)
"""The tables that grow with customers and time: nobody may have to wait until one was read through."""

_CUSTOMER, _CAMPAIGN, _SHOP = CustomerId("c17"), CampaignId("campaign-7"), ShopId("shop-7")
_FENCES = [GeofenceId("fence-7"), GeofenceId("fence-8")]
_MONTH = {"since": NOON - timedelta(days=200), "until": NOON - timedelta(days=170)}
_TIMES, _PAGE, _ROUNDS = 3, 100, 8


def bench_plans(
    *, customers: int, queued: int, log_rows: int, url: str | None, say: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Each question is asked until it is warm, timed, and asked once more for its plans; as one JSON object."""
    with databases(url) as server:

        def made(database: str) -> None:
            say(f"{queued:,} queued messages and a match log of {log_rows:,} rows")
            build(database, customers=customers, log_rows=log_rows)
            remember_sent(database)
            queue_messages(database, queued)
            send_pings(database, customers=min(customers, 200), rounds=_ROUNDS)

        with server.made(made) as database, closing(SqlStore(database)) as store:
            say("plans")
            found = [answered(store, question) for question in questions(store)]
    return {"customers": customers, "queued": queued, "log_rows": log_rows, **summed_up(found), "questions": found}


def summed_up(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The slowest of all answers, and the large tables that any of them read through."""
    slowest = max(found, key=lambda each: float(each["ms"]))
    read = {name for each in found for said in each["statements"] for name in said["read_through"]}
    return {"slowest": slowest["question"], "slowest_ms": slowest["ms"], "read_through": sorted(read & LARGE)}


def answered(store: SqlStore, question: Question) -> dict[str, Any]:
    """How long an answer takes, the median of a few, and the plans behind it."""
    name, ask = question
    ask()
    taken_ms = []
    for _ in range(_TIMES):
        started = perf_counter()
        ask()
        taken_ms.append((perf_counter() - started) * 1_000)
    with explained(store) as plans:
        ask()
    return {"question": name, "ms": round(median(taken_ms), 2), "statements": [_shown(plan) for plan in plans]}


def _shown(plan: Plan) -> dict[str, Any]:
    return {
        "statement": " ".join(plan.text.split())[:100],
        "ms": plan.ms,
        "rows": plan.rows,
        "indexes": plan.indexes,
        "read_through": plan.read_through,
    }


def questions(store: SqlStore) -> Iterator[Question]:
    """What workers, dispatchers and people ask. A step takes 25 of the pings that wait, a dispatch some messages."""
    now = NOON + _ROUNDS * ROUND
    live = Live(store, TENANT, Recorder(), pings_at_once=25)
    yield "a step of 25 pings", lambda: live.work_some_pings(now)
    yield "a dispatch", lambda: live.dispatch_some(now)
    yield "what is due next", lambda: live.next_due(now)
    yield "what is over", lambda: live.end_due(now)
    yield "rescue", lambda: live.rescue(now)
    yield "expire", lambda: live.expire(now)
    yield from _explanations(store)
    for name, wanted in {**_combined(), **_alone()}.items():
        yield from _log_pages(store, name, wanted)
    yield from _message_pages(store)


def _explanations(store: SqlStore) -> Iterator[Question]:
    explain = Explanations(store.for_api())
    with store.reading(TENANT) as uow:
        rows = uow.match_log.page(MatchLogFilter(customer_id=_CUSTOMER), limit=1).items
    for row in rows:
        decision_id, about = DecisionId(row["decision_id"]), (CampaignId(row["campaign_id"]), row["at"])
        yield "explain a decision", partial(explain.by_decision, TENANT, decision_id)
        yield "explain an instant of a row", partial(explain.at, TENANT, _CUSTOMER, *about)
    yield "explain an instant without one", lambda: explain.at(TENANT, _CUSTOMER, _CAMPAIGN, NOON)


def _combined() -> dict[str, MatchLogFilter]:
    """All filters with and without each other; together some of them find little, or nothing."""
    subjects: tuple[dict[str, Any], ...] = (
        {},
        {"campaign_id": _CAMPAIGN},
        {"shop_ids": [_SHOP]},
        {"customer_id": _CUSTOMER},
    )
    others = ({"outcome": "holdout"}, {"reason": "sensitive_location"}, _MONTH, {"geofence_ids": _FENCES})
    found = {}
    for subject, *chosen in product(subjects, *(({}, other) for other in others)):
        said: dict[str, Any] = dict(subject)
        for each in chosen:
            said |= each
        found[" ".join(said) or "everything"] = MatchLogFilter(**said)
    return found


def _alone() -> dict[str, MatchLogFilter]:
    """Values that are common, that hardly ever come, or never."""
    outcomes = {f"outcome {each}": MatchLogFilter(outcome=each) for each in ("send", "suppress", "defer", "none")}
    reasons = ("cap_min_gap", "quiet_hours", "holdout_global", "none")
    shops = {
        f"{count} shops": MatchLogFilter(shop_ids=[ShopId(f"shop-{n}") for n in range(count)]) for count in (3, 30)
    }
    box = MatchLogFilter(geofence_ids=[GeofenceId(f"fence-{n}") for n in range(100)])
    nowhere = MatchLogFilter(geofence_ids=[GeofenceId("nowhere")])
    named = {f"reason {each}": MatchLogFilter(reason=each) for each in reasons}
    return {**outcomes, **named, **shops, "a wide box": box, "a box that nobody was in": nowhere}


def _log_pages(store: SqlStore, name: str, wanted: MatchLogFilter) -> Iterator[Question]:
    seen_by_all = store.for_api()

    def page(cursor: str | None = None, *, newest_first: bool = True) -> Any:
        with seen_by_all.reading(TENANT) as uow:
            return uow.match_log.page(wanted, cursor=cursor, limit=_PAGE, newest_first=newest_first)

    yield f"match log, {name}: first page", page
    yield f"match log, {name}: first page, oldest first", lambda: page(newest_first=False)
    deep = _deep(store, wanted, NOON - timedelta(days=185))
    if deep is not None:
        yield f"match log, {name}: from half a year ago", lambda: page(deep)


def _deep(store: SqlStore, wanted: MatchLogFilter, at: datetime) -> str | None:
    with store.reading(TENANT) as uow:
        return uow.match_log.page(replace(wanted, until=at), limit=1).next_cursor


def _message_pages(store: SqlStore) -> Iterator[Question]:
    seen_by_all = store.for_api()
    filters = {
        "everything": MessageFilter(),
        "campaign_id": MessageFilter(campaign_id=_CAMPAIGN),
        "customer_id": MessageFilter(customer_id=_CUSTOMER),
        "shop_ids": MessageFilter(shop_ids=[_SHOP]),
        "status": MessageFilter(status=MessageStatus.UNKNOWN),
        "campaign_id status": MessageFilter(campaign_id=_CAMPAIGN, status=MessageStatus.UNKNOWN),
        "shop_ids status": MessageFilter(shop_ids=[_SHOP], status=MessageStatus.FAILED),
    }

    def page(wanted: MessageFilter) -> Any:
        with seen_by_all.reading(TENANT) as uow:
            return uow.outbox.page(wanted, limit=_PAGE)

    for name, wanted in filters.items():
        yield f"messages, {name}", partial(page, wanted)
    with store.reading(TENANT) as uow:
        yield "what a campaign's messages took", lambda: uow.outbox.taken_at(_CAMPAIGN, NOON)
