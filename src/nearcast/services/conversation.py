"""Who answers what somebody writes: handlers are asked in order, and the first that it is for takes it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from nearcast.domain.channel_event import Inbound
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.domain.sending import Recipient
from nearcast.domain.value import value
from nearcast.services.ports import UnitOfWork


@value(kw_only=True)
class Heard:
    """What came in, with whom it may be from: `customers` is empty for somebody unknown, and has several where one
    number is several customers'. `sender` is where an answer goes.
    """

    tenant_id: TenantId
    channel: str
    inbound: Inbound
    customers: tuple[CustomerId, ...]
    sender: Recipient


class Handler(Protocol):
    """One of those who answer. It works in the transaction of whoever asks it, sends nothing itself, and commits
    nothing: answers are queued by `replies.reply`.
    """

    def handle(self, uow: UnitOfWork, heard: Heard, now: datetime) -> bool:
        """Whether it was for this one: then nobody after it is asked."""


class Question(Protocol):
    """Somebody who may wait for an answer, in which a word like "cancel" means something else than the end."""

    def is_open(self, uow: UnitOfWork, heard: Heard, now: datetime) -> bool:
        """Whether an answer of that sender is waited for."""


class Conversation:
    """The handlers of an installation, in their order, and the questions that may be open."""

    def __init__(self, handlers: Sequence[Handler] = (), questions: Sequence[Question] = ()) -> None:
        self._handlers, self._questions = list(handlers), list(questions)

    def handle(self, uow: UnitOfWork, heard: Heard, now: datetime) -> bool:
        """Whether anybody took it."""
        return any(handler.handle(uow, heard, now) for handler in self._handlers)

    def waits(self, uow: UnitOfWork, heard: Heard, now: datetime) -> bool:
        """Whether anybody waits for an answer of that sender."""
        return any(question.is_open(uow, heard, now) for question in self._questions)
