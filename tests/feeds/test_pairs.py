import json
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from nearcast.domain.errors import InvalidInput
from nearcast.feeds.pairs import write_pairs

ROWS = np.array([0, 0, 7])
CUSTOMERS = np.array(["c1", "c1", "é"], dtype=object)
FENCES = np.array(["f1", "f2", "f1"], dtype=object)
EXPECTED = [
    {"ping_row": 0, "customer_id": "c1", "geofence_id": "f1"},
    {"ping_row": 0, "customer_id": "c1", "geofence_id": "f2"},
    {"ping_row": 7, "customer_id": "é", "geofence_id": "f1"},
]


def written(path: Path) -> bytes:
    write_pairs(path, ping_row=ROWS, customer_id=CUSTOMERS, geofence_id=FENCES)
    return path.read_bytes()


def test_ndjson(tmp_path: Path) -> None:
    lines = written(tmp_path / "pairs.ndjson").decode("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == EXPECTED


def test_parquet(tmp_path: Path) -> None:
    written(tmp_path / "pairs.parquet")
    table = pyarrow.parquet.read_table(tmp_path / "pairs.parquet")
    assert table.to_pylist() == EXPECTED
    assert [str(field.type) for field in table.schema] == ["int64", "string", "string"]


@pytest.mark.parametrize("ending", [".ndjson", ".parquet"])
def test_the_same_pairs_are_the_same_bytes_and_nothing_else_is_left(tmp_path: Path, ending: str) -> None:
    first, second = tmp_path / f"a{ending}", tmp_path / f"b{ending}"
    assert written(first) == written(second)
    assert sorted(tmp_path.iterdir()) == [first, second]


def test_no_pairs(tmp_path: Path) -> None:
    nothing, texts = np.array([], dtype=np.int64), np.array([], dtype=object)
    write_pairs(tmp_path / "pairs.parquet", ping_row=nothing, customer_id=texts, geofence_id=texts)
    assert pyarrow.parquet.read_table(tmp_path / "pairs.parquet").num_rows == 0


@pytest.mark.parametrize("name", ["pairs.csv", "missing/pairs.ndjson", "missing/pairs.parquet"])
def test_what_cannot_be_written_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match=name.replace(".", r"\.")):
        written(tmp_path / name)


def test_half_a_file_is_not_left_behind(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="shorter"):
        write_pairs(tmp_path / "pairs.ndjson", ping_row=ROWS, customer_id=CUSTOMERS, geofence_id=FENCES[:2])
    assert list(tmp_path.iterdir()) == []
