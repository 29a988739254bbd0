"""Templates as they were last seen at the provider."""

from collections.abc import Collection, Iterable
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from nearcast.domain.ids import TenantId
from nearcast.domain.template import MessageTemplate
from nearcast.services.template_ports import TemplateKey
from nearcast.store.dialect import listed, upsert
from nearcast.store.sender_tables import message_template
from nearcast.store.theirs import mine

_NAMES = [each.name for each in fields(MessageTemplate)]

_NAMED = select(message_template).where(mine(message_template), listed(message_template.c.name, "names"))


class Templates:
    """One tenant's templates."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def all(self) -> list[MessageTemplate]:
        """By name and language."""
        c = message_template.c
        return [_template(row) for row in self._connection.execute(self._mine().order_by(c.name, c.language))]

    def get(self, keys: Collection[TemplateKey]) -> dict[TemplateKey, MessageTemplate]:
        """Those of these names and languages that are known."""
        if not keys:
            return {}
        said = {"tenant": self._tenant, "names": sorted({name for name, _ in keys})}
        found = (_template(row) for row in self._connection.execute(_NAMED, said))
        return {each.key: each for each in found if each.key in keys}

    def hold(self, key: TemplateKey) -> MessageTemplate | None:
        """As `get`, of one that nobody else changes before the transaction ends."""
        c, (name, language) = message_template.c, key
        one = self._mine().where(c.name == name, c.language == language).with_for_update()
        row = self._connection.execute(one).one_or_none()
        return None if row is None else _template(row)

    def put(self, templates: Iterable[MessageTemplate]) -> None:
        """Write how they stand."""
        rows = [
            {
                "tenant_id": self._tenant,
                **{name: getattr(each, name) for name in _NAMES},
                "components": list(each.components),
            }
            for each in sorted(templates, key=lambda each: each.key)
        ]
        upsert(self._connection, message_template, rows)

    def _mine(self) -> Select[Any]:
        return select(message_template).where(message_template.c.tenant_id == self._tenant)


def _template(row: Row[Any]) -> MessageTemplate:
    said = {name: getattr(row, name) for name in _NAMES}
    return MessageTemplate(**{**said, "components": tuple(row.components)})
