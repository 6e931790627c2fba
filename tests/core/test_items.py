from typing import Any

import pytest

from proxy.core import items
from proxy.core.calls import Message, ToolDef, ToolResult, ToolUse

TEXT = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}
CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a": 1}'}
USE = ToolUse("c1", "f", {"a": 1}, '{"a": 1}')
THOUGHT = {
    "type": "reasoning",
    "summary": [{"type": "summary_text", "text": "A"}],
    "content": [{"type": "reasoning_text", "text": "B"}, {"type": [], "text": "C"}],
}

CASES: list[tuple[str, Any, list[Message]]] = [
    ("a text", "Hi", [Message("user", "Hi")]),
    ("nothing", None, []),
    ("no items", [1, "x", None], []),
    ("an easy message", [{"role": "user", "content": "Hi"}], [Message("user", "Hi")]),
    (
        "the assistant's neighbours are one message",
        [THOUGHT, TEXT, CALL],
        [Message("assistant", "Hi", (USE,), reasoning="A\n\nB")],
    ),
    (
        "until somebody else speaks",
        [CALL, {"type": "function_call_output", "call_id": "c1", "output": "7"}, TEXT],
        [
            Message("assistant", tool_uses=(USE,)),
            Message("tool", tool_results=(ToolResult("c1", None, "7"),)),
            Message("assistant", "Hi"),
        ],
    ),
    (
        "an output in parts",
        [
            {
                "type": "custom_tool_call_output",
                "call_id": "c",
                "output": [{"type": "input_text", "text": "7"}],
            },
            {
                "type": "function_call_output",
                "call_id": "d",
                "status": "incomplete",
                "output": [{"type": "input_image"}],
            },
        ],
        [
            Message("tool", tool_results=(ToolResult("c", None, "7"),)),
            Message("tool", tool_results=(ToolResult("d", None, [{"type": "input_image"}], True),)),
        ],
    ),
    (
        "a tool that is run elsewhere has its result with it",
        [
            {
                "type": "mcp_call",
                "id": "m1",
                "name": "find",
                "arguments": "{}",
                "output": "7",
                "status": "completed",
            }
        ],
        [
            Message(
                "assistant",
                tool_uses=(ToolUse("m1", "find", {}, "{}"),),
                tool_results=(ToolResult("m1", "find", "7", False),),
            )
        ],
    ),
    (
        "a search that the client runs has none yet",
        [{"type": "tool_search_call", "id": "t", "execution": "client", "arguments": {"q": "x"}}],
        [Message("assistant", tool_uses=(ToolUse("t", "tool_search", {"q": "x"}),))],
    ),
    (
        "the client's own other tools",
        [
            {"type": "computer_call", "call_id": "k", "actions": [{"type": "click"}]},
            {"type": "mcp_approval_request", "id": "r", "name": "pay", "arguments": "{}"},
        ],
        [
            Message(
                "assistant",
                tool_uses=(
                    ToolUse("k", "computer_call", [{"type": "click"}]),
                    ToolUse("r", "pay", {}, "{}"),
                ),
            )
        ],
    ),
    (
        "approvals",
        [{"type": "mcp_approval_response", "approval_request_id": "r", "approve": True}],
        [Message("tool", tool_results=(ToolResult("r", "mcp_approval_response", True),))],
    ),
    ("what says nothing", [{"type": "item_reference", "id": "x"}, {"type": "mcp_list_tools"}], []),
    ("what is not known", [{"type": "new_thing", "role": "user"}], [Message("user", parts=1)]),
    ("a compaction", [{"type": "compaction"}], [Message("assistant", parts=1)]),
    (
        "speech",
        [{"role": "user", "content": [{"type": "input_audio", "transcript": "Hi"}]}],
        [Message("user", "Hi", parts=1)],
    ),
]


@pytest.mark.parametrize(("why", "given", "expected"), CASES)
def test_messages(why: str, given: Any, expected: list[Message]) -> None:
    assert items.messages(given) == expected, why


def test_a_hosted_tool_that_is_still_running_has_no_result() -> None:
    item = {"type": "web_search_call", "id": "w", "status": "in_progress", "action": {"q": 1}}
    ((message),) = items.messages([item], finished=False)
    assert message.tool_uses == (ToolUse("w", "web_search", {"q": 1}, complete=False),)
    assert message.tool_results == ()


def test_arguments_that_break_off() -> None:
    item = {**CALL, "arguments": '{"a":', "status": "incomplete"}
    ((message),) = items.messages([item], finished=False)
    assert message.tool_uses == (ToolUse("c1", "f", None, '{"a":', complete=False),)


def test_tools() -> None:
    schema = {"type": "object"}
    found = items.tools(
        [
            {"type": "function", "name": "f", "description": "d", "parameters": schema},
            {"type": "web_search"},
            {"type": "mcp", "server_label": "crm"},
            {"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "g"}]},
            {"type": "custom", "name": "sql", "parameters": "x"},
            "nonsense",
        ]
    )
    assert list(found) == [
        ToolDef("f", "d", schema),
        ToolDef("web_search"),
        ToolDef("mcp:crm"),
        ToolDef("g"),
        ToolDef("sql"),
    ]


def test_refusals() -> None:
    assert items.refused([{"content": [{"type": "refusal", "refusal": "no"}]}])
    assert not items.refused([TEXT, {"content": "no"}, None])


def test_tools_that_came_on_the_way() -> None:
    tool = {"type": "function", "name": "refund", "parameters": {"type": "object"}}
    given = [
        {"role": "user", "content": "hi"},
        {"type": "additional_tools", "role": "developer", "tools": [tool]},
        {"type": "tool_search_output", "tools": [{**tool, "name": "find"}]},
        {"type": "tool_search_output", "tools": None},
    ]
    assert [one.name for one in items.added_tools(given)] == ["refund", "find"]
    assert list(items.added_tools("hi")) == []
