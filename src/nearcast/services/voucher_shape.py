"""What an offer promises with a code, as a campaign says it."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from nearcast.domain.voucher import VoucherTerms
from nearcast.services.scalars import MAX_SECONDS, Instant, Said


class VoucherShape(BaseModel):
    """A code of its own for each message, taken once. It holds `valid_s` seconds, or until `valid_until`; without
    either as long as the offer. `title` is what it is good for, `terms` is what else the customer is to know.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    codes: Literal["single_use"] = "single_use"
    title: Annotated[Said, StringConstraints(max_length=100)]
    terms: Said | None = None
    valid_s: Annotated[float, Field(gt=0, le=MAX_SECONDS)] | None = None
    valid_until: Instant | None = None

    def as_terms(self) -> VoucherTerms:
        """The same as the domain has it; InvalidInput where it does not go together."""
        return VoucherTerms(
            title=self.title, terms=self.terms or "", valid_s=self.valid_s, valid_until=self.valid_until
        )
