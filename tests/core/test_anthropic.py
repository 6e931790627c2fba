from typing import Any

import pytest

from proxy.core import anthropic
from proxy.core.calls import ToolDef, Usage
from proxy.core.streams import StreamEvent

USAGE: list[tuple[dict[str, Any], Usage]] = [
    ({}, Usage()),
    ({"output_tokens": 3}, Usage(None, 3, source="unknown", raw={"output_tokens": 3})),
    (
        {"input_tokens": 1, "output_tokens": 2, "cache_read_input_tokens": 30},
        Usage(
            31,
            2,
            30,
            source="exact",
            raw={"input_tokens": 1, "output_tokens": 2, "cache_read_input_tokens": 30},
        ),
    ),
    (
        {"input_tokens": 1, "partial": True},
        Usage(1, source="estimated", raw={"input_tokens": 1}),
    ),
]


@pytest.mark.parametrize(("raw", "expected"), USAGE)
def test_cached_tokens_are_added(raw: dict[str, Any], expected: Usage) -> None:
    assert anthropic.usage(raw) == expected


def test_counts_of_a_delta_replace() -> None:
    events = anthropic.MessageEvents()
    start = {"usage": {"input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": 5}}
    events.add(StreamEvent("", {"type": "message_start", "message": start}))
    delta = {"usage": {"input_tokens": 12, "output_tokens": 40, "cache_read_input_tokens": None}}
    events.add(StreamEvent("", {"type": "message_delta", "delta": {}, **delta}))
    usage = anthropic.usage(events.result()["usage"])
    assert (usage.input_tokens, usage.output_tokens, usage.source) == (17, 40, "exact")


SYSTEMS: list[tuple[Any, str]] = [
    ("Be brief.", "Be brief."),
    ([{"type": "text", "text": "A"}, {"type": "text", "text": "B"}], "A\n\nB"),
    (None, ""),
    ({"text": "x"}, ""),
]


@pytest.mark.parametrize(("given", "text"), SYSTEMS)
def test_system(given: Any, text: str) -> None:
    assert anthropic.system_text(given) == text


def test_messages_and_tools() -> None:
    blocks = [
        "a",
        {"type": "text", "text": "b"},
        {"type": "document"},
        {"type": "redacted_thinking"},
        7,
    ]
    message = anthropic.message({"role": "user", "content": blocks})
    assert (message.text, message.parts) == ("ab", 2)  # the document, and what is no block at all
    assert anthropic.tool({"type": "bash_20250124", "name": "bash"}) == ToolDef("bash")
    assert anthropic.tool({"type": "computer"}) == ToolDef("computer")


USERS = [
    (
        "user_a_account__session_6a1f7c9e-1111-4222-8333-444455556666",
        "6a1f7c9e-1111-4222-8333-444455556666",
    ),
    ('{"session_id": "s-1"}', "s-1"),
    ("{broken", None),
    ("u-1", None),
]


@pytest.mark.parametrize(("user", "session"), USERS)
def test_claude_codes_session_is_in_its_user_id(user: str, session: str | None) -> None:
    found = anthropic.ask({"metadata": {"user_id": user}}, None).session
    assert found.get("metadata.session_id") == session
    assert found["metadata.user_id"] == user
