from typing import Any

import pytest

from proxy.core.outcomes import judge
from tests.core.outcomes.facts import facts, llm, tool, turn

TOOLS = ["get_order", "refund", "send_email"]


def said(reply: str, tools: list[str] | None = None, **more: Any) -> dict[str, Any]:
    return turn(reply=reply, call={"tools": TOOLS if tools is None else tools}, **more)


BROKEN = [
    "I'll look up your order now.",
    "Thanks! Let me check the order.",
    "I\u2019m going to send an email to the customer.",
    "Your order was lost. I will now issue the refund.",
    "I have issued the refund.",
    "I've successfully emailed the customer.",
    "Next, I check the order",
]
KEPT = [
    "I'll look up your order - what is its number?",
    "Let me know if I should refund it.",
    "I'll refund it once you confirm.",
    "If you like, I'll send an email.",
    "I can refund it.",
    "I'll be happy to help.",
    "I've created a short summary.",
    "I will look at the stars.",
    "I have refunded you yesterday?",
    "The order was refunded by a colleague.",
    "I will check the order. " + "That is all there is to it. " * 20,
]


@pytest.mark.parametrize("reply", BROKEN)
def test_a_promise_that_nobody_kept(reply: str) -> None:
    found = judge(facts(said(reply)), created_at=1.0)
    assert (found.failure_mode, found.rule, found.evidence) == ("Bad Decision", "promised", (1,))
    assert reply.rstrip(".")[-12:] in str(found.reason)


@pytest.mark.parametrize("reply", KEPT)
def test_what_is_no_broken_promise(reply: str) -> None:
    assert judge(facts(said(reply)), created_at=1.0).status == "Completed"


@pytest.mark.parametrize(
    "steps",
    [
        [said("I'll look up your order now.", tools=[])],
        [said("I'll look up your order now.", finish="length")],
        [said("I'll look up your order now."), tool(url="https://shop.test/orders/1")],
        [said("I'll look up your order now."), said("It is on its way.")],
        [turn(("refund", 1)), tool(), said("I have issued the refund.")],
        [
            turn(
                reply="Let me look up the order. It is on its way.",
                call={"tools": TOOLS, "toolUses": [{"name": "web_search", "hosted": True}]},
            )
        ],
        [tool(url="https://pay.test/refunds"), said("I have issued the refund.")],
        [llm(), said("")],
    ],
)
def test_what_was_done_or_could_not_be(steps: list[dict[str, Any]]) -> None:
    assert judge(facts(*steps), created_at=1.0).rule != "promised"


def test_a_process_that_failed_did_not_choose_to_end() -> None:
    given = facts(said("I'll look up your order now."), exit_code=1)
    assert judge(given, created_at=1.0).rule == "exit_code"
