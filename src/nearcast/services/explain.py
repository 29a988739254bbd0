"""Explain: every rule in order for one customer and one campaign at one instant, from what a replay left behind.

Where the match log has a row of that instant, the row speaks. Elsewhere the rules are put to the stored facts; then
nothing is known of a ping, and the visit that was open says what place there was.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from nearcast.domain.campaign import Trigger
from nearcast.domain.case import Candidate, Case, Gate, PingEvidence, Send
from nearcast.domain.customer import Customer
from nearcast.domain.decision import earliest_send, holdout_finding, judge
from nearcast.domain.errors import InvalidInput, NotFound
from nearcast.domain.ids import CampaignId, CustomerId, GeofenceId, MessageId, ShopId
from nearcast.domain.local_time import zone
from nearcast.domain.reason import Reason
from nearcast.services.assembly import assemble
from nearcast.services.ports import Channel
from nearcast.services.replay import Replay
from nearcast.services.report import FACTS, MATCH_LOG, TRANSITIONS, as_json
from nearcast.services.scenario import Instant, ScenarioShape, parse_instant
from nearcast.services.world import World


def explain(folder: Path, customer: str, campaign: str, at: datetime, channel: Channel) -> list[dict[str, Any]]:
    """One explanation for each row of that instant, or one of what the rules say where there is none.

    NotFound for a customer or campaign that the replay does not know.
    """
    past = _Past(folder, customer, campaign)
    rows = [row for row in _lines(folder / MATCH_LOG, _ROW_KEYS) if past.concerns(row) and at in _instants(row)]
    if rows:
        return [past.logged(row, channel) for row in rows]
    return [past.supposed(at, channel)]


_ROW_KEYS = frozenset({"customer_id", "campaign_id", "at", "decided_at", "outcome", "reason", "reasons", "detail"})
_TRANSITION_KEYS = frozenset({"customer_id", "geofence_id", "kind", "at", "visit_id"})


class _SendFact(BaseModel):
    """A message or a ghost, and while it took up a slot."""

    customer_id: str
    campaign_id: str
    shop_id: str | None
    geofence_id: str | None
    channel: str | None
    message_id: str | None
    queued_at: Instant
    sent_at: Instant | None
    freed_at: Instant | None


class _Facts(BaseModel):
    scenario: ScenarioShape
    geofences: dict[str, str | None]
    sends: list[_SendFact]


class _Past:
    def __init__(self, folder: Path, customer: str, campaign: str) -> None:
        self.folder, self.customer_id, self.campaign_id = folder, CustomerId(customer), CampaignId(campaign)
        try:
            facts = _Facts.model_validate(_document(folder / FACTS))
        except ValidationError as error:
            raise InvalidInput("is not what a replay writes", place=str(folder / FACTS)) from error
        self.shape, self.geofences, self.sends = facts.scenario, facts.geofences, facts.sends
        if all(shape.id != campaign for shape in self.shape.campaigns):
            known = ", ".join(sorted(shape.id for shape in self.shape.campaigns)[:10])
            raise NotFound(f"{folder}: there is no campaign {campaign!r}; there are {known}")
        customers = {shape.id for shape in self.shape.customers}
        customers |= {shape.customer_id for shape in self.shape.consents}
        customers |= {event.consent.customer_id for event in self.shape.events if event.consent}
        if customer not in customers:
            raise NotFound(f"{folder}: there is no customer {customer!r}")

    def concerns(self, row: dict[str, Any]) -> bool:
        return bool(row["customer_id"] == self.customer_id and row["campaign_id"] == self.campaign_id)

    def logged(self, row: dict[str, Any], channel: Channel) -> dict[str, Any]:
        decided_at = parse_instant(row["decided_at"])
        timezone = row["detail"]["spatial"]["timezone"]
        case = self._case(decided_at, channel, row["geofence_id"], timezone=timezone, without=row["message_id"])
        rules = [{"rule": rule, **detail} for rule, detail in row["detail"].items()]
        sent = row["outcome"] == "send"
        return {
            "customer_id": row["customer_id"],
            "campaign_id": row["campaign_id"],
            "at": row["at"],
            "decided_at": row["decided_at"],
            "source": "match_log",
            "decision_id": row["decision_id"],
            "geofence_id": row["geofence_id"],
            "outcome": row["outcome"],
            "reason": row["reason"],
            "reasons": row["reasons"],
            "rules": [{"passed": "reason" not in rule, **rule} for rule in rules],
            "earliest_send": row["decided_at"] if sent else _plain(earliest_send(case)),
        }

    def supposed(self, at: datetime, channel: Channel) -> dict[str, Any]:
        geofence_id, no_opportunity = self._place(at)
        case = self._case(at, channel, geofence_id)
        case = replace(case, candidate=replace(case.candidate, no_opportunity=no_opportunity))
        findings = [*judge(case).findings, *filter(None, [holdout_finding(case)])]
        reasons = [finding.reason for finding in findings if finding.reason]
        return {
            "customer_id": self.customer_id,
            "campaign_id": self.campaign_id,
            "at": _plain(at),
            "decided_at": None,
            "source": "facts",
            "decision_id": None,
            "geofence_id": geofence_id,
            "outcome": "no_match",
            "reason": _plain(reasons[0]),
            "reasons": _plain(reasons),
            "rules": [
                {"rule": f.rule, "passed": f.reason is None, **_plain({**f.detail, "reason": f.reason})}
                for f in findings
            ],
            "earliest_send": _plain(earliest_send(case)),
        }

    def _case(
        self,
        at: datetime,
        channel: Channel,
        geofence_id: str | None,
        *,
        timezone: str | None = None,
        without: str | None = None,
    ) -> Case:
        """The candidate that this campaign's opportunity at that instant would be, with the facts as they stood."""
        world = self._world(at, channel)
        for fields in self.sends:
            send = _send_as_of(at, fields)
            if send is None or (without is not None and send.message_id == without):
                continue
            if fields.customer_id == self.customer_id:
                world.other_sends[self.customer_id].append(send)
            if fields.campaign_id == self.campaign_id and not send.is_ghost:
                world.other_budget[self.campaign_id] += 1
        campaign = world.campaigns.by_id[self.campaign_id]
        here = zone(timezone) if timezone else None
        candidate = Candidate(
            campaign=campaign,
            shop=world.shops[campaign.shop_id],
            opportunity_id="",
            trigger=campaign.trigger,
            at=at,
            geofence_id=GeofenceId(geofence_id) if geofence_id else None,
            ping=PingEvidence(key="", recorded_at=at, accuracy_m=0.0, zone=here) if here else None,
        )
        world.customers.setdefault(self.customer_id, Customer(id=self.customer_id))
        facts = world.facts(self.customer_id, [campaign.id], at)
        return Case(candidate=candidate, facts=facts, policy=world.tenant.policy, now=at, gate=Gate.QUEUE)

    def _world(self, at: datetime, channel: Channel) -> World:
        """Consents, campaigns and earlier messages as they stood; no places."""
        campaigns = [shape.model_copy(update={"geofence_ids": None}) for shape in self.shape.campaigns]
        shape = self.shape.model_copy(update={"campaigns": campaigns})
        world = assemble(shape, self.folder / FACTS, lambda path: [], _ignore, repair=False)
        Replay(world, shape, [], channel, note=_ignore, until=at).run(lambda done, of: None)
        return world

    def _place(self, at: datetime) -> tuple[str | None, Reason]:
        """The campaign's geofence that a visit was open in, and why there was no opportunity."""
        campaign = next(shape for shape in self.shape.campaigns if shape.id == self.campaign_id)
        targets = set(campaign.geofence_ids or [g for g, shop in self.geofences.items() if shop == campaign.shop_id])
        entered: dict[str, str] = {}
        dwelt: set[str] = set()
        left: set[str] = set()  # a visit of one instant is told exit first
        for row in _lines(self.folder / TRANSITIONS, _TRANSITION_KEYS):
            if row["customer_id"] != self.customer_id or row["geofence_id"] not in targets:
                continue
            if parse_instant(row["at"]) > at:
                break
            if row["kind"] == "exit":
                left.add(row["visit_id"])
            elif row["kind"] == "enter":
                entered[row["visit_id"]] = row["geofence_id"]
            elif row["kind"] == "dwell":
                dwelt.add(row["visit_id"])
        inside = {visit: geofence for visit, geofence in entered.items() if visit not in left}
        here = min(inside.values(), default=None)
        if campaign.trigger.on is Trigger.SCHEDULE:
            return here, Reason.NO_TRANSITION
        if here is None:
            return None, Reason.OUTSIDE_FENCE
        waits = campaign.trigger.on is Trigger.DWELL and not dwelt & inside.keys()
        return here, Reason.DWELL_NOT_MET if waits else Reason.NO_TRANSITION


