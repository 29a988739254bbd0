"""An evidence pack as a page to print."""

from collections.abc import Iterable, Mapping
from typing import Any

from nearcast.services.explain import plain
from nearcast.services.printable import as_html

_STATE = ("purpose", "channel", "sender", "status", "since", "valid_until")
_MESSAGE = ("message_id", "campaign_id", "channel", "status", "queued_at", "sent_at", "consent_event_ids")


def as_page(pack: Mapping[str, Any]) -> str:
    """The page of a pack, in HTML: what is not known of a line is left out."""
    pack, checked = plain(pack), pack["verification"]
    found = f"as it was written, all {checked['lines']} lines" if checked["ok"] else "not as it was written"
    lines = {
        f"Line {n}: {line['purpose']} {line['action']}": {
            name: value for name, value in line.items() if value is not None
        }
        for n, line in enumerate(pack["lines"], 1)
    }
    return as_html(
        {
            "title": f"Consent evidence: {pack['customer_id'] or pack['subject']}",
            **{name: pack[name] for name in ("tenant_id", "customer_id", "subject", "made_at", "suppressed")},
            "chain": found,
            "what_is_wrong": checked["flaws"],
            "what_holds_now": _columns(_STATE, pack["state"]),
            **lines,
            "messages_that_relied_on_it": _columns(_MESSAGE, pack["messages"]),
            "how_long_this_is_kept": pack["retention"],
        }
    )


def _columns(names: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{name: row[name] for name in names} for row in rows]
