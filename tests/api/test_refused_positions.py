"""Where somebody was who had not agreed to that is kept nowhere: in no table, no log, no figure."""

import logging
import struct
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from nearcast.services.access import Role
from nearcast.store.all_tables import metadata
from tests.api.service import Service
from tests.api.town import agree, open_shop, ping, send, work

LAT, LON = 48.8583701, 2.2944813
TRACES = ("48.85837", "2.29448", "48,85837", "stranger-4711")
IN_MEMORY = tuple(struct.pack(f"{order}d", value) for value in (LAT, LON) for order in "<>")


def everything(service: Service) -> Iterator[tuple[str, object]]:
    """Table and column, and each value there."""
    with service.store.engine.connect() as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(select(table)).mappings():
                yield from ((f"{table.name}.{name}", value) for name, value in row.items())


def tells(value: object) -> bool:
    if isinstance(value, bytes | memoryview):
        raw = bytes(value)
        return any(trace in raw for trace in (*IN_MEMORY, *(trace.encode() for trace in TRACES)))
    if isinstance(value, float):
        return value in (LAT, LON)
    return any(trace in str(value) for trace in TRACES)


def test_a_refused_ping_leaves_no_trace_and_an_accepted_one_does(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    open_shop(service)
    agree(service, "ada", "bob")
    operator = service.client()
    withdrawn = {"purpose": "location.matching", "action": "withdrawn"}
    assert operator.post("/v1/customers/bob/consents", json=withdrawn).status_code == 201
    there = {"lat": LAT, "lon": LON}
    refused = [
        {**ping(service, "stranger-4711"), **there},
        {**ping(service, "bob", ping_id="p1"), **there},
        {**ping(service, "ada", recorded_at="2026-06-02T11:00:00Z"), **there},
        {**ping(service, "ada"), **there, "accuracy_m": -1},
        {**ping(service, "ada"), **there, "colour": "red"},
    ]
    for headers in ({}, {"Idempotency-Key": "once"}):
        mixed = [ping(service, "ada", lat=50.0), *refused, ping(service, "ada", lat=51.0)]
        answer = service.client(Role.INGEST).post("/v1/pings", json=mixed, headers=headers)
        assert (answer.status_code, len(answer.json()["rejected"])) == (202, len(refused))
        assert not tells(answer.text)
        service.clock.step(seconds=1)
    assert service.client(Role.INGEST).post("/v1/pings", content=f"[{LAT},{LON}").status_code in (400, 415)
    work(service)
    assert [place for place, value in everything(service) if tells(value)] == []
    assert not tells(caplog.text)
    assert not tells(operator.get("/metrics").text)
    # what is looked for is found where it is
    send(service, [{**ping(service, "ada"), **there}])
    assert "ping_log.block" in {place for place, value in everything(service) if tells(value)}
