"""Explain from the folder that a replay left behind."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from nearcast.domain.errors import InvalidInput, NotFound
from nearcast.domain.experiment import Assignment
from nearcast.domain.ids import CampaignId, CustomerId, MessageId
from nearcast.domain.reason import Reason
from nearcast.services.assembly import assemble
from nearcast.services.channel_ports import WayOut
from nearcast.services.explain import Slot, Standing, explain_instant, explain_row, taken_up
from nearcast.services.replay import Replay
from nearcast.services.report import FACTS, MATCH_LOG
from nearcast.services.scalars import Instant, parse_instant
from nearcast.services.scenario import ScenarioShape
from nearcast.services.world import World

_ROW_KEYS = frozenset({"customer_id", "campaign_id", "at", "decided_at", "outcome", "reason", "reasons", "detail"})


def explain_replay(folder: Path, customer: str, campaign: str, at: datetime, channel: WayOut) -> list[dict[str, Any]]:
    """One explanation for each row of that instant, or one of what the rules say where there is none.

    NotFound for a customer or campaign that the replay does not know.
    """
    past = _Folder(folder, CustomerId(customer), CampaignId(campaign), channel)
    rows = [row for row in _lines(folder / MATCH_LOG, _ROW_KEYS) if past.concerns(row) and at in _instants(row)]
    return [explain_row(past, row) for row in rows] or [explain_instant(past, at)]


class _Assigned(BaseModel):
    customer_id: CustomerId
    experiment: str
    arm: str
    percent: float
    at: Instant


class _Facts(BaseModel):
    scenario: ScenarioShape
    sends: list[Slot]
    assignments: list[_Assigned] = []


class _Folder:
    """A `Past`."""

    def __init__(self, folder: Path, customer_id: CustomerId, campaign_id: CampaignId, channel: WayOut) -> None:
        self.folder, self.customer_id, self.campaign_id, self.channel = folder, customer_id, campaign_id, channel
        try:
            facts = _Facts.model_validate(_document(folder / FACTS))
        except ValidationError as error:
            raise InvalidInput("is not what a replay writes", place=str(folder / FACTS)) from error
        self.shape, self.slots = facts.scenario, facts.sends
        mine = [each for each in facts.assignments if each.customer_id == customer_id]
        self.assignments = [Assignment(**each.model_dump(exclude={"customer_id"})) for each in mine]
        if all(shape.id != campaign_id for shape in self.shape.campaigns):
            known = ", ".join(sorted(shape.id for shape in self.shape.campaigns)[:10])
            raise NotFound(f"{folder}: there is no campaign {campaign_id!r}; there are {known}")
        customers = {shape.id for shape in self.shape.customers}
        customers |= {shape.customer_id for shape in self.shape.consents}
        customers |= {event.consent.customer_id for event in self.shape.events if event.consent}
        if customer_id not in customers:
            raise NotFound(f"{folder}: there is no customer {customer_id!r}")

    def concerns(self, row: dict[str, Any]) -> bool:
        return bool(row["customer_id"] == self.customer_id and row["campaign_id"] == self.campaign_id)

    def standing(self, at: datetime, *, without: MessageId | None = None) -> Standing:
        world = self._world(at)
        who, campaign = self.customer_id, world.campaigns.by_id[self.campaign_id]
        own, of_budget = taken_up(self.slots, at, customer_id=who, campaign_id=campaign.id, without=without)
        world.other_sends[who] += own
        world.other_budget[campaign.id] += of_budget
        world.assignments[who] += (each for each in self.assignments if each.at <= at)
        shop = world.shops[campaign.shop_id]
        return Standing(tenant=world.tenant, campaign=campaign, shop=shop, facts=world.facts(who, [campaign.id], at))

    def against(self, channel: str, at: datetime) -> Reason | None:
        """In a replay every channel takes everything."""
        return None

    def _world(self, at: datetime) -> World:
        """Consents, campaigns and earlier messages as they stood; no places."""
        named = {key for shape in self.shape.campaigns for key in shape.geofence_ids or ()}
        place = self.folder / FACTS
        world = assemble(self.shape, place, lambda path: [], _ignore, repair=False, known=named)
        Replay(world, self.shape, [], self.channel, note=_ignore, until=at).run(lambda done, of: None)
        return world


def _ignore(note: str) -> None:
    """What was repaired was said when the scenario was replayed."""


def _instants(row: dict[str, Any]) -> tuple[datetime, datetime]:
    return parse_instant(row["at"]), parse_instant(row["decided_at"])


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
