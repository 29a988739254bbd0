"""What is kept of senders and of the people they write to, as the use cases see it."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Protocol, TypeAlias

from nearcast.domain.ids import CustomerId, MessageId
from nearcast.domain.pair_wait import PairWait
from nearcast.domain.reason import Reason
from nearcast.domain.recipient_state import RecipientState
from nearcast.domain.sender_state import SenderState
from nearcast.domain.value import value
from nearcast.services.cost_ports import Costs
from nearcast.services.duty_ports import Duties
from nearcast.services.template_ports import Templates

Pair: TypeAlias = tuple[CustomerId, str]
"""A customer and a channel."""


@value(kw_only=True)
class Use:
    """A person whom a message is to reach, by a name that says nothing, and who counts from `at` on."""

    person: str
    message_id: MessageId
    at: datetime


class Senders(Protocol):
    """The senders of this installation, which several tenants may share; the people are one tenant's."""

    def all(self) -> list[SenderState]: ...
    def get(self, channel: str, sender: str) -> SenderState:
        """As it stands; one that nothing is known of stands well."""

    def hold(self, channel: str, sender: str) -> SenderState:
        """As `get`; nobody else holds it before the transaction ends."""

    def put(self, state: SenderState) -> None: ...
    def recipients(self, pairs: Collection[Pair]) -> dict[Pair, RecipientState]: ...
    def channels_of(self, customer_id: CustomerId) -> dict[str, RecipientState]: ...
    def put_recipients(self, states: Mapping[Pair, RecipientState], at: datetime) -> None:
        """Write how they stand; customers must be held."""

    def prune(self, before: datetime, now: datetime, *, limit: int) -> int:
        """Forget what was last changed before an instant and says nothing at `now`; how many."""

    def release(self, channel: str, reasons: Collection[Reason], now: datetime, *, of_all: bool = False) -> int:
        """Let what waits on a channel for one of these reasons be asked for again, `of_all` tenants or of this one; how
        many messages.
        """


class Allowances(Protocol):
    """Whom senders have written to, for as long as it counts, whichever tenant it was for. The sender must be held."""

    def counted(self, channel: str, sender: str, since: datetime) -> int:
        """How many people were written to after an instant."""

    def among(self, channel: str, sender: str, people: Collection[str], since: datetime) -> set[str]:
        """Those of the people who were."""

    def first(self, channel: str, sender: str, since: datetime) -> datetime | None:
        """When the first of those was, who is also the first to count no more."""

    def reserve(self, channel: str, sender: str, uses: Iterable[Use]) -> None: ...
    def give_back(self, message_ids: Collection[MessageId]) -> None:
        """These will reach nobody: people are counted as if they had not been written."""

    def waits(self, channel: str, sender: str, people: Collection[str]) -> dict[str, PairWait]:
        """How long these have to be left alone; those of whom nothing is known are left out."""

    def wait(self, channel: str, sender: str, waits: Mapping[str, PairWait], at: datetime) -> None:
        """Write that."""

    def prune(self, before: datetime, *, limit: int) -> int: ...


class SendingKept(Protocol):
    """What a unit of work knows of sending."""

    @property
    def senders(self) -> Senders: ...
    @property
    def allowances(self) -> Allowances: ...
    @property
    def templates(self) -> Templates: ...
    @property
    def costs(self) -> Costs: ...
    @property
    def duties(self) -> Duties: ...
