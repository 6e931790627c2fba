"""The planner decides by what it is sent."""

import json
from typing import Any

import pytest

from proxy.demo.planner import Answer, Conversation, ToolResult, ToolUse, decide, tool_result

TICKET = "I am cus_18422. I was charged twice for March, please refund it."
FOUND = {"results": [{"docId": "d1", "text": "We refund it.", "url": "https://kb/d1"}]}
CHARGES = [
    {"id": "ch_1", "description": "March", "amount": 500, "currency": "eur"},
    {"id": "ch_2", "description": "March", "amount": 500, "currency": "eur"},
]
CUSTOMER = ToolResult("crm_get_customer", {"id": "cus_18422", "charges": CHARGES})
REFUND = {"id": "re_1", "amount": 500, "currency": "eur"}
CRM_TOOLS = frozenset({"crm_get_customer", "crm_create_refund"})


def conversation(*results: ToolResult, **fields: Any) -> Conversation:
    return Conversation(user=TICKET, results=results, **fields)


TOOL_MOVES = [
    (
        conversation(tools=frozenset({"kb_search"})),
        ToolUse("kb_search", {"query": "cus charged march refund", "topK": 3}),
    ),
    (
        conversation(ToolResult("kb_search", FOUND), tools=CRM_TOOLS),
        ToolUse("crm_get_customer", {"customerId": "cus_18422"}),
    ),
    (
        conversation(ToolResult("kb_search", FOUND), CUSTOMER, tools=CRM_TOOLS),
        ToolUse("crm_create_refund", {"chargeId": "ch_2", "amount": 500}),
    ),
]


@pytest.mark.parametrize(("given", "use"), TOOL_MOVES, ids=[use.name for _, use in TOOL_MOVES])
def test_the_next_tool_follows_from_the_conversation(given: Conversation, use: ToolUse) -> None:
    assert decide(given) == Answer(tool_uses=(use,))


REPLIES = [
    ("error", conversation(ToolResult("crm_get_customer", {"error": "401"})), "I am sorry"),
    (
        "confirmed",
        conversation(
            ToolResult("kb_search", FOUND), CUSTOMER, ToolResult("crm_create_refund", REFUND)
        ),
        "refunded 5.00 EUR (reference re_1)",
    ),
    ("cited", conversation(ToolResult("kb_search", FOUND)), "Sources:\n[d1] https://kb/d1"),
    ("unknown", Conversation(user="hm"), "You wrote: hm"),
    ("text result", conversation(ToolResult("kb_search", "nothing")), "You wrote: "),
]


@pytest.mark.parametrize(
    ("given", "part"), [row[1:] for row in REPLIES], ids=[row[0] for row in REPLIES]
)
def test_the_reply_follows_from_the_results(given: Conversation, part: str) -> None:
    answer = decide(given)
    assert part in answer.text
    assert answer.tool_uses == ()


@pytest.mark.parametrize(
    ("user", "intent", "steps"),
    [(TICKET, "refund", 4), ("How do I export?", "question", 2)],
)
def test_a_plan_is_json(user: str, intent: str, steps: int) -> None:
    plan = json.loads(decide(Conversation(user=user, wants_json=True)).text)
    assert plan["intent"] == intent
    assert len(plan["steps"]) == steps


def test_a_refunded_charge_is_not_refunded_again() -> None:
    charges = [CHARGES[0], {**CHARGES[1], "refunded": True}]
    given = conversation(ToolResult("crm_get_customer", {"charges": charges}), tools=CRM_TOOLS)
    assert decide(given).tool_uses == ()


def test_tool_results_are_json_where_they_can_be() -> None:
    assert tool_result("t", '{"a": 1}') == ToolResult("t", {"a": 1})
    assert tool_result("t", "plain") == ToolResult("t", "plain")
