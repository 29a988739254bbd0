"""A scenario played on a store and replayed into a folder, and what `explain` says of it on either."""

import json
from pathlib import Path
from typing import TypeVar

from nearcast.domain.ids import CampaignId, CustomerId, TenantId
from nearcast.services.explain_live import Explanations
from tests.api.service import Service
from tests.scenarios.harness import (
    CUSTOMER,
    Outcome,
    Row,
    also_played_on,
    application,
    instant,
    only,
    run,
)

T = TypeVar("T")
TENANT, ME, CAMPAIGN = TenantId("t1"), CustomerId(CUSTOMER), CampaignId("camp-7")
NIGHT = {"from": "21:00", "until": "08:00"}


def played(tmp_path: Path, service: Service, scenario: Row) -> Outcome:
    with also_played_on(service):
        return run(tmp_path, scenario)


def of_the_store(service: Service, when: str, *, customer: str = CUSTOMER, campaign: str = "camp-7") -> list[Row]:
    found = Explanations(service.store).at(TENANT, CustomerId(customer), CampaignId(campaign), instant(when))
    return numbered(service, found)


def numbered(service: Service, found: T) -> T:
    """With the ledger's lines as a replay numbers them."""
    text = json.dumps(found)
    for ours, theirs in service.ledger_numbers.items():
        text = text.replace(ours, theirs)
    told: T = json.loads(text)
    return told


def of_the_folder(outcome: Outcome, when: str, *, customer: str = CUSTOMER, campaign: str = "camp-7") -> list[Row]:
    found: list[Row] = application().explain(out=outcome.folder, customer=customer, campaign=campaign, at=instant(when))
    return found


def rule(explanation: Row, name: str) -> Row:
    return only([rule for rule in explanation["rules"] if rule["rule"] == name])
