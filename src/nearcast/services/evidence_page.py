"""An evidence pack as a page to print: nothing is loaded from elsewhere, and nothing in it is taken for markup."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

from nearcast.services.report import rfc3339

_STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; color: #1b1b1b; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1rem; }
th, td { border: 1px solid #bbb; padding: .25rem .5rem; text-align: left; vertical-align: top; }
th { background: #f2f2f2; font-weight: 600; } td { overflow-wrap: anywhere; }
section { break-inside: avoid; } .bad { color: #a00; font-weight: 600; }
@media print { body { margin: 0; max-width: none; font-size: 11px; } @page { margin: 15mm; } }
"""
_STATE = ("purpose", "channel", "sender", "status", "since", "valid_until")
_MESSAGE = ("message_id", "campaign_id", "channel", "status", "queued_at", "sent_at", "consent_event_ids")


def as_page(pack: Mapping[str, Any]) -> str:
    """The page of a pack, in HTML."""
    checked = pack["verification"]
    verdict = (
        f"<p>The chain of {checked['lines']} lines is as it was written.</p>"
        if checked["ok"]
        else f'<p class="bad">The chain is not as it was written: {_text(checked["flaws"])}</p>'
    )
    head = {name: pack[name] for name in ("tenant_id", "customer_id", "subject", "made_at", "suppressed")}
    lines = "".join(
        f"<section><h2>Line {n}: {_text(line['purpose'])} {_text(line['action'])}</h2>{_facts(line)}</section>"
        for n, line in enumerate(pack["lines"], 1)
    )
    title = f"Consent evidence: {_text(pack['customer_id'] or pack['subject'])}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body>"
        f"<h1>Consent evidence</h1>{_facts(head)}{verdict}"
        f"<h2>What holds now</h2>{_table(_STATE, pack['state'])}{lines}"
        f"<h2>Messages that relied on it</h2>{_table(_MESSAGE, pack['messages'])}"
        f"<h2>How long this is kept</h2>{_facts(pack['retention'])}</body></html>\n"
    )


def _facts(facts: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{_facts(value) if isinstance(value, Mapping) else _text(value)}</td></tr>"
        for name, value in facts.items()
        if value is not None and value != []
    )
    return f"<table>{rows}</table>"


def _table(names: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(f"<tr>{''.join(f'<td>{_text(row[name])}</td>' for name in names)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _text(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, list):
        return ", ".join(_text(each) for each in value)
    return escape(rfc3339(value) if isinstance(value, datetime) else str(value))
