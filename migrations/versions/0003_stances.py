"""Tracks say where their walks stand: the last fix believed, who is arriving, which fix is in doubt."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_track = sa.table("track", sa.column("tenant_id"), sa.column("customer_id"), sa.column("doc", sa.String))


def upgrade() -> None:
    _rewrite(_with_stances)


def downgrade() -> None:
    _rewrite(_without_stances)


def _rewrite(changed: Any) -> None:
    connection = op.get_bind()
    for row in connection.execute(sa.select(_track)).all():
        of_customer = (_track.c.tenant_id == row.tenant_id) & (_track.c.customer_id == row.customer_id)
        doc = json.dumps(changed(json.loads(row.doc)))
        connection.execute(sa.update(_track).where(of_customer).values(doc=doc))


def _with_stances(doc: dict[str, Any]) -> dict[str, Any]:
    last = doc["track"][-1] if doc["track"] else doc["before"]
    return {**doc, "before": _stance(doc["before"]), "stance": _stance(last)}


def _stance(last: int | None) -> dict[str, Any]:
    return {"last": last, "arriving": [], "quarantined": None}


def _without_stances(doc: dict[str, Any]) -> dict[str, Any]:
    """What was in doubt is forgotten; a departure not yet certain has not begun."""
    visits = {name: [_certain(visit) for visit in doc[name]] for name in ("visits", "open_before")}
    return {**{key: value for key, value in doc.items() if key != "stance"}, **visits, "before": doc["before"]["last"]}


def _certain(visit: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in visit.items() if key != "leaving"}
