"""What the use cases ask of the store of secrets, which all processes on a database share."""

from datetime import datetime
from typing import Protocol


class Secrets(Protocol):
    def secret(self, name: str, made: str, at: datetime) -> str:
        """The one that is kept, else `made` from now on."""

    def kept_secret(self, name: str) -> str | None: ...
    def replace_secret(self, name: str, value: str | None, at: datetime) -> None: ...