def _send_as_of(at: datetime, fields: "_SendFact") -> Send | None:
    """What a message was at that instant: None before it was queued and after it stopped taking up a slot."""
    if fields.queued_at > at or (fields.freed_at is not None and fields.freed_at <= at):
        return None
    was_sent = fields.sent_at is not None and fields.sent_at <= at
    return Send(
        campaign_id=CampaignId(fields.campaign_id),
        at=fields.sent_at if was_sent and fields.sent_at else fields.queued_at,
        shop_id=ShopId(fields.shop_id) if fields.shop_id else None,
        geofence_id=GeofenceId(fields.geofence_id) if fields.geofence_id else None,
        channel=fields.channel,
        is_ghost=fields.message_id is None,
        decided_at=fields.queued_at,
        message_id=MessageId(fields.message_id) if fields.message_id else None,
    )


def _ignore(note: str) -> None:
    """What was repaired was said when the scenario was replayed."""


def _instants(row: dict[str, Any]) -> tuple[datetime, datetime]:
    return parse_instant(row["at"]), parse_instant(row["decided_at"])


def _plain(value: object) -> Any:
    return json.loads(as_json(value))


def _document(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        said = "is not there: is this the folder that `nearcast replay --out` wrote?"
        raise InvalidInput(said, place=str(path)) from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"is not JSON: {error}", place=str(path)) from error


def _lines(path: Path, keys: frozenset[str]) -> Iterator[dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput("is not there, or not UTF-8", place=str(path)) from error
    for n, line in enumerate(text.splitlines(), start=1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InvalidInput("is not JSON", place=f"{path}, line {n}") from error
        if not isinstance(row, dict) or not keys <= row.keys():
            raise InvalidInput("is not what a replay writes", place=f"{path}, line {n}")
        yield row
