"""What README shows is what happens."""

import json
import re
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.conftest import Replayed
from tests.e2e.shell import nearcast

ROOT = Path(__file__).parents[2]
COMMAND = re.compile(r"`nearcast ([^`]+)`")
GROUPS = ("bench", "keys", "export", "ledger")
pytestmark = pytest.mark.e2e


def blocks(language: str = "") -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    return [block for said, block in found if said == language]


def test_the_start_ends_as_shown(sample_city: Replayed):
    shown = next(block for block in blocks() if block.startswith("nahstadt"))
    replayed = sample_city.answer.out.splitlines()
    assert [line for line in shown.splitlines() if line and line not in replayed] == []

    told = next(block for block in blocks() if block.startswith("$ .venv/bin/nearcast explain"))
    command, *lines = told.splitlines()
    explained = nearcast(*command.split()[2:], "--out", sample_city.folder).out.splitlines()
    assert [line for line in lines if line not in explained] == []


@pytest.mark.enable_socket
def test_the_walk_through_ends_with_a_message_and_a_silence(tmp_path: Path):
    (walk_through,), (last_row,) = blocks("bash"), blocks("json")
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    (tmp_path / ".venv").symlink_to(sys.prefix)
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", walk_through.replace("8900", str(port))],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    (printed,) = [line for line in lines if line.startswith("message ")]
    assert "Coffee −20 % until " in printed
    answers = [json.loads(line) for line in lines if line.startswith("{")]
    messages, sent, explained = answers[-7:-4]
    assert [message["status"] for message in messages["items"]] == ["accepted"]
    assert messages["items"][0]["message_id"] in printed
    assert [row["outcome"] for row in sent["items"]] == ["send"]
    assert (explained["decision_id"], explained["outcome"]) == (sent["items"][0]["decision_id"], "send")
    assert all(rule["passed"] for rule in explained["rules"])
    (row,) = answers[-1]["items"]
    shown = json.loads(last_row)
    assert {name: row[name] for name in shown} == shown


def test_every_command_and_option_that_is_shown_exists():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = [said for row in re.findall(r"^\| `nearcast .*$", text, re.MULTILINE) for said in COMMAND.findall(row)]
    assert len(table) >= 20
    for said in table:
        first, second = [*said.split(), ""][:2]
        for name in re.findall(r"[a-z-]+", second) if first in GROUPS else [""]:
            help_ = nearcast(first, *name.split(), "--help")
            assert help_.code == 0, said
            assert [option for option in re.findall(r"--[a-z-]+", said) if option not in help_.out] == [], said
