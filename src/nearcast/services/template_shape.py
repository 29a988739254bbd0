"""The template of an offer as it is said: in a scenario, and over HTTP."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema

from nearcast.domain.offer_template import OfferTemplate
from nearcast.services.scalars import Said
from nearcast.services.texts import matching

_MOST_VARIABLES, _MOST_BUTTONS = 100, 10
_IMAGE = r"https://[^\s/?#]+[^\s]*"
_Image = Annotated[
    str,
    StringConstraints(max_length=2_000),
    AfterValidator(matching(_IMAGE, "is not an address that begins with https://")),
    WithJsonSchema({"type": "string", "pattern": f"^{_IMAGE}$", "maxLength": 2_000}),
]
_Tap = Annotated[str, StringConstraints(pattern="^[a-z][a-z_]{0,19}$")]


class TemplateShape(BaseModel):
    """A text that the provider has approved, by name and language, and what stands in its places: `variables` in its
    body, `header` or `header_image` in its heading, `url_suffix` behind the address of its button. `taps` are what its
    quick-reply buttons are for, as `stop`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Annotated[str, StringConstraints(pattern="^[a-z0-9_]{1,512}$")]
    language: Annotated[str, StringConstraints(pattern="^[a-z]{2,3}(_[A-Z]{2,3})?$")]
    variables: Annotated[list[Said], Field(max_length=_MOST_VARIABLES)] = []
    header: Said | None = None
    header_image: _Image | None = None
    url_suffix: Said | None = None
    taps: Annotated[list[_Tap], Field(max_length=_MOST_BUTTONS)] = []

    def as_template(self) -> OfferTemplate:
        return OfferTemplate(
            name=self.name,
            language=self.language,
            variables=tuple(self.variables),
            header=self.header,
            header_image=self.header_image,
            url_suffix=self.url_suffix,
            taps=tuple(self.taps),
        )
