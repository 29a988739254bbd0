"""What other threads say reaches who waits in a loop, and disturbs nobody where nobody waits."""

import asyncio
from threading import Thread

import pytest

from nearcast.api.letters import Letters
from nearcast.domain.errors import StoreUnavailable


def test_each_hears_what_was_sent_to_them():
    async def heard() -> list[object]:
        letters, loop = Letters(), asyncio.get_running_loop()
        waiters: list[asyncio.Future[int]] = [loop.create_future() for _ in range(200)]

        def send(some: range) -> None:
            for n in some:
                letters.send(waiters[n], StoreUnavailable("away") if n % 10 == 0 else n)

        threads = [Thread(target=send, args=(range(first, 200, 4),)) for first in range(4)]
        for thread in threads:
            thread.start()
        async with asyncio.timeout(30):
            return list(await asyncio.gather(*waiters, return_exceptions=True))

    outcomes = asyncio.run(heard())
    assert [n for n, outcome in enumerate(outcomes) if outcome != n] == list(range(0, 200, 10))
    assert all(isinstance(outcomes[n], StoreUnavailable) for n in range(0, 200, 10))


def test_who_does_not_wait_any_more_is_no_trouble_for_the_others():
    async def heard() -> str:
        letters, loop = Letters(), asyncio.get_running_loop()
        gone: asyncio.Future[str] = loop.create_future()
        waiter: asyncio.Future[str] = loop.create_future()
        gone.cancel()
        letters.send(gone, "lost")
        letters.send(waiter, "found")
        return await asyncio.wait_for(waiter, 30)

    assert asyncio.run(heard()) == "found"


def test_who_waits_later_hears_too():
    async def heard() -> list[int]:
        letters, loop = Letters(), asyncio.get_running_loop()
        found = []
        for n in range(3):
            waiter: asyncio.Future[int] = loop.create_future()
            letters.send(waiter, n)
            found.append(await asyncio.wait_for(waiter, 5))
        return found

    assert asyncio.run(heard()) == [0, 1, 2]


def test_a_loop_that_has_ended_is_told_nothing():
    letters, loop = Letters(), asyncio.new_event_loop()
    waiter: asyncio.Future[str] = loop.create_future()
    loop.close()
    letters.send(waiter, "late")
    with pytest.raises(asyncio.InvalidStateError):
        waiter.result()
