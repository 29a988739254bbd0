"""A store, a channel and a clock that follow a script: who dies at which commit, and what happens meanwhile."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import NoReturn, TypeAlias

from nearcast.domain.errors import StoreUnavailable
from nearcast.domain.ids import TenantId
from nearcast.domain.message import Message
from nearcast.services.ports import SendOutcome
from nearcast.store.sql_store import SqlStore
from nearcast.store.unit_of_work import SqlUnitOfWork


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


class ScriptedStore(SqlStore):
    """Each commit takes the next of `fates`, and lives where there is none; `watch` is called when it is durable.

    Whoever was killed commits nothing more, whatever it tidies up, until `is_killed` is taken back.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.fates: deque[Fate | Meanwhile] = deque()
        self.watch: Callable[[], None] = lambda: None
        self.is_killed = False

    def writing(self, tenant_id: TenantId) -> "ScriptedUnitOfWork":
        return ScriptedUnitOfWork(self, tenant_id)

    def befall(self, fate: "Fate | Meanwhile", lost: Fate, killed: Fate) -> None:
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
        super().commit()
        store.watch()
        store.befall(fate, Fate.LOST_AFTER, Fate.KILLED_AFTER)
        if not isinstance(fate, Fate):
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


@dataclass(frozen=True)
class Sent:
    """A message that reached the channel then; `outcome` None where the process died before it was told."""

    message: Message
    at: datetime
    outcome: SendOutcome | None


Answer: TypeAlias = SendOutcome | Fate | Meanwhile | None
"""What the channel makes of a message; None breaks it."""


class ScriptedChannel:
    """Writes down each message before anything else; then takes the next of `answers`, and accepts where there is none.

    A message that is accepted while something happens meanwhile is accepted after that.
    """

    def __init__(self, store: ScriptedStore, clock: ScriptedClock) -> None:
        self._store, self._clock = store, clock
        self.answers: deque[Answer] = deque()
        self.sent: list[Sent] = []

    def send(self, message: Message) -> SendOutcome:
        answer = self.answers.popleft() if self.answers else SendOutcome.ACCEPTED
        told = answer if isinstance(answer, SendOutcome) else None
        self.sent.append(Sent(message, self._clock.now(), SendOutcome.ACCEPTED if callable(answer) else told))
        if isinstance(answer, Fate):
            self._store.kill()
        if answer is None:
            raise RuntimeError("the channel broke")
        if not isinstance(answer, SendOutcome):
            answer()
            return SendOutcome.ACCEPTED
        return answer
