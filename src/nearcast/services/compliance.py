"""Documents of data protection for a tenant: the record of processing and the impact assessment, as they stand now."""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import TenantId
from nearcast.services.dpia import impact_assessment
from nearcast.services.ports import Store
from nearcast.services.printable import as_html, as_markdown
from nearcast.services.processing import Configuration, Installation, configuration
from nearcast.services.record_of_processing import record_of_processing
from nearcast.services.report import as_json, write_text
from nearcast.services.retention import Keep, kept

DOCUMENTS: Mapping[str, Callable[[Configuration, Installation, Keep], dict[str, Any]]] = {
    "record-of-processing": record_of_processing,
    "dpia": impact_assessment,
}
FORMS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "json": lambda document: as_json(document, indent=2) + "\n",
    "markdown": as_markdown,
    "html": as_html,
}
_ENDINGS = {".json": "json", ".md": "markdown", ".html": "html"}


class Compliance:
    """Makes these documents from the live configuration."""

    def __init__(self, store: Store, *, has_data_key: bool) -> None:
        self._store, self._has_data_key = store, has_data_key

    def document(self, name: str, tenant_id: TenantId, now: datetime) -> dict[str, Any]:
        """One of `DOCUMENTS`."""
        missed = self._store.open_tables()
        about = Installation(
            product=self._store.about().product,
            has_data_key=self._has_data_key,
            covers_rows=None if missed is None else not missed,
        )
        with self._store.reading(tenant_id) as uow:
            found, keep = configuration(uow, now), kept(uow)
        return DOCUMENTS[name](found, about, keep)

    def write(self, name: str, path: Path, tenant_id: TenantId, now: datetime) -> None:
        """Write one into a file, by its ending .json, .md or .html. InvalidInput where that cannot be."""
        form = _ENDINGS.get(path.suffix.lower())
        if form is None:
            raise InvalidInput(f"ends with none of {', '.join(_ENDINGS)}", place=str(path))
        write_text(path, FORMS[form](self.document(name, tenant_id, now)))
