"""What the use cases ask of the store of secrets, which all processes on a database share."""

from datetime import datetime
from typing import Protocol


class Sealing(Protocol):
    """What seals texts, and finds them again by an index that tells nothing of them."""

    @property
    def key_id(self) -> str: ...
    def seal_text(self, text: str, *, of: str) -> str: ...
    def open_text(self, sealed: str, *, of: str) -> str: ...
    def blind_index(self, channel: str, address: str) -> str: ...


class Secrets(Protocol):
    def secret(self, name: str, made: str, at: datetime) -> str:
        """The one that is kept, else `made` from now on."""

    def kept_secret(self, name: str) -> str | None: ...
    def replace_secret(self, name: str, value: str | None, at: datetime) -> None: ...
