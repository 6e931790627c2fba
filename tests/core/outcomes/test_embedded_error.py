"""Runs that the rule `embedded_error` decides."""

from typing import Any

import pytest

from proxy.core.outcomes._api import Facts
from tests.core.outcomes.facts import Cases, check, facts, llm

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
}


@pytest.mark.parametrize(("given", "expected"), CASES.values(), ids=CASES)
def test_outcome(given: Facts, expected: tuple[Any, ...]) -> None:
    assert expected[4] == "embedded_error"
    check(given, expected)
