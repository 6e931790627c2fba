"""Runs that the rule `interrupted` decides."""

from typing import Any

import pytest

from proxy.core.outcomes._api import Facts
from tests.core.outcomes.facts import Cases, check, facts, llm

CASES: Cases = {
    "recorder crashed": (
        facts(llm(), exit_code=None, ended_by="crash"),
        ("Failed", "Tool Error", "Dashcam ended before the run did", True, "interrupted", (1,)),
    ),
}


@pytest.mark.parametrize(("given", "expected"), CASES.values(), ids=CASES)
def test_outcome(given: Facts, expected: tuple[Any, ...]) -> None:
    assert expected[4] == "interrupted"
    check(given, expected)
