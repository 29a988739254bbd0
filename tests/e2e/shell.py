"""The command line, in this process or as a process of its own; and files to hand to it."""

import contextlib
import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

Row = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    def says(self, *fragments: str) -> None:
        """Every fragment is on stderr, wherever a terminal would break the line or draw a box."""
        squeezed = squeeze(self.err).lower()
        for fragment in fragments:
            assert squeeze(fragment).lower() in squeezed, f"{fragment!r} is not in:\n{self.err}"

    def refuses(self, *fragments: str) -> None:
        """Exit 2, a message and no traceback."""
        assert self.code == 2, f"exit {self.code}\n{self.err}"
        assert "Traceback" not in self.err
        self.says(*fragments)

    def names_row(self, data_row: int) -> None:
        """The message has the row's number; whether it counts from 0, from 1 or with a header line is not fixed."""
        found = {int(number) for number in re.findall(r"\b(?:row|line)\W{0,3}(\d+)", self.err)}
        assert found & {data_row, data_row + 1, data_row + 2}, self.err


def squeeze(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m|[\s│╭╮╰╯─]", "", text)


def nearcast(*arguments: str | Path) -> Answer:
    """`nearcast …` in this process."""
    from nearcast.cli import main

    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    code = 0
    with (
        patch.object(sys, "argv", ["nearcast", *map(str, arguments)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    texts = [stream.buffer.getvalue().decode("utf-8") for stream in (out, err)]
    return Answer(code, *texts)


def nearcast_with(settings: Mapping[str, str], folder: Path, *arguments: str | Path) -> Answer:
    """`nearcast …` in this process, in a folder and with these variables; for what ends by itself."""
    with patch.dict(os.environ, settings, clear=True), contextlib.chdir(folder):
        return nearcast(*arguments)


def nearcast_process(*arguments: str | Path, hash_seed: int = 0, timeout_s: float = 600) -> Answer:
    """`python -m nearcast …` as a user starts it, with string hashing of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "nearcast", *map(str, arguments)],
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=timeout_s,
        env={"PYTHONHASHSEED": str(hash_seed), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
    )
    return Answer(done.returncode, done.stdout, done.stderr)


# --- files


def write_json(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    return path


def write_ndjson(path: Path, lines: Iterable[Row]) -> Path:
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return path


def write_csv(path: Path, lines: Sequence[Row], encoding: str = "utf-8") -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)
    return path


def write_parquet(path: Path, columns: dict[str, Any]) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(columns), path)
    return path


def write_lines(path: Path, lines: Sequence[Row]) -> Path:
    """In the format that the path's ending names."""
    if path.suffix == ".csv":
        return write_csv(path, lines)
    if path.suffix == ".ndjson":
        return write_ndjson(path, lines)
    return write_parquet(path, {name: [line[name] for line in lines] for name in lines[0]})
