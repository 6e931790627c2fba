"""The model's tool arguments, in the formats of several providers."""

import json

import pytest

from proxy.core.model import Exchange
from proxy.core.validators.tool_arguments import check
from tests.core.validators.payloads import (
    SSE,
    anthropic,
    exchange,
    gemini,
    material,
    openai,
    responses,
)

GOOD = '{"customerId": "c1"}'
_ALIKE = "which looks like the same field renamed"
RENAMED = (
    "$.customerId",
    f"`customerId` is missing; there is `customer_id` instead, {_ALIKE}",
)


def use(arguments: str, name: str = "crm_find") -> Exchange:
    return openai((name, arguments))


def block(**arguments: object) -> dict[str, object]:
    return {"type": "tool_use", "id": "t1", "name": "crm_find", "input": arguments}


CASES: dict[str, tuple[Exchange, list[tuple[str, str, str]]]] = {
    "chat, good": (use(GOOD), []),
    "chat, renamed": (use('{"customer_id": "c1"}'), [("required", *RENAMED)]),
    "chat, two errors at once": (
        use('{"limit": "5"}'),
        [
            ("required", "$.customerId", "`customerId` is missing"),
            ("type", "$.limit", 'it should be a whole number, and is the text "5"'),
        ],
    ),
    "chat, not JSON": (
        use("customerId=c1"),
        [("not_json", "$", "the arguments are not JSON: they begin with 'customerId=c1'")],
    ),
    "chat, cut off": (
        openai(("crm_find", '{"customerId": "c'), finish="length"),
        [("cut_off", "$", "the arguments are cut off after 17 characters")],
    ),
    "chat, unknown tool": (
        use(GOOD, "crm_fnd"),
        [
            (
                "unknown_tool",
                "$",
                "`crm_fnd` is not the only tool that the model was given; there is `crm_find`",
            )
        ],
    ),
    "chat, no tools given": (openai(("other", GOOD), tools=False), []),
    "chat, no arguments": (
        use(""),
        [("required", "$.customerId", "`customerId` is missing")],
    ),
    "chat, an array": (
        use("[]"),
        [("type", "$", "it should be an object, and is an array")],
    ),
    "responses, wrong": (
        responses(
            {
                "type": "function_call",
                "call_id": "c",
                "name": "crm_find",
                "arguments": '{"customerId": 1}',
            }
        ),
        [("type", "$.customerId", "it should be a text, and is the number 1")],
    ),
    "responses, run by the provider": (
        responses(
            {"type": "web_search_call", "id": "w", "status": "completed", "action": {"query": "x"}}
        ),
        [],
    ),
    "responses, a remote server's tool": (
        responses(
            {
                "type": "mcp_approval_request",
                "id": "m",
                "name": "delete",
                "server_label": "crm",
                "arguments": "{}",
            },
            tools=[{"type": "mcp", "server_label": "crm", "server_url": "https://crm.test"}],
        ),
        [],
    ),
    "anthropic, good": (anthropic(block(customerId="c1"), stop="tool_use"), []),
    "anthropic, renamed": (
        anthropic(block(customer_id="c1"), stop="tool_use"),
        [("required", *RENAMED)],
    ),
    "gemini, good": (
        gemini({"functionCall": {"name": "crm_find", "args": {"customerId": "c1"}}}),
        [],
    ),
    "gemini, wrong, by a schema in capitals": (
        gemini({"functionCall": {"name": "crm_find", "args": {"customerId": "c", "limit": "x"}}}),
        [("type", "$.limit", 'it should be a whole number, and is the text "x"')],
    ),
    "just text": (openai(text="hello"), []),
}


@pytest.mark.parametrize(("made", "expected"), CASES.values(), ids=CASES)
def test_arguments(made: Exchange, expected: list[tuple[str, str, str]]) -> None:
    found = list(check(material(made)))
    assert sorted((one.keyword, one.path, one.message) for one in found) == sorted(expected)


def test_each_use_is_checked_by_its_own_name() -> None:
    found = list(check(material(openai(("crm_find", "{}"), ("a", GOOD), ("crm_find", GOOD)))))
    assert [(one.subject, one.keyword, one.breaking) for one in found] == [
        ("crm_find", "required", True),
        ("a", "unknown_tool", True),
    ]


def test_a_streamed_call_is_checked_when_it_is_whole() -> None:
    sent = json.loads(openai(("crm_find", "{}")).request_body.data)
    pieces = ['{"customer', '_id": "c1"}']
    chunks = [
        {
            "choices": [
                {
                    "index": 0,
                    "delta": {
                        "tool_calls": [
                            {
                                "index": 0,
                                "id": "call_0",
                                "function": {"name": "crm_find", "arguments": piece},
                            }
                        ]
                    },
                }
            ]
        }
        for piece in pieces
    ]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    body = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)

    made = exchange(
        "https://api.openai.com/v1/chat/completions", sent, body + b"data: [DONE]\n\n", headers=SSE
    )
    assert [one.path for one in check(material(made))] == ["$.customerId"]
