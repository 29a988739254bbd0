"""A write and the answer to it are kept in one commit, so that whoever asks again finds both or neither."""

from collections.abc import Callable
from typing import Any, TypeAlias

from nearcast.services.ports import UnitOfWork

Keep: TypeAlias = Callable[[UnitOfWork, Any], None]
"""Called with what a use case has come to, in the transaction that makes it so and before its commit."""


def nobody_asks_again(_uow: UnitOfWork, _result: Any) -> None:
    """Keeps nothing: the request came without a key."""
