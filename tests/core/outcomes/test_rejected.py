from typing import Any

import pytest

from tests.core.outcomes.facts import COMPLETED, Cases, check, facts, llm, tool

TOOL: dict[str, Any] = {"kind": "tool_call"}
ASKED: dict[str, Any] = {"askedBy": {"exchange": "ex", "tool": "crm", "id": "a"}}
CASES: Cases = {
    "a field is missing": (
        facts(llm(), tool(422, error="422 body.customerId: field required", **TOOL), llm()),
        (
            "Failed",
            "Tool Error",
            "GET crm.local/customers/{id} 422: body.customerId: field required",
            False,
            "rejected",
            (2,),
        ),
    ),
    "it says nothing": (
        facts(llm(), tool(400, **ASKED), llm()),
        (
            "Failed",
            "Tool Error",
            "GET crm.local/customers/{id} 400: bad request",
            False,
            "rejected",
            (2,),
        ),
    ),
    "put right": (facts(llm(), tool(422, **TOOL), tool(**TOOL), llm()), COMPLETED),
    "an ordinary answer": (facts(llm(), tool(404, **TOOL), llm()), COMPLETED),
    "something else that was fetched": (facts(llm(), tool(400), llm()), COMPLETED),
    "no model decides here": (facts(tool(400, **TOOL)), COMPLETED),
}


@pytest.mark.parametrize("case", CASES)
def test_judge(case: str) -> None:
    check(*CASES[case])
