"""Runs that the rule `unknown_tool` decides."""

from typing import Any

import pytest

from proxy.core.outcomes._api import Facts
from tests.core.outcomes.facts import COMPLETED, Cases, breach, check, facts, turn

CASES: Cases = {
    "and then a polite answer": (
        facts(
            turn(("fnd", 1)),
            breach(1, "tool_arguments", "unknown_tool", subject="fnd"),
            turn(reply="Sorry"),
        ),
        ("Failed", "Bad Decision", "openai.chat: $.a: wrong", None, "unknown_tool", (1, 2)),
    ),
    "and then the right one": (
        facts(
            turn(("fnd", 1)),
            breach(1, "tool_arguments", "unknown_tool", subject="fnd"),
            turn(("find", 1)),
            turn(reply="Done"),
        ),
        COMPLETED,
    ),
    "and then another one that is not there": (
        facts(
            turn(("fnd", 1)),
            breach(1, "tool_arguments", "unknown_tool", subject="fnd"),
            turn(("fd", 1)),
            breach(3, "tool_arguments", "unknown_tool", subject="fd"),
            turn(reply="?"),
        ),
        ("Failed", "Bad Decision", "openai.chat: $.a: wrong", None, "unknown_tool", (3, 4)),
    ),
}


@pytest.mark.parametrize(("given", "expected"), CASES.values(), ids=CASES)
def test_outcome(given: Facts, expected: tuple[Any, ...]) -> None:
    check(given, expected)
