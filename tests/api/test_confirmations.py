"""Double opt-in over HTTP: asked for by an operator, answered by whoever has the link."""

from typing import Any

import httpx
import pytest

from nearcast.domain.ids import TenantId
from tests.api.people import LOCATION, NOTICE, known, refused_to_all_but_operators
from tests.api.service import Service
from tests.loopback import LOOPBACK

pytestmark = pytest.mark.enable_socket
PATH = "/v1/customers/anna/consents"
GRANT: dict[str, Any] = {
    "purpose": "marketing.nearby",
    "channel": "sms",
    "action": "granted",
    "at": "2026-06-02T09:00:00Z",
    "notice": NOTICE,
    "source": "web form",
    "jurisdiction": "DE",
    "capture_method": "web_form",
}


def granted(service: Service, **changes: Any) -> tuple[httpx.Client, str]:
    """Anna has filled in the form; her line waits."""
    operator = known(service)
    event_id: str = operator.post(PATH, json={**GRANT, **changes}).json()["event_id"]
    return operator, event_id


def asked(operator: httpx.Client, event_id: str) -> httpx.Response:
    return operator.post(f"{PATH}/{event_id}/confirmation")


def click(service: Service, token: str) -> httpx.Response:
    """Without a key."""
    return httpx.post(f"{service.url}/v1/confirmations/{token}", **LOOPBACK)


def status(operator: httpx.Client) -> str:
    found: str = operator.get(PATH).json()["state"][0]["status"]
    return found


def test_a_link_confirms_with_the_instants_of_both_steps(service: Service):
    operator, event_id = granted(service)
    told = asked(operator, event_id)
    assert (told.status_code, told.json()["expires_at"]) == (201, "2026-06-09T10:00:00Z")
    assert (told.json()["path"], status(operator)) == (f"/v1/confirmations/{told.json()['token']}", "unconfirmed")
    service.clock.step(minutes=5)
    done = click(service, told.json()["token"])
    consent = {"purpose": "marketing.nearby", "channel": "sms", "sender": "t1"}
    assert (done.status_code, done.json()) == (200, {**consent, "confirmed_at": "2026-06-02T10:05:00Z"})
    line = operator.get(PATH).json()["items"][-1]
    steps = line["evidence"]["double_opt_in"]
    assert (steps["sent_at"], steps["clicked_at"]) == ("2026-06-02T10:00:00Z", "2026-06-02T10:05:00Z")
    assert (line["action"], line["notice"], line["jurisdiction"]) == ("confirmed", NOTICE, "DE")
    assert (line["capture_method"], line["actor"], line["state_after"]) == ("double_opt_in", "self", "live")
    assert status(operator) == "live"
    assert service.app.ledger_proof.verify(TenantId("t1")).flaws == []


def test_a_link_that_is_used_again_answers_the_same_and_adds_nothing(sqlite_service: Service):
    operator, event_id = granted(sqlite_service)
    token = asked(operator, event_id).json()["token"]
    first = click(sqlite_service, token)
    sqlite_service.clock.step(days=30)
    assert click(sqlite_service, token).json() == first.json()
    line = operator.get(PATH).json()["items"][1]
    told = operator.get("/v1/audit", params={"kind": "consent", "actor": "confirmation link"}).json()["items"]
    assert [(each["id"], each["detail"]["action"]) for each in told] == [(line["event_id"], "confirmed")]


def test_a_click_whose_line_was_not_written_is_made_good_by_the_next(sqlite_service: Service):
    operator, event_id = granted(sqlite_service)
    token = asked(operator, event_id).json()["token"]
    with sqlite_service.store.writing(TenantId("t1")) as uow:
        at = sqlite_service.clock.now()
        (row,) = uow.connection.exec_driver_sql("SELECT token_sha256 FROM confirmation").all()
        uow.confirmations.click(row.token_sha256, at)
        uow.commit()
    sqlite_service.clock.step(days=8)
    assert click(sqlite_service, token).json()["confirmed_at"] == "2026-06-02T10:00:00Z"
    assert status(operator) == "live"


def test_the_token_itself_is_kept_nowhere(sqlite_service: Service):
    operator, event_id = granted(sqlite_service)
    secret = asked(operator, event_id).json()["token"].partition(".")[2]
    click(sqlite_service, secret)
    with sqlite_service.store.reading(TenantId("t1")) as uow:
        rows = [
            str(row)
            for table in ("confirmation", "consent_event", "audit", "idempotency")
            for row in uow.connection.exec_driver_sql(f"SELECT * FROM {table}")  # noqa: S608
        ]
    assert rows
    assert not any(secret in row for row in rows)


def test_a_link_that_is_too_old_confirms_nothing(sqlite_service: Service):
    operator, event_id = granted(sqlite_service)
    token = asked(operator, event_id).json()["token"]
    sqlite_service.clock.step(days=7)
    assert click(sqlite_service, token).status_code == 404
    assert status(operator) == "unconfirmed"


def test_a_withdrawal_takes_the_link_away(sqlite_service: Service):
    operator, event_id = granted(sqlite_service)
    token = asked(operator, event_id).json()["token"]
    operator.post(PATH, json={"purpose": "marketing.nearby", "action": "withdrawn"})
    assert click(sqlite_service, token).status_code == 404
    assert status(operator) == "withdrawn"


@pytest.mark.parametrize("token", ["x", "dDE.x", "dDE", "bm93aGVyZQ.x", "AA.x", ".x", "é.é", "a" * 1001, "_w.x"])
def test_a_token_that_nobody_was_sent_finds_nothing(service: Service, token: str):
    granted(service)
    answer = click(service, token)
    assert (answer.status_code, answer.json()["code"]) in ((404, "not_found"), (422, "invalid_input"))


def test_only_a_grant_that_waits_is_asked_for(sqlite_service: Service):
    operator, event_id = granted(sqlite_service)
    located = operator.post(PATH, json=LOCATION).json()["event_id"]
    newer = operator.post(PATH, json={**GRANT, "at": "2026-06-02T09:30:00Z"}).json()["event_id"]
    codes = [asked(operator, each).status_code for each in (located, event_id, newer, "unknown")]
    assert codes == [409, 409, 201, 404]
    assert operator.post("/v1/customers/nobody/consents/x/confirmation").status_code == 404
    refused_to_all_but_operators(sqlite_service, "POST", f"{PATH}/{newer}/confirmation")


def test_a_consent_that_is_live_is_renewed_by_a_link(sqlite_service: Service):
    operator, event_id = granted(sqlite_service)
    click(sqlite_service, asked(operator, event_id).json()["token"])
    sqlite_service.clock.step(days=300)
    renewed = operator.post(PATH, json={**GRANT, "at": None}).json()["event_id"]
    sqlite_service.clock.step(minutes=1)
    token = asked(operator, renewed).json()["token"]
    assert click(sqlite_service, token).status_code == 200
    assert [line["action"] for line in operator.get(PATH).json()["items"]] == ["granted", "confirmed"] * 2
