"""What the command line does with personal data: sealing addresses anew, telling customers, proving an erasure."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.store.sql_store import SqlStore
from tests.e2e.processes import environment
from tests.e2e.shell import Answer, nearcast_with, write_ndjson

pytestmark = pytest.mark.e2e
OLD, NEW, NUMBER = "the key of last year " * 2, "the key of this year " * 2, "+4915112345678"
ANNA = {"id": "anna", "attributes": {"first_name": "Anna"}, "contacts": [{"channel": "sms", "address": NUMBER}]}


def run(folder: Path, keys: str, *arguments: str | Path) -> Answer:
    given = {"data_key": keys} if keys else {}
    return nearcast_with(environment(database_url=f"sqlite:///{folder / 'nearcast.db'}", **given), folder, *arguments)


def sealed(folder: Path) -> str:
    with closing(sqlite3.connect(folder / "nearcast.db")) as connection:
        ((text,),) = connection.execute("SELECT sealed FROM contact").fetchall()
    return str(text)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose database has Anna, her number sealed with the old key."""
    assert run(tmp_path, OLD, "keys", "create", "--role", "operator").code == 0
    assert run(tmp_path, OLD, "import", "customers", write_ndjson(tmp_path / "people.ndjson", [ANNA])).code == 0
    return tmp_path


def test_after_a_rotation_the_new_key_alone_opens_addresses(folder: Path) -> None:
    before, out = sealed(folder), folder / "anna.json"
    export = ("export", "customer", "anna", "--out", out)
    assert NUMBER not in before
    both = f"{NEW},{OLD}"
    assert run(folder, both, *export).code == 0
    assert run(folder, both, "keys", "rotate-data").out == "1 addresses sealed anew\n"
    assert run(folder, both, "keys", "rotate-data").out == "0 addresses sealed anew\n"
    assert sealed(folder) != before
    out.unlink()
    assert run(folder, NEW, *export).code == 0
    assert json.loads(out.read_text())["customer"]["contacts"] == ANNA["contacts"]
    out.unlink()
    for keys in (OLD, ""):
        assert run(folder, keys, *export).code == 1
        assert not out.exists()


def test_a_key_that_is_kept_in_the_database_is_not_rotated(tmp_path: Path) -> None:
    assert run(tmp_path, "", "keys", "create", "--role", "operator").code == 0
    run(tmp_path, "", "keys", "rotate-data").refuses("NEARCAST_DATA_KEY", "is not set")


def test_a_customer_is_told_what_is_kept_of_them_and_nobody_else_is(folder: Path) -> None:
    answer = run(folder, OLD, "export", "customer", "anna", "--out", folder / "anna.json")
    assert answer.code == 0, answer.err
    told = json.loads((folder / "anna.json").read_text())
    assert told["customer"]["attributes"] == ANNA["attributes"]
    assert NUMBER not in answer.out + answer.err
    assert run(folder, OLD, "export", "customer", "carl", "--out", folder / "carl.json").code == 2
    assert not (folder / "carl.json").exists()
    (entry, *_) = run(folder, OLD, "audit", "--kind", "customer").out.splitlines()
    assert (json.loads(entry)["action"], json.loads(entry)["id"]) == ("exported", told["subject"])


def test_the_proof_of_the_erased_is_shown_by_subject(folder: Path) -> None:
    store = SqlStore(f"sqlite:///{folder / 'nearcast.db'}")
    with store.writing(TenantId("default")) as uow:
        subject = uow.customers.subjects([CustomerId("anna")])[CustomerId("anna")]
        uow.consents.close(subject, datetime(2026, 6, 2, tzinfo=UTC), actor_id="k-1")
        uow.erasing.erase(CustomerId("anna"), subject)
        uow.commit()
    store.close()
    evidence, out = ("ledger", "evidence", "--out"), folder / "proof.json"
    assert run(folder, OLD, *evidence, out, "--subject", subject).code == 0
    assert [line["action"] for line in json.loads(out.read_text())["lines"]] == ["erased"]
    assert run(folder, OLD, "ledger", "verify", "--subject", subject).code == 0
    assert run(folder, OLD, "ledger", "verify", "--subject", "nobody").code == 2
    assert run(folder, OLD, "ledger", "verify", "--customer", "anna", "--subject", subject).code == 2
    for whose in ((), ("--customer", "anna"), ("--customer", "anna", "--subject", subject)):
        assert run(folder, OLD, *evidence, out, *whose).code == 2
