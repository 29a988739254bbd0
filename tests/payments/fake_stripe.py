"""A payment provider on a loopback port that speaks like Stripe Checkout: strict about what it is sent, and told by
tests who pays, what goes wrong and in which order it tells of it.
"""

import hmac
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qsl

KEY, SECRET, OLD_SECRET = "sk_test_of_tests", "whsec_of_tests", "whsec_before"
RETURN_URL = "https://cafe.example/thanks"
_REQUIRED = {
    "mode",
    "client_reference_id",
    "line_items[0][quantity]",
    "line_items[0][price_data][currency]",
    "line_items[0][price_data][unit_amount]",
    "line_items[0][price_data][product_data][name]",
    "success_url",
}
_KNOWN = _REQUIRED | {
    "metadata[reference]",
    "payment_intent_data[metadata][reference]",
    "adaptive_pricing[enabled]",
    "expires_at",
}


@dataclass
class FakeStripe:
    """`fate` is what becomes of the next requests that change something: `hang_up` does what is asked and says nothing,
    a number is the status that is answered without doing anything.
    """

    now: Callable[[], datetime]
    url: str = ""
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    refunds: list[dict[str, str]] = field(default_factory=list)
    fate: list[str | int] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    _answers: dict[str, tuple[Any, int, Any]] = field(default_factory=dict)
    _names: Iterator[int] = field(default_factory=lambda: count(1))
    _lock: Lock = field(default_factory=Lock)

    def only(self) -> dict[str, Any]:
        (session,) = self.sessions.values()
        return session

    def pay(self, session: dict[str, Any], *, units: int | None = None, currency: str | None = None) -> None:
        """Somebody pays by that link, as much as is asked for unless it is said otherwise."""
        assert session["status"] == "open", session
        session["amount_total"] = session["amount_total"] if units is None else units
        session["currency"] = currency or session["currency"]
        session.update(status="complete", payment_status="paid", payment_intent=f"pi_{next(self._names)}", url=None)

    def pay_later(self, session: dict[str, Any]) -> None:
        """Somebody begins to pay in a way that takes days."""
        session.update(status="complete", payment_intent=f"pi_{next(self._names)}", url=None)

    def expire(self, session: dict[str, Any]) -> None:
        session.update(status="expired", url=None)

    def event(self, kind: str, session: dict[str, Any]) -> bytes:
        """What the provider tells of a session as it stands, with a name of its own."""
        about = {**session, "customer_details": {"email": "anna@example.com", "name": "Anna Smith"}}
        if kind.startswith("payment_intent."):
            about = {
                "id": session["payment_intent"],
                "object": "payment_intent",
                "amount_received": session["amount_total"],
                "currency": session["currency"],
                "metadata": session["metadata"],
            }
        if kind == "charge.refunded":
            about = {"object": "charge", "refunded": True, "metadata": session["metadata"]}
        made = {
            "id": f"evt_{next(self._names)}",
            "object": "event",
            "type": kind,
            "created": int(self.now().timestamp()),
            "data": {"object": about},
        }
        return json.dumps(made).encode()

    def signed(self, raw: bytes, *, secret: str = SECRET, at: datetime | None = None) -> dict[str, str]:
        """The headers that it tells something with."""
        return signature(raw, secret=secret, at=at or self.now())

    def answer(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, Any] | None:
        """None to hang up."""
        with self._lock:
            return self._answer(method, path, headers, body)

    def _answer(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, Any] | None:
        key = headers.get("Idempotency-Key", "")
        self.asked.append((method, path, key))
        if headers.get("Authorization") != f"Bearer {KEY}":
            return 401, _error("no_key")
        if method == "GET":
            return self._look(path)
        form = parse_qsl(body.decode(), keep_blank_values=True)
        fate = self.fate.pop(0) if self.fate else None
        if isinstance(fate, int):
            return fate, _error("fate")
        if not key:
            return self._fault("a write without a key")
        if key in self._answers:
            before, status, said = self._answers[key]
            if before != (path, form):
                return self._fault("another request under the same key")
        else:
            status, said = self._write(path, dict(form))
            self._answers[key] = (path, form), status, said
        return None if fate == "hang_up" else (status, said)

    def _look(self, path: str) -> tuple[int, Any]:
        if path == "/v1/balance":
            return 200, {"object": "balance"}
        found = self.sessions.get(path.removeprefix("/v1/checkout/sessions/"))
        return (200, dict(found)) if found else (404, _error("resource_missing"))

    def _write(self, path: str, form: dict[str, str]) -> tuple[int, Any]:
        if path == "/v1/checkout/sessions":
            return self._open(form)
        if path.endswith("/expire"):
            session = self.sessions[path.split("/")[-2]]
            if session["status"] != "open":
                return 400, _error("not_open")
            self.expire(session)
            return 200, dict(session)
        if path == "/v1/refunds":
            if any(each["payment_intent"] == form["payment_intent"] for each in self.refunds):
                return 400, _error("charge_already_refunded")
            self.refunds.append(form)
            return 200, {"object": "refund", "status": "succeeded"}
        return 404, _error("unknown")

    def _open(self, form: dict[str, str]) -> tuple[int, Any]:
        missing, strange = _REQUIRED - form.keys(), form.keys() - _KNOWN
        if missing or strange or form["mode"] != "payment":
            return self._fault(f"missing {missing}, unknown {strange}")
        open_s = int(form.get("expires_at", "0")) - self.now().timestamp()
        if not 30 * 60 <= open_s <= 24 * 3600:
            return self._fault(f"open for {open_s} s")
        currency, units = form["line_items[0][price_data][currency]"], form["line_items[0][price_data][unit_amount]"]
        if not (currency.islower() and len(currency) == 3 and units.isdecimal() and 0 < int(units) <= 99_999_999):
            return self._fault(f"{units} {currency} is no amount")
        name = f"cs_test_{next(self._names)}"
        self.sessions[name] = {
            "id": name,
            "object": "checkout.session",
            "client_reference_id": form["client_reference_id"],
            "metadata": {"reference": form["metadata[reference]"]},
            "amount_total": int(units),
            "currency": currency,
            "status": "open",
            "payment_status": "unpaid",
            "payment_intent": None,
            "url": f"{self.url}/pay/{name}",
        }
        return 200, dict(self.sessions[name])

    def _fault(self, what: str) -> tuple[int, Any]:
        self.faults.append(what)
        return 400, _error("parameter_invalid")


def signature(raw: bytes, *, secret: str, at: datetime) -> dict[str, str]:
    seconds = int(at.timestamp())
    good = hmac.new(secret.encode(), f"{seconds}.".encode() + raw, sha256).hexdigest()
    return {"Stripe-Signature": f"t={seconds},v1={'0' * 64},v1={good},v0=abc", "Content-Type": "application/json"}


@contextmanager
def fake_stripe(now: Callable[[], datetime]) -> Iterator[FakeStripe]:
    """A provider that listens; what it was sent must have been right."""
    fake = FakeStripe(now)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer("GET")

        def do_POST(self) -> None:
            self._answer("POST")

        def _answer(self, method: str) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            found = fake.answer(method, self.path, self.headers, body)
            if found is None:
                self.close_connection = True
                return
            status, said = found
            raw = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *said: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield fake
        assert fake.faults == []
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


def _error(code: str) -> dict[str, Any]:
    return {"error": {"code": code, "type": "invalid_request_error", "message": "words that may name somebody"}}
