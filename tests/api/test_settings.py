"""The rules of a tenant over HTTP."""

from typing import Any

import pytest

from nearcast.domain.reason import Reason
from tests.api.people import agreed, came, refused_to_all_but_operators
from tests.api.service import Service
from tests.api.town import open_shop, rows_of

pytestmark = pytest.mark.enable_socket
RULES: dict[str, Any] = {
    "tenant": {"timezone": "Europe/Berlin"},
    "presence": {"profile": "raw", "dwell_s": 60.0},
    "policy": {"quiet_hours": [{"from": "22:00", "until": "07:00"}]},
}


def test_rules_are_read_and_replaced(service: Service):
    operator = service.client()
    before = operator.get("/v1/settings")
    assert before.json()["policy"]["quiet_hours"] == [{"from": "21:00", "until": "08:00"}]
    written = operator.put("/v1/settings", json=RULES, headers={"If-Match": before.headers["etag"]})
    assert (written.status_code, written.json(), written.headers["etag"]) == (200, RULES, '"2"')
    assert operator.get("/v1/settings").json() == RULES
    assert operator.get("/v1/settings").headers["etag"] == '"2"'


def test_what_was_read_can_be_written_back(sqlite_service: Service):
    operator = sqlite_service.client()
    rules = operator.get("/v1/settings").json()
    assert operator.put("/v1/settings", json=rules).json() == rules


def test_workers_go_by_the_new_rules(service: Service):
    open_shop(service)
    operator = agreed(service)
    midday = {**RULES, "policy": {"quiet_hours": [{"from": "11:00", "until": "13:00"}]}}
    assert operator.put("/v1/settings", json=midday).status_code == 200
    came(service)
    assert [row["reason"] for row in rows_of(operator)] == [Reason.QUIET_HOURS]


def test_somebody_who_was_slower_does_not_overwrite(sqlite_service: Service):
    operator = sqlite_service.client()
    operator.put("/v1/settings", json=RULES)
    late = operator.put("/v1/settings", json={}, headers={"If-Match": '"1"'})
    assert (late.status_code, late.json()["code"]) == (412, "revision_changed")
    assert operator.get("/v1/settings").json() == RULES


@pytest.mark.parametrize(
    ("rules", "path", "value"),
    [
        ({"tenant": {"timezone": "Mars/Olympus"}}, "tenant.timezone", "Mars/Olympus"),
        ({"tenant": {"id": "t2"}}, "tenant.id", "t2"),
        ({"presence": {"profile": "gentle"}}, "presence.profile", "gentle"),
        ({"presence": {"exit_margin_m": -1}}, "presence.exit_margin_m", -1),
        ({"presence": {"dwell_s": -1}}, "presence.dwell_s", -1),
        ({"ping_rules": {"max_age_s": "5 min"}}, "ping_rules.max_age_s", "5 min"),
        ({"policy": {"quiet_hours": [{"from": "21:00"}]}}, "policy.quiet_hours[0].until", None),
        ({"policy": {"quiet_hours": [{"from": "25:00", "until": "08:00"}]}}, "policy.quiet_hours[0]", None),
        (
            {"policy": {"quiet_hours": [{"from": "21:00", "until": "08:00", "days": ["holiday"]}]}},
            "policy.quiet_hours[0]",
            None,
        ),
        ({"policy": {"holidays": "Atlantis"}}, "policy.holidays", None),
        ({"policy": {"jurisdictions": ["Berlin"]}}, "policy.jurisdictions", None),
        ({"platform": {"quiet_hours": []}}, "platform", None),
        ({"policy": {"caps": [{"id": "a", "kind": "rolling", "limit": -1}]}}, "policy.caps[0].limit", -1),
        ({"policy": {"holdout": {"percent": 101.0, "salt": "s"}}}, "policy.holdout", None),
        ({"shops": []}, "shops", "[]"),
    ],
)
def test_rules_that_cannot_hold_are_refused(sqlite_service: Service, rules: Any, path: str, value: Any):
    operator = sqlite_service.client()
    before = operator.get("/v1/settings").json()
    refused = operator.put("/v1/settings", json=rules)
    said = refused.json()
    assert (refused.status_code, said["code"], said["path"]) == (422, "invalid_input", path)
    assert value is None or said["value"] == value
    assert operator.get("/v1/settings").json() == before


def test_rules_are_the_operators_alone_and_each_tenants_own(sqlite_service: Service):
    refused_to_all_but_operators(sqlite_service, "GET", "/v1/settings")
    refused_to_all_but_operators(sqlite_service, "PUT", "/v1/settings", RULES)
    sqlite_service.client().put("/v1/settings", json=RULES)
    assert sqlite_service.client(tenant="t2").get("/v1/settings").json() != RULES
