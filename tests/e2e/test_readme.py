"""What README shows is what happens."""

import re
from pathlib import Path

import pytest

from tests.e2e.shell import nearcast

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.e2e


def blocks() -> list[str]:
    return re.findall(r"```\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)


def test_the_start_ends_as_shown(tmp_path):
    shown = next(block for block in blocks() if block.startswith("nahstadt"))
    city = (ROOT / "data" / "scenario.yaml", "--pings", ROOT / "data" / "pings.parquet", "--out", tmp_path)
    replayed = nearcast("replay", *city).out.splitlines()
    assert [line for line in shown.splitlines() if line and line not in replayed] == []

    told = next(block for block in blocks() if block.startswith("$ .venv/bin/nearcast explain"))
    command, *lines = told.splitlines()
    explained = nearcast(*command.split()[2:], "--out", tmp_path).out.splitlines()
    assert [line for line in lines if line not in explained] == []


def test_every_command_and_option_that_is_shown_exists():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = re.findall(r"\| `nearcast ([a-z]+(?: [a-z]+)?)[^`]*` \|", text)
    assert len(table) >= 5
    for command in table:
        words = command.split() if command.startswith("bench") else command.split()[:1]
        help_ = nearcast(*words, "--help")
        assert help_.code == 0, command
        shown = re.search(rf"\| `nearcast {command}([^`]*)` \|", text)
        assert shown is not None
        assert [option for option in re.findall(r"--[a-z]+", shown[1]) if option not in help_.out] == []
