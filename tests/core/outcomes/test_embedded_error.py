"""Runs that the rule `embedded_error` decides."""

from typing import Any

import pytest

from proxy.core.outcomes._api import Facts
from tests.core.outcomes.facts import Cases, check, facts, llm, tool


def grpc(kind: str, said: str, code: str) -> dict[str, Any]:
    name = "POST h/crm.v1.Customers/Get"
    error = {"type": kind, "message": said, "code": code}
    return tool(200, kind="tool_call", name=name, status="error", call={"error": error})


CASES: Cases = {
    "error inside a 200": (
        facts(llm(200, status="error", call={"error": {"message": "overloaded"}})),
        (
            "Failed",
            "Tool Error",
            "openai.chat (inside a 200): overloaded",
            True,
            "embedded_error",
            (1,),
        ),
    ),
    "gRPC's own timeout": (
        facts(grpc("DEADLINE_EXCEEDED", "too slow", "4")),
        (
            "Failed",
            "Tool Error",
            "POST h/crm.v1.Customers/Get (inside a 200): too slow",
            True,
            "embedded_error",
            (1,),
        ),
    ),
    "gRPC's not found": (
        facts(grpc("NOT_FOUND", "no customer 9", "5")),
        (
            "Failed",
            "Tool Error",
            "POST h/crm.v1.Customers/Get (inside a 200): no customer 9",
            False,
            "embedded_error",
            (1,),
        ),
    ),
}


@pytest.mark.parametrize(("given", "expected"), CASES.values(), ids=CASES)
def test_outcome(given: Facts, expected: tuple[Any, ...]) -> None:
    assert expected[4] == "embedded_error"
    check(given, expected)
