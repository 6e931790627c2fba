"""Runs that the rule `exit_code` decides."""

from typing import Any

import pytest

from proxy.core.outcomes._api import Facts
from tests.core.outcomes.facts import CRM, Cases, check, facts, llm, tool

CASES: Cases = {
    "other arguments make a 422 good": (
        facts(tool(422), tool(200, url="https://crm.local/customers/2"), llm(), exit_code=3),
        ("Failed", "Bad Output", "exit code 3", None, "exit_code", ()),
    ),
    "a 404 explains an exit code": (
        facts(tool(404, error="no customer 9"), exit_code=1),
        (
            "Failed",
            "Tool Error",
            f"{CRM} 404: no customer 9; exit code 1",
            None,
            "exit_code",
            (1,),
        ),
    ),
    "plain exit code": (
        facts(llm(), exit_code=3),
        ("Failed", "Bad Output", "exit code 3", None, "exit_code", ()),
    ),
    "interrupted by the user": (
        facts(llm(), exit_code=130),
        ("Failed", "Timeout", "stopped by SIGINT", True, "exit_code", ()),
    ),
    "crashed": (
        facts(llm(), exit_code=-11),
        ("Failed", "Bad Output", "killed by SIGSEGV", None, "exit_code", ()),
    ),
}


@pytest.mark.parametrize(("given", "expected"), CASES.values(), ids=CASES)
def test_outcome(given: Facts, expected: tuple[Any, ...]) -> None:
    assert expected[4] == "exit_code"
    check(given, expected)
