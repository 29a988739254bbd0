"""`doctor` on good databases and on others."""

import json
import re
from pathlib import Path

import pytest

from nearcast.store.migrate import head_revision
from tests.e2e.databases import AWAY, SECRET, Run, at_once, set_revision
from tests.e2e.shell import Answer

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]


def test_the_doctor_finds_a_good_database_good(run: Run) -> None:
    run("keys", "create", "--role", "operator")
    answer = run("doctor", "--json")
    checks = json.loads(answer.out)
    assert (answer.code, [check for check in checks if not check["ok"]]) == (0, [])
    names = [check["name"] for check in checks]
    assert names == [
        "database",
        "schema",
        "clock",
        "tenants",
        "time zones",
        "disk",
        "index",
        "backlog",
        "webhooks",
        "channels",
        "payments",
        "keys",
        "addresses",
    ]


def failed(answer: Answer) -> dict[str, str]:
    """What the doctor found to be wrong, with what it says of it."""
    assert answer.code == 1, answer.out
    assert answer.err == ""
    found = (re.fullmatch(r"✗ (\S+) +(.+)", line) for line in answer.out.splitlines())
    return {line[1]: line[2] for line in found if line}


def test_the_doctor_names_what_is_wrong(sqlite: str, run: Run, database: str) -> None:
    run("migrate")
    assert failed(run("doctor")) == {
        "keys": "nobody can ask the service anything yet: nearcast keys create --role operator"
    }
    set_revision(database, "0000")
    assert failed(run("doctor")) == {
        "schema": f"at revision 0000, and this nearcast needs {head_revision()}: nearcast migrate",
        "tenants": "not known before the schema is right",
        "backlog": "not known before the schema is right",
        "webhooks": "not known before the schema is right",
        "keys": "not known before the schema is right",
        "addresses": "not known before the schema is right",
    }


def test_the_doctor_sees_that_the_database_is_away_and_says_it_once(tmp_path: Path) -> None:
    answer = at_once(tmp_path, "doctor", database_url=AWAY)
    found = failed(answer)
    assert found.pop("database").startswith("the database is unavailable: ")
    assert found == {
        "schema": "not known before the database is right",
        "clock": "not known before the database is right",
        "tenants": "not known before the schema is right",
        "backlog": "not known before the schema is right",
        "webhooks": "not known before the schema is right",
        "keys": "not known before the schema is right",
        "addresses": "not known before the schema is right",
    }
    assert SECRET not in answer.out


@pytest.mark.parametrize("content", [b"", b"this is not a database, though there is a lot of text in it"])
def test_the_doctor_outlives_a_database_that_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other.db").write_bytes(content)
    found = failed(at_once(tmp_path, "doctor", database_url="sqlite:///other.db"))
    assert next(iter(found)) == ("database" if content else "schema")
