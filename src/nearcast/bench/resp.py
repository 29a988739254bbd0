"""RESP 2, the protocol of Redis and Tile38: commands as arrays of byte strings, many on their way at once."""

import socket
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from types import TracebackType
from typing import TypeAlias

from nearcast.domain.errors import InvalidInput

Reply: TypeAlias = "bytes | int | list[Reply] | None"

_AT_ONCE = 500  # commands on their way: few enough that neither side waits for the other to read
_PATIENCE_S = 60.0


class Resp:
    """A connection to a server. InvalidInput where none answers, and where it refuses a command."""

    def __init__(self, host: str, port: int) -> None:
        self._name = f"{host}:{port}"
        try:
            self._socket = socket.create_connection((host, port), timeout=_PATIENCE_S)
        except OSError as error:
            raise InvalidInput(f"nothing answers: {error.strerror or error}", place=self._name) from error
        self._answers = self._socket.makefile("rb")

    def __enter__(self) -> "Resp":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._answers.close()
        self._socket.close()

    @property
    def own_host(self) -> str:
        """The address of this machine that the server sees."""
        return str(self._socket.getsockname()[0])

    def ask(self, *words: str) -> Reply:
        """One command and its reply."""
        return next(self.ask_all([command(*words)]))

    def ask_all(self, commands: Iterable[bytes]) -> Iterator[Reply]:
        """The replies to some commands, in their order."""
        waiting = iter(commands)
        while some := list(islice(waiting, _AT_ONCE)):
            try:
                self._socket.sendall(b"".join(some))
                replies = [self._reply() for _ in some]
            except OSError as error:
                raise InvalidInput(f"stopped answering: {error.strerror or error}", place=self._name) from error
            yield from replies

    def _reply(self) -> Reply:
        line = self._answers.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return self._answers.read(int(rest) + 2)[:-2] if int(rest) >= 0 else None
        if kind == b"*":
            return [self._reply() for _ in range(int(rest))]
        said = rest.decode(errors="replace") if kind == b"-" else "no reply of RESP 2"
        raise InvalidInput(said, place=self._name)


def command(*words: str) -> bytes:
    """A command as it travels.

    >>> command("GET", "a")
    b'*2\\r\\n$3\\r\\nGET\\r\\n$1\\r\\na\\r\\n'
    """
    encoded: Sequence[bytes] = [word.encode() for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded)
