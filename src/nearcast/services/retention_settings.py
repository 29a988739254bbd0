"""How long a tenant keeps what, as its settings say it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Hours = Annotated[float, Field(gt=0, le=72)]
Days = Annotated[float, Field(ge=1, le=3660)]


class RetentionShape(BaseModel):
    """A key left out takes a safe default: pings 24 hours, message texts 30 days, transitions, pings of the past and
    reservations 90 days, the rest 400.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    pings_hours: Hours | None = None
    transitions_days: Days | None = None
    past_pings_days: Days | None = None
    message_texts_days: Days | None = None
    messages_days: Days | None = None
    vouchers_days: Days | None = None
    reservations_days: Days | None = None
    payers_days: Days | None = None
    other_sends_days: Days | None = None
    decisions_days: Days | None = None
