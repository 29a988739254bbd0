"""A store, a channel and a clock that follow a script: who dies at which commit, and what happens meanwhile."""

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import NoReturn, TypeAlias

from sqlalchemy import Connection, event

from nearcast.domain.errors import StoreUnavailable
from nearcast.domain.ids import MessageId, TenantId
from nearcast.domain.message import Message
from nearcast.domain.sending import Attempt, Outbound
from nearcast.services.channel_ports import Capability
from nearcast.store.sql_store import SqlStore
from nearcast.store.unit_of_work import SqlUnitOfWork
from tests.live.answers import ACCEPTED, FAILED, NOT_NOW, UNAVAILABLE


class Killed(BaseException):
    """The process ends here, and nothing of it is heard again."""


class Fate(Enum):
    """What happens at a commit, or when a channel is asked to send; the answer is lost, or the process with it."""

    LIVES = "lives"
    LOST_BEFORE = "lost before"
    LOST_AFTER = "lost after"
    KILLED_BEFORE = "killed before"
    KILLED_AFTER = "killed after"


Meanwhile: TypeAlias = Callable[[], None]
"""What others do at that moment."""


@dataclass(frozen=True)
class Before:
    """What others do before a commit, while what it writes is still held from them. On SQLite nobody can."""

    act: Meanwhile


class ScriptedStore(SqlStore):
    """Each commit takes the next of `fates`, and lives where there is none; `watch` is called when it is durable.

    Whoever was killed commits nothing more, whatever it tidies up, until `is_killed` is taken back. Who acts before the
    commit of another waits for nothing that the other holds: to them the store is away.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.fates: deque[Fate | Meanwhile | Before] = deque()
        self._are_beside = False
        if self.is_shared:
            event.listen(self.engine, "begin", self._begin)
        self.watch: Callable[[], None] = lambda: None
        self.is_killed = False

    def writing(self, tenant_id: TenantId) -> "ScriptedUnitOfWork":
        return ScriptedUnitOfWork(self, tenant_id)

    def beside(self, act: Meanwhile) -> None:
        if not self.is_shared:
            return
        self._are_beside = True
        try:
            act()
        finally:
            self._are_beside = False

    def _begin(self, connection: Connection) -> None:
        if self._are_beside:
            connection.exec_driver_sql("SET LOCAL lock_timeout = '20ms'")

    def befall(self, fate: "Fate | Meanwhile | Before", lost: Fate, killed: Fate) -> None:
        if fate is lost:
            raise StoreUnavailable(lost.value)
        if fate is killed:
            self.kill()

    def kill(self) -> NoReturn:
        self.is_killed = True
        raise Killed


class ScriptedUnitOfWork(SqlUnitOfWork):
    def __init__(self, store: ScriptedStore, tenant_id: TenantId) -> None:
        super().__init__(store.engine, tenant_id)
        self._store = store

    def commit(self) -> None:
        store = self._store
        if store.is_killed:
            raise Killed
        fate = store.fates.popleft() if store.fates else Fate.LIVES
        store.befall(fate, Fate.LOST_BEFORE, Fate.KILLED_BEFORE)
        if isinstance(fate, Before):
            store.beside(fate.act)
        super().commit()
        store.watch()
        store.befall(fate, Fate.LOST_AFTER, Fate.KILLED_AFTER)
        if callable(fate):
            fate()


@dataclass
class ScriptedClock:
    """Goes where it is put; `newest` is the latest instant that anybody has read from it."""

    at: datetime
    newest: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.newest = self.at

    def now(self) -> datetime:
        return self.at

    def step(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.newest = max(self.newest, self.at)


NOTHING_LEFT: tuple[Attempt | None, ...] = (FAILED, UNAVAILABLE, NOT_NOW)


@dataclass(frozen=True)
class Sent:
    """A message that reached the channel then; `outcome` None where the process died before it was told.

    `is_shown` unless nothing left, or it was recognised: the customer has it from before.
    """

    message: Message
    at: datetime
    outcome: Attempt | None
    is_shown: bool


Answer: TypeAlias = Attempt | Fate | Meanwhile | None
"""What the channel makes of a message; None breaks it."""


class ScriptedChannel:
    """Writes down each message before anything else; then takes the next of `answers`, and accepts where there is none.

    A message that is answered while something happens meanwhile gets the next answer after that. Messages of the
    `repeatable` campaigns are recognised for a while, somewhat longer than is said.
    """

    SAYS_S, KEEPS_S = 45.0, 60.0
    capabilities = Capability.OWN_NAMES

    def __init__(self, store: ScriptedStore, clock: ScriptedClock, repeatable: Collection[str] = ()) -> None:
        self._store, self._clock, self._repeatable = store, clock, repeatable
        self.answers: deque[Answer] = deque()
        self.sent: list[Sent] = []
        self._known: dict[MessageId, Message] = {}

    def repeatable_s(self, message: Message) -> float:
        self._known[message.id] = message
        return self.SAYS_S if message.campaign_id in self._repeatable else 0.0

    def send(self, outbound: Outbound) -> Attempt:
        message = self._known[outbound.id]
        meanwhile, answer = self._next_answer()
        is_known = self._recognises(message)
        if is_known and answer in (FAILED, UNAVAILABLE):
            answer = ACCEPTED
        outcome = None if isinstance(answer, Fate) else answer
        is_shown = not is_known and outcome not in NOTHING_LEFT
        self.sent.append(Sent(message, self._clock.now(), outcome, is_shown))
        for act in meanwhile:
            act()
        if isinstance(answer, Fate):
            self._store.kill()
        if outcome is None:
            raise RuntimeError("the channel broke")
        return outcome

    def _next_answer(self) -> tuple[list[Meanwhile], Attempt | Fate | None]:
        meanwhile: list[Meanwhile] = []
        while self.answers:
            answer = self.answers.popleft()
            if not callable(answer):
                return meanwhile, answer
            meanwhile.append(answer)
        return meanwhile, ACCEPTED

    def _recognises(self, message: Message) -> bool:
        if message.campaign_id not in self._repeatable:
            return False
        shown = [each.at for each in self.sent if each.message.id == message.id and each.is_shown]
        return any(self._clock.now() < at + timedelta(seconds=self.KEEPS_S) for at in shown)
