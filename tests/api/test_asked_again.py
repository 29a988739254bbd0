"""Whoever asks again under the same key after a process has died finds the write and its answer, or neither."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import httpx
import pytest
from sqlalchemy import func, select

from nearcast.bootstrap import application
from nearcast.domain.errors import StoreUnavailable
from nearcast.domain.ids import TenantId
from nearcast.services.access import Principal, Role
from nearcast.services.once import Answer, Pending, Request, StillRunning
from nearcast.settings import Settings
from nearcast.store.migrate import upgrade
from nearcast.store.sql_store import SqlStore
from nearcast.store.tables import audit
from nearcast.store.unit_of_work import SqlUnitOfWork
from tests.api.operations import operations
from tests.api.people import LOCATION
from tests.api.service import Service, serving
from tests.api.town import LAT, LON

pytestmark = pytest.mark.enable_socket
Moment: TypeAlias = Literal["before the commit", "behind the commit"]
Wanted: TypeAlias = tuple[str, Any]
"""Path and body."""


@dataclass
class Fate:
    """When the process is to die, and whether it has."""

    moment: Moment | None = None
    is_dead: bool = False


class MortalStore(SqlStore):
    """Dies at the commit of a write, and answers nobody from then on."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.fate = Fate()

    def writing(self, tenant_id: TenantId) -> "MortalUnitOfWork":
        self._live()
        return MortalUnitOfWork(self.engine, tenant_id, is_narrow=self._is_narrow, fate=self.fate)

    def reading(self, tenant_id: TenantId) -> SqlUnitOfWork:
        self._live()
        return super().reading(tenant_id)

    def _live(self) -> None:
        if self.fate.is_dead:
            raise StoreUnavailable("the process has died")


