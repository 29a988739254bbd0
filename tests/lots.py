"""A thing that takes long is done on one of the databases, and with `-m soak` on the other."""

from zlib import crc32

import pytest

DATABASES = ("sqlite", "postgresql")


def is_left_to_soak(item: pytest.Function, parameter: str) -> bool:
    """Whether this is the database that the lot has not chosen; one is chosen for each case, the same in every run."""
    named = str(item.callspec.params[parameter])
    if named not in DATABASES:
        return False
    case = item.callspec.id.split("-")
    case.remove(named)
    lot = crc32(f"{item.path.name} {item.originalname} {'-'.join(case)}".encode())
    return named != DATABASES[lot % len(DATABASES)]
