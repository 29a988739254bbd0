"""The ping log has a row for the pings of one commit and partition, instead of one for each ping."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
import sqlalchemy as sa
from alembic import op

from nearcast.geo.batch import PingBatch
from nearcast.store.ping_blocks import pack, unpack
from nearcast.store.types import Id

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_AT_ONCE = 1_000
_NAMES = ("customer_id", "ping_id", "device_id")
_INSTANTS = ("recorded_at_us", "received_at_us")
_AMOUNTS = ("lat_deg", "lon_deg", "accuracy_m", "speed_mps")
_PINGS = (*_NAMES, *_INSTANTS, *_AMOUNTS)
_KEY = ("tenant_id", "partition", "seq")


def upgrade() -> None:
    kept = [row for rows in _of_partitions("ping_log", _PINGS) for row in _blocks(rows)]
    op.drop_table("ping_log")
    table = op.create_table(
        "ping_log",
        *_key(),
        sa.Column("pings", sa.Integer, nullable=False),
        sa.Column("received_at_us", sa.BigInteger, nullable=False),
        sa.Column("block", sa.LargeBinary, nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        # nothing is won by having PostgreSQL compress what are mostly fractions of degrees
        op.execute("ALTER TABLE ping_log ALTER COLUMN block SET STORAGE EXTERNAL")
    _insert(table, kept)


def downgrade() -> None:
    kept = [row for rows in _of_partitions("ping_log", ("pings", "block")) for row in _single(rows)]
    op.drop_table("ping_log")
    table = op.create_table(
        "ping_log",
        *_key(),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("recorded_at_us", sa.BigInteger, nullable=False),
        sa.Column("received_at_us", sa.BigInteger, nullable=False),
        sa.Column("lat_deg", sa.Double, nullable=False),
        sa.Column("lon_deg", sa.Double, nullable=False),
        sa.Column("accuracy_m", sa.Double),
        sa.Column("speed_mps", sa.Double),
        sa.Column("ping_id", sa.Text),
        sa.Column("device_id", sa.Text),
        sqlite_with_rowid=False,
    )
    _insert(table, kept)


def _key() -> list[sa.Column[Any]]:
    return [
        sa.Column("tenant_id", Id, primary_key=True),
        sa.Column("partition", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    ]


def _of_partitions(name: str, columns: Sequence[str]) -> list[list[sa.Row[Any]]]:
    log = sa.table(name, *map(sa.column, (*_KEY, *columns)))
    rows = op.get_bind().execute(sa.select(log).order_by(*map(sa.column, _KEY)))
    return [list(mine) for _, mine in groupby(rows, key=lambda row: (row.tenant_id, row.partition))]


def _blocks(rows: list[sa.Row[Any]]) -> list[dict[str, Any]]:
    """In portions of numbers that follow each other."""
    found = []
    follows = [n for n in range(1, len(rows)) if rows[n].seq != rows[n - 1].seq + 1]
    for start, stop in zip([0, *follows], [*follows, len(rows)], strict=True):
        for first in range(start, stop, _AT_ONCE):
            some = rows[first : min(first + _AT_ONCE, stop)]
            last = some[-1]
            key = {"tenant_id": last.tenant_id, "partition": last.partition, "seq": last.seq}
            block = {"pings": len(some), "received_at_us": last.received_at_us, "block": pack(_batch(some))}
            found.append(key | block)
    return found


def _batch(rows: list[sa.Row[Any]]) -> PingBatch:
    columns: dict[str, Any] = {name: np.array([getattr(row, name) for row in rows], dtype=object) for name in _NAMES}
    columns |= {name: np.array([getattr(row, name) for row in rows], dtype=np.int64) for name in _INSTANTS}
    columns |= {name: np.array([getattr(row, name) for row in rows], dtype=np.float64) for name in _AMOUNTS}
    return PingBatch(**columns)


def _single(rows: list[sa.Row[Any]]) -> list[dict[str, Any]]:
    found = []
    for row in rows:
        batch = unpack(row.block)
        columns = [getattr(batch, name).tolist() for name in _PINGS]
        for n, values in enumerate(zip(*columns, strict=True)):
            key = {"tenant_id": row.tenant_id, "partition": row.partition, "seq": row.seq - row.pings + 1 + n}
            found.append(key | {name: _plain(value) for name, value in zip(_PINGS, values, strict=True)})
    return found


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and np.isnan(value) else value


def _insert(table: sa.Table, rows: list[dict[str, Any]]) -> None:
    for start in range(0, len(rows), _AT_ONCE):
        op.get_bind().execute(sa.insert(table), rows[start : start + _AT_ONCE])