class MortalUnitOfWork(SqlUnitOfWork):
    def __init__(self, *args: Any, fate: Fate, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._fate, self._entries = fate, 0

    def __enter__(self) -> "MortalUnitOfWork":
        super().__enter__()
        self._entries = told(self)
        return self

    def commit(self) -> None:
        is_write = told(self) > self._entries
        if is_write and self._fate.moment == "before the commit":
            self._die()
        super().commit()
        if is_write and self._fate.moment == "behind the commit":
            self._die()

    def _die(self) -> None:
        self._fate.is_dead = True
        raise StoreUnavailable("the process has died")


def told(uow: SqlUnitOfWork) -> int:
    """Every write is told in the audit trail: how many are."""
    return uow.connection.scalar(select(func.count()).select_from(audit)) or 0


@pytest.fixture(params=["sqlite", "postgresql"])
def mortal(request: pytest.FixtureRequest, quick_folder: Path) -> Iterator[Service]:
    """A service on a store of its own that can die."""
    is_sqlite = request.param == "sqlite"
    url = f"sqlite:///{quick_folder / 'mortal.db'}" if is_sqlite else request.getfixturevalue("postgres_url")
    upgrade(url)
    with closing(MortalStore(url)) as store, serving(store) as service:
        service.begin_anew()
        yield service


def shop(operator: httpx.Client, name: str) -> str:
    return made(operator, "/v1/shops", {"id": name})


def customer(operator: httpx.Client, name: str) -> str:
    contacts = [{"channel": "sms", "address": f"+49151{abs(hash(name)) % 10**8:08}"}]
    return made(operator, "/v1/customers", {"id": name, "contacts": contacts})


def geofence(operator: httpx.Client, name: str) -> str:
    return made(operator, "/v1/geofences", fence(name))


def fence(name: str, **properties: Any) -> dict[str, Any]:
    ground = {"type": "Point", "coordinates": [LON, LAT]}
    return {"type": "Feature", "id": name, "geometry": ground, "properties": {"radius_m": 60, **properties}}


def protected(name: str) -> dict[str, Any]:
    return {**fence(name, category="clinic"), "geometry": {"type": "Point", "coordinates": [LON + 1, LAT]}}


def campaign(operator: httpx.Client, name: str) -> str:
    shop(operator, name)
    return made(operator, "/v1/campaigns", offer(name))


def offer(name: str) -> dict[str, Any]:
    said = {"trigger": {"on": "enter"}, "channel": "sms", "offer": {"text": "Tea"}}
    return {"id": name, "shop_id": name, **said}


def made(operator: httpx.Client, path: str, document: Mapping[str, Any]) -> str:
    """The path of something that was made beforehand."""
    answer = operator.post(path, json=document)
    assert answer.status_code == 201, answer.text
    return f"{path}/{answer.json().get('id')}"


def new_campaign(operator: httpx.Client, name: str) -> Wanted:
    shop(operator, name)
    return "/v1/campaigns", offer(name)


def lift(operator: httpx.Client, name: str) -> Wanted:
    path = f"{customer(operator, name)}/suppressions"
    made(operator, path, {"channel": "sms"})
    return f"{path}/sms/lift", {"reason": "asked for it"}


def confirmation(operator: httpx.Client, name: str) -> Wanted:
    path = f"{customer(operator, name)}/consents"
    line = operator.post(path, json={**LOCATION, "purpose": "marketing.nearby", "channel": "sms"}).json()
    return f"{path}/{line['event_id']}/confirmation", None


HOOK = {"url": "https://hooks.example/visits", "events": ["enter"]}


def webhook(operator: httpx.Client) -> str:
    return made(operator, "/v1/webhooks", HOOK)


def device(operator: httpx.Client, name: str) -> Wanted:
    customer(operator, name)
    made = operator.post("/v1/devices", json={"customer_id": name, "feed": "owntracks"}).json()
    return f"/v1/devices/{made['device_id']}", None


def slot(operator: httpx.Client, name: str) -> Wanted:
    path = f"{shop(operator, name)}/slots"
    (kept,) = operator.put(path, json=SLOTS).json()["items"]
    return f"{path}/{kept['slot_id']}", None


def place(operator: httpx.Client, name: str) -> str:
    assert operator.put(f"/v1/sensitive-places/{name}", json=protected(name)).status_code == 201
    return f"/v1/sensitive-places/{name}"


SEND = {"campaign_id": "newsletter", "status": "delivered", "channel": "sms"}
KEY = {"name": "till", "role": "owner"}
SLOTS = {"slots": [{"starts_at": "2026-06-05T17:00:00Z", "ends_at": "2026-06-05T19:00:00Z", "capacity": 1}]}
STAFF = {"staff": [{"name": "Ada", "channel": "whatsapp", "address": "+4915112345678"}]}
WRITES: Mapping[str, Callable[[httpx.Client, str], Wanted]] = {
    "POST /v1/shops": lambda _, name: ("/v1/shops", {"id": name}),
    "PUT /v1/shops/{shop_id}": lambda _, name: (f"/v1/shops/{name}", {"name": "Tea"}),
    "PUT /v1/shops/{shop_id}/staff": lambda operator, name: (f"{shop(operator, name)}/staff", STAFF),
    "PUT /v1/shops/{shop_id}/slots": lambda operator, name: (f"{shop(operator, name)}/slots", SLOTS),
    "DELETE /v1/shops/{shop_id}/slots/{slot_id}": slot,
    "DELETE /v1/shops/{shop_id}": lambda operator, name: (shop(operator, name), None),
    "POST /v1/geofences": lambda _, name: ("/v1/geofences", fence(name)),
    "PUT /v1/geofences/{geofence_id}": lambda operator, name: (geofence(operator, name), fence(name, tags=["door"])),
    "DELETE /v1/geofences/{geofence_id}": lambda operator, name: (geofence(operator, name), None),
    "POST /v1/campaigns": new_campaign,
    "PUT /v1/campaigns/{campaign_id}": lambda operator, name: (
        campaign(operator, name),
        {**offer(name), "priority": 7},
    ),
    "DELETE /v1/campaigns/{campaign_id}": lambda operator, name: (campaign(operator, name), None),
    "POST /v1/campaigns/{campaign_id}/{action}": lambda operator, name: (f"{campaign(operator, name)}/activate", None),
    "PUT /v1/sensitive-places/{place_id}": lambda _, name: (f"/v1/sensitive-places/{name}", protected(name)),
    "DELETE /v1/sensitive-places/{place_id}": lambda operator, name: (place(operator, name), None),
    "PUT /v1/settings": lambda _, name: ("/v1/settings", {"tenant": {"timezone": "Europe/Paris"}}),
    "POST /v1/customers": lambda _, name: ("/v1/customers", {"id": name}),
    "PUT /v1/customers/{customer_id}": lambda operator, name: (customer(operator, name), {"tags": ["vip"]}),
    "POST /v1/customers/{customer_id}/suppressions": lambda operator, name: (
        f"{customer(operator, name)}/suppressions",
        {"channel": "sms"},
    ),
    "POST /v1/customers/{customer_id}/suppressions/{channel}/lift": lift,
    "POST /v1/customers/{customer_id}/sends": lambda operator, name: (f"{customer(operator, name)}/sends", SEND),
    "POST /v1/customers/{customer_id}/consents": lambda operator, name: (
        f"{customer(operator, name)}/consents",
        LOCATION,
    ),
    "POST /v1/customers/{customer_id}/consents/{event_id}/confirmation": confirmation,
    "DELETE /v1/devices/{device_id}": device,
    "PUT /v1/webhooks/{webhook_id}": lambda operator, _: (webhook(operator), {**HOOK, "events": ["exit"]}),
    "DELETE /v1/webhooks/{webhook_id}": lambda operator, _: (webhook(operator), None),
    "DELETE /v1/keys/{key_id}": lambda operator, _: (made(operator, "/v1/keys", KEY), None),
}
ERASURE = "DELETE /v1/customers/{customer_id}"
OTHERS = {
    "POST /v1/pings": "a ping that comes twice counts once, key or no key",
    "POST /v1/geofences/check": "writes nothing",
    "POST /v1/devices": "takes no key",
    "POST /v1/webhooks": "takes no key",
    "POST /v1/webhooks/{webhook_id}/rotate": "takes no key",
    "POST /v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver": "keeps its answer as its neighbours do",
    "POST /v1/opt-out-reviews/{review_id}": "keeps its answer as its neighbours do",
    "POST /v1/keys": "takes no key",
    "POST /v1/keys/{key_id}/rotate": "takes no key",
    "POST /v1/campaigns/{campaign_id}/test": "keeps its answer as its neighbours do",
    "POST /v1/senders/{channel}/{sender}/resume": "keeps its answer as its neighbours do",
    "POST /v1/templates": "keeps its answer; the provider knows a template by its name",
    "POST /v1/templates/sync": "keeps its answer; reading twice changes nothing",
    "POST /v1/payment-requests": "keeps its answer as its neighbours do",
    "POST /v1/payment-requests/{reference}/cancel": "keeps its answer as its neighbours do",
    "POST /v1/payment-requests/{reference}/refund": "keeps its answer as its neighbours do",
    "POST /v1/vouchers/{code}/redeem": "keeps its answer as its neighbours do",
    ERASURE: "see below",
}


def test_every_write_is_proven_here_or_needs_no_proof(sqlite_service: Service):
    named = [each for each in operations(sqlite_service) if "Idempotency-Key" in each.parameters["header"]]
    writes = {str(each) for each in named if each.method != "GET"}
    assert writes == {*WRITES, *OTHERS}


def begun(service: Service) -> Service:
    """The service in a new process."""
    fate: Fate = service.store.fate  # type: ignore[attr-defined]
    fate.moment, fate.is_dead = None, False
    service.server.state.application = application(Settings(), service.store, clock=service.clock, is_narrow=True)
    return service


def asked(operator: httpx.Client, write: str, wanted: Wanted, key: str) -> httpx.Response:
    path, body = wanted
    sent = {} if body is None else {"json": body}
    return operator.request(write.partition(" ")[0], path, headers={"Idempotency-Key": key}, **sent)


def entries(service: Service) -> int:
    with service.store.reading(TenantId("t1")) as uow:
        return told(uow)


@pytest.mark.parametrize("moment", ["before the commit", "behind the commit"])
def test_a_write_whose_process_dies_is_done_once_and_answered_again(mortal: Service, moment: Moment):
    operator = mortal.client()
    for number, (write, prepared) in enumerate(WRITES.items()):
        wanted, key = prepared(operator, f"thing-{number}"), f"key-{number}"
        before = entries(mortal)
        mortal.store.fate.moment = moment  # type: ignore[attr-defined]
        lost = asked(operator, write, wanted, key)
        assert lost.status_code == 503, f"{write}: {lost.text}"
        begun(mortal).clock.step(seconds=61)
        answers = [asked(operator, write, wanted, key) for _ in range(3)]
        assert all(answer.is_success for answer in answers), f"{write}: {answers[0].text}"
        is_replay = ["idempotency-replay" in answer.headers for answer in answers]
        assert is_replay == [moment == "behind the commit", True, True], write
        assert len({(answer.status_code, answer.content, answer.headers.get("etag")) for answer in answers}) == 1, write
        assert entries(mortal) == before + 1, write


def test_an_erasure_whose_process_dies_is_done_and_leaves_no_answer_that_names_whom(mortal: Service):
    operator = mortal.client()
    wanted = customer(operator, "zaphod"), None
    mortal.store.fate.moment = "behind the commit"  # type: ignore[attr-defined]
    assert asked(operator, ERASURE, wanted, "key").status_code == 503
    begun(mortal).clock.step(seconds=61)
    assert asked(operator, ERASURE, wanted, "key").status_code == 404


def test_a_write_that_was_given_up_and_goes_on_does_nothing(service: Service):
    asker = Principal(tenant_id=TenantId("t1"), key_id="key", role=Role.OPERATOR)
    request = Request(asker=asker, key="k1", route="PUT /v1/shops/cafe?", body_sha256="0")
    once, answer = service.app.once, Answer(200, {"body": {}, "etag": None})
    service.client()
    slow = once.begin(request, service.clock.now())
    quick = once.begin(request, service.clock.step(seconds=61))
    assert isinstance(slow, Pending)
    assert isinstance(quick, Pending)
    for _ in range(2):  # while the later one runs, and when it has been answered
        with service.store.writing(asker.tenant_id) as uow, pytest.raises(StillRunning):
            slow.keep(uow, answer)
        once.forget(slow)
        if not quick.is_kept:
            once.finish(quick, answer)
    assert once.begin(request, service.clock.now()) == answer
