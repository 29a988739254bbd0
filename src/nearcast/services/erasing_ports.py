"""What the use cases ask of the store when a customer goes for good."""

from collections.abc import Mapping
from typing import Protocol

from nearcast.domain.ids import CustomerId


class Erasing(Protocol):
    """One tenant's rows of a customer, wherever they are."""

    def erase(self, customer_id: CustomerId, subject: str) -> Mapping[str, int]: ...
