"""What is written to a connection leaves in few pieces, in its order, and not into nowhere."""

import asyncio
from collections.abc import Callable
from typing import TypeAlias

import pytest

from nearcast.api.wire import MOST_HELD_BYTES, Together

pytestmark = pytest.mark.enable_socket  # of a loop


class Line(asyncio.Transport):
    """What went out, piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces, self.is_closed = list[bytes](), False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.pieces.append(bytes(data))

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed


Step: TypeAlias = Callable[[Together, Line], None]


def writes(data: bytes) -> Step:
    return lambda wire, _: wire.write(data)


def closes(wire: Together, _: Line) -> None:
    wire.close()


def hangs_up(_: Together, line: Line) -> None:
    line.close()


def left(*steps: Step) -> list[bytes]:
    """What has left once the loop has come round."""

    async def run() -> list[bytes]:
        line = Line()
        wire = Together(line, asyncio.get_running_loop())
        for step in steps:
            step(wire, line)
        await asyncio.sleep(0)
        assert wire.is_closing() == line.is_closed
        return line.pieces

    return asyncio.run(run())


def test_head_and_body_are_one_piece() -> None:
    assert left(writes(b"head"), writes(b"body")) == [b"headbody"]


def test_who_writes_on_and_on_reaches_the_transport_at_once() -> None:
    much = bytes(MOST_HELD_BYTES)
    assert left(writes(much), writes(b"more"), hangs_up) == [much + b"more"]


def test_what_was_written_before_the_end_still_leaves() -> None:
    assert left(writes(b"last words"), closes) == [b"last words"]


def test_nothing_is_written_to_who_has_gone() -> None:
    assert left(writes(b"hello?"), hangs_up) == []
