"""`nearcast ledger` on a database: proof, root, evidence and reminders."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.processes import environment
from tests.e2e.shell import Answer, nearcast_with, write_ndjson

pytestmark = pytest.mark.e2e
NOTICE = {"version": "1", "language": "en", "text_sha256": "9f" * 32}
AGREED = {"at": "2020-01-01T09:00:00Z", "notice": NOTICE, "source": "paper form"}
ANNA = {
    "id": "anna",
    "consents": [
        {"purpose": "location.matching", "action": "granted", **AGREED},
        {"purpose": "marketing.nearby", "channel": "sms", "action": "confirmed", **AGREED},
    ],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose database has Anna, and Bob without consents."""
    assert run(tmp_path, "keys", "create", "--role", "operator").code == 0
    people = write_ndjson(tmp_path / "people.ndjson", [ANNA, {"id": "bob"}])
    assert "2 consents" in run(tmp_path, "import", "customers", people).out
    return tmp_path


def run(folder: Path, *arguments: str | Path) -> Answer:
    return nearcast_with(environment(database_url=f"sqlite:///{folder / 'nearcast.db'}"), folder, *arguments)


def test_a_ledger_that_was_touched_does_not_verify(folder: Path) -> None:
    whole = run(folder, "ledger", "verify", "--json")
    assert (whole.code, json.loads(whole.out)) == (0, {"ok": True, "chains": 1, "lines": 2, "purged": 0, "flaws": []})
    recorded = run(folder, "ledger", "root", "--out", folder / "heads.ndjson", "--json")
    assert json.loads(recorded.out)["lines"] == 2
    assert run(folder, "ledger", "verify", "--against", folder / "heads.ndjson").code == 0
    with closing(sqlite3.connect(folder / "nearcast.db", isolation_level=None)) as behind:
        with pytest.raises(sqlite3.IntegrityError, match="insert-only"):
            behind.execute("UPDATE consent_event SET source = 'nobody'")
        behind.execute("DROP TRIGGER consent_event_is_not_changed")
        behind.execute("UPDATE consent_event SET source = 'nobody' WHERE position = 2")
    touched = run(folder, "ledger", "verify", "--customer", "anna")
    assert (touched.code, "line 2" in touched.out, "changed" in touched.out) == (1, True, True)
    assert run(folder, "ledger", "verify", "--customer", "carl").code == 2
    assert run(folder, "ledger", "verify", "--against", folder / "people.ndjson").code == 2


def test_what_proves_a_consent_is_written_as_a_page_or_as_json(folder: Path) -> None:
    for name in ("anna.html", "anna.json"):
        assert run(folder, "ledger", "evidence", "--customer", "anna", "--out", folder / name).code == 0
    assert json.loads((folder / "anna.json").read_text())["verification"]["ok"] is True
    assert "paper form" in (folder / "anna.html").read_text()
    assert run(folder, "ledger", "evidence", "--customer", "carl", "--out", folder / "carl.json").code == 2


def test_whose_reminder_is_due_is_listed(folder: Path) -> None:
    told = run(folder, "ledger", "reminders")
    assert [line.split()[1:3] for line in told.out.splitlines()] == [
        ["anna", "location.matching"],
        ["anna", "marketing.nearby"],
    ]
    assert "2 reminders are due" in told.err
