"""The consent ledger from the command line: prove that nobody touched it, and what a customer agreed to."""

from pathlib import Path
from typing import Annotated

import typer

from nearcast.commands.live import AsJson, Tenant, known_tenant, live_service, note
from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import CustomerId

Subject = Annotated[
    str | None, typer.Option(help="By the name that the ledger has: whoever was erased, see the receipt.")
]

ledger = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Prove the consent ledger.")


@ledger.command()
def verify(
    tenant: Tenant = "default",
    customer: Annotated[str | None, typer.Option(help="One customer's chain alone.")] = None,
    subject: Subject = None,
    against: Annotated[
        Path | None, typer.Option(help="A file that `ledger root --out` wrote earlier, kept out of reach.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Recompute every chain of the consent ledger.

    Exit 1 where a line was changed, taken out, put in or moved.
    """
    from nearcast.services.report import as_json as dumped

    if customer is not None and subject is not None:
        raise InvalidInput("is named by --customer or by --subject", place="whose chain")
    with live_service() as live:
        whose = None if customer is None else CustomerId(customer)
        found = live.ledger_proof.verify(known_tenant(live, tenant), whose, subject=subject, against=against)
    if as_json:
        print(dumped(found.summary()))
    else:
        for line in found.told():
            print(line)
    if found.flaws:
        raise typer.Exit(1)


@ledger.command()
def root(
    tenant: Tenant = "default",
    out: Annotated[
        Path | None, typer.Option(help="Where every chain's end goes, for `ledger verify --against`.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print one hash that stands for the whole ledger as it is now.

    Kept where nobody who can write to the database can write, it proves later that nothing was taken back.
    """
    from nearcast.services.report import as_json as dumped

    with live_service() as live:
        found = live.ledger_proof.root(known_tenant(live, tenant), out=out)
    said = {"chains": found.chains, "lines": found.lines, "root": found.root}
    print(dumped(said) if as_json else f"{found.root}  {found.lines:,} lines of {found.chains:,} customers")


@ledger.command()
def evidence(
    out: Annotated[Path, typer.Option(help="Where it goes: .html is a page to print, anything else JSON.")],
    customer: Annotated[str | None, typer.Option(help="The customer's id.")] = None,
    subject: Subject = None,
    tenant: Tenant = "default",
) -> None:
    """Write what proves a customer's consent into a file."""
    with live_service() as live:
        live.evidence.write(known_tenant(live, tenant), live.clock.now(), out, customer=customer, subject=subject)
    print(f"written to {out}")


@ledger.command()
def reminders(tenant: Tenant = "default", as_json: AsJson = False) -> None:
    """List the consents whose yearly reminder is due.

    One a line; with --json each is an object. How many there are is said on stderr.
    """
    from nearcast.services.report import as_json as dumped
    from nearcast.services.report import rfc3339

    with live_service() as live:
        tenant_id, now, cursor, count = known_tenant(live, tenant), live.clock.now(), None, 0
        while True:
            page = live.reminders.due(tenant_id, now, cursor=cursor, limit=1000)
            for each in page.items:
                said = (
                    f"{rfc3339(each.due_at)}  {each.customer_id}  {each.purpose}  {each.channel or '-'}  {each.sender}"
                )
                print(dumped(each.row()) if as_json else said)
            count, cursor = count + len(page.items), page.next_cursor
            if cursor is None:
                break
    note(f"{count:,} reminders are due")
