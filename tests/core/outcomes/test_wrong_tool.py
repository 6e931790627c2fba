from dataclasses import replace
from typing import Any

import pytest

from proxy.core.outcomes import judge
from tests.core.outcomes.facts import call, facts, llm, tool, turn


def mcp(name: str) -> dict[str, Any]:
    return call("tool_call", f"mcp:shop/{name}")


CASES: list[tuple[list[dict[str, Any]], dict[str, Any], str | None, tuple[int, ...]]] = [
    ([turn(("refund", 1)), tool(), llm()], {"forbidden_tools": ["refund"]}, "refund was", (1,)),
    ([llm(), mcp("delete_all"), llm()], {"forbidden_tools": ["delete_*"]}, "forbidden", (2,)),
    ([llm(), tool(step="pay"), llm()], {"forbidden_tools": ["pay"]}, "forbidden", (2,)),
    ([llm(), mcp("find"), llm()], {"forbidden_tools": ["delete_*"]}, None, ()),
    ([llm(), mcp("refund"), mcp("verify")], {"before": {"refund": ["verify"]}}, "before", (2,)),
    ([llm(), mcp("refund")], {"before": {"refund": ["verify"]}}, "before verify", (2,)),
    ([llm(), mcp("verify"), mcp("refund")], {"before": {"refund": ["verify"]}}, None, ()),
    ([llm(), mcp("verify")], {"before": {"refund": ["verify"]}}, None, ()),
    ([llm(), mcp("find"), llm()], {"required_tools": ["refund"]}, "refund was never called", (3,)),
    ([llm(), mcp("refund"), llm()], {"required_tools": ["refund"]}, None, ()),
    ([tool()], {"required_tools": ["refund"]}, "never called", ()),
    ([], {"required_tools": ["refund"]}, None, ()),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "expected", "reason", "evidence"), CASES)
def test_judge(
    steps: list[dict[str, Any]],
    expected: dict[str, Any],
    reason: str | None,
    evidence: tuple[int, ...],
) -> None:
    found = judge(replace(facts(*steps), expected=expected), created_at=1.0)
    if reason is None:
        assert found.status == "Completed"
    else:
        assert (found.failure_mode, found.rule) == ("Bad Decision", "wrong_tool")
        assert reason in str(found.reason)
        assert found.evidence == evidence
