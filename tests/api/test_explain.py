"""Explanations over HTTP: of a decision for whoever may see it, of any instant for operators."""

import re
from typing import Any

import pytest

from nearcast.services.access import Role
from tests.api.service import Service
from tests.api.town import agree, leave, open_shop, rows_of, visit


def by_id(client: Any, decision_id: str) -> Any:
    return client.get("/v1/explain", params={"decision_id": decision_id})


def twice_at_the_door(service: Service) -> list[dict[str, Any]]:
    """Ada is sent something, leaves, comes back: it is too soon. The rows, newest first."""
    open_shop(service, re_eligibility_s=3600)
    agree(service, "ada")
    visit(service, "ada")
    service.clock.step(minutes=1)
    leave(service, "ada")
    service.clock.step(minutes=1)
    visit(service, "ada")
    return rows_of(service.client(Role.ANALYST))


def test_a_decision_is_explained_rule_by_rule(service: Service):
    (row, _) = twice_at_the_door(service)
    said = by_id(service.client(Role.ANALYST), row["decision_id"]).json()
    assert (said["source"], said["customer_id"], said["outcome"]) == ("match_log", "ada", "suppress")
    assert said["reason"] == row["reason"] == "re_eligibility"
    rules = {rule["rule"]: rule for rule in said["rules"]}
    assert next(iter(rules)) == "location_consent"
    assert (rules["re_eligibility"]["passed"], rules["re_eligibility"]["last_sent_at"]) == (
        False,
        "2026-06-02T10:00:01Z",
    )
    assert said["earliest_send"] > row["decided_at"]


def test_an_operator_asks_for_any_instant(service: Service):
    (row, _) = twice_at_the_door(service)
    asked = {"customer": "ada", "campaign": "cafe-offer"}
    operator = service.client()
    decided = operator.get("/v1/explain", params={**asked, "at": row["at"]}).json()
    assert decided == {"items": [by_id(operator, row["decision_id"]).json()], "next_cursor": None}
    (between,) = operator.get("/v1/explain", params={**asked, "at": "2026-06-02T10:00:30Z"}).json()["items"]
    assert (between["source"], between["outcome"]) == ("facts", "no_match")
    for unknown in ({"customer": "nobody"}, {"campaign": "none"}):
        params = {**asked, **unknown, "at": row["at"]}
        assert operator.get("/v1/explain", params=params).status_code == 404


def test_an_owner_reads_of_a_pseudonym_and_nothing_that_leads_to_another_day(service: Service):
    (row, _) = twice_at_the_door(service)
    open_shop(service, "bar", lon=13.5)
    owner = service.client(Role.OWNER, shops=["cafe"])
    answer = by_id(owner, row["decision_id"])
    assert answer.status_code == 200
    (shown, _) = rows_of(owner)
    assert answer.json()["customer_id"] == shown["customer_id"]
    assert not re.search(r"\bada\b", answer.text)
    for name in ("event_ids", "last_sent_at", "free_at"):
        assert name not in answer.text
        assert name in by_id(service.client(Role.ANALYST), row["decision_id"]).text
    rules = {rule["rule"]: rule for rule in answer.json()["rules"]}
    assert rules["re_eligibility"] == {
        "rule": "re_eligibility",
        "passed": False,
        "rest_s": 3600.0,
        "reason": "re_eligibility",
    }
    assert by_id(service.client(Role.OWNER, shops=["bar"]), row["decision_id"]).status_code == 404


@pytest.mark.enable_socket
def test_a_decision_of_another_tenant_is_not_there(sqlite_service: Service):
    (row, _) = twice_at_the_door(sqlite_service)
    for role in (Role.OPERATOR, Role.ANALYST):
        assert by_id(sqlite_service.client(role, tenant="t2"), row["decision_id"]).status_code == 404
    stranger = sqlite_service.client(tenant="t2")
    asked = {"customer": "ada", "campaign": "cafe-offer", "at": row["at"]}
    assert stranger.get("/v1/explain", params=asked).status_code == 404


@pytest.mark.enable_socket
def test_what_a_customer_was_afterwards_is_told_to_analysts_and_that_it_changed_to_owners(sqlite_service: Service):
    (row, _) = twice_at_the_door(sqlite_service)
    assert by_id(sqlite_service.client(Role.OWNER), row["decision_id"]).json()["caveats"] == []
    sqlite_service.clock.step(hours=1)
    agree(sqlite_service, "ada")
    said = {
        role: by_id(sqlite_service.client(role), row["decision_id"]).json()["caveats"]
        for role in (Role.ANALYST, Role.OWNER)
    }
    assert "2026-06-02T11:03:22Z" in str(said[Role.ANALYST])
    assert said[Role.OWNER] == ["not everything is known as it stood then"]


@pytest.mark.enable_socket
@pytest.mark.parametrize("role", ["analyst", "owner"])
def test_any_instant_is_for_operators(sqlite_service: Service, role: str):
    asked = {"customer": "ada", "campaign": "cafe-offer", "at": "2026-06-02T10:00:00Z"}
    refused = sqlite_service.client(Role(role)).get("/v1/explain", params=asked)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"customer": "ada"},
        {"customer": "ada", "campaign": "cafe-offer"},
        {"campaign": "cafe-offer", "at": "2026-06-02T10:00:00Z"},
        {"decision_id": "d", "customer": "ada"},
        {"decision_id": "d", "customer": "ada", "campaign": "c", "at": "2026-06-02T10:00:00Z"},
        {"customer": "ada", "campaign": "c", "at": "noon"},
    ],
)
def test_it_is_one_form_or_the_other(sqlite_service: Service, params: dict[str, str]):
    refused = sqlite_service.client().get("/v1/explain", params=params)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_input")


@pytest.mark.enable_socket
def test_explanations_are_not_for_those_who_bring_pings(sqlite_service: Service):
    assert by_id(sqlite_service.client(Role.INGEST), "d").status_code == 403
