"""Requests that may come twice and count once: an idempotency key and what was answered under it."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from nearcast.domain.errors import Conflict, InvalidInput
from nearcast.domain.ids import CustomerId
from nearcast.services.access import Principal
from nearcast.services.ports import Remembered, Store
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
    """A write as one asker sent it: `route` is method and path, `body_sha256` the hash of what was sent there,
    `customer_id` whom it is about, if anybody is known to be.
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


class Once:
    """Keys are the asker's own: two clients that count from 1 do not meet."""

    def __init__(self, store: Store, seals: Seals) -> None:
        """Answers are kept under `seals`: there are addresses in them."""
        self._store, self._seals = store, seals

    def begin(self, request: Request, now: datetime) -> Answer | None:
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
                uow.idempotency.forget(key)
                before = take()
            uow.commit()
        if before is None:
            return None
        if (before.route, before.body_sha256) != (request.route, request.body_sha256):
            raise KeyReused("came before with another request: take a new key", place="Idempotency-Key")
        if before.status is None:
            raise StillRunning("the first request under this Idempotency-Key is still running")
        try:
            content = json.loads(self._seals.open_text(before.response or "", of=_of(request)))
        except CannotOpen:
            raise Conflict("this was answered before; the answer was sealed with a key that is gone") from None
        return Answer(before.status, content)

    def finish(self, request: Request, answer: Answer, *, customer_id: CustomerId | None = None) -> None:
        """Keep the answer for whoever asks again; `customer_id` is whom it made."""
        sealed = self._seals.seal_text(json.dumps(answer.content), of=_of(request))
        with self._store.writing(request.asker.tenant_id) as uow:
            uow.idempotency.finish(_key(request), status=answer.status, response=sealed, customer_id=customer_id)
            uow.commit()

    def forget(self, request: Request) -> None:
        """Let the key go: the request came to nothing and may be tried again."""
        with self._store.writing(request.asker.tenant_id) as uow:
            uow.idempotency.forget(_key(request))
            uow.commit()


def _of(request: Request) -> str:
    return f"answer {request.asker.tenant_id} {_key(request)}"


def _key(request: Request) -> str:
    return f"{request.asker.key_id}:{request.key}"
