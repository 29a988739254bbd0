"""Refusals as the provider words them."""

import json
from http import HTTPStatus

from nearcast.domain.value import value
from nearcast.fake_whatsapp.http import Answer

_TITLES = {
    0: "AuthException",
    1: "API Unknown",
    2: "API Service",
    4: "API Too Many Calls",
    33: "Parameter value is not valid",
    100: "Invalid parameter",
    190: "Access token has expired",
    368: "Temporarily blocked for policies violations",
    130429: "Rate limit hit",
    130472: "User's number is part of an experiment",
    131000: "Something went wrong",
    131008: "Required parameter is missing",
    131009: "Parameter value is not valid",
    131016: "Service unavailable",
    131026: "Message undeliverable",
    131042: "Business eligibility payment issue",
    131047: "Re-engagement message",
    131048: "Spam rate limit hit",
    131049: "This message was not delivered to maintain healthy ecosystem engagement",
    131050: "User has stopped receiving marketing messages from this business",
    131051: "Unsupported message type",
    131056: "Pair rate limit hit",
    131057: "Account in maintenance mode",
    131063: "Marketing messages are disabled on this API",
    131064: "Messaging limit reached",
    132000: "Template parameter count mismatch",
    132001: "Template does not exist",
    132005: "Template hydrated text too long",
    132012: "Template parameter format mismatch",
    132015: "Template is paused",
    132016: "Template is disabled",
    134100: "Only marketing messages are supported",
    134101: "Template is still syncing",
    134102: "Account is not eligible for the Marketing Messages API",
}
_STATUSES = {
    0: HTTPStatus.UNAUTHORIZED,
    2: HTTPStatus.SERVICE_UNAVAILABLE,
    190: HTTPStatus.UNAUTHORIZED,
    1: HTTPStatus.INTERNAL_SERVER_ERROR,
    131000: HTTPStatus.INTERNAL_SERVER_ERROR,
    131016: HTTPStatus.SERVICE_UNAVAILABLE,
    132001: HTTPStatus.NOT_FOUND,
}
LATE = frozenset({131026, 131047, 131049, 131050, 130472, 132015})
"""Codes that usually come as a receipt, after the message has been accepted."""


@value(kw_only=True)
class Refusal:
    code: int
    details: str = ""
    is_transient: bool = False
    status: int | None = None

    @property
    def title(self) -> str:
        return _TITLES.get(self.code, "Error")

    def answer(self) -> Answer:
        """In the body of the request's answer."""
        said = {
            "message": f"(#{self.code}) {self.title}",
            "type": "OAuthException",
            "code": self.code,
            "error_data": {"messaging_product": "whatsapp", "details": self.details or self.title},
            "fbtrace_id": "AFakeTraceOfNothing",
        }
        if self.is_transient:
            said["is_transient"] = True
        status = self.status or _STATUSES.get(self.code, HTTPStatus.BAD_REQUEST)
        return Answer(status=status, body=json.dumps({"error": said}).encode())

    def in_receipt(self) -> dict[str, object]:
        """Among the errors of a failed status."""
        details = {"details": self.details or self.title}
        return {"code": self.code, "title": self.title, "message": self.title, "error_data": details}
