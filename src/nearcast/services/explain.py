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

from nearcast.domain.campaign import Trigger
from nearcast.domain.customer import Customer
from nearcast.domain.decision import earliest_send, judge
from nearcast.domain.errors import InvalidInput, NotFound
from nearcast.domain.ids import CampaignId, CustomerId, GeofenceId, MessageId, ShopId
from nearcast.domain.reason import Reason
from nearcast.domain.rules import Candidate, Case, Gate, Send
from nearcast.services.assembly import assemble
from nearcast.services.ports import Channel
from nearcast.services.replay import Replay
from nearcast.services.report import FACTS, MATCH_LOG, TRANSITIONS, as_json
from nearcast.services.scenario import ScenarioShape, parse_instant
from nearcast.services.world import World


def explain(folder: Path, customer: str, campaign: str, at: datetime, channel: Channel) -> list[dict[str, Any]]:
    """One explanation for each row of that instant, or one of what the rules say where there is none.

    NotFound for a customer or campaign that the replay does not know.
    """
    past = _Past(folder, customer, campaign)
    rows = [row for row in _lines(folder / MATCH_LOG) if past.concerns(row) and at in _instants(row)]
    if rows:
        return [past.logged(row, channel) for row in rows]
    return [past.supposed(at, channel)]


class _Past:
    def __init__(self, folder: Path, customer: str, campaign: str) -> None:
        self.folder, self.customer_id, self.campaign_id = folder, CustomerId(customer), CampaignId(campaign)
        facts = _document(folder / FACTS)
        self.shape = ScenarioShape.model_validate(facts["scenario"])
        self.geofences: dict[str, str | None] = facts["geofences"]
        self.sends: list[dict[str, Any]] = facts["sends"]
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
        case = self._case(decided_at, channel, geofence=row["geofence_id"], without=row["message_id"])
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
        case = self._case(at, channel, geofence=geofence_id, without=None)
        case = replace(case, candidate=replace(case.candidate, no_opportunity=no_opportunity))
        verdict = judge(case)
        return {
            "customer_id": self.customer_id,
            "campaign_id": self.campaign_id,
            "at": _plain(at),
            "decided_at": None,
            "source": "facts",
            "decision_id": None,
            "geofence_id": geofence_id,
            "outcome": "no_match",
            "reason": _plain(verdict.reason),
            "reasons": [str(reason) for reason in verdict.reasons],
            "rules": [
                {"rule": f.rule, "passed": f.reason is None, **_plain({**f.detail, "reason": f.reason})}
                for f in verdict.findings
            ],
            "earliest_send": _plain(earliest_send(case)),
        }

    def _case(self, at: datetime, channel: Channel, *, geofence: str | None, without: str | None) -> Case:
        world = self._world(at, channel)
        for fields in self.sends:
            send = _send(fields)
            before = send.decided_at is not None and send.decided_at <= at and send.message_id != without
            if before and fields["customer_id"] == self.customer_id:
                world.other_sends[self.customer_id].append(send)
            if before and fields["campaign_id"] == self.campaign_id and not send.is_ghost:
                world.other_budget[self.campaign_id] += 1
        campaign = world.campaigns.by_id[self.campaign_id]
        candidate = Candidate(
            campaign=campaign,
            shop=world.shops[campaign.shop_id],
            opportunity_id="",
            trigger=campaign.trigger,
            at=at,
            geofence_id=GeofenceId(geofence) if geofence else None,
        )
        world.customers.setdefault(self.customer_id, Customer(id=self.customer_id))
        facts = world.facts(self.customer_id, [campaign.id], at)
        return Case(candidate=candidate, facts=facts, policy=world.tenant.policy, now=at, gate=Gate.QUEUE)

    def _world(self, at: datetime, channel: Channel) -> World:
        """Consents, campaigns and earlier messages as they stood; no places."""
        campaigns = [shape.model_copy(update={"geofence_ids": None}) for shape in self.shape.campaigns]
        events = [event for event in self.shape.events if event.at <= at]
        shape = self.shape.model_copy(update={"campaigns": campaigns, "events": events})
        world = assemble(shape, self.folder / FACTS, lambda path: [], _ignore, repair=False)
        Replay(world, shape, [], channel, note=_ignore, until=at).run(lambda done, of: None)
        return world

    def _place(self, at: datetime) -> tuple[str | None, Reason]:
        """The campaign's geofence that a visit was open in, and why there was no opportunity."""
        campaign = next(shape for shape in self.shape.campaigns if shape.id == self.campaign_id)
        targets = set(campaign.geofence_ids or [g for g, shop in self.geofences.items() if shop == campaign.shop_id])
        inside: str | None = None
        dwelt = False
        for row in _lines(self.folder / TRANSITIONS):
            if row["customer_id"] != self.customer_id or row["geofence_id"] not in targets:
                continue
            if parse_instant(row["at"]) > at:
                break
            if row["kind"] == "exit":
                inside = None if inside == row["geofence_id"] else inside
            elif row["kind"] != "cross":
                inside, dwelt = row["geofence_id"], row["kind"] == "dwell"
        if campaign.trigger.on is Trigger.SCHEDULE:
            return inside, Reason.NO_TRANSITION
        if inside is None:
            return None, Reason.OUTSIDE_FENCE
        waits = campaign.trigger.on is Trigger.DWELL and not dwelt
        return inside, Reason.DWELL_NOT_MET if waits else Reason.NO_TRANSITION


def _send(fields: dict[str, Any]) -> Send:
    shop, geofence, message = fields["shop_id"], fields["geofence_id"], fields["message_id"]
    return Send(
        campaign_id=CampaignId(fields["campaign_id"]),
        at=parse_instant(fields["at"]),
        shop_id=ShopId(shop) if shop else None,
        geofence_id=GeofenceId(geofence) if geofence else None,
        channel=fields["channel"],
        is_ghost=fields["is_ghost"],
        decided_at=parse_instant(fields["decided_at"]),
        message_id=MessageId(message) if message else None,
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
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InvalidInput(
            "is not there: is this the folder that `nearcast replay --out` wrote?", place=str(path)
        ) from error
    except ValueError as error:
        raise InvalidInput(f"is not JSON: {error}", place=str(path)) from error


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8") as file:
            for n, line in enumerate(file, start=1):
                try:
                    yield json.loads(line)
                except ValueError as error:
                    raise InvalidInput("is not JSON", place=f"{path}, line {n}") from error
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror}", place=str(path)) from error
