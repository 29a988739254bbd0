"""What is said of reservations in a chat, in the language of whoever is answered."""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from nearcast.domain.customer import Shop
from nearcast.domain.ids import CustomerId, ShopId
from nearcast.domain.reservation import Reservation, Slot
from nearcast.services.documents import read_document
from nearcast.services.keywords import normal
from nearcast.services.ports import UnitOfWork
from nearcast.services.world import World

_TEXTS = Path(__file__).with_name("reservation_words.yaml")


class ReservationWords:
    """The answers in one language, about the shops of one world."""

    def __init__(
        self, uow: UnitOfWork, world: World, customers: Iterable[CustomerId], *, spoken: str | None = None
    ) -> None:
        """In the language that a customer has asked for, else in the one that was `spoken`."""
        docs = uow.customers.documents(customers)
        wanted = next((str(said) for doc in docs.values() if (said := doc.get("language"))), None)
        self._texts, self._world = _texts()[_known(wanted, spoken)], world

    def __getitem__(self, name: str) -> str:
        return str(self._texts[name])

    def of_shop(self, name: str, shop_id: ShopId) -> str:
        """A text that names a shop."""
        return self[name].format(shop=self.shop_name(shop_id))

    def of(self, name: str, about: Slot | Reservation) -> str:
        """A text about a slot, or about somebody's place in it."""
        reference = about.reference if isinstance(about, Reservation) else ""
        return self[name].format(shop=self.shop_name(about.shop_id), when=self.when(about), reference=reference)

    def when(self, about: Slot | Reservation) -> str:
        """The times of a slot on the wall clock of its shop; 22 letters at most."""
        shop = self._shop(about.shop_id)
        zone = self._world.tenant.zone if shop is None else shop.zone
        begins, ends = about.starts_at.astimezone(zone), about.ends_at.astimezone(zone)
        return f"{begins:%Y-%m-%d %H:%M}–{ends:%H:%M}"

    def shop_name(self, shop_id: ShopId) -> str:
        """What a shop is called."""
        shop = self._shop(shop_id)
        return shop_id if shop is None else shop.name

    def _shop(self, shop_id: ShopId) -> Shop | None:
        return self._world.shops.get(shop_id)


def asks_for_slot(text: str) -> str | None:
    """The language in which a whole message asks for a slot; None for anything else."""
    return _asking().get(normal(text[:100]))


def _known(*said: str | None) -> str:
    tags = ((tag or "").partition("-")[0].lower() for tag in said)
    return next((tag for tag in tags if tag in _texts()), "en")


@cache
def _texts() -> Mapping[str, Mapping[str, Any]]:
    found: Mapping[str, Mapping[str, Any]] = read_document(_TEXTS)
    return found


@cache
def _asking() -> Mapping[str, str]:
    found: dict[str, str] = {}
    for language, words in _texts().items():
        for phrase in words["ask"]:
            found.setdefault(normal(phrase), language)
    return found
