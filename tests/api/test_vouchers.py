"""Vouchers over HTTP: promised in a message, seen by who has the code, taken once by the shop that promised."""

import re
from typing import Any

import pytest
from sqlalchemy import text

from nearcast.domain.ids import TenantId
from nearcast.services.access import Role
from nearcast.services.live import Live
from nearcast.store.all_tables import metadata
from tests.api.service import Service
from tests.api.town import agree, open_shop, ping, rows_of, send

pytestmark = pytest.mark.enable_socket
OFFER = {
    "text": "Espresso: {voucher.code} until {voucher.until} {voucher.url}",
    "expires_after_s": 1200,
    "voucher": {"title": "One espresso", "terms": "Not with other offers.", "valid_s": 3600},
}


def promised(service: Service, **campaign: Any) -> str:
    """The code in the message of a customer who came to the door."""
    open_shop(service, **{"offer": OFFER, **campaign})
    agree(service, "ada")
    assert send(service, [ping(service)]).is_success
    worked(service)
    (said,) = said_in(service)
    return code_in(service, said)


def said_in(service: Service) -> list[str]:
    """What the messages say."""
    with service.store.reading(TenantId("t1")) as uow:
        return [each.text for each in uow.outbox.page().items]


def worked(service: Service) -> None:
    """What a worker of this installation does at this instant."""
    with service.app.new_engines("test").of(TenantId("t1")) as live:
        assert isinstance(live, Live)
        live.work_pings(service.clock.now())
        live.dispatch_due(service.clock.now())


def code_in(service: Service, said: str) -> str:
    found = re.fullmatch(r"Espresso: (\S{19}) until 13:00 http://127.0.0.1:8000/v/(\w{16})", said)
    assert found is not None, said
    assert found[1].replace("-", "") == found[2]
    return found[1]


def test_a_voucher_is_taken_once_and_the_match_log_says_when(service: Service):
    code = promised(service)
    till, analyst = service.client(Role.OWNER, shops=["cafe"]), service.client(Role.ANALYST)
    shown = till.get(f"/v1/vouchers/{code}").json()
    assert (shown["state"], shown["title"], shown["redeemed_at"]) == ("issued", "One espresso", None)
    assert shown["code"] == code
    assert [row["redeemed_at"] for row in rows_of(analyst)] == [None]

    service.clock.step(minutes=5)
    taken = till.post(f"/v1/vouchers/{code.lower().replace('-', ' ')}/redeem")
    assert (taken.status_code, taken.json()["state"]) == (200, "redeemed")
    assert taken.json()["redeemed_at"] == "2026-06-02T10:05:00Z"
    assert [row["redeemed_at"] for row in rows_of(analyst)] == ["2026-06-02T10:05:00Z"]
    assert "2026-06-02T10:05:00Z" in analyst.get("/v1/match-log", params={"format": "csv"}).text

    again = till.post(f"/v1/vouchers/{code}/redeem")
    assert (again.status_code, again.json()) == (200, taken.json()), "the same tap"
    service.clock.step(seconds=11)
    late = till.post(f"/v1/vouchers/{code}/redeem")
    assert (late.status_code, late.json()["code"]) == (409, "voucher_redeemed")
    assert "2026-06-02T10:05:00Z" in late.json()["detail"]
    told = service.client().get("/metrics").text
    assert all(f'nearcast_voucher_redemptions_total{{outcome="{each}"}}' in told for each in ("taken", "redeemed"))
    (entry,) = service.client().get("/v1/audit", params={"kind": "voucher"}).json()["items"]
    assert (entry["action"], entry["id"]) == ("redeemed", shown["message_id"])


def test_a_second_till_is_told_at_once_and_the_same_request_again_gets_its_answer(sqlite_service: Service):
    code = promised(sqlite_service)
    one, other = (sqlite_service.client(Role.OWNER) for _ in range(2))
    taken = one.post(f"/v1/vouchers/{code}/redeem", headers={"Idempotency-Key": "sale-1"})
    assert taken.status_code == 200
    assert other.post(f"/v1/vouchers/{code}/redeem").json()["code"] == "voucher_redeemed"
    sqlite_service.clock.step(hours=2)
    again = one.post(f"/v1/vouchers/{code}/redeem", headers={"Idempotency-Key": "sale-1"})
    assert (again.status_code, again.json()) == (200, taken.json())
    assert again.headers["Idempotency-Replay"] == "true"


def test_the_end_of_a_voucher_is_absolute(sqlite_service: Service):
    code = promised(sqlite_service)
    till = sqlite_service.client(Role.OWNER)
    sqlite_service.clock.step(seconds=3600)
    late = till.post(f"/v1/vouchers/{code}/redeem")
    assert (late.status_code, late.json()["code"]) == (409, "voucher_expired")
    assert till.get(f"/v1/vouchers/{code}").json()["state"] == "expired"


def test_what_was_never_sent_is_worth_nothing(sqlite_service: Service):
    open_shop(sqlite_service, offer=OFFER)
    agree(sqlite_service, "ada")
    assert send(sqlite_service, [ping(sqlite_service)]).is_success
    with sqlite_service.app.new_engines("test").of(TenantId("t1")) as live:
        live.work_pings(sqlite_service.clock.now())
    owner = sqlite_service.client(Role.OWNER)
    assert owner.post("/v1/campaigns/cafe-offer/pause").is_success
    worked(sqlite_service)
    code = code_in(sqlite_service, *said_in(sqlite_service))
    refused = owner.post(f"/v1/vouchers/{code}/redeem")
    assert (refused.status_code, refused.json()["code"]) == (409, "voucher_void")


