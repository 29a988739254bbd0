"""Brings events to webhooks: at least once, in order for each customer, and none about who does not agree any more.

A few at a time: a withdrawal that comes while they are on the wire comes too late.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import cached_property

from nearcast.domain.consent import LOCATION, SHARING, ConsentEvent, consent_state
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.domain.webhook import DeliveryStatus, Webhook, next_delivery_at
from nearcast.services.event_ports import Answer, Delivery, EventSender, Post, Settled
from nearcast.services.events import MEDIA_TYPE
from nearcast.services.figures import Figure
from nearcast.services.ports import Store, UnitOfWork
from nearcast.services.report import as_json
from nearcast.services.webhook_secrets import SIGNATURE, WebhookSecrets, signature
from nearcast.services.webhook_shape import webhook_of

_AT_ONCE = 16
_LEASE = timedelta(seconds=60)  # longer than any attempt takes
_GONE = 410


class Courier:
    """Delivers for all tenants. `dice` are from [0, 1): they part what would be tried again together."""

    def __init__(
        self,
        store: Store,
        new_sender: Callable[[], EventSender],
        secrets: WebhookSecrets,
        *,
        dice: Callable[[], float],
    ) -> None:
        self._store, self._new_sender, self._secrets = store, new_sender, secrets
        self._dice = dice

    @cached_property
    def _sender(self) -> EventSender:
        return self._new_sender()

    def deliver_some(self, tenant_id: TenantId, now: datetime, present: Callable[[], datetime]) -> int:
        """Take some of what may go at `now` in hand; how many events."""
        with self._store.writing(tenant_id) as uow:
            claimed = uow.events.claim(now, until=now + _LEASE, limit=_AT_ONCE)
            if not claimed:
                return 0
            webhooks = {each.id: webhook_of(each.id, each.doc) for each in uow.catalogue.webhooks.all()}
            leaving, staying = _sorted(uow, claimed, webhooks, now)
            _settle(uow, staying, now)
        posts = [self._post(tenant_id, webhooks[each.webhook_id], each, now) for each in leaving]
        answers = self._sender.send_all(posts)
        at = max(now, present())
        settled = [self._settled(each, answer, at) for each, answer in zip(leaving, answers, strict=True)]
        with self._store.writing(tenant_id) as uow:
            _settle(uow, settled, at)
        return len(claimed)

    def _post(self, tenant_id: TenantId, webhook: Webhook, delivery: Delivery, now: datetime) -> Post:
        body = as_json(delivery.doc).encode()
        secrets = [self._secrets.of(tenant_id, webhook.id, generation) for generation in webhook.generations(now)]
        headers = {"Content-Type": MEDIA_TYPE, SIGNATURE: signature(secrets, int(now.timestamp()), body)}
        return Post(webhook.url, headers, body)

    def _settled(self, delivery: Delivery, answer: Answer, at: datetime) -> Settled:
        if answer.status is not None and 200 <= answer.status < 300:
            return Settled(delivery=delivery, status=DeliveryStatus.DELIVERED, answer=str(answer))
        again_at = None if answer.status == _GONE else next_delivery_at(at, delivery.attempts, self._dice())
        status = DeliveryStatus.DEAD if again_at is None else DeliveryStatus.QUEUED
        return Settled(delivery=delivery, status=status, answer=str(answer), again_at=again_at)


def _sorted(
    uow: UnitOfWork, claimed: Sequence[Delivery], webhooks: dict[str, Webhook], now: datetime
) -> tuple[list[Delivery], list[Settled]]:
    """Those that leave now, and the end of those that do not."""
    consents = uow.consents.of({each.customer_id for each in claimed})
    leaving, staying = list[Delivery](), list[Settled]()
    for each in claimed:
        if each.webhook_id in webhooks and _agrees(consents, each.customer_id, LOCATION, now):
            if each.doc is not None and not _agrees(consents, each.customer_id, SHARING, now):
                each.doc["data"].pop("position", None)
            leaving.append(each)
        else:
            staying.append(Settled(delivery=each, status=DeliveryStatus.CANCELLED, answer=None))
    return leaving, staying


def _settle(uow: UnitOfWork, settled: Sequence[Settled], at: datetime) -> None:
    uow.events.settle(settled, at)
    for each in settled:
        uow.tell(Figure.DELIVERIES, "failed" if each.status is DeliveryStatus.QUEUED else each.status.value)
    uow.commit()


def _agrees(
    consents: dict[CustomerId, list[ConsentEvent]], customer_id: CustomerId, purpose: str, now: datetime
) -> bool:
    return consent_state(consents.get(customer_id, ()), purpose, now=now).is_live
