"""What a shop used in a month and what it owes for it: by the cost ledger, the tenant's plan and its mark-up.

All amounts are whole millionths of a currency; currencies are never added up.
"""

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from fractions import Fraction
from io import StringIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from nearcast.domain.errors import InvalidInput, NotFound, OutOfSight
from nearcast.domain.ids import ShopId, TenantId
from nearcast.domain.local_time import instant
from nearcast.domain.payment import Amount
from nearcast.domain.price import Money
from nearcast.domain.value import value
from nearcast.services.access import Principal
from nearcast.services.billing import BillingShape, MoneyShape, billing_of
from nearcast.services.catalogue import assembled
from nearcast.services.cost_ports import UsageLine
from nearcast.services.payment_ports import PaymentSum
from nearcast.services.ports import Store, UnitOfWork
from nearcast.services.printable import as_html
from nearcast.services.report import as_json, write_text

_MONTH = re.compile(r"([12]\d{3})-(0[1-9]|1[0-2])")
_PAID = ("payments", "minor", "refunds", "refunded_minor")
_REDEMPTIONS = ("redemptions", "micros_per_redemption")
_WORDS = ("channel", "category", "micros_per_redemption")
_COLUMNS = ("what", "channel", "category", "messages", "booked", "currency", "provider_micros", "mark_up_micros")


@value(kw_only=True)
class Item:
    """One line of a statement. `booked` of its messages have been said by their provider; the price of the others is
    an estimate.
    """

    what: str
    channel: str = ""
    category: str = ""
    messages: int = 0
    booked: int = 0
    currency: str | None = None
    provider_micros: int = 0
    mark_up_micros: int = 0

    @property
    def total_micros(self) -> int:
        return self.provider_micros + self.mark_up_micros


@value(kw_only=True)
class Statement:
    """A shop's month, [since, until) by the clocks of its tenant. `payments` are what its customers paid."""

    shop_id: ShopId
    shop: str
    month: str
    since: datetime
    until: datetime
    timezone: str
    plan: str
    items: tuple[Item, ...]
    payments: tuple[PaymentSum, ...] = ()
    redemptions: int = 0

    @property
    def totals(self) -> list[Money]:
        """What is owed, currency by currency."""
        owed = Counter[str]()
        for item in self.items:
            if item.currency is not None:
                owed[item.currency] += item.total_micros
        return [Money(micros, currency) for currency, micros in sorted(owed.items())]

    @property
    def per_redemption(self) -> list[tuple[str, Fraction]]:
        """What one taken voucher cost, currency by currency, in exact millionths; empty where none was taken."""
        return [(each.currency, Fraction(each.micros, self.redemptions)) for each in self.totals if self.redemptions]

    @property
    def unpriced(self) -> int:
        """How many messages nobody knows a price of."""
        return sum(item.messages for item in self.items if item.currency is None)


class Usage:
    """Statements of the shops of a tenant."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def statement(self, asker: Principal, shop_id: str, month: str) -> Statement:
        """A shop's month, `2026-06`; NotFound for a shop that the asker may not see."""
        with self._store.reading(asker.tenant_id) as uow:
            shop = uow.catalogue.shops.get(shop_id)
            if shop is not None and not asker.may_see(shop_id):
                raise OutOfSight("shop", shop_id)
            return statement(uow, asker.tenant_id, ShopId(shop_id), month)

    def write(self, path: Path, tenant_id: TenantId, shop_id: str, month: str) -> None:
        """Write a shop's month into a file, by its ending. InvalidInput for an ending that is none of `.json`, `.csv`,
        `.html`; NotFound for a shop that is not there.
        """
        form = {**FORMS, "json": _as_text}.get(path.suffix[1:].lower())
        if form is None:
            raise InvalidInput(f"ends with {path.suffix or 'nothing'}, not with .json, .csv or .html", place=str(path))
        with self._store.reading(tenant_id) as uow:
            found = statement(uow, tenant_id, ShopId(shop_id), month)
        write_text(path, form(found))


def statement(uow: UnitOfWork, tenant_id: TenantId, shop_id: ShopId, month: str) -> Statement:
    """As `Usage.statement`, for whoever may see every shop."""
    shop, world = uow.catalogue.shops.get(shop_id), assembled(uow.catalogue, tenant_id)
    if shop is None:
        raise NotFound(f"there is no shop {shop_id!r}")
    since, until = _bounds(month, world.tenant.zone)
    billing = billing_of(uow.catalogue)
    return Statement(
        shop_id=shop_id,
        shop=world.shops[shop_id].name,
        month=month,
        since=since,
        until=until,
        timezone=world.tenant.zone.key,
        plan=billing.plan,
        items=tuple(_items(uow.costs.usage(shop_id, since, until), billing)),
        payments=tuple(uow.payments.sums(shop_id, since, until)),
        redemptions=uow.vouchers.count_redeemed(shop_id, since, until),
    )


