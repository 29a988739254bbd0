"""A secret in a file is that of now, and never none."""

import os
from pathlib import Path

import pytest

from nearcast.channels.secret_file import SecretFile
from nearcast.domain.errors import InvalidInput


def test_a_secret_is_renewed_with_its_file_and_the_last_one_holds_while_there_is_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "token"
    path.write_text("first\n")
    secret = SecretFile(path, place="HERE")
    assert secret() == "first"
    fresh = tmp_path / "fresh"
    fresh.write_text("second")
    os.replace(fresh, path)
    assert secret() == "second"
    path.write_text("half a\n")
    assert secret() == "second"
    path.unlink()
    assert secret() == "second"
    assert "second" not in caplog.text


@pytest.mark.parametrize("text", [None, " \n"])
def test_without_a_secret_at_first_nothing_begins(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "token"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InvalidInput, match="HERE"):
        SecretFile(path, place="HERE")
