"""The conflict view over HTTP."""

import pytest

from tests.api.service import Service
from tests.api.town import open_shop

pytestmark = pytest.mark.enable_socket


def test_operators_see_who_gets_in_whose_way(sqlite_service: Service):
    for shop in ("bakery", "cafe", "deli"):
        open_shop(sqlite_service, shop)
    operator = sqlite_service.client()
    whole = operator.get("/v1/conflicts").json()
    assert [each["campaign_ids"] for each in whole["items"]] == [
        ["bakery-offer", "cafe-offer"],
        ["bakery-offer", "deli-offer"],
        ["cafe-offer", "deli-offer"],
    ]
    assert whole["items"][0] == {
        "campaign_ids": ["bakery-offer", "cafe-offer"],
        "geofences": [["bakery-door", "cafe-door"]],
        "more_geofences": 0,
        "from": "2026-06-02T10:00:00Z",
        "same_channel": True,
        "winner_id": None,
        "decided_by": "distance",
    }
    of_cafe = operator.get("/v1/conflicts", params={"campaign_id": "cafe-offer"}).json()["items"]
    assert [each["campaign_ids"][0] for each in of_cafe] == ["bakery-offer", "cafe-offer"]
    first = operator.get("/v1/conflicts", params={"limit": 2}).json()
    rest = operator.get("/v1/conflicts", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [*first["items"], *rest["items"]] == whole["items"]
    assert rest["next_cursor"] is None
    assert operator.get("/v1/conflicts", params={"cursor": "x"}).status_code == 422
