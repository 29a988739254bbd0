"""Plays a scenario through the HTTP service on a store, with a clock that steps from event to event.

What a shop owner, an operator and phones would send is sent; the worker's steps are taken in between, each at its
instant.
"""

import json
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from nearcast.channels.recorder import Recorder
from nearcast.domain.ids import TenantId
from nearcast.domain.policy import PingRules
from nearcast.feeds.files import read_pings
from nearcast.geo.batch import PingBatch
from nearcast.services.access import Role
from nearcast.services.ingest import in_order_of_arrival
from nearcast.services.instants import as_instant
from nearcast.services.live import Live
from nearcast.services.replay import ping_batch
from nearcast.services.report import as_json, message_row, rfc3339, transition_row
from nearcast.services.roster import Roster
from nearcast.services.scenario import ConsentShape, EventShape, ScenarioShape, read_scenario
from tests.api.service import Service

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
RULES = ("tenant", "presence", "ping_rules", "policy", "dispatch", "billing")
PAST = {"paused": "pause", "ended": "end"}
Action = Callable[[], Any]


@dataclass(frozen=True)
class Played:
    """What the store holds afterwards, as the rows of a replay's files."""

    transitions: list[dict[str, Any]]
    match_log: list[dict[str, Any]]
    messages: list[dict[str, Any]]
    refused: Counter[str]


def play(service: Service, path: Path, pings: list[Path]) -> Played:
    """The scenario on the emptied store: ids depend on the tenant's, which scenarios share."""
    service.begin_anew(LONG_AGO)
    shape = read_scenario(path)
    with service.client(Role.OPERATOR, tenant=shape.tenant.id) as client:
        return _Play(service, client, path, shape, pings).run()


