"""Runs that the rule `timeout` decides."""

from typing import Any

import pytest

from proxy.core.model import End
from proxy.core.outcomes._api import Facts
from tests.core.outcomes.facts import Cases, check, facts, llm, tool

CASES: Cases = {
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
