"""The template of an offer as it is said: in a scenario, and over HTTP."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from nearcast.domain.campaign import OfferTemplate
from nearcast.services.scalars import Said

_MOST_VARIABLES = 100


class TemplateShape(BaseModel):
    """A text that the provider has approved, by name and language, and what stands in its places."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Annotated[str, StringConstraints(pattern="^[a-z0-9_]{1,512}$")]
    language: Annotated[str, StringConstraints(pattern="^[a-z]{2,3}(_[A-Z]{2,3})?$")]
    variables: Annotated[list[Said], Field(max_length=_MOST_VARIABLES)] = []

    def as_template(self) -> OfferTemplate:
        return OfferTemplate(name=self.name, language=self.language, variables=tuple(self.variables))
