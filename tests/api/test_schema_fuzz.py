"""Requests made from the service's own description, right and wrong ones: no fault of ours, and what it describes."""

from collections.abc import Callable
from time import monotonic
from typing import Any

import httpx
import pytest
import requests
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode, openapi
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from nearcast.services.access import Role
from tests.api.service import Service
from tests.api.town import agree, open_shop, rows_of, visit
from tests.loopback import LOOPBACK

pytestmark = pytest.mark.enable_socket
CHECKS: list[Any] = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]


def prepare(service: Service) -> None:
    """A shop, a customer who has come to it, and a row of that in the match log."""
    open_shop(service)
    agree(service, "ada")
    visit(service, "ada")
    assert rows_of(service.client())


def ask_everything(service: Service, examples: int, round_: int = 0) -> tuple[int, int]:
    """Ask every operation so often, well and badly; how many operations and requests that were."""
    authorization = {"Authorization": f"Bearer {service.key(Role.OPERATOR)}"}
    document = httpx.get(f"{service.url}/openapi.json", **LOOPBACK).json()
    operations = [each.ok() for each in openapi.from_dict(document).get_all_operations() if isinstance(each, Ok)]
    assert len(operations) == sum(len(methods) for methods in document["paths"].values())
    asked = 0
    with requests.Session() as session:
        session.trust_env = False

        def ask(case: Any) -> None:
            nonlocal asked
            asked += 1
            response = case.call(base_url=service.url, headers=authorization, session=session)
            case.validate_response(response, checks=CHECKS)

        for operation in operations:
            _some(
                st.one_of([operation.as_strategy(generation_mode=mode) for mode in GenerationMode]),
                ask,
                examples,
                round_,
            )
    return len(operations), asked


def _some(cases: Any, ask: Callable[[Any], None], examples: int, round_: int) -> None:
    @seed(round_)
    @settings(
        max_examples=examples,
        derandomize=False,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def test(case: Any) -> None:
        ask(case)

    test()


@pytest.mark.parametrize("seconds", [60, pytest.param(600, marks=pytest.mark.soak)])
def test_nothing_that_is_asked_by_the_description_is_a_fault(
    sqlite_service: Service, seconds: float, record_property: Callable[[str, object], None]
) -> None:
    prepare(sqlite_service)
    until, operations, asked, rounds = monotonic() + seconds, 0, 0, 0
    while monotonic() < until:
        rounds += 1
        operations, some = ask_everything(sqlite_service, examples=5, round_=rounds)
        asked += some
    record_property("figures", f"{asked:,} requests to {operations} operations: no fault, all as described")
