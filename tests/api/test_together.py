"""Many at once: each write has one effect, and of those who were not first none is told that they were."""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from nearcast.domain.ids import CustomerId, TenantId
from tests.api.people import known
from tests.api.service import Service
from tests.loopback import LOOPBACK

CREATED: dict[str, Any] = {
    "shops": {"id": "x"},
    "geofences": {
        "type": "Feature",
        "id": "x",
        "geometry": {"type": "Point", "coordinates": [13, 52]},
        "properties": {"radius_m": 60},
    },
    "customers": {"id": "x"},
    "campaigns": {
        "id": "x",
        "shop_id": "cafe",
        "trigger": {"on": "enter"},
        "channel": "console",
        "offer": {"text": "Hi"},
    },
}


def together(
    service: Service, ask: Callable[[httpx.Client, int], httpx.Response], number: int = 10
) -> list[httpx.Response]:
    """The answers to that many clients of one key, who all ask at the same moment."""
    key, start = service.client().headers["Authorization"], threading.Barrier(number)
    answers: list[httpx.Response] = []

    def go(n: int) -> None:
        headers = {"Authorization": key}
        with httpx.Client(base_url=service.url, headers=headers, **LOOPBACK) as client:
            client.get("/healthz")  # a connection that stands already
            start.wait()
            answers.append(ask(client, n))

    threads = [threading.Thread(target=go, args=(n,)) for n in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == number
    return answers


def _statuses(answers: list[httpx.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


@pytest.mark.parametrize("plural", CREATED)
def test_of_those_who_make_the_same_thing_one_has_made_it(service: Service, plural: str):
    service.client().put("/v1/shops/cafe", json={})
    answers = together(service, lambda client, n: client.post(f"/v1/{plural}", json=CREATED[plural]))
    assert _statuses(answers) == {201: 1, 409: 9}


@pytest.mark.parametrize("plural", ["shops", "geofences", "campaigns"])
def test_of_those_who_change_what_they_read_one_does(service: Service, plural: str):
    operator = service.client()
    operator.put("/v1/shops/cafe", json={})
    read = operator.put(f"/v1/{plural}/x", json=CREATED[plural]).headers["ETag"]

    def change(client: httpx.Client, n: int) -> httpx.Response:
        return client.put(f"/v1/{plural}/x", json={**CREATED[plural], "name": str(n)}, headers={"If-Match": read})

    answers = together(service, change)
    assert _statuses(answers) == {200: 1, 412: 9}
    (won,) = (answer for answer in answers if answer.status_code == 200)
    now = operator.get(f"/v1/{plural}/x")
    assert (now.json()["name"], now.headers["ETag"]) == (won.json()["name"], '"2"')


def test_of_those_who_change_the_rules_that_they_read_one_does(service: Service):
    read = service.client().get("/v1/settings")
    answers = together(
        service,
        lambda client, n: client.put("/v1/settings", json=read.json(), headers={"If-Match": read.headers["ETag"]}),
    )
    assert _statuses(answers) == {200: 1, 412: 9}


def test_a_shop_does_not_go_while_a_campaign_of_it_comes(service: Service):
    operator = service.client()
    for _ in range(5):
        operator.put("/v1/shops/cafe", json={})

        def ask(client: httpx.Client, n: int) -> httpx.Response:
            if n == 0:
                return client.delete("/v1/shops/cafe")
            return client.post("/v1/campaigns", json={**CREATED["campaigns"], "id": f"c{n}"})

        gone, *made = sorted(together(service, ask, 3), key=lambda answer: answer.request.method != "DELETE")
        assert (gone.status_code, *sorted(_statuses(made))) in ((204, 422), (409, 201), (409, 201, 422))
        assert operator.put("/v1/settings", json={}).status_code == 200  # the catalogue still goes together
        for each in operator.get("/v1/campaigns").json()["items"]:
            operator.delete(f"/v1/campaigns/{each['id']}")


def test_a_change_and_a_step_of_a_campaign_do_not_undo_each_other(service: Service):
    operator = service.client()
    operator.put("/v1/shops/cafe", json={})
    operator.post("/v1/campaigns", json=CREATED["campaigns"])

    def ask(client: httpx.Client, n: int) -> httpx.Response:
        if n % 2:
            return client.post("/v1/campaigns/x/activate")
        return client.put("/v1/campaigns/x", json={**CREATED["campaigns"], "priority": 7})

    answers = together(service, ask)
    assert _statuses(answers) == {200: 10}
    now = operator.get("/v1/campaigns/x").json()
    assert (now["state"], now["priority"]) == ("active", 7)


def test_a_write_that_is_sent_many_times_at_once_under_one_key_counts_once(service: Service):
    operator = known(service)
    said = {"campaign_id": "newsletter", "status": "sent"}

    def tell(client: httpx.Client, n: int) -> httpx.Response:
        return client.post("/v1/customers/anna/sends", json=said, headers={"Idempotency-Key": "k"})

    answers = together(service, tell, 20)
    assert set(_statuses(answers)) <= {201, 409}
    first = [each for each in answers if each.status_code == 201 and "idempotency-replay" not in each.headers]
    assert len(first) == 1
    for each in answers:
        if each.status_code == 201:
            assert each.json() == first[0].json()
        else:
            assert (each.json()["code"], "retry-after" in each.headers) == ("still_running", True)
    headers = {"Idempotency-Key": "k", "Authorization": first[0].request.headers["Authorization"]}
    again = operator.post("/v1/customers/anna/sends", json=said, headers=headers)
    assert again.headers["idempotency-replay"] == "true"
    with service.store.reading(TenantId("t1")) as uow:
        assert len(uow.sends.of([CustomerId("anna")])[CustomerId("anna")]) == 1
