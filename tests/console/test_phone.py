"""The demo's WhatsApp: what is sent there stands on a phone, and STOP is heard from it."""

from pathlib import Path

import httpx
import pytest

from tests.console.test_process import key_of, url_of
from tests.e2e.processes import bearer, eventually, running
from tests.e2e.whatsapp.fake import Fake

pytestmark = pytest.mark.enable_socket


def test_a_stop_written_on_the_phone_silences_you_at_once(tmp_path: Path) -> None:
    """Requests to the API are logged: what is not meant to be said is a warning."""
    with running("demo", "--port", "0", "--speed", "2", folder=tmp_path, log_level="warning") as demo:
        demo.line("nearcast serves")
        with httpx.Client(base_url=url_of(demo), **bearer(key_of(demo, "operator"))) as client:
            city = client.get("/demo/city").json()
            phones, _, number = city["phone_url"].partition("/phone/")
            fake = Fake(phones)
            door = next(fence for fence in city["fences"] if fence["id"] == "two-scoops-near")

            def answer(kind: str) -> bool:
                found: str = client.get("/demo/state").json()["you"]["answer"]["kind"]
                return found == kind

            eventually(lambda: answer("none"), lambda: "you are not out there yet")
            shop = next(shop for shop in city["shops"] if shop["name"] == door["shop"])
            client.post("/demo/you", json={"lat": shop["at"][1], "lon": shop["at"][0]}).raise_for_status()
            eventually(lambda: fake.bubbles(number), lambda: str(client.get("/demo/state").json()["you"]))
            assert "third scoop" in fake.bubbles(number)[0]["text"]
            fake.person(number, say="STOP")
            fake.all_told()
            you = client.get("/v1/customers", params={"limit": 1000}).json()["items"]
            name = next(each["id"] for each in you if each["id"].startswith("you-"))
            consents = client.get(f"/v1/customers/{name}/consents").json()["items"]
            assert [each["action"] for each in consents].count("withdrawn") == 1
            eventually(lambda: len(fake.bubbles(number)) == 3, lambda: "no confirmation")
            fake.close()
        assert demo.err == ""
