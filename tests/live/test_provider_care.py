"""Providers are asked by themselves, by one process at a time, and what fails is tried again ever later."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from nearcast.domain.ids import CustomerId, MessageId, TenantId
from nearcast.domain.sending import ProviderError, Purpose, Rejected, RetryClass, Scope
from nearcast.domain.template import MessageTemplate
from nearcast.services.channel_ports import Adapter, ChannelHealth
from nearcast.services.provider_care import ProviderCare
from nearcast.services.sender_states import Leaving, SenderStates, Tried
from nearcast.store.sql_store import SqlStore
from tests.live.corner import LONG_AGO, NOON, later

ONE, OTHER = TenantId("one"), TenantId("other")
STATES = SenderStates({"whatsapp": "555"}, {})
SECRET = "token-that-nobody-may-see"  # noqa: S105


@dataclass
class Asked:
    """A provider that is ready or not, with the templates that it has; None where it does not answer."""

    is_ready: bool = False
    probes: int = 0
    reads: int = 0
    templates: list[MessageTemplate] | None = field(default_factory=list)

    def probe(self) -> ChannelHealth:
        self.probes += 1
        return ChannelHealth(is_ready=self.is_ready)

    def all(self, now: datetime) -> Sequence[MessageTemplate]:
        self.reads += 1
        if self.templates is None:
            raise ValueError(SECRET)
        return self.templates

    def create(self, *_: Any) -> MessageTemplate:
        raise NotImplementedError


@pytest.fixture
def provider() -> Asked:
    return Asked()


@pytest.fixture
def cares(store: SqlStore, provider: Asked) -> list[ProviderCare]:
    """Those of two processes."""
    for tenant in (ONE, OTHER):
        store.add_tenant(tenant, LONG_AGO)
    adapters = {"whatsapp": cast("Adapter", SimpleNamespace(probe=provider.probe))}
    whose, every = (lambda *_: [ONE, OTHER]), timedelta(hours=6)
    return [ProviderCare(store, STATES, adapters, provider, whose, reads_every=every) for _ in range(2)]


def work(cares: list[ProviderCare], at_s: float) -> None:
    for care in cares:
        care.work(later(at_s), lambda: later(at_s))


def refused(store: SqlStore, code: str, retry: RetryClass, scope: Scope, *, is_news: bool = False) -> None:
    error = ProviderError(provider="whatsapp", code=code, retry=retry, scope=scope, is_news_of_template=is_news)
    leaving = Leaving(
        message_id=MessageId("m"), customer_id=CustomerId("c"), channel="whatsapp", purpose=Purpose.MARKETING
    )
    with store.writing(ONE) as uow:
        STATES.note(uow, [Tried(leaving=leaving, began_at=NOON, attempt=Rejected(error=error))], NOON)
        uow.commit()


def test_a_refused_token_is_asked_after_ever_later_by_one_until_it_is_taken(
    store: SqlStore, provider: Asked, cares: list[ProviderCare]
) -> None:
    refused(store, "190", RetryClass.SENDER_STOP, Scope.TOKEN)
    probes = []
    for at_s in (1, 30, 62, 120, 183, 424, 660):
        work(cares, at_s)
        probes.append(provider.probes)
    assert probes == [1, 1, 2, 2, 3, 4, 4]
    provider.is_ready = True
    work(cares, 725)
    with store.reading(OTHER) as uow:
        assert not uow.senders.get("whatsapp", "555").is_stopped
    work(cares, 2_000)
    assert provider.probes == 5


def test_what_is_no_matter_of_a_token_is_not_asked_after(
    store: SqlStore, provider: Asked, cares: list[ProviderCare]
) -> None:
    refused(store, "131042", RetryClass.SENDER_STOP, Scope.SENDER)
    work(cares, 1)
    assert provider.probes == 0


def test_templates_are_read_back_for_all_who_share_them_and_again_when_one_is_refused(
    store: SqlStore, provider: Asked, cares: list[ProviderCare]
) -> None:
    known = MessageTemplate(
        name="coffee", language="en", status="APPROVED", category="MARKETING", status_at=LONG_AGO, category_at=LONG_AGO
    )
    provider.templates = [known]
    for at_s in (0, 60, 5 * 3_600, 6 * 3_600, 7 * 3_600):
        work(cares, at_s)
    assert provider.reads == 2
    for tenant in (ONE, OTHER):
        with store.reading(tenant) as uow:
            assert [each.key for each in uow.templates.all()] == [known.key]
    refused(store, "132001", RetryClass.TEMPLATE_STOP, Scope.TEMPLATE, is_news=True)
    work(cares, 7 * 3_600 + 1)
    work(cares, 7 * 3_600 + 120)
    assert provider.reads == 3


def test_a_provider_that_does_not_answer_is_asked_again_ever_later_and_told_without_words(
    store: SqlStore, provider: Asked, cares: list[ProviderCare], caplog: pytest.LogCaptureFixture
) -> None:
    provider.templates = None
    with caplog.at_level(logging.WARNING):
        reads = []
        for at_s in (0, 200, 301, 800, 902):
            work(cares, at_s)
            reads.append(provider.reads)
    assert reads == [1, 1, 2, 2, 3]
    assert len([line for line in caplog.messages if "ValueError" in line]) == 3
    assert SECRET not in caplog.text
