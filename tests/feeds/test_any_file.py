"""Files that something has happened to: each gives pings or says what is wrong with it, and never breaks."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearcast.domain.errors import InvalidInput
from nearcast.feeds.ping_rows import read_ping_rows
from nearcast.services.import_pings import preview, told_preview
from nearcast.services.ping_files import FORMATS, PingFile, PingRows
from tests.feeds.histories import ENDINGS, EVERY_KIND, kmz

KINDS = {**EVERY_KIND, "kmz": kmz()}
ODD = [
    b"\x00",
    b"\xff\xfe",
    b'"',
    b"{",
    b"[" * 2000,
    b"}",
    b"]",
    b"<",
    b"&#0;",
    b"1e999",
    b"NaN",
    b"null",
    b"-",
    b",",
    b"\n",
]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


@st.composite
def mangled(draw: st.DrawFn, data: bytes) -> bytes:
    """The bytes with some of them cut off, taken out, doubled, changed, or something odd put in."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        stop = draw(st.integers(start, min(len(data), start + 40)))
        middle = draw(
            st.sampled_from([b"", data[start:stop] * 2, *ODD]) | st.binary(max_size=4) | st.just(data[stop:start:-1])
        )
        is_cut = draw(st.integers(0, 7)) == 0
        data = data[:start] + middle + (b"" if is_cut else data[stop:])
    return data


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40)
@given(drawn=st.data())
def test_whatever_happened_to_a_file_it_is_read_or_refused(folder: Path, kind: str, drawn: st.DataObject) -> None:
    path = folder / f"p{ENDINGS.get(kind, '.txt')}"
    path.write_bytes(drawn.draw(mangled(KINDS[kind])))
    said = PingFile(customer="anna", format=drawn.draw(st.none() | st.sampled_from(FORMATS)))
    found: PingRows | InvalidInput
    try:
        found = read_ping_rows(path, said)
    except InvalidInput as refused:
        found = refused
    if isinstance(found, InvalidInput):
        assert str(path) in found.place
        return
    batch = found.batch
    assert len(batch) == len(found.numbers)
    assert np.isfinite(batch.lat_deg).all()
    assert np.isfinite(batch.lon_deg).all()
    assert not (batch.accuracy_m < 0).any()
    assert all(fault.message for _, fault in found.bad)
    assert len(told_preview(preview(found))) >= 2
