"""Updates on their way: some later, some again, in no order, signed, until they are taken."""

import asyncio
import heapq
import random
import ssl
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import Any, TypeAlias

import httpx

from nearcast.domain.value import value
from nearcast.fake_whatsapp.settings import FakeSettings
from nearcast.fake_whatsapp.updates import Update, packed, signature

_MOST_ATTEMPTS = 12
_LONGEST_PAUSE_S = 30.0
_SHUFFLED_OVER_S = 0.2
_Dated: TypeAlias = tuple[datetime, Update]
"""When it came to be, which it tells each time that it comes, and what."""


@value(kw_only=True)
class Delivery:
    """One attempt at a POST; `status` is None where nobody answered."""

    updates: int
    status: int | None
    took_s: float

    def doc(self) -> dict[str, Any]:
        return {"updates": self.updates, "status": self.status, "took_s": round(self.took_s, 4)}


class Emitter:
    """Brings updates to the webhook, for as long as its `run` goes on."""

    def __init__(self, settings: Callable[[], FakeSettings], now: Callable[[], datetime]) -> None:
        self._settings, self._now = settings, now
        self._order, self._woken = count(), asyncio.Event()
        self._posting = set[asyncio.Task[None]]()
        self._later: list[tuple[float, int, _Dated]] = []
        self.deliveries: list[Delivery] = []

    def forget(self) -> None:
        """Tell nothing any more of what there was to tell."""
        self._later, self.deliveries, self._dice = [], [], random.Random(self._settings().seed)  # noqa: S311
        for task in self._posting:
            task.cancel()

    @property
    def waiting(self) -> int:
        """Updates that nobody has taken yet."""
        return len(self._later) + len(self._posting)

    def emit(self, update: Update, after_ms: float = 0) -> None:
        """Once, and as often again as the settings say."""
        settings = self._settings()
        if settings.webhook_url is None:
            return
        begin_s = asyncio.get_running_loop().time() + after_ms / 1_000
        at = self._now() + timedelta(milliseconds=after_ms)
        for again in range(1 + settings.repeats):
            apart_s = self._dice.random() * _SHUFFLED_OVER_S if settings.shuffles else 0.001 * again
            heapq.heappush(self._later, (begin_s + apart_s, next(self._order), (at, update)))
        self._woken.set()

    def wake(self) -> None:
        """The settings have changed."""
        self._woken.set()

    async def run(self) -> None:
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if self._is_local() else True
        async with httpx.AsyncClient(trust_env=False, timeout=30, limits=limits, verify=tls) as client:
            while True:
                settings = self._settings()
                for updates in self._due(settings):
                    task = asyncio.create_task(self._deliver(client, updates))
                    self._posting.add(task)
                    task.add_done_callback(self._ended)
                await self._until_next(settings)

    def _is_local(self) -> bool:
        """Nothing is encrypted on this machine, and reading the world's certificates takes a while."""
        return (self._settings().webhook_url or "http:").startswith("http:")

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._posting.discard(task)
        self._woken.set()

    def _due(self, settings: FakeSettings) -> list[list[_Dated]]:
        if settings.is_paused or settings.webhook_url is None:
            return []
        at_s, posts = asyncio.get_running_loop().time(), list[list[_Dated]]()
        while self._later and self._later[0][0] <= at_s and len(self._posting) + len(posts) < settings.posts_at_once:
            batch = list[_Dated]()
            while self._later and self._later[0][0] <= at_s and len(batch) < settings.batch:
                batch.append(heapq.heappop(self._later)[2])
            posts.append(batch)
        return posts

    async def _until_next(self, settings: FakeSettings) -> None:
        is_held = settings.is_paused or not self._later or len(self._posting) >= settings.posts_at_once
        wait_s = None if is_held else max(0.0, self._later[0][0] - asyncio.get_running_loop().time())
        try:
            await asyncio.wait_for(self._woken.wait(), wait_s)
        except TimeoutError:
            return
        self._woken.clear()

    async def _deliver(self, client: httpx.AsyncClient, batch: list[_Dated]) -> None:
        settings, updates = self._settings(), [update for _, update in batch]
        raw = packed(settings, updates, max(at for at, _ in batch))
        headers = {"X-Hub-Signature-256": signature(settings.app_secret, raw), "Content-Type": "application/json"}
        for attempt in range(_MOST_ATTEMPTS):
            if (url := self._settings().webhook_url) is None:
                return
            status = await self._post(client, url, raw, headers, len(updates))
            if status == 200:
                return
            await asyncio.sleep(min(_LONGEST_PAUSE_S, settings.retry_ms / 1_000 * 2**attempt))

    async def _post(
        self, client: httpx.AsyncClient, url: str, raw: bytes, headers: dict[str, str], updates: int
    ) -> int | None:
        loop, status = asyncio.get_running_loop(), None
        began_s = loop.time()
        try:
            status = (await client.post(url, content=raw, headers=headers)).status_code
        except httpx.HTTPError:
            status = None
        self.deliveries.append(Delivery(updates=updates, status=status, took_s=loop.time() - began_s))
        return status
