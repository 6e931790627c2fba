"""Runs that the rule `refused` decides."""

from typing import Any

import pytest

from proxy.core.model import End
from proxy.core.outcomes._api import Facts
from tests.core.outcomes.facts import CRM, Cases, breach, check, facts, llm, tool

SAID = "crm: the arguments broke the schema, so the call was not sent: $.a: `a` is missing"
CASES: Cases = {
    "an enforced schema": (
        facts(
            llm(),
            tool(422, end=End.REFUSED, error=f"schema: {SAID}"),
            breach(2, "tool_schemas", "required", subject="crm", mode="enforce"),
            llm(),
        ),
        ("Failed", "Tool Error", f"{CRM} refused: {SAID}", False, "refused", (2, 3)),
    ),
    "budget guard": (
        facts(llm(), llm(403, end=End.REFUSED, error="budget: 2.01 USD of 2.00 USD")),
        (
            "Failed",
            "Cost Blowup",
            "openai.chat refused: budget: 2.01 USD of 2.00 USD",
            False,
            "refused",
            (2,),
        ),
    ),
    "loop guard": (
        facts(tool(403, end=End.REFUSED, error="loop: 5 times the same")),
        (
            "Failed",
            "Bad Decision",
            f"{CRM} refused: loop: 5 times the same",
            False,
            "refused",
            (1,),
        ),
    ),
}


@pytest.mark.parametrize(("given", "expected"), CASES.values(), ids=CASES)
def test_outcome(given: Facts, expected: tuple[Any, ...]) -> None:
    assert expected[4] == "refused"
    check(given, expected)
