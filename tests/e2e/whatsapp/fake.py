"""A fake WhatsApp in a process of its own, what tests tell it, and a webhook that writes down what comes."""

import hashlib
import hmac
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx

from tests.e2e.processes import eventually
from tests.loopback import LOOPBACK

TOKEN, SECRET = "fake-token", "fake-app-secret"
NUMBER_ID, ACCOUNT_ID = "100000000000001", "200000000000001"
ANNA, BEN = "+4915112345678", "+4915187654321"
_PROGRAM = """
import socket, sys, threading
from nearcast.clock import SystemClock
from nearcast.fake_whatsapp.program import FakeWhatsApp
from nearcast.fake_whatsapp.settings import FakeSettings
listening = socket.create_server(("127.0.0.1", 0))
fake = FakeWhatsApp(FakeSettings(), listening, clock=SystemClock().now)
fake.start()
print(listening.getsockname()[1], flush=True)
sys.stdin.read()
fake.stop()
"""


@dataclass
class Fake:
    """The provider, as a test speaks to it."""

    url: str
    _client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self._client = httpx.Client(base_url=self.url, **LOOPBACK)

    def close(self) -> None:
        self._client.close()

    def look(self, what: str) -> Any:
        return self._client.get(f"/_control/{what}").raise_for_status().json()

    def tell(self, what: str, said: Any) -> Any:
        answer = self._client.post(f"/_control/{what}", json=said)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def behave(self, **settings: object) -> None:
        self.tell("settings", settings)

    def script(self, do: str, **more: object) -> None:
        self.tell("scripts", {"do": do, **more})

    def person(self, number: str, **act: object) -> Any:
        return self.tell(f"people/{number.removeprefix('+')}", act)

    def bubbles(self, number: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.look(f"people/{number.removeprefix('+')}")["bubbles"]
        return found

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str = TOKEN,
        params: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """A request as a business makes it."""
        headers = {"Authorization": f"Bearer {token}"}
        return self._client.request(method, f"/v23.0/{path}", json=body, headers=headers, params=params)

    def post(self, body: object, *, api: str = "messages") -> httpx.Response:
        return self.ask("POST", f"{NUMBER_ID}/{api}", body)

    def template(self, name: str = "offer", **more: object) -> Any:
        """Have a template approved: two places and a button that stops it all."""
        said = {
            "name": name,
            "language": "en",
            "category": "MARKETING",
            "components": [
                {"type": "BODY", "text": "Hi {{1}}, come to {{2}} today", "example": {"body_text": [["Ann", "Café"]]}},
                {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Stop offers"}]},
            ],
            **more,
        }
        answer = self.ask("POST", f"{ACCOUNT_ID}/message_templates", said)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def all_told(self) -> None:
        """Wait until every update has been taken."""
        eventually(lambda: self.look("counts")["waiting_updates"] == 0, lambda: "updates still wait")


def code_of(answer: httpx.Response) -> int:
    code: int = answer.json()["error"]["code"]
    return code


def template_body(to: str = ANNA, name: str = "offer", tag: str = "nc1:m1", **more: object) -> dict[str, Any]:
    parameters = [{"type": "text", "text": "Ann"}, {"type": "text", "text": "Café"}]
    payload = {"type": "payload", "payload": "stop"}
    components = [
        {"type": "body", "parameters": parameters},
        {"type": "button", "sub_type": "quick_reply", "index": "0", "parameters": [payload]},
    ]
    return {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": to,
        "type": "template",
        "biz_opaque_callback_data": tag,
        "template": {"name": name, "language": {"code": "en"}, "components": components},
        **more,
    }


def text_body(to: str = ANNA, text: str = "Hello", **more: object) -> dict[str, Any]:
    said = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": to, "type": "text"}
    return {**said, "text": {"body": text}, **more}


@contextmanager
def fake_process() -> Iterator[Fake]:
    """Run until the end of the block, on a free port."""
    command = [sys.executable, "-c", _PROGRAM]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        fake = Fake(f"http://127.0.0.1:{int(process.stdout.readline())}")
        try:
            yield fake
        finally:
            fake.close()
            process.communicate(timeout=20)


@dataclass
class Hook:
    """A webhook: it answers with `answers` one after the other, then with 200, and keeps what was signed."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    refused: int = 0

    @staticmethod
    def signed(raw: bytes) -> str:
        """The signature under the fake's own secret."""
        return "sha256=" + hmac.new(SECRET.encode(), raw, hashlib.sha256).hexdigest()

    @property
    def values(self) -> list[dict[str, Any]]:
        """Every change's value, in the order of arrival."""
        entries = [entry for raw in self.bodies for entry in json.loads(raw)["entry"]]
        return [change["value"] for entry in entries for change in entry["changes"]]

    def items(self, kind: str) -> list[dict[str, Any]]:
        return [item for each in self.values for item in each.get(kind, [])]

    def statuses(self) -> list[str]:
        return [item["status"] for item in self.items("statuses")]


@contextmanager
def hook() -> Iterator[Hook]:
    received = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["X-Hub-Signature-256"] == Hook.signed(raw)
            status = received.answers.pop(0) if received.answers else 200
            if status == 200:
                received.bodies.append(raw)
            else:
                received.refused += 1
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        received.url = f"http://127.0.0.1:{server.server_port}/"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield received
        finally:
            server.shutdown()
            thread.join()
