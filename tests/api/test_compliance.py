"""The record of processing and the impact assessment: what is configured is in them, and nothing else."""

import re
from typing import Any

import pytest

from nearcast.services.access import Role
from tests.api.people import refused_to_all_but_operators
from tests.api.service import Service
from tests.api.town import agree, open_shop

pytestmark = pytest.mark.enable_socket
RECORD, DPIA = "/v1/compliance/record-of-processing", "/v1/compliance/dpia"


def _states(document: dict[str, Any], key: str) -> dict[str, str]:
    return {each["measure"]: each["state"] for each in document[key]}


def test_what_nobody_stated_is_not_stated(sqlite_service: Service):
    operator = sqlite_service.client()
    record = operator.get(RECORD).json()
    assert record["controller"] == dict.fromkeys(("name", "address", "contact", "dpo"), "not stated")
    assert record["transfers_to_third_countries"] == "not stated"
    assert record["recipients"] == ["none: no campaign"]
    assert not any("marketing.nearby" in each["purpose"] for each in record["activities"])
    dpia = operator.get(DPIA).json()
    assert {each["likelihood"] for each in dpia["risks"]} == {"not stated"}
    assert dpia["systematic_description"]["figures"]["smallest_radius_m"] == "none set"


def test_what_is_configured_is_in_both(service: Service):
    operator = service.client()
    settings = operator.get("/v1/settings").json()
    said = {"name": "Nahstadt Ltd.", "address": "1 High Street", "contact": "privacy@example.org"}
    settings["policy"]["jurisdictions"] = True
    settings["policy"]["holdout"] = {"percent": 5, "salt": "s"}
    kept = {"pings_hours": 6, "decisions_days": 7}
    rules = {**settings, "controller": said, "retention": kept}
    assert operator.put("/v1/settings", json=rules).status_code == 200
    open_shop(service)
    operator.post("/v1/keys", json={"name": "till", "role": "ingest", "expires_in_days": 3})
    record, dpia = operator.get(RECORD).json(), operator.get(DPIA).json()
    assert record["controller"] == dpia["controller"] == {**said, "dpo": "not stated"}
    assert record["generated_at"] == "2026-06-02T10:00:00Z"
    assert record["recipients"] == ["whoever runs the channel console"]
    purposes = " ".join(each["purpose"] for each in record["activities"])
    assert "offers on console" in purposes
    assert "held out" in purposes
    assert {"what": "pings", "kept_for": "6 hours"} in record["erasure"]["deleted_by_themselves"]
    about = dpia["systematic_description"]
    assert {"what": "decisions", "kept_for": "7 days"} in about["kept"]
    assert about["figures"] == {
        "shops": 1,
        "geofences": 1,
        "smallest_radius_m": 60.0,
        "geofences_that_are_no_circles": 0,
        "campaigns": {"active": 1},
        "triggers": ["enter"],
    }
    assert dpia["necessity_and_proportionality"]["quiet_hours"][0] == "21:00 to 08:00"
    assert "those of wherever the customer may be as well" in dpia["necessity_and_proportionality"]["quiet_hours"]
    assert "kind calendar" in dpia["necessity_and_proportionality"]["frequency"][0]
    assert any("not k-anonymous" in each for each in dpia["open_points"])
    measures = _states(record, "security")
    assert measures == _states(dpia, "measures_in_force")
    assert measures["API keys expire"] == "1 of 3 live keys do"
    assert measures["addresses of customers are encrypted (AES-GCM)"].endswith("kept in the same database")
    has_rows = service.store.engine.dialect.name == "postgresql"
    assert measures["row-level security between tenants for the API"].startswith("on" if has_rows else "off")
    assert measures["encryption on the way (TLS)"].startswith("not known")


def test_a_campaign_that_has_ended_has_no_recipient_any_more(sqlite_service: Service):
    open_shop(sqlite_service)
    operator = sqlite_service.client()
    operator.post("/v1/campaigns/cafe-offer/end")
    assert operator.get(RECORD).json()["recipients"] == ["none: no campaign"]


@pytest.mark.parametrize("path", [RECORD, DPIA])
def test_both_can_be_printed(sqlite_service: Service, path: str):
    operator = sqlite_service.client()
    agree(sqlite_service, "ada")
    controller = {"name": "<script>alert(1)</script> | Ltd. #1"}
    operator.put("/v1/settings", json={"tenant": {"timezone": "UTC"}, "controller": controller})
    document = operator.get(path).json()
    page, text = (operator.get(path, params={"format": form}) for form in ("html", "markdown"))
    assert page.headers["content-type"].startswith("text/html")
    assert text.headers["content-type"].startswith("text/markdown")
    assert f"<h1>{document['title']}</h1>" in page.text
    assert "<script>" not in page.text
    assert "&lt;script&gt;" in page.text
    assert text.text.startswith("# ")
    assert r"\<script\>alert(1)\</script\> \| Ltd. \#1" in text.text
    for printed in (page.text, text.text):
        assert "not stated" in printed
        assert not re.search(r"\bada\b", printed)


def test_both_are_the_operators_and_of_their_own_tenant(sqlite_service: Service):
    open_shop(sqlite_service)
    for path in (RECORD, DPIA):
        refused_to_all_but_operators(sqlite_service, "GET", path)
    stranger = sqlite_service.client(Role.OPERATOR, tenant="t2")
    assert stranger.get(DPIA).json()["systematic_description"]["figures"]["shops"] == 0
    assert stranger.get(RECORD).json()["recipients"] == ["none: no campaign"]


@pytest.mark.parametrize("said", [{"name": ""}, {"name": "a\nb"}, {"name": "x" * 501}, {"fax": "1"}])
def test_a_controller_that_cannot_be_printed_is_refused(sqlite_service: Service, said: dict[str, str]):
    answer = sqlite_service.client().put("/v1/settings", json={"controller": said})
    assert (answer.status_code, answer.json()["path"]) == (422, f"controller.{next(iter(said))}")
