"""Runs that the rule `cost` decides."""

from typing import Any

import pytest

from proxy.core.outcomes._api import Facts
from tests.core.outcomes.facts import COMPLETED, Cases, check, facts, llm, tool, turn


def spent(amount: float | None) -> dict[str, Any]:
    return llm(call={"costUsd": amount})


CASES: Cases = {
    "over the budget": (
        facts(spent(0.3), spent(0.9), spent(None), metadata={"budgetUsd": 1}),
        (
            "Failed",
            "Cost Blowup",
            "$1.20 spent of a budget of $1.00; of 1 calls it is not known",
            False,
            "cost",
            (1, 2),
        ),
    ),
    "tokens, from a header": (
        facts(
            turn(call={"inputTokens": 900, "outputTokens": 200}), metadata={"budget_tokens": "1000"}
        ),
        (
            "Failed",
            "Cost Blowup",
            "1,100 tokens spent of a budget of 1,000 tokens",
            False,
            "cost",
            (1,),
        ),
    ),
    "within it": (facts(spent(0.5), metadata={"budgetUsd": 0.5}), COMPLETED),
    "unknown is not zero, and not too much": (
        facts(spent(None), metadata={"budgetUsd": 0.01}),
        COMPLETED,
    ),
    "no budget": (facts(spent(1000.0)), COMPLETED),
    "a budget that is none": (facts(spent(1.0), metadata={"budgetUsd": "much"}), COMPLETED),
    "a replay costs nothing": (
        facts(
            {**spent(9.0), "data": {**spent(9.0)["data"], "servedFrom": "ex"}},
            metadata={"budgetUsd": 1},
        ),
        COMPLETED,
    ),
    "the failure that ended it comes first": (
        facts(spent(9.0), tool(500, error="down"), metadata={"budgetUsd": 1}),
        (
            "Failed",
            "Tool Error",
            "GET crm.local/customers/{id} 500: down",
            True,
            "http_status",
            (2,),
        ),
    ),
}


@pytest.mark.parametrize(("given", "expected"), CASES.values(), ids=CASES)
def test_outcome(given: Facts, expected: tuple[Any, ...]) -> None:
    check(given, expected)
