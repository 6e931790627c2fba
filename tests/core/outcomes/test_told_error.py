from typing import Any

import pytest

from proxy.core.model import End
from tests.core.outcomes.facts import COMPLETED, Cases, check, facts, tool, turn


def back(id_: str, error: str | None = None, **more: Any) -> dict[str, object]:
    said = {"id": id_, "digest": f"of {id_} {error}", **more}
    return said | ({"error": error} if error else {})


def told(
    *results: dict[str, object], reply: str | None = "Sorry", **more: Any
) -> dict[str, object]:
    return turn(reply=reply, call={"toolResults": list(results)}, **more)


ASKS = turn(("crm", 1), ids=["a"])
AGAIN = turn(("crm", 1), ids=["b"], call={"toolResults": [back("a", "Error: boom")]})
TOOL_ERROR = ("Failed", "Tool Error")

CASES: Cases = {
    "an expired token": (
        facts(ASKS, told(back("a", "401: token expired"))),
        (*TOOL_ERROR, "crm: 401: token expired", True, "told_error", (1, 2)),
    ),
    "a wrong key": (
        facts(ASKS, told(back("a", "401 Unauthorized"))),
        (*TOOL_ERROR, "crm: 401 Unauthorized", False, "told_error", (1, 2)),
    ),
    "a bug": (
        facts(ASKS, told(back("a", "KeyError: 'customerId'"))),
        (*TOOL_ERROR, "crm: KeyError: 'customerId'", None, "told_error", (1, 2)),
    ),
    "the call on the wire went well": (
        facts(ASKS, tool(), told(back("a", "KeyError: 'customerId'"))),
        (*TOOL_ERROR, "crm: KeyError: 'customerId'", None, "told_error", (1, 2, 3)),
    ),
    "the call on the wire failed: judged by that": (
        facts(ASKS, tool(404), told(back("a", "Error: HTTP 404"))),
        COMPLETED,
    ),
    "an ordinary answer": (facts(ASKS, told(back("a", "customer not found"))), COMPLETED),
    "no error": (facts(ASKS, told(back("a"))), COMPLETED),
    "made good by the same tool": (
        facts(ASKS, AGAIN, told(back("a", "Error: boom"), back("b"))),
        COMPLETED,
    ),
    "made good by another tool": (
        facts(
            ASKS,
            turn(("web", 1), ids=["b"], call={"toolResults": [back("a", "Error: boom")]}),
            told(back("a", "Error: boom"), back("b")),
        ),
        COMPLETED,
    ),
    "not made good by another tool: it was not let in": (
        facts(
            ASKS,
            turn(("web", 1), ids=["b"], call={"toolResults": [back("a", "403 Forbidden")]}),
            told(back("a", "403 Forbidden"), back("b")),
        ),
        (*TOOL_ERROR, "crm: 403 Forbidden", False, "told_error", (1, 2)),
    ),
    "a run that was cut off is another matter": (
        facts(ASKS, told(back("a", "Error: boom"), code=None, end=End.UPSTREAM_RESET)),
        (
            *TOOL_ERROR,
            "openai.chat: connection reset",
            True,
            "network",
            (2,),
        ),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_judge(case: str) -> None:
    check(*CASES[case])
