"""What the use cases ask of the store of secrets, which all processes on a database share."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple, Protocol


class Sealing(Protocol):
    """What seals texts, and finds them again by an index that tells nothing of them."""

    @property
    def key_id(self) -> str: ...
    def seal_text(self, text: str, *, of: str) -> str: ...
    def open_text(self, sealed: str, *, of: str) -> str: ...
    def blind_index(self, channel: str, address: str) -> str: ...


class SealedRow(NamedTuple):
    """A sealed text where it stands; no tenant, and so the empty one, has what is nobody's."""

    tenant_id: str
    key: str
    sealed: str


class Secrets(Protocol):
    def secret(self, name: str, made: str, at: datetime) -> str:
        """The one that is kept, else `made` from now on."""

    def kept_secret(self, name: str) -> str | None: ...
    def replace_secret(self, name: str, value: str | None, at: datetime) -> None: ...


class SealedRows(Protocol):
    """What is sealed and kept for a while, of all tenants."""

    def sealed_otherwise(self, kind: str, prefix: str, *, after: tuple[str, str], limit: int) -> list[SealedRow]: ...
    def reseal_rows(self, kind: str, rows: Iterable[tuple[SealedRow, str]]) -> None: ...
