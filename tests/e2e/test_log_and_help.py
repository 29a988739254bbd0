"""What the program says of itself: lines of its log, and its help, which loads nothing that takes time."""

import json
import re
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.processes import environment, ran

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

COMMANDS = [
    "audit",
    "fake-whatsapp",
    "demo",
    "serve",
    "migrate",
    "doctor",
    "match",
    "replay",
    "explain",
    "import",
    "simulate",
    "export",
    "keys",
    "ledger",
    "bench",
]


def test_every_line_of_a_json_log_is_an_object_and_holds_nobodys_place(tmp_path: Path) -> None:
    program = """
import logging, threading, warnings
from nearcast.serving import until_told_to_end

def fail():
    raise ValueError("at 52.52")

with until_told_to_end("json"):
    warnings.warn("this is old")
    thread = threading.Thread(target=fail, name="walker")
    thread.start()
    thread.join()
    try:
        fail()
    except ValueError:
        logging.getLogger("uvicorn.error").exception("two\\nlines")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["level"] for line in lines] == ["WARNING", "ERROR", "ERROR"]
    assert "this is old" in lines[0]["message"]
    assert lines[1]["message"] == "thread walker died"
    assert lines[2]["error"].startswith("ValueError at <string>:6 fail < ")
    assert "52.52" not in done.stderr


def test_why_it_does_not_start_is_a_line_of_the_json_log(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        answer = ran("serve", folder=tmp_path, port=other.getsockname()[1], log_format="json")
    assert answer.code == 1
    said = [json.loads(line) for line in answer.err.splitlines()]
    assert [line["message"].partition(",")[0] for line in said] == ["cannot listen on 127.0.0.1"]


def test_help_has_a_whole_line_for_every_command(tmp_path: Path) -> None:
    told = ran("--help", folder=tmp_path).out
    listed = re.findall(r"^  ([\w-]+) +([A-Z].+)$", told.partition("Commands:")[2], re.MULTILINE)
    assert [name for name, _ in listed] == COMMANDS
    assert all(re.fullmatch(r".{20,}[^.]\.", line) for _, line in listed)


def test_help_loads_nothing_that_takes_time(tmp_path: Path) -> None:
    program = (
        "import sys; sys.argv = ['nearcast', '--help']\n"
        "from nearcast.cli import main\n"
        "try: main()\n"
        "finally: sys.exit(bool({'numpy', 'sqlalchemy', 'fastapi', 'pydantic'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, env=environment())
    assert done.returncode == 0
