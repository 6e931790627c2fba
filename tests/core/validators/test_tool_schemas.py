"""An MCP tool's arguments and result against what its server declared."""

from typing import Any

import pytest

from proxy.core.validators import Learned
from proxy.core.validators.tool_schemas import check, learn
from tests.core.validators.payloads import PARAMETERS, exchange, material, mcp

OUTPUT = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
LISTED = {
    "tools": [
        {"name": "find", "inputSchema": PARAMETERS, "outputSchema": OUTPUT},
        {"name": "ping", "inputSchema": {"type": "object"}},
    ]
}
FIND = "mcp:mcp.crm.test/find"


def learned() -> dict[str, Learned]:
    return dict(learn(material(mcp("tools/list", {}, LISTED)).call))


def call(arguments: Any, result: dict[str, Any]) -> list[tuple[str, str, str, bool]]:
    made = mcp("tools/call", {"name": "find", "arguments": arguments}, result)
    found = check(material(made, learned()))
    return sorted((one.side, one.keyword, one.path, one.breaking) for one in found)


def test_schemas_are_learned_from_the_list_under_the_step_of_the_call() -> None:
    assert learned() == {
        FIND: Learned(PARAMETERS, OUTPUT),
        "mcp:mcp.crm.test/ping": Learned({"type": "object"}, None),
    }
    made = mcp("tools/call", {"name": "find", "arguments": {}}, {"content": []})
    assert material(made).call.step == FIND
    assert learn(material(made).call) == {}


@pytest.mark.parametrize(
    ("arguments", "result", "expected"),
    [
        ({"customerId": "c"}, {"structuredContent": {"name": "Jo"}, "content": []}, []),
        (
            {"customer_id": "c"},
            {"structuredContent": {"name": 1}, "content": []},
            [
                ("request", "required", "$.customerId", True),
                ("response", "type", "$.structuredContent.name", True),
            ],
        ),
        (
            {"customerId": "c"},
            {"content": [{"type": "text", "text": "Jo"}]},
            [("response", "required", "$.structuredContent", False)],
        ),
        ({"customerId": "c"}, {"content": [{"type": "text", "text": "no"}], "isError": True}, []),
    ],
)
def test_both_sides(
    arguments: Any, result: dict[str, Any], expected: list[tuple[str, str, str, bool]]
) -> None:
    assert call(arguments, result) == expected


def test_a_tool_of_which_nothing_is_known_is_left_alone() -> None:
    made = mcp("tools/call", {"name": "find", "arguments": {}}, {"content": []})
    assert list(check(material(made))) == []


def test_any_tool_can_have_schemas_by_its_step() -> None:
    made = exchange("https://crm.test/find", {"customer_id": "c"}, {"name": 7})
    known = {"POST crm.test/find": Learned(PARAMETERS, OUTPUT)}
    given = material(made, known)
    assert given.call.step in known
    assert [(one.side, one.path) for one in check(given)] == [
        ("request", "$.customerId"),
        ("response", "$.name"),
    ]
