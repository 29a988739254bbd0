"""Requests that may come twice and count once: an idempotency key and what was answered under it."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from nearcast.domain.errors import Conflict, InvalidInput
from nearcast.domain.ids import CustomerId
from nearcast.services.access import Principal
from nearcast.services.ports import Remembered, Store, UnitOfWork
from nearcast.services.vault import CannotOpen, Seals

_GIVEN_UP_AFTER = timedelta(seconds=60)  # longer than any request works: its process has died
_LONGEST_KEY = 255


class KeyReused(InvalidInput):
    """The key came before with another request."""

    code = "idempotency_key_reused"


class StillRunning(Conflict):
    """The first request under this key has not been answered yet."""

    code = "still_running"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A write as one asker sent it: `route` is the method and the pattern of the path, `body_sha256` the hash of the
    address and body, `customer_id` whom it is about, if anybody is known to be.
    """

    asker: Principal
    key: str
    route: str
    body_sha256: str
    customer_id: CustomerId | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content: Any


class Pending:
    """A request that runs under its key, until it is answered."""

    def __init__(self, request: Request, taken_at: datetime, seals: Seals) -> None:
        self.request, self.taken_at, self._seals = request, taken_at, seals
        self.is_kept = False

    def keep(self, uow: UnitOfWork, answer: Answer, *, customer_id: CustomerId | None = None) -> None:
        """Keep the answer in the transaction that does the work; `customer_id` is whom it made. StillRunning where the
        key was given to a later request meanwhile: then this one must not do it, too.
        """
        key, sealed = _key(self.request), self._seals.seal_text(json.dumps(answer.content), of=_of(self.request))
        self.is_kept = uow.idempotency.finish(
            key, taken_at=self.taken_at, status=answer.status, response=sealed, customer_id=customer_id
        )
        # nothing stands there where this very request erases whom it is about
        if not self.is_kept and uow.idempotency.get(key) is not None:
            raise StillRunning("this took so long that its Idempotency-Key was given to a later request")


class Once:
    """Keys are the asker's own: two clients that count from 1 do not meet."""

    def __init__(self, store: Store, seals: Seals) -> None:
        """Answers are kept under `seals`: there are addresses in them."""
        self._store, self._seals = store, seals

    def begin(self, request: Request, now: datetime) -> Answer | Pending:
        """Take the key for a request that starts; the answer of the first one where it has been answered.

        StillRunning while it has not, KeyReused where the first one was another request.
        """
        if not (0 < len(request.key) <= _LONGEST_KEY and request.key.isascii() and request.key.isprintable()):
            raise InvalidInput(f"is 1 to {_LONGEST_KEY} printable ASCII characters", place="Idempotency-Key")
        with self._store.writing(request.asker.tenant_id) as uow:
            key = _key(request)

            def take() -> Remembered | None:
                return uow.idempotency.begin(
                    key, route=request.route, body_sha256=request.body_sha256, now=now, customer_id=request.customer_id
                )

            before = take()
            if before is not None and before.status is None and now - before.created_at > _GIVEN_UP_AFTER:
                uow.idempotency.forget(key, taken_at=before.created_at)
                before = take()
            uow.commit()
        if before is None:
            return Pending(request, now, self._seals)
        if (before.route, before.body_sha256) != (request.route, request.body_sha256):
            raise KeyReused("came before with another request: take a new key", place="Idempotency-Key")
        if before.status is None:
            raise StillRunning("the first request under this Idempotency-Key is still running")
        try:
            content = json.loads(self._seals.open_text(before.response or "", of=_of(request)))
        except CannotOpen:
            raise Conflict("this was answered before; the answer was sealed with a key that is gone") from None
        return Answer(before.status, content)

    def finish(self, pending: Pending, answer: Answer) -> None:
        """Keep the answer of a request that has written nothing, for whoever asks again."""
        with self._store.writing(pending.request.asker.tenant_id) as uow:
            pending.keep(uow, answer)
            uow.commit()

    def forget(self, pending: Pending) -> None:
        """Let the key go of a request that came to nothing: it may be tried again. What was answered stays."""
        with self._store.writing(pending.request.asker.tenant_id) as uow:
            uow.idempotency.forget(_key(pending.request), taken_at=pending.taken_at)
            uow.commit()


def _of(request: Request) -> str:
    return of_answer(request.asker.tenant_id, _key(request))


def of_answer(tenant_id: str, key: str) -> str:
    """What an answer is sealed as."""
    return f"answer {tenant_id} {key}"


def _key(request: Request) -> str:
    return f"{request.asker.key_id}:{request.key}"
