"""The transactions of one tenant's engine, and what it remembers between them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from nearcast.domain.errors import Overtaken
from nearcast.domain.ids import CustomerId, DecisionId, TenantId
from nearcast.services.catalogue import NO_PLATFORM, CatalogueCache
from nearcast.services.ports import Store, UnitOfWork
from nearcast.services.voucher_codes import WITHOUT_KEY, VoucherCodes

_CUSTOMERS_AT_ONCE = 500
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Known:
    """What a step that was overtaken knows when it is done again: which opportunities were `decided` before, and that
    budgets are so short that it `holds_budgets` from its beginning.
    """

    decided: frozenset[DecisionId] = frozenset()
    holds_budgets: bool = False


NOTHING = Known()


class Steps:
    """Each step is one unit of work. If it fails, what this process has read of the catalogue is read again."""

    def __init__(
        self,
        store: Store,
        tenant_id: TenantId,
        platform: Mapping[str, Any] = NO_PLATFORM,
        codes: VoucherCodes = WITHOUT_KEY,
    ) -> None:
        self.store, self.tenant_id = store, tenant_id
        self.catalogue = CatalogueCache(tenant_id, platform, codes)

    def writing(self) -> AbstractContextManager[UnitOfWork]:
        return self._step(self.store.writing(self.tenant_id))

    def reading(self) -> AbstractContextManager[UnitOfWork]:
        return self._step(self.store.reading(self.tenant_id))

    def decide(self, step: Callable[[UnitOfWork, Known], T]) -> T:
        """Do a step that decides, in a unit of work that it commits itself. It takes for granted that its opportunities
        are new and that budgets last, which hardly ever fails and is found out at its end; then it is done again.
        """
        known = NOTHING
        self.read_catalogue()
        while True:
            try:
                with self.writing() as uow:
                    return step(uow, known)
            except Overtaken as overtaken:
                again = Known(known.decided | overtaken.decided, holds_budgets=True)
                if again == known:  # it would be overtaken for ever
                    raise
                known = again

    def read_catalogue(self) -> None:
        """Read what was never read before somebody has to wait for the transaction in which it is asked for."""
        if not self.catalogue.is_read:
            with self.reading() as uow:
                self.catalogue.world(uow.catalogue)

    @contextmanager
    def _step(self, begun: UnitOfWork) -> Iterator[UnitOfWork]:
        revision, has_begun = self.catalogue.revision, False
        try:
            with begun as uow:
                has_begun = True
                yield uow
        except BaseException as error:
            # what was read may be an edit of this very step
            if self.catalogue.revision != revision or (has_begun and not isinstance(error, Overtaken)):
                self.catalogue = self.catalogue.fresh()
            raise


def slices(customer_ids: Sequence[CustomerId]) -> Iterable[Sequence[CustomerId]]:
    """As many customers at a time as are held in memory together."""
    return (customer_ids[n : n + _CUSTOMERS_AT_ONCE] for n in range(0, len(customer_ids), _CUSTOMERS_AT_ONCE))
