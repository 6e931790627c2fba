"""Runs that the rule `timeout` decides."""

from typing import Any

import pytest

from proxy.core.model import End
from proxy.core.outcomes._api import Facts
from tests.core.outcomes.facts import COMPLETED, Cases, check, facts, llm, tool

CASES: Cases = {
    "longer than it may take": (
        facts(llm(), tool(latencyMs=400.0), llm(latencyMs=9.0), metadata={"budgetMs": "2000"}),
        (
            "Failed",
            "Timeout",
            "took 3.5 s of the 2 s that were allowed",
            True,
            "timeout",
            (1, 2, 3),
        ),
    ),
    "upstream too slow": (
        facts(llm(None, end=End.UPSTREAM_TIMEOUT, latencyMs=60000.0)),
        ("Failed", "Timeout", "openai.chat: no answer in time after 60.0 s", True, "timeout", (1,)),
    ),
    "client gave up on a model": (
        facts(llm(200, end=End.CLIENT_GONE, status="error"), exit_code=1),
        ("Failed", "Timeout", "openai.chat: the client gave up", True, "timeout", (1,)),
    ),
    "time limit": (
        facts(llm(), tool(503), exit_code=124),
        ("Failed", "Timeout", "stopped by a time limit (exit code 124)", True, "timeout", (2,)),
    ),
    "alarm": (
        facts(llm(), exit_code=-14),
        ("Failed", "Timeout", "stopped by a time limit (exit code -14)", True, "timeout", (1,)),
    ),
}


@pytest.mark.parametrize(("given", "expected"), CASES.values(), ids=CASES)
def test_outcome(given: Facts, expected: tuple[Any, ...]) -> None:
    assert expected[4] == "timeout"
    check(given, expected)


def test_as_long_as_it_may_take() -> None:
    check(facts(llm(), metadata={"timeMs": 2000}), COMPLETED)
