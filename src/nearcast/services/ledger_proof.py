"""Proof that nobody touched the consent ledger: its chains recomputed, and held against what was recorded of them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nearcast.domain.chain import Flaw, Head, Wrong, flaws_of, root_of
from nearcast.domain.errors import InvalidInput, NotFound
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.ledger_ports import Chain
from nearcast.services.ports import Store
from nearcast.services.report import as_json, write_text

_MOST_SHOWN = 100


@dataclass(slots=True)
class Verified:
    """How much of a ledger was looked at, and what is wrong with it; `purged` are chains whose time was over."""

    chains: int = 0
    lines: int = 0
    purged: int = 0
    flaws: list[Flaw] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """As one JSON object."""
        shown = [
            {"subject": flaw.subject, "position": flaw.position, "event_id": flaw.name, "wrong": flaw.wrong.value}
            for flaw in self.flaws
        ]
        return {"ok": not self.flaws, "chains": self.chains, "lines": self.lines, "purged": self.purged, "flaws": shown}

    def told(self) -> Iterator[str]:
        """For people, line by line."""
        for flaw in self.flaws[:_MOST_SHOWN]:
            named = f" ({flaw.name})" if flaw.name else ""
            yield f"subject {flaw.subject}, line {flaw.position}{named}: {flaw.wrong.value}"
        if len(self.flaws) > _MOST_SHOWN:
            yield f"and {len(self.flaws) - _MOST_SHOWN:,} more"
        verdict = f"{len(self.flaws):,} are wrong" if self.flaws else "all as they were written"
        yield f"{self.lines:,} lines of {self.chains:,} customers: {verdict}"
        if self.purged:
            yield f"{self.purged:,} chains of erased customers were purged when their time was over"


@dataclass(frozen=True, slots=True)
class Root:
    """A whole ledger in one hash."""

    chains: int
    lines: int
    root: str


class LedgerProof:
    """Verifies the ledgers of tenants."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def verify(
        self,
        tenant_id: TenantId,
        customer_id: CustomerId | None = None,
        *,
        subject: str | None = None,
        against: Path | None = None,
    ) -> Verified:
        """Recompute every chain, or one customer's, or that of a subject, who may be erased; and, where the heads that
        were recorded are given, look whether each is still on its chain. NotFound for an unknown customer or subject.
        """
        recorded = {} if against is None else _read_heads(against)
        found = Verified()
        with self._store.reading(tenant_id) as uow:
            if customer_id is not None:
                subject = uow.customers.subjects([customer_id]).get(customer_id)
                if subject is None:
                    raise NotFound(f"there is no customer {customer_id!r}")
            if subject is not None:
                recorded = {key: head for key, head in recorded.items() if key == subject}
            for chain in uow.consents.chains(subject):
                found.chains += 1
                found.lines += len(chain.links)
                found.flaws += flaws_of(chain.subject, chain.links, chain.head)
                found.flaws += _not_as_recorded(chain, recorded.pop(chain.subject, None))
            for key, end in uow.consents.purged(subject).items():
                found.purged += 1
                found.flaws += _not_as_it_ended(key, end, recorded.pop(key, None))
        if subject is not None and customer_id is None and not found.chains and not found.purged and not recorded:
            raise NotFound(f"the ledger has no subject {subject!r}")
        found.flaws += (Flaw(key, head.count, Wrong.NOT_AS_RECORDED) for key, head in recorded.items())
        return found

    def root(self, tenant_id: TenantId, *, out: Path | None = None) -> Root:
        """The root of a ledger as it is now; every chain's head into a file, if one is named."""
        with self._store.reading(tenant_id) as uow:
            heads = list(uow.consents.heads())
        if out is not None:
            rows = ({"subject": subject, "lines": head.count, "hash": head.hash} for subject, head in heads)
            write_text(out, "".join(as_json(row) + "\n" for row in rows))
        return Root(len(heads), sum(head.count for _, head in heads), root_of(heads))


def _not_as_recorded(chain: Chain, head: Head | None) -> list[Flaw]:
    if head is None:
        return []
    there = next((link for link in chain.links if link.position == head.count), None)
    if there is not None and there.row_hash == head.hash:
        return []
    return [Flaw(chain.subject, head.count, Wrong.NOT_AS_RECORDED, there.name if there else None)]


def _not_as_it_ended(subject: str, end: Head, head: Head | None) -> list[Flaw]:
    """Of what a purged chain was before it ended nothing is left to be held against."""
    is_as_recorded = head is None or head.count < end.count or head == end
    return [] if is_as_recorded else [Flaw(subject, end.count, Wrong.NOT_AS_RECORDED)]


def _read_heads(path: Path) -> dict[str, Head]:
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return {str(row["subject"]): Head(int(row["lines"]), str(row["hash"])) for row in rows}
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror}", place=str(path)) from error
    except (ValueError, KeyError, TypeError):
        raise InvalidInput("is not a file that `nearcast ledger root --out` wrote", place=str(path)) from None
