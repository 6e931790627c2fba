"""Runs that the rule `mcp_error` decides."""

from typing import Any

import pytest

from proxy.core.outcomes._api import Facts
from tests.core.outcomes.facts import COMPLETED, Cases, check, facts, llm, tool

WELL: dict[str, Any] = {"name": "mcp:crm/find", "kind": "tool_call", "url": "https://crm/mcp"}
ERROR = {"message": "no such field", "type": "tool_error", "where": "tool", "embedded": True}
FAILED: dict[str, Any] = {**WELL, "status": "error", "call": {"error": ERROR}}
CASES: Cases = {
    "the tool says so": (
        facts(llm(), tool(**FAILED), llm()),
        ("Failed", "Tool Error", "mcp:crm/find: no such field", None, "mcp_error", (2,)),
    ),
    "with other arguments it works": (facts(llm(), tool(**FAILED), tool(**WELL), llm()), COMPLETED),
}


@pytest.mark.parametrize(("given", "expected"), CASES.values(), ids=CASES)
def test_outcome(given: Facts, expected: tuple[Any, ...]) -> None:
    check(given, expected)
