"""Runs that the rule `premature_end` decides."""

from typing import Any

import pytest

from proxy.core.outcomes._api import Facts
from tests.core.outcomes.facts import COMPLETED, CRM, Cases, check, facts, llm, tool, turn

CASES: Cases = {
    "asked for and never called": (
        facts(tool(), turn(("refund", 1))),
        (
            "Failed",
            "Bad Decision",
            "the run ended with refund asked for and never called",
            None,
            "premature_end",
            (2,),
        ),
    ),
    "two of them, and the session closed": (
        facts(turn(("a", 1), ("b", 1)), tool(200, name="mcp:crm/close")),
        (
            "Failed",
            "Bad Decision",
            "the run ended with a and b asked for and never called",
            None,
            "premature_end",
            (1,),
        ),
    ),
    "called": (facts(turn(("refund", 1)), tool()), COMPLETED),
    "answered": (facts(turn(("refund", 1)), turn(reply="done")), COMPLETED),
    "run by the provider": (
        facts(llm(call={"toolUses": [{"id": "w", "name": "web_search", "hosted": True}]})),
        COMPLETED,
    ),
    "the answer's own tool": (facts(turn(("final_answer", 1))), COMPLETED),
    "forced by the request": (
        facts(
            turn(
                ("extract", 1),
                call={
                    "settings": {
                        "tool_choice": {"type": "function", "function": {"name": "extract"}}
                    }
                },
            )
        ),
        COMPLETED,
    ),
    "the only one, and required": (
        facts(
            turn(
                ("extract", 1),
                call={"settings": {"tool_choice": {"type": "any"}}, "tools": ["extract"]},
            )
        ),
        COMPLETED,
    ),
    "the process failed, which is another matter": (
        facts(turn(("refund", 1)), exit_code=3),
        ("Failed", "Bad Output", "exit code 3", None, "exit_code", ()),
    ),
    "a failed tool call comes first": (
        facts(turn(("refund", 1)), tool(500)),
        ("Failed", "Tool Error", f"{CRM} 500: internal server error", True, "http_status", (2,)),
    ),
}


@pytest.mark.parametrize(("given", "expected"), CASES.values(), ids=CASES)
def test_outcome(given: Facts, expected: tuple[Any, ...]) -> None:
    check(given, expected)


def test_a_final_result_ends_a_run_whatever_was_asked_for_beside_it() -> None:
    check(facts(turn(("get_timezone", 1), ("final_result", 2))), COMPLETED)