def _bounds(month: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    found = _MONTH.fullmatch(month)
    if found is None:
        raise InvalidInput("is not a month like 2026-06", place="month")
    first = date(int(found[1]), int(found[2]), 1)
    after = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return instant(first, 0, zone), instant(after, 0, zone)


def _items(lines: Sequence[UsageLine], billing: BillingShape) -> Iterator[Item]:
    for line in lines:
        mark_up = (line.micros * billing.mark_up_percent + 50) // 100
        yield Item(
            what="messages",
            channel=line.channel,
            category=line.category,
            messages=line.messages,
            booked=line.booked,
            currency=line.currency,
            provider_micros=line.micros,
            mark_up_micros=mark_up,
        )
    count = sum(line.messages for line in lines)
    if billing.mark_up_per_message is not None and count:
        yield _fee("mark-up per message", billing.mark_up_per_message, count)
    if billing.monthly_fee is not None:
        yield _fee("plan", billing.monthly_fee, 1)


def _fee(what: str, each: MoneyShape, times: int) -> Item:
    return Item(what=what, currency=each.currency, mark_up_micros=times * each.as_money().micros)


def as_document(found: Statement) -> dict[str, Any]:
    """The statement as JSON."""
    return {
        "shop_id": found.shop_id,
        "shop": found.shop,
        "month": found.month,
        "from": found.since,
        "until": found.until,
        "timezone": found.timezone,
        "plan": found.plan,
        "items": [{**asdict(item), "total_micros": item.total_micros} for item in found.items],
        "totals": [{"currency": each.currency, "micros": each.micros, "text": each.text} for each in found.totals],
        "payments": [_payment_row(each) for each in found.payments],
        "unpriced": found.unpriced,
        "redemptions": found.redemptions,
        "per_redemption": [
            {"currency": currency, "micros": str(micros), "text": _rounded(micros, currency)}
            for currency, micros in found.per_redemption
        ],
    }


def _payment_row(paid: PaymentSum) -> dict[str, Any]:
    return {
        "currency": paid.currency,
        "payments": paid.payments,
        "minor": paid.minor,
        "text": Amount(paid.minor, paid.currency).text,
        "refunds": paid.refunds,
        "refunded_minor": paid.refunded_minor,
    }


def as_csv(found: Statement) -> str:
    """A row for each item, with a header; where customers paid, or vouchers were taken, more columns and a row for each
    currency.
    """
    more = (*(_PAID if found.payments else ()), *(_REDEMPTIONS if found.redemptions else ()))
    lines = [{**asdict(item), "total_micros": item.total_micros} for item in found.items]
    lines += [
        {"what": "payments", "currency": paid.currency, **{name: getattr(paid, name) for name in _PAID}}
        for paid in found.payments
    ]
    shared = [(currency, str(micros)) for currency, micros in found.per_redemption]
    for currency, micros in shared or ([("", "")] if found.redemptions else []):
        taken = dict(zip(_REDEMPTIONS, (found.redemptions, micros), strict=True))
        lines.append({"what": "redemptions", "currency": currency, **taken})
    text = StringIO()
    columns = (*_COLUMNS, "total_micros", *more)
    written = csv.writer(text, lineterminator="\n")
    written.writerow(["shop_id", "month", *columns])
    for line in lines:
        blank = {name: "" if name in _WORDS else 0 for name in columns}
        written.writerow([_plain(found.shop_id), found.month, *({**blank, **line}[name] for name in columns)])
    return text.getvalue()


def as_page(found: Statement) -> str:
    """One page to print."""
    document: Mapping[str, Any] = {
        "title": f"Usage of {found.shop} in {found.month}",
        "period": f"{found.since:%Y-%m-%d %H:%M} to {found.until:%Y-%m-%d %H:%M} UTC (a month in {found.timezone})",
        "plan": found.plan,
        "items": [_printed(item) for item in found.items],
        "paid_by_customers": [Amount(each.minor, each.currency).text for each in found.payments],
        "to_pay": [each.text for each in found.totals],
        "messages_without_a_known_price": found.unpriced,
        "redeemed_vouchers": found.redemptions,
        "cost_of_each_redeemed_voucher": [_rounded(micros, currency) for currency, micros in found.per_redemption],
    }
    return as_html(document)


def _printed(item: Item) -> dict[str, Any]:
    currency = item.currency
    amounts = {"provider": item.provider_micros, "mark_up": item.mark_up_micros, "total": item.total_micros}
    return {
        "what": " ".join(filter(None, (item.what, item.channel, item.category))),
        "messages": item.messages,
        "of_which_estimated": item.messages - item.booked,
        **{name: "not known" if currency is None else Money(micros, currency).text for name, micros in amounts.items()},
    }


def _rounded(micros: Fraction, currency: str) -> str:
    return Money(round(micros), currency).text


def _plain(said: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{said}" if said[:1] in ("=", "+", "-", "@", "\t", "\r") else said


def _as_text(found: Statement) -> str:
    return as_json(as_document(found), indent=2) + "\n"


FORMS: Mapping[str, Callable[[Statement], str]] = {"csv": as_csv, "html": as_page}
"""How a statement is written besides JSON."""
