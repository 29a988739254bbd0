"""A street with shops, people who agreed, and the whole service with the fake for WhatsApp."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from pydantic import SecretStr
from sqlalchemy import select

from nearcast.api.app import create_app
from nearcast.bootstrap import application
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.domain.message import MessageStatus
from nearcast.fake_whatsapp.people import People
from nearcast.fake_whatsapp.settings import FakeSettings
from nearcast.fake_whatsapp.updates import packed, signature, status_update, wamid
from nearcast.services.access import Role
from nearcast.services.application import Application
from nearcast.services.audit_ports import SYSTEM
from nearcast.services.channel_ports import close_all
from nearcast.settings import Settings
from nearcast.store.sql_store import SqlStore
from nearcast.store.tables import message as message_table
from nearcast.worker.worker import Worker
from tests.api.service import running
from tests.e2e.processes import eventually
from tests.e2e.whatsapp.fake import ACCOUNT_ID, NUMBER_ID, SECRET, TOKEN, Fake
from tests.loopback import LOOPBACK
from tests.store.values import message

LAT, LON = 52.52, 13.405
TENANT = TenantId("t1")
OLD_SECRET, VERIFY = "secret-before", "verify-me"
_APART_DEG = 0.01
_AS_FAKE = FakeSettings(entries=2, changes=2)


@dataclass
class ShiftedClock:
    """The machine's, so many seconds ahead."""

    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Street:
    """`said` are settings of the service besides those that lead to the fake."""

    store: SqlStore
    fake: Fake
    url: str
    app: Application
    clock: ShiftedClock
    _clients: list[httpx.Client] = field(default_factory=list)
    _shops: int = 0

    def client(self, role: Role = Role.OPERATOR) -> httpx.Client:
        """Somebody with a key of that role."""
        key = self.app.access.create(TENANT, role, "test", self.clock.now(), by=SYSTEM).key
        self._clients.append(httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {key}"}, **LOOPBACK))
        return self._clients[-1]

    def close(self) -> None:
        for client in self._clients:
            client.close()

    @property
    def operator(self) -> httpx.Client:
        return self._clients[0] if self._clients else self.client()

    def done(self, method: str, path: str, said: Any = None) -> Any:
        """What an operator is answered."""
        answer = self.operator.request(method, path, json=said)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def shop(self, name: str = "cafe", **campaign: Any) -> None:
        """A shop whose offer goes by a template to whoever enters; each has a place of its own."""
        lon = LON + self._shops * _APART_DEG
        self._shops += 1
        self.done("POST", "/v1/shops", {"id": name, "name": name.title(), "lat": LAT, "lon": lon})
        geometry = {"type": "Point", "coordinates": [lon, LAT]}
        fence = {"type": "Feature", "id": f"{name}-door", "geometry": geometry}
        self.done("POST", "/v1/geofences", {**fence, "properties": {"shop_id": name, "radius_m": 60}})
        offer = {"text": "Hi {customer.first_name}, come to {shop.name} today"}
        said = {"id": f"{name}-offer", "shop_id": name, "trigger": {"on": "enter"}, "channel": "whatsapp"}
        self.done("POST", "/v1/campaigns", {**said, "offer": offer, "state": "active", **campaign})

    def person(self, name: str, number: str, *, channels: tuple[str, ...] = ("whatsapp",)) -> None:
        """A customer who agreed to be located, and to offers on these channels."""
        contacts = [{"channel": channel, "address": number} for channel in channels]
        said = {"id": name, "attributes": {"first_name": name.title()}, "contacts": contacts}
        self.done("POST", "/v1/customers", said)
        self.agree(name, "location.matching", action="granted")
        for channel in channels:
            self.agree(name, "marketing.nearby", channel=channel)

    def agree(self, name: str, purpose: str, *, action: str = "confirmed", channel: str | None = None) -> None:
        said = {"purpose": purpose, "action": action, **({"channel": channel} if channel else {})}
        self.done("POST", f"/v1/customers/{name}/consents", said)

    def enters(self, *names: str, shop: int = 0, inside: bool = True) -> None:
        """They are seen at the door of the shop that was opened as that one, or far from all."""
        lat, at = LAT if inside else LAT + 0.2, self.clock.now().isoformat()
        pings = [{"customer_id": name, "recorded_at": at, "lat": lat, "lon": LON + shop * _APART_DEG} for name in names]
        assert self.done("POST", "/v1/pings", pings)["accepted"] == len(names)

    def messages(self, name: str | None = None) -> list[dict[str, Any]]:
        """As the service shows them, the oldest first."""
        said = {"limit": "1000", **({"customer_id": name} if name else {})}
        found: list[dict[str, Any]] = self.operator.get("/v1/messages", params=said).raise_for_status().json()["items"]
        return sorted(found, key=lambda message: (message["queued_at"], message["message_id"]))

    def reaches(self, name: str, *statuses: str, within_s: float = 20.0) -> dict[str, Any]:
        """The newest message of somebody, once it has one of these statuses."""

        def look() -> dict[str, Any] | None:
            found = self.messages(name)
            return found[-1] if found and found[-1]["status"] in statuses else None

        return eventually(look, lambda: f"{name}: {self.messages(name)} {self.rows(name)}", within_s)

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Somebody's match log, the oldest first."""
        said = {"customer_id": name, "limit": "1000"}
        found: list[dict[str, Any]] = self.operator.get("/v1/match-log", params=said).raise_for_status().json()["items"]
        return found[::-1]

    def suppressed_as(self, name: str, reason: str) -> dict[str, Any]:
        """The newest verdict on somebody, once it is that reason."""

        def look() -> dict[str, Any] | None:
            found = self.rows(name)
            return found[-1] if found and found[-1]["reason"] == reason else None

        return eventually(look, lambda: f"{name}: {self.rows(name)} {self.messages(name)}")

    def until(self, look: Callable[[], bool], what: str, within_s: float = 20.0) -> None:
        eventually(lambda: look() or None, lambda: f"not yet: {what}", within_s)

    def tells(self, raw: bytes, *, secret: str = SECRET) -> httpx.Response:
        """A webhook from whoever knows that secret."""
        headers = {"X-Hub-Signature-256": signature(secret, raw), "Content-Type": "application/json"}
        return httpx.post(f"{self.url}/v1/webhooks/whatsapp", content=raw, headers=headers, **LOOPBACK)

    def settles(self) -> None:
        """Until all that was told has been taken in and dealt with, and nothing is on its way."""
        self.fake.all_told()
        on_its_way = {"queued", "claimed", "sending"}
        self.until(lambda: not self.app.tenants.with_heard(self.clock.now()), "everything that was told")
        self.until(lambda: not on_its_way & {each["status"] for each in self.messages()}, "what is on its way")

    def many_sent(self, count: int) -> list[str]:
        """So many customers, each with a message that the provider has accepted; the messages' names."""
        now, customers = self.clock.now(), [CustomerId(f"many-{n}") for n in range(count)]
        numbers = {key: [{"channel": "whatsapp", "address": f"+49152{n:08}"}] for n, key in enumerate(customers)}
        messages = [
            replace(
                message(n),
                customer_id=key,
                channel="whatsapp",
                status=MessageStatus.ACCEPTED,
                queued_at=now,
                not_before=now,
                sent_at=now,
                expires_at=now + timedelta(hours=1),
            )
            for n, key in enumerate(customers)
        ]
        with self.store.writing(TENANT) as uow:
            uow.customers.upsert({key: {} for key in customers}, now)
            self.app.contacts.write(uow, TENANT, numbers)
            uow.outbox.insert(messages)
            uow.commit()
        return [each.id for each in messages]

    def receipts(self, names: Sequence[str], *statuses: str) -> bytes:
        """One POST that tells all of these statuses of all of these messages, over two entries of two changes."""
        now, people = self.clock.now(), People()
        told = [
            status_update(
                _AS_FAKE,
                people.of_number(f"49152{n:08}"),
                id_=wamid(f"49152{n:08}", n, 99),
                status=status,
                at=now,
                tag=f"nc1:{name}",
                category="marketing",
            )
            for n, name in enumerate(names)
            for status in statuses
        ]
        return packed(_AS_FAKE, told, now)

    def attempts(self, name: str) -> int:
        """How often it was tried to send somebody's message."""
        asked = select(message_table.c.attempt).where(message_table.c.customer_id == name)
        with self.store.engine.connect() as connection:
            return max(connection.scalars(asked).all(), default=0)

    def not_before(self, name: str) -> datetime:
        """When somebody's newest message may leave."""
        with self.store.reading(TENANT) as uow:
            return max(each.not_before for each in uow.outbox.of([CustomerId(name)])[CustomerId(name)])

    def template_status(self, name: str) -> str:
        found: str = self.done("GET", f"/v1/templates/{name}/en")["status"]
        return found

    def stopped_senders(self) -> list[dict[str, Any]]:
        """Those whose provider takes nothing from them."""
        return [each for each in self.done("GET", "/v1/senders")["items"] if each["stopped_at"]]

    def resume(self) -> None:
        """An operator says that the cause is gone."""
        for each in self.stopped_senders():
            self.done("POST", f"/v1/senders/{each['channel']}/{each['sender']}/resume")

    def statuses(self) -> Counter[str]:
        """How many messages there are of each status."""
        with self.store.reading(TENANT) as uow:
            return Counter(each.status.value for each in uow.outbox.page(limit=10_000).items)

    def passes(self, seconds: float) -> None:
        """Time goes by, here and at the provider."""
        self.clock.ahead += timedelta(seconds=seconds)
        self.fake.tell("clock", {"advance_s": seconds})


def settings(fake: Fake, **said: Any) -> Settings:
    """Those that lead to the fake."""
    return Settings(
        whatsapp_base_url=said.pop("whatsapp_base_url", fake.url),
        whatsapp_token=None if "whatsapp_token_file" in said else SecretStr(TOKEN),
        whatsapp_phone_number_id=NUMBER_ID,
        whatsapp_business_account_id=ACCOUNT_ID,
        whatsapp_app_secrets=SecretStr(f"{SECRET},{OLD_SECRET}"),
        whatsapp_verify_token=SecretStr(VERIFY),
        fallback_channel="none",
        **said,
    )


@contextmanager
def open_street(store: SqlStore, fake: Fake, **said: Any) -> Iterator[Street]:
    """The service on an empty store; the fake tells it everything."""
    clock = ShiftedClock()
    app = application(settings(fake, **said), store, clock=clock)
    app.tenants.ensure(TENANT, clock.now(), timezone="Europe/Berlin")
    with running(create_app(app)) as url:
        street = Street(store, fake, url, app, clock)
        fake.behave(webhook_url=f"{url}/v1/webhooks/whatsapp", recipients_24h=None, window_s=None)
        worker = Worker(app, {"worker", "scheduler"}, tick_s=0.1)
        worker.start()
        try:
            street.done("PUT", "/v1/settings", {"presence": {"profile": "raw"}})
            yield street
        finally:
            fake.behave(webhook_url=None)
            assert worker.stop()
            close_all(app.connected)
            street.close()