class _Play:
    def __init__(
        self, service: Service, client: httpx.Client, path: Path, shape: ScenarioShape, pings: list[Path]
    ) -> None:
        self.service, self.client, self.shape = service, client, shape
        self.tenant = TenantId(shape.tenant.id)
        self.worker = Live(service.store, self.tenant, Recorder())
        self.features = _features(shape, path)
        batches = [ping_batch(shape.events), *map(read_pings, pings)]
        self.pings = in_order_of_arrival(batches, PingRules(), Roster()).batch
        service.ledger_numbers = {}
        self.numbers = count()

    def run(self) -> Played:
        arrivals = [as_instant(int(us)) for us in self.pings.received_at_us]
        instants = [*(event.at for event in self.shape.events), *arrivals]
        self._set_up(first_ping_at=min(arrivals, default=max(instants, default=LONG_AGO)))
        if instants:
            actions = sorted(self._actions(), key=lambda action: action[:2])
            last = max(instants)
            now = min(instants) - TICK
            for at in sorted({*(at for at, _, _ in actions if at <= last), *arrivals, last}):
                now = self._work_until(now, at)
                self.service.clock.at = at
                for due, _, act in actions:
                    if due == at:
                        act()
                self.worker.work_due(at)
                self._arrive(at, [row for row, instant in enumerate(arrivals) if instant == at])
        return self._played()

    def _put(self, path: str, document: Any) -> None:
        self._sent(self.client.put(f"/v1/{path}", json=document))

    def _post(self, path: str, document: Any = None) -> dict[str, Any]:
        return self._sent(self.client.post(f"/v1/{path}", json=document))

    def _sent(self, answer: httpx.Response) -> dict[str, Any]:
        assert answer.is_success, f"{answer.request.method} {answer.request.url.path}: {answer.text}"
        return answer.json() if answer.content else {}

    def _set_up(self, first_ping_at: datetime) -> None:
        document = self.shape.model_dump(mode="json", by_alias=True, exclude_unset=True)
        self._put("settings", {key: document[key] for key in RULES if key in document})
        for shop in document.get("shops", []):
            self._put(f"shops/{quote(shop['id'], safe='')}", shop)
        named = {str((feature.get("properties") or {}).get("shop_id") or "") for feature in self._every_feature()}
        for shop_id in sorted(named - {"", *(shop.id for shop in self.shape.shops)}):
            self._put(f"shops/{quote(shop_id, safe='')}", {"id": shop_id})
        for feature in self.features:
            self._post("geofences", feature)
        for feature in (document.get("sensitive_places") or {}).get("features", []):
            self._put(f"sensitive-places/{quote(str(_id_of(feature)), safe='')}", feature)
        self._customers(document)
        self.service.clock.at = first_ping_at
        for campaign in document.get("campaigns", []):
            state = campaign.pop("state", "active")
            self._post("campaigns", {**campaign, "state": "draft" if state == "draft" else "active"})
            if state in PAST:
                self._post(f"campaigns/{quote(campaign['id'], safe='')}/{PAST[state]}")

    def _every_feature(self) -> list[dict[str, Any]]:
        return [*self.features, *(event.geofence_put for event in self.shape.events if event.geofence_put)]

    def _customers(self, document: dict[str, Any]) -> None:
        customers = {customer["id"]: customer for customer in document.get("customers", [])}
        consents = [*self.shape.consents, *(event.consent for event in self.shape.events if event.consent)]
        for consent in consents:
            customers.setdefault(consent.customer_id, {"id": consent.customer_id})
        channels = sorted({campaign.channel for campaign in self.shape.campaigns})
        for n, (key, customer) in enumerate(customers.items()):
            suppressed = customer.pop("suppressed", [])
            contacts = [{"channel": channel, "address": _address(channel, n)} for channel in channels]
            self._put(f"customers/{quote(key, safe='')}", {**customer, "contacts": contacts})
            for channel in suppressed:
                self._post(f"customers/{quote(key, safe='')}/suppressions", {"channel": channel})

    def _actions(self) -> list[tuple[datetime, int, Action]]:
        found: list[tuple[datetime, int, Action]] = []
        for consent in self.shape.consents:
            assert consent.at is not None
            found.append((consent.at, 0, partial(self._consent, consent, next(self.numbers))))
        for event in self.shape.events:
            found += [(event.at, *action) for action in self._action(event)]
        return found

    def _action(self, event: EventShape) -> list[tuple[int, Action]]:
        if event.consent is not None:
            return [(0, partial(self._consent, event.consent, next(self.numbers)))]
        if event.geofence_put is not None:
            key = quote(str(_id_of(event.geofence_put)), safe="")
            return [(1, partial(self._put, f"geofences/{key}", event.geofence_put))]
        if event.geofence_delete is not None:
            key = quote(event.geofence_delete, safe="")
            return [(1, lambda: self._sent(self.client.delete(f"/v1/geofences/{key}")))]
        if event.campaign is not None:
            key = quote(event.campaign.id, safe="")
            return [(1, partial(self._post, f"campaigns/{key}/{event.campaign.action}"))]
        if event.prior_send is not None:
            said = event.prior_send.model_dump(mode="json", exclude_unset=True)
            return [(2, partial(self._post, f"customers/{quote(said.pop('customer_id'), safe='')}/sends", said))]
        return []

    def _consent(self, consent: ConsentShape, number: int) -> None:
        said = consent.model_dump(mode="json", exclude_unset=True)
        line = self._post(f"customers/{quote(said.pop('customer_id'), safe='')}/consents", said)
        self.service.ledger_numbers[line["event_id"]] = f"consent-{number}"

    def _work_until(self, now: datetime, until: datetime) -> datetime:
        while (due := self.worker.next_due(now)) is not None and due < until:
            now = max(now + TICK, due)
            self.worker.work_due(now)
        return until

    def _arrive(self, at: datetime, rows: list[int]) -> None:
        if rows:
            self._post("pings", [_ping(self.pings, row) for row in rows])
            self.worker.work_pings(at)
            self.worker.dispatch_due(at)

    def _played(self) -> Played:
        with self.service.store.reading(self.tenant) as uow:
            transitions = [transition_row(*told) for told in uow.transitions.every()]
            rows = uow.match_log.page(limit=100_000, newest_first=False).items
            messages = [message_row(message) for message in uow.outbox.page(limit=100_000, newest_first=False).items]
            refused = uow.counters.get("refused")
        text = as_json([transitions, rows, messages])
        for ours, theirs in self.service.ledger_numbers.items():
            text = text.replace(ours, theirs)
        told, logged, queued = json.loads(text)
        return Played(told, logged, queued, refused)


def _ping(batch: PingBatch, row: int) -> dict[str, Any]:
    said: dict[str, Any] = {
        "customer_id": batch.customer_id[row],
        "recorded_at": rfc3339(as_instant(int(batch.recorded_at_us[row]))),
        "lat": float(batch.lat_deg[row]),
        "lon": float(batch.lon_deg[row]),
        "accuracy_m": float(batch.accuracy_m[row]),
        "speed_mps": float(batch.speed_mps[row]),
        "ping_id": batch.ping_id[row],
        "device_id": batch.device_id[row],
    }
    return {k: v for k, v in said.items() if v is not None and not (isinstance(v, float) and math.isnan(v))}


def _features(shape: ScenarioShape, path: Path) -> list[dict[str, Any]]:
    source = shape.geofences
    if source is None:
        return []
    document = json.loads((path.parent / source).read_text()) if isinstance(source, str) else source
    return list(document["features"])


def _id_of(feature: dict[str, Any]) -> Any:
    inside = (feature.get("properties") or {}).get("id")
    return feature.get("id") if inside is None else inside


def _address(channel: str, n: int) -> str:
    return f"+49151{n:08}" if channel in ("sms", "whatsapp") else f"number {n} on {channel}"
