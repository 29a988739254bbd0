"""What WhatsApp reports is taken in once, however it comes, and nothing that is not WhatsApp's."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations
from random import Random
from statistics import median
from time import perf_counter
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from nearcast.domain.ids import TenantId
from nearcast.domain.message import Message, MessageStatus
from nearcast.domain.sending import Accepted, NotSent, Unknown
from nearcast.services.inbound_ports import Origin
from nearcast.store.inbound_tables import message_event, quarantined_webhook, raw_webhook
from nearcast.worker.worker import Worker
from tests.api.chat import (
    AGREED,
    NUMBER,
    PHONE,
    SECRETS,
    Chat,
    body,
    failed,
    messages,
    opened,
    preference,
    preferences,
    signature,
    status,
    statuses,
    written,
)
from tests.api.people import messages as kept
from tests.api.service import Service
from tests.api.test_stop_by_message import awaited, chatting, pauses
from tests.loopback import LOOPBACK
from tests.worker.office import eventually

pytestmark = pytest.mark.enable_socket
T1 = TenantId("t1")


def sent(service: Service) -> tuple[Chat, Message]:
    """An offer has left for Anna, and nobody knows whether it arrived."""
    chat, _ = awaited(service)
    service.clock.step(seconds=1)
    with service.store.writing(T1) as uow:
        (claim,) = uow.outbox.claim_due(service.clock.now(), owner="w", lease_s=60, limit=9)
        uow.commit()
    message = claim.message.to(MessageStatus.SENDING, sent_at=service.clock.now())
    for after in (message, message.to(MessageStatus.UNKNOWN)):
        with service.store.writing(T1) as uow:
            uow.outbox.proceed([_with(claim, after)])
            uow.commit()
    return chat, message


def _with(claim: Any, message: Message) -> Any:
    return replace(claim, message=message)


def tag(message: Message) -> str:
    return f"nc1:{message.id}"


def count(service: Service, table: Any, *where: Any) -> int:
    with service.store.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(table).where(*where)) or 0


def figures(service: Service, name: str) -> dict[str, float]:
    told = [line.rpartition(" ") for line in service.client().get("/metrics").text.splitlines()]
    return {line: float(number) for line, _, number in told if line.startswith(f"nearcast_{name}_total")}


# --- who may tell


def get(service: Service, **said: str) -> httpx.Response:
    with httpx.Client(base_url=service.url, **LOOPBACK) as meta:
        return meta.get("/v1/webhooks/whatsapp", params={f"hub.{name}": value for name, value in said.items()})


def test_the_challenge_comes_back_as_it_is_to_who_knows_the_token(sqlite_service: Service):
    opened(sqlite_service)
    told = get(sqlite_service, mode="subscribe", verify_token=AGREED, challenge="1158201444")
    assert (told.status_code, told.text) == (200, "1158201444")
    assert told.headers["content-type"].startswith("text/plain")
    for said in (
        {"mode": "subscribe", "verify_token": "guessed", "challenge": "1"},
        {"mode": "subscribe", "verify_token": "agréed", "challenge": "1"},
        {"mode": "unsubscribe", "verify_token": "agreed on", "challenge": "1"},
        {"mode": "subscribe", "verify_token": "agreed on"},
        {},
    ):
        assert get(sqlite_service, **said).status_code == 403


def test_what_is_not_signed_is_kept_nowhere(sqlite_service: Service):
    chat = opened(sqlite_service)
    sqlite_service.client()
    change = messages(written("stop", at=sqlite_service.clock.now()))
    raw = json.dumps(body(change)).encode()
    reserialised = json.dumps(body(change), separators=(",", ":")).encode()
    for bytes_, headers in (
        (raw, {"X-Hub-Signature-256": signature(raw, "another")}),
        (raw, {"X-Hub-Signature-256": signature(reserialised)}),
        (raw, {}),
        (raw, {"X-Hub-Signature-256": "sha256=ü".encode("latin-1")}),
    ):
        with httpx.Client(base_url=sqlite_service.url, **LOOPBACK) as meta:
            told = meta.post("/v1/webhooks/whatsapp", content=bytes_, headers=headers)  # type: ignore[arg-type]
        assert (told.status_code, told.json()["code"]) == (401, "bad_signature")
    assert chat.post_raw(b"[" + b" " * (3 << 20) + b"]").status_code == 413
    assert [count(sqlite_service, table) for table in (raw_webhook, message_event, quarantined_webhook)] == [0, 0, 0]
    assert chat.post(change, secret=SECRETS[1]).status_code == 200  # the one before, while they change
    assert count(sqlite_service, message_event) == 1


def test_a_channel_that_is_not_set_up_hears_nothing(sqlite_service: Service):
    with httpx.Client(base_url=sqlite_service.url, **LOOPBACK) as meta:
        assert meta.post("/v1/webhooks/whatsapp", content=b"{}").status_code == 404
        assert meta.post("/v1/webhooks/pigeon", content=b"{}").status_code == 404


# --- what is kept


def test_the_same_three_times_at_once_has_one_effect(service: Service):
    chat, message = sent(service)
    at = service.clock.now()
    before = figures(service, "provider_events")
    raw = json.dumps(body(statuses(status("delivered", "wamid.A", at=at, tag=tag(message))))).encode()
    with ThreadPoolExecutor(3) as side_by_side:
        told = list(side_by_side.map(chat.post_raw, [raw] * 3))
    assert [answer.status_code for answer in told] == [200, 200, 200]
    assert (count(service, message_event), count(service, raw_webhook)) == (1, 1)
    assert chat.works() == 1
    after = figures(service, "provider_events")
    assert sum(after.values()) == sum(before.values()) + 1


def test_an_account_that_is_nobodys_is_kept_apart(service: Service):
    chat = opened(service, sender_tenants=f'{{"{PHONE}": "t1"}}')
    operator = service.client()
    chat.hears(messages(written("stop", at=service.clock.now()), phone="999"))
    chat.hears(messages(written("stop", at=service.clock.now()), phone="999"))
    assert (count(service, quarantined_webhook), count(service, message_event)) == (2, 0)
    assert 'kind="quarantined"' in operator.get("/metrics").text
    service.clock.step(days=31)
    service.app.retention.prune(T1, service.clock.now())
    assert count(service, quarantined_webhook) == 0


def test_an_account_of_several_tenants_reaches_who_knows_the_sender(sqlite_service: Service):
    chat, _ = chatting(sqlite_service)
    sqlite_service.client(tenant="a-first")
    chat.hears(messages(written("stop", at=sqlite_service.clock.now())))
    with sqlite_service.store.engine.connect() as connection:
        assert list(connection.scalars(select(message_event.c.tenant_id))) == ["t1"]
    chat.hears(messages(written("hello", at=sqlite_service.clock.now(), sender="4917700000000")))
    with sqlite_service.store.engine.connect() as connection:
        assert sorted(connection.scalars(select(message_event.c.tenant_id))) == ["a-first", "t1"]


def test_what_is_not_understood_is_kept_and_disturbs_nothing(service: Service, caplog: pytest.LogCaptureFixture):
    chat, message = sent(service)
    at = service.clock.now()
    strange = [
        {"field": "weather", "value": {"sun": True}},
        {"field": "messages", "value": {"statuses": None, "messages": None}},
        statuses({"status": "delivered"}),
        messages({**written("x", at=at), "type": "hologram"}),
        statuses(status("delivered", "wamid.A", at=at, tag=tag(message)) | {"timestamp": int(at.timestamp())}),
    ]
    chat.hears(*strange)
    chat.works()
    assert [each.status for each in kept(service)] == ["delivered"]
    assert count(service, message_event, message_event.c.status == "unparsed") >= 3
    assert "are not understood, and kept" in caplog.text
    assert NUMBER[1:] not in caplog.text


def test_a_thousand_statuses_are_answered_fast_and_all_applied(service: Service):
    chat, message = sent(service)
    at, took_s = service.clock.now(), list[float]()
    for n in range(3):
        several = [
            statuses(*(status("sent", f"wamid.{n}.{change}.{i}", at=at, tag=tag(message)) for i in range(250)))
            for change in range(4)
        ]
        entries = [{"id": "1", "changes": several[:2]}, {"id": "2", "changes": several[2:]}]
        whole = {"object": "whatsapp_business_account", "entry": entries}
        raw = json.dumps(whole).encode()
        began = perf_counter()
        assert chat.post_raw(raw).status_code == 200
        took_s.append(perf_counter() - began)
    began = perf_counter()
    assert chat.works() == 3000
    print(f"answered in {median(took_s):.3f} s, 3000 applied in {perf_counter() - began:.3f} s")
    assert count(service, message_event, message_event.c.status == "applied") == 3000


# --- what follows


def test_a_receipt_tells_what_became_of_an_attempt_that_nobody_answered(service: Service):
    chat, message = sent(service)
    at = service.clock.now()
    chat.hears(statuses(status("sent", "wamid.A", at=at, tag=tag(message))))
    chat.works()
    (known,) = kept(service)
    assert (known.status, known.provider_id) == ("sent", "wamid.A")
    for what in ("read", "delivered"):
        chat.hears(statuses(status(what, "wamid.A", at=at + timedelta(seconds=2))))
    chat.works()
    (known,) = kept(service)
    assert (known.status, known.read_at) == ("read", at.replace(microsecond=0) + timedelta(seconds=2))


def test_a_receipt_waits_for_the_message_that_it_names(service: Service):
    chat, message = sent(service)
    at = service.clock.now()
    chat.hears(statuses(status("delivered", "wamid.A", at=at)))
    chat.works()
    assert [each.status for each in kept(service)] == ["unknown"]
    assert count(service, message_event, message_event.c.status == "orphan") == 1
    assert service.app.tenants.with_heard(service.clock.now()) == []
    with service.store.writing(T1) as uow:
        (before,) = uow.outbox.hold([message.id]).values()
        uow.outbox.report([(before, replace(before, provider_id="wamid.A"))])
        uow.commit()
    assert service.app.tenants.with_heard(service.clock.now()) == [T1]
    chat.works()
    assert [each.status for each in kept(service)] == ["delivered"]


def test_who_stopped_marketing_on_the_platform_is_not_written_to_again(service: Service):
    chat, message = sent(service)
    chat.hears(statuses(failed(131050, "wamid.A", at=service.clock.now(), tag=tag(message))))
    assert pauses(service) == {Origin.PLATFORM}
    chat.works()
    (known,) = kept(service)
    assert (known.status, known.error_code, known.takes_slot) == ("failed", "131050", True)
    assert 'result="user_optout"' in "".join(figures(service, "message_receipts"))


ORDER = ["sent", "delivered", "read"]


@pytest.mark.parametrize("order", [*permutations(range(4))][::5])
def test_any_order_and_any_repetition_comes_to_the_same(sqlite_service: Service, order: tuple[int, ...]):
    chat, message = sent(sqlite_service)
    at = sqlite_service.clock.now()
    said = [status(what, "wamid.A", at=at + timedelta(seconds=n), tag=tag(message)) for n, what in enumerate(ORDER)]
    said.append(failed(131000, "wamid.A", at=at, tag=tag(message)))
    for place in (*order, *order):
        chat.hears(statuses(said[place]))
        chat.works()
    (known,) = kept(sqlite_service)
    assert (known.status, known.read_at, known.takes_slot) == (
        "read",
        (at + timedelta(seconds=2)).replace(microsecond=0),
        True,
    )


# --- answers


def test_an_answer_leaves_once_and_is_tried_again_only_if_nothing_left(sqlite_service: Service):
    chat, _ = chatting(sqlite_service)
    chat.wire.attempts = [NotSent(reason="refused"), Accepted(provider_id="wamid.answer")]
    chat.says("HELP")
    assert len(chat.wire.sent) == 1
    sqlite_service.clock.step(seconds=10)
    chat.works()
    assert len({each.id for each in chat.wire.sent}) == 1
    assert len(chat.wire.sent) == 2
    assert chat.wire.sent[0].reply_to == chat.wire.sent[1].reply_to is not None
    chat.wire.attempts = [Unknown(reason="read timeout")]
    chat.says("HELP")
    sqlite_service.clock.step(minutes=10)
    chat.works()
    assert len(chat.wire.sent) == 3
    statuses_ = {each["status"] for each in _replies(sqlite_service)}
    assert statuses_ == {"accepted", "unknown"}
    chat.hears(statuses(status("sent", "wamid.X", at=sqlite_service.clock.now(), tag=chat.wire.sent[-1].tag)))
    chat.works()
    assert {each["status"] for each in _replies(sqlite_service)} == {"accepted"}


def test_an_answer_that_comes_too_late_is_none(sqlite_service: Service):
    chat, _ = chatting(sqlite_service)
    chat.hears(messages(written("HELP", at=sqlite_service.clock.now() - timedelta(hours=25))))
    chat.works()
    assert chat.wire.sent == []
    assert [each["status"] for each in _replies(sqlite_service)] == ["expired"]


def _replies(service: Service) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = service.client().get("/v1/customers/anna/export").json()["replies"]
    return told


def test_a_worker_applies_what_came_in_by_itself(sqlite_service: Service):
    chat, message = sent(sqlite_service)
    worker = Worker(sqlite_service.app, {"worker"})
    worker.start()
    try:
        chat.hears(statuses(status("delivered", "wamid.A", at=sqlite_service.clock.now(), tag=tag(message))))
        eventually(lambda: [each.status for each in kept(sqlite_service)] == ["delivered"])
        chat.hears(messages(written("HELP", at=sqlite_service.clock.now())))
        eventually(lambda: len(chat.wire.sent) == 1)
    finally:
        assert worker.stop()


TOLD = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["sent", "delivered", "read", "131050", "131026"]), st.integers(0, 3)),
        st.tuples(st.sampled_from(["stop", "resume"]), st.integers(0, 3)),
    ),
    max_size=6,
    unique_by=lambda said: said if said[0] in ("stop", "resume") else said[0],  # a status comes once, at one time
)


@settings(max_examples=3, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TOLD, st.randoms(use_true_random=False))
def test_whatever_is_told_in_any_order_and_twice_comes_to_the_same(
    sqlite_service: Service, told: list[tuple[str, int]], dice: Random
):
    ends = set()
    for is_shuffled in (False, True):
        sqlite_service.begin_anew()
        chat, message = sent(sqlite_service)
        at = sqlite_service.clock.now()
        said = [_change(what, at + timedelta(seconds=s), tag(message)) for what, s in told]
        if is_shuffled:
            said = said * 2
            dice.shuffle(said)
        for n, change in enumerate(said):
            chat.hears(change)
            if n % 2:
                chat.works()
        chat.works()
        (known,) = kept(sqlite_service)
        ends.add((known.status, known.delivered_at, known.read_at, known.takes_slot, frozenset(pauses(sqlite_service))))
    assert len(ends) == 1


def _change(what: str, at: datetime, tagged: str) -> dict[str, Any]:
    if what in ("stop", "resume"):
        return preferences(preference(what, at=at))
    if what.isdecimal():
        return statuses(failed(int(what), "wamid.A", at=at, tag=tagged))
    return statuses(status(what, "wamid.A", at=at, tag=tagged))
