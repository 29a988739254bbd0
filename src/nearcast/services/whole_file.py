"""A file that is there whole, or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nearcast.domain.errors import InvalidInput


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Where to write what stands at `path` afterwards, unless anything went wrong. InvalidInput where it cannot be
    written.
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        yield unfinished
        unfinished.replace(path)
    except OSError as error:
        raise InvalidInput(f"cannot be written: {error.strerror or error}", place=str(path)) from None
    finally:
        unfinished.unlink(missing_ok=True)
