"""How the fake behaves: everything can be said at the start, and changed while it runs."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from nearcast.domain.errors import InvalidInput


class FakeSettings(BaseModel):
    """`per_s` is what one number may send in any second, `pair_interval_s` what lies between two messages to one
    person, of which `pair_burst` may be borrowed at once. `recipients_24h` people may be written to first in any
    24 hours, `window_s` is how long after somebody wrote free words may answer; None for no such rule.

    Receipts leave so many milliseconds after the answer, never where that is None; a `read_ms` of None leaves it to
    the page of the phone. `repeats` is how often each update comes again, `batch` how many may stand in one POST, over
    so many `entries` with so many `changes` each. `names` says what people go by: number, id, both.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    token: str = "fake-token"  # noqa: S105
    app_secret: str = "fake-app-secret"  # noqa: S105
    verify_token: str = "fake-verify-token"  # noqa: S105
    phone_number_id: str = "100000000000001"
    account_id: str = "200000000000001"
    display_number: str = "15550001234"
    webhook_url: str | None = None
    answer_ms: float = 0
    per_s: int | None = 80
    pair_interval_s: float = 6
    pair_burst: int = 45
    recipients_24h: int | None = 250
    window_s: float | None = 86_400
    review_ms: float | None = 0
    marketing_on_messages: bool = True
    refuses_late: bool = True
    sent_ms: float | None = 20
    delivered_ms: float | None = 60
    read_ms: float | None = None
    repeats: int = 0
    shuffles: bool = False
    batch: int = 1
    entries: int = 1
    changes: int = 1
    posts_at_once: int = 4
    retry_ms: float = 500
    is_paused: bool = False
    names: Literal["number", "id", "both"] = "both"
    has_contacts: bool = True
    has_pricing: bool = True
    has_whole_times: bool = False
    seed: int = 1

    def changed(self, said: Mapping[str, Any]) -> "FakeSettings":
        """These with what is said; InvalidInput for what is no setting, or of another kind."""
        try:
            return FakeSettings.model_validate({**self.model_dump(), **said})
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise InvalidInput(first["msg"], place=".".join(map(str, first["loc"]))) from None