def test_the_voucher_of_another_shop_and_a_code_that_nobody_made_are_told_alike(sqlite_service: Service):
    code = promised(sqlite_service)
    open_shop(sqlite_service, "bar", lon=13.5)
    other, stranger = sqlite_service.client(Role.OWNER, shops=["bar"]), sqlite_service.client(Role.OWNER, "t2")
    answers = [other.post(f"/v1/vouchers/{code}/redeem"), stranger.post(f"/v1/vouchers/{code}/redeem")]
    assert [each.status_code for each in answers] == [404, 404]
    assert answers[0].json() == answers[1].json()
    assert code not in answers[0].text
    assert sqlite_service.client(Role.OWNER).get(f"/v1/vouchers/{code}").json()["state"] == "issued"
    for role, status in ((Role.ANALYST, 403), (Role.INGEST, 403)):
        assert sqlite_service.client(role).post(f"/v1/vouchers/{code}/redeem").status_code == status


def test_no_code_stands_anywhere_in_clear(sqlite_service: Service):
    code = promised(sqlite_service)
    till = sqlite_service.client(Role.OWNER)
    for path in (code, "0000-0000-0000-0000", code.replace("-", "")):
        till.post(f"/v1/vouchers/{path}/redeem", headers={"Idempotency-Key": path[:4] + str(len(path))})
    with sqlite_service.store.engine.connect() as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(table.select()):
                assert code.replace("-", "") not in str(row).replace("-", ""), table.name


@pytest.mark.parametrize(
    ("voucher", "said"),
    [
        ({}, "offer.voucher.title"),
        ({"title": "x", "valid_s": 60, "valid_until": "2026-06-03T00:00:00Z"}, "one of valid_s and valid_until"),
        ({"title": "x", "codes": "many"}, "offer.voucher.codes"),
        ({"title": "x", "valid_until": "2026-06-03T00:00:00Z"}, "valid_until of its vouchers"),
        (None, "needs a voucher"),
    ],
)
def test_a_campaign_whose_voucher_cannot_be_is_refused(
    sqlite_service: Service, voucher: dict[str, Any] | None, said: str
):
    open_shop(sqlite_service)
    offer = {"text": "{voucher.code}", **({} if voucher is None else {"voucher": voucher})}
    changed = {"shop_id": "cafe", "trigger": {"on": "enter"}, "channel": "console", "offer": offer}
    answer = sqlite_service.client(Role.OWNER).put("/v1/campaigns/cafe-offer", json=changed)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


def test_every_message_brings_a_code_of_its_own(sqlite_service: Service):
    open_shop(sqlite_service, offer=OFFER)
    agree(sqlite_service, "ada", "bob")
    assert send(sqlite_service, [ping(sqlite_service), ping(sqlite_service, "bob")]).is_success
    worked(sqlite_service)
    said = said_in(sqlite_service)
    with sqlite_service.store.engine.connect() as connection:
        ids = connection.execute(text("SELECT id FROM voucher")).scalars().all()
    assert len(set(said)) == len(set(ids)) == 2


def test_what_is_told_of_a_customer_names_their_vouchers_and_erasure_leaves_no_name_on_them(service: Service):
    code = promised(service)
    operator = service.client()
    (told,) = operator.get("/v1/customers/ada/export").json()["vouchers"]
    assert (told["title"], told["redeemed_at"]) == ("One espresso", None)
    assert operator.delete("/v1/customers/ada").is_success
    with service.store.engine.connect() as connection:
        assert "ada" not in connection.execute(text("SELECT customer_id FROM voucher")).scalars().all()
    assert service.client(Role.OWNER).post(f"/v1/vouchers/{code}/redeem").status_code == 200


def test_a_till_takes_the_vouchers_of_its_shop_and_does_nothing_else(service: Service):
    code = promised(service)
    open_shop(service, "bar", lon=13.5)
    till, bar = (service.client(Role.TILL, shops=[shop]) for shop in ("cafe", "bar"))
    assert bar.post(f"/v1/vouchers/{code}/redeem").json()["code"] == "not_found"
    for path in (
        f"vouchers/{code}",
        "messages",
        "match-log",
        "shops/cafe",
        "campaigns",
        "usage?shop_id=cafe&month=2026-06",
    ):
        assert till.get(f"/v1/{path}").status_code == 403, path
    assert till.post(f"/v1/vouchers/{code}/redeem").json()["state"] == "redeemed"
    assert bar.post(f"/v1/vouchers/{code}/redeem").status_code == 404
    operator = service.client()
    refused = operator.post("/v1/keys", json={"name": "a till of no shop", "role": "till"})
    assert (refused.status_code, refused.json()["path"]) == (422, "shop_ids")
    ends = operator.post("/v1/keys", json={"name": "a day", "role": "till", "shop_ids": ["cafe"], "expires_in_days": 1})
    service.clock.step(days=1)
    late = till.post(f"/v1/vouchers/{code}/redeem", headers={"Authorization": f"Bearer {ends.json()['key']}"})
    assert late.status_code == 401
