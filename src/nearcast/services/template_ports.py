"""Templates as the use cases see them: those that are kept, and those that a provider knows."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Protocol, TypeAlias

from nearcast.domain.template import MessageTemplate
from nearcast.domain.template_draft import TemplateDraft

TemplateKey: TypeAlias = tuple[str, str]
"""A name and a language."""


class TemplateDirectory(Protocol):
    """The templates that a provider has of ours. ProviderAway where it does not answer, Conflict where it refuses."""

    def all(self, now: datetime) -> Sequence[MessageTemplate]:
        """Every one, as it stands at `now`."""

    def create(self, draft: TemplateDraft, now: datetime) -> MessageTemplate:
        """Ask for one; it says at once what it is filed under, and mostly waits to be approved."""


class Templates(Protocol):
    """One tenant's templates."""

    def all(self) -> list[MessageTemplate]: ...
    def get(self, keys: Collection[TemplateKey]) -> dict[TemplateKey, MessageTemplate]: ...
    def hold(self, key: TemplateKey) -> MessageTemplate | None:
        """As `get`, of one that nobody else changes before the transaction ends."""

    def put(self, templates: Iterable[MessageTemplate]) -> None: ...
