"""What the doctor finds in a store whose state the test sets."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from nearcast.domain.errors import StoreUnavailable
from nearcast.domain.ids import TenantId
from nearcast.services.channel_ports import ChannelHealth
from nearcast.services.doctor import GIB, Check, examine
from nearcast.services.key_ports import ApiKey
from nearcast.services.ports import StoreInfo
from nearcast.services.waiting import Waiting

NOW = datetime(2026, 6, 2, 10, 0, tzinfo=UTC)
HEAD = "0007"
NONE: Mapping[str, Any] = {}


@dataclass
class Patient:
    """A store with a tenant for each entry of `keys`: when its keys ended, None for one that is live."""

    schema: str | None = HEAD
    clock: datetime = NOW
    pings: dict[int, int] = field(default_factory=dict)
    keys: dict[str, Sequence[datetime | None]] = field(default_factory=lambda: {"default": [None]})
    secrets: dict[str, str] = field(default_factory=dict)
    falls_ill: Exception | None = None
    open: list[str] | None = None
    dead: int = 0

    def secret(self, name: str, made: str, at: datetime) -> str:
        return self.secrets.setdefault(name, made)

    def kept_secret(self, name: str) -> str | None:
        return self.secrets.get(name)

    def about(self) -> StoreInfo:
        if self.falls_ill:
            raise self.falls_ill
        return StoreInfo(product="a database", schema=self.schema, now=self.clock)

    def waiting(self) -> Waiting:
        return Waiting(pings={}, messages=0, events=1, dead_events=self.dead)

    def open_tables(self) -> list[str] | None:
        return self.open

    def tenants(self) -> list[str]:
        return list(self.keys)

    @contextmanager
    def reading(self, tenant_id: str) -> Iterator[Any]:
        keys = [_key(ended) for ended in self.keys[tenant_id]]
        yield SimpleNamespace(pings=SimpleNamespace(waiting=lambda: self.pings), keys=SimpleNamespace(all=lambda: keys))


def _key(expires_at: datetime | None) -> ApiKey:
    return ApiKey(
        id="k",
        tenant_id=TenantId("a"),
        name="k",
        role="owner",
        key_hash="h",
        shop_ids=None,
        created_at=NOW,
        expires_at=expires_at,
    )


def examined(
    patient: Any, *data_keys: str, free_bytes: int = GIB, zones: str = "2026a", adapters: Mapping[str, Any] = NONE
) -> list[Check]:
    made = examine(
        patient,
        NOW,
        head=HEAD,
        channels="console",
        adapters=adapters,
        data_keys=data_keys,
        free_bytes=free_bytes,
        zones=zones,
    )
    return list(made)


def wrong(patient: Patient) -> dict[str, str]:
    return {check.name: check.detail for check in examined(patient) if not check.ok}


def test_a_store_as_it_should_be_is_found_well() -> None:
    assert wrong(Patient()) == {}
    assert examined(Patient())[0] == Check("database", True, "a database")


@pytest.mark.parametrize(("skew_s", "is_wrong"), [(2.0, False), (-2.0, False), (2.1, True), (-3600, True)])
def test_two_clocks_may_be_two_seconds_apart(skew_s: float, is_wrong: bool) -> None:
    found = wrong(Patient(clock=NOW + timedelta(seconds=skew_s)))
    assert list(found) == (["clock"] if is_wrong else [])
    if is_wrong:
        assert found["clock"].startswith(f"{abs(skew_s):.1f} s apart")


@pytest.mark.parametrize(
    ("schema", "said"),
    [(None, "there is none yet: nearcast migrate"), ("0006", "at revision 0006, and this nearcast needs 0007: ")],
)
def test_another_schema_is_named_and_nothing_is_read_by_it(schema: str | None, said: str) -> None:
    found = wrong(Patient(schema=schema, keys={}))
    assert found["schema"].startswith(said)
    assert found["backlog"] == found["keys"] == "not known before the schema is right"


def test_a_channel_is_right_where_its_provider_is_ready() -> None:
    def channels(**healths: ChannelHealth) -> Check:
        adapters = {name: SimpleNamespace(probe=lambda said=said: said) for name, said in healths.items()}
        return next(check for check in examined(Patient(), adapters=adapters) if check.name == "channels")

    ready, blocked = ChannelHealth(is_ready=True), ChannelHealth(is_ready=False, what="blocked")
    assert channels() == Check("channels", True, "console")
    assert channels(whatsapp=ready) == Check("channels", True, "whatsapp ready; console")
    assert channels(whatsapp=blocked, sms=ready) == Check("channels", False, "whatsapp blocked; sms ready; console")


def test_a_long_backlog_asks_for_a_worker() -> None:
    assert wrong(Patient(pings={0: 5_000, 3: 4_999})) == {}
    assert "10,000 pings wait for a worker: is one running?" in wrong(Patient(pings={0: 5_000, 3: 5_000}))["backlog"]


def test_a_table_that_row_security_does_not_cover_is_named() -> None:
    assert wrong(Patient(open=[])) == {}
    said = "row-level security does not cover message, run: nearcast migrate"
    assert wrong(Patient(open=["message", "run"])) == {"tenants": said}


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({}, "nobody can ask the service anything yet: nearcast keys create"),
        ({"a": [None], "b": [], "c": [NOW, NOW]}, "no live key for b, c: nearcast keys create --tenant b"),
    ],
)
def test_whoever_has_no_live_key_is_named(keys: dict[str, Sequence[datetime | None]], said: str) -> None:
    assert wrong(Patient(keys=keys))["keys"].startswith(said)


@pytest.mark.parametrize(
    ("illness", "said"),
    [
        (StoreUnavailable("the database is unavailable: Connection refused"), "the database is unavailable: "),
        (ValueError("secret at 52.52"), "cannot be looked at: ValueError"),
    ],
)
def test_what_cannot_be_looked_at_has_failed_and_the_rest_is_looked_at(illness: Exception, said: str) -> None:
    found = wrong(Patient(falls_ill=illness))
    assert list(found) == ["database", "schema", "clock", "tenants", "backlog", "webhooks", "keys", "addresses"]
    assert found["database"].startswith(said)
    assert found["clock"] == "not known before the database is right"
    assert "52.52" not in str(found)


def test_a_key_that_is_kept_beside_what_it_seals_is_said_to_protect_little() -> None:
    patient, ours = Patient(), "a key of our own " * 2
    assert "protects little" in examined(patient)[-1].detail
    assert examined(patient, ours)[-1] == Check("addresses", True, "sealed with NEARCAST_DATA_KEY")


def test_another_key_than_the_one_that_sealed_is_found() -> None:
    patient = Patient()
    examined(patient, "the key that sealed " * 2)
    check = examined(patient, "the key of another installation " * 2)[-1]
    assert not check.ok
    assert "NEARCAST_DATA_KEY does not hold" in check.detail


def test_events_that_no_webhook_took_are_found() -> None:
    assert wrong(Patient(dead=2)) == {
        "webhooks": "2 events were not taken: GET /v1/webhooks/ID/deliveries?status=dead",
    }


@pytest.mark.parametrize(("free_bytes", "is_wrong"), [(GIB, False), (GIB - 1, True)])
def test_a_disk_that_is_nearly_full_is_found(free_bytes: int, is_wrong: bool) -> None:
    found = [check.name for check in examined(Patient(), free_bytes=free_bytes) if not check.ok]
    assert found == (["disk"] if is_wrong else [])


@pytest.mark.parametrize(
    ("zones", "is_wrong"), [("2026.1", False), ("2024a", False), ("2023d", True), ("an edition", False)]
)
def test_time_zones_of_years_ago_are_found(zones: str, is_wrong: bool) -> None:
    found = {check.name: check.detail for check in examined(Patient(), zones=zones) if not check.ok}
    assert list(found) == (["time zones"] if is_wrong else [])
    assert not is_wrong or zones in found["time zones"]
