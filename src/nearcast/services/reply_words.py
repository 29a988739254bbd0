"""What people are answered who write about getting messages, in their language."""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.documents import read_document
from nearcast.services.ports import UnitOfWork

_TEXTS = Path(__file__).with_name("reply_words.yaml")
_FALLBACK = "en"


class ReplyWords:
    """The answers of one tenant in one language."""

    def __init__(
        self, uow: UnitOfWork, tenant_id: TenantId, customers: Iterable[CustomerId], *, spoken: str | None = None
    ) -> None:
        """In the language that a customer has asked for, else in the one that was `spoken`."""
        docs = uow.customers.documents(customers)
        wanted = next((said for doc in docs.values() if (said := doc.get("language"))), None)
        self._texts = _texts()[language_of(wanted, spoken)]
        settings = uow.catalogue.settings()
        said = dict(settings.doc.get("controller") or {}) if settings else {}
        self._names = {"controller": said.get("name") or tenant_id}
        self._names["contact"] = said.get("contact") or self._names["controller"]

    def __getitem__(self, name: str) -> str:
        return self._texts[name].format(**self._names)


def language_of(*said: str | None) -> str:
    """The first of these language tags that there are answers in."""
    known = ((tag or "").partition("-")[0].lower() for tag in said)
    return next((tag for tag in known if tag in _texts()), _FALLBACK)


@cache
def _texts() -> Mapping[str, Mapping[str, str]]:
    found: Mapping[str, Mapping[str, str]] = read_document(_TEXTS)
    return found
