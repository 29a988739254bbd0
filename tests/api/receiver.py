"""Somebody who hears of transitions, and the courier on the way to them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from nearcast.domain.ids import TenantId
from nearcast.services.courier import Courier
from nearcast.services.event_ports import Answer, Post
from nearcast.services.webhook_secrets import WebhookSecrets
from tests.api.service import Service


@dataclass
class Receiver:
    """Answers as it is told, 204 by default, and keeps what it got."""

    status: int | None = 204
    posts: list[Post] = field(default_factory=list)

    def send_all(self, posts: Sequence[Post]) -> list[Answer]:
        self.posts += posts
        return [Answer(self.status, None if self.status else "ConnectError") for _ in posts]

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(post.body) for post in self.posts]


def courier(service: Service, receiver: Receiver) -> Courier:
    secret = service.store.secret("secret_key", "never", service.clock.now())
    return Courier(service.store, lambda: receiver, WebhookSecrets(secret), dice=lambda: 0.0)


def deliver(service: Service, receiver: Receiver) -> int:
    """What the worker does with events at this instant; how many it took in hand."""
    sent, done = courier(service, receiver), 0
    while taken := sent.deliver_some(TenantId("t1"), service.clock.now(), service.clock.now):
        done += taken
    return done
