"""The server is killed between the provider's yes and its own commit, again and again: nothing is sent twice, and what
nobody wrote down is known again by its receipt.
"""

import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from nearcast.bootstrap import application, open_store
from nearcast.services.access import Role
from nearcast.services.audit_ports import SYSTEM
from nearcast.settings import Settings
from tests.e2e.processes import bearer, eventually
from tests.e2e.whatsapp.fake import ACCOUNT_ID, NUMBER_ID, SECRET, TOKEN, Fake
from tests.e2e.whatsapp.killing import mortal
from tests.e2e.whatsapp.street import LAT, LON, TENANT

KILLS = [10, pytest.param(100, marks=pytest.mark.soak)]
LEASE_S = 1
ANSWER_MS = 300


@pytest.mark.parametrize("kills", KILLS)
def test_a_server_that_dies_before_it_writes_down_a_yes_asks_nobody_twice(
    fake: Fake, quick_folder: Path, tmp_path: Path, kills: int
) -> None:
    path = quick_folder / f"{tmp_path.name}.db"
    url = f"sqlite:///{path}"
    with closing(open_store(url)) as store:
        app = application(Settings(database_url=url), store)
        app.tenants.ensure(TENANT, app.clock.now())
        key = app.access.create(TENANT, Role.OPERATOR, "test", app.clock.now(), by=SYSTEM).key
    fake.behave(recipients_24h=None, window_s=None, retry_ms=100, per_s=None, pair_interval_s=0)
    dice = random.Random(4)  # noqa: S311
    with (
        mortal(
            database_url=url,
            lease_s=LEASE_S,
            whatsapp_base_url=fake.url,
            whatsapp_token=TOKEN,
            whatsapp_phone_number_id=NUMBER_ID,
            whatsapp_business_account_id=ACCOUNT_ID,
            whatsapp_app_secrets=SECRET,
        ) as server,
        httpx.Client(base_url=server.url, **bearer(key)) as operator,
    ):
        server.start()
        fake.behave(webhook_url=f"{server.url}/v1/webhooks/whatsapp")
        _set_up(operator, kills)
        for n in range(kills):
            fake.behave(is_paused=True)
            fake.script("slow", ms=ANSWER_MS)
            before = sum(fake.look("counts")["accepted"].values())
            _enters(operator, n)
            eventually(lambda before=before: _accepted(fake) > before, lambda: "nothing was asked for")  # type: ignore[misc]
            with _nobody_can_write(path):
                time.sleep(ANSWER_MS / 1_000 * dice.choice([0.5, 2]))  # before the answer, or after it
                server.kill()
            time.sleep(LEASE_S)
            server.start()
            fake.behave(is_paused=False)
        eventually(lambda: _statuses(operator) == {"delivered": kills}, lambda: str(_statuses(operator)))
        fake.behave(webhook_url=None)
    counts = fake.look("counts")
    assert set(counts["requests"].values()) == set(counts["accepted"].values()) == {1}
    assert len(counts["requests"]) == kills


def _accepted(fake: Fake) -> int:
    return sum(fake.look("counts")["accepted"].values())


@contextmanager
def _nobody_can_write(path: Path) -> Iterator[None]:
    """The server waits with its commit for as long as this is held."""
    with closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def _set_up(operator: httpx.Client, customers: int) -> None:
    def done(method: str, path: str, said: Any) -> None:
        answer = operator.request(method, path, json=said)
        assert answer.is_success, answer.text

    done("PUT", "/v1/settings", {"presence": {"profile": "raw"}})
    done("POST", "/v1/shops", {"id": "cafe", "lat": LAT, "lon": LON})
    geometry = {"type": "Point", "coordinates": [LON, LAT]}
    fence = {"type": "Feature", "id": "door", "geometry": geometry, "properties": {"shop_id": "cafe", "radius_m": 60}}
    done("POST", "/v1/geofences", fence)
    offer = {"id": "offer", "shop_id": "cafe", "trigger": {"on": "enter"}, "channel": "whatsapp"}
    done("POST", "/v1/campaigns", {**offer, "offer": {"text": "Come in"}, "state": "active"})
    for n in range(customers):
        contacts = [{"channel": "whatsapp", "address": f"+4915100000{n:03}"}]
        done("POST", "/v1/customers", {"id": f"c{n}", "contacts": contacts})
        for said in (
            {"purpose": "location.matching", "action": "granted"},
            {"purpose": "marketing.nearby", "action": "confirmed", "channel": "whatsapp"},
        ):
            done("POST", f"/v1/customers/c{n}/consents", said)


def _enters(operator: httpx.Client, n: int) -> None:
    ping = {"customer_id": f"c{n}", "recorded_at": datetime.now(UTC).isoformat(), "lat": LAT, "lon": LON}
    assert operator.post("/v1/pings", json=[ping]).json()["accepted"] == 1


def _statuses(operator: httpx.Client) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in operator.get("/v1/messages", params={"limit": "1000"}).raise_for_status().json()["items"]:
        found[each["status"]] = found.get(each["status"], 0) + 1
    return found
