from typing import Any

import pytest

from proxy.core.matching import IgnoreRule
from proxy.core.replay.steady import rules, steady


@pytest.mark.parametrize(
    ("protocol", "asked", "model", "fields"),
    [
        ("openai.chat", {"temperature": 0.7}, "any", {"temperature": 0, "seed": 1}),
        ("openai.chat", {"temperature": 0, "seed": 5}, "any", {}),
        ("openai.chat", {}, "gpt-4o-mini", {"temperature": 0, "seed": 1}),
        ("openai.chat", {}, "openai/gpt-4o", {"temperature": 0, "seed": 1}),
        ("openai.chat", {}, "unknown", {}),
        ("openai.chat", {"top_p": 0.5}, "gpt-4o", {}),
        ("openai.chat", {"temperature": 1}, "gpt-5-mini", {}),
        ("openai.chat", {"temperature": 1}, "o3", {}),
        ("openai.chat", {"temperature": 1, "reasoning_effort": "low"}, "x", {}),
        ("openai.responses", {"temperature": 1}, "gpt-4.1", {"temperature": 0}),
        ("anthropic.messages", {"temperature": 1}, "claude-sonnet-4-5", {"temperature": 0}),
        ("anthropic.messages", {}, "claude-opus-4-7", {}),
        ("anthropic.messages", {"temperature": 1, "thinking": {"type": "enabled"}}, "c", {}),
        (
            "gemini.generate",
            {"generationConfig": {"topK": 1}},
            "gemini-2.5-flash",
            {"generationConfig.temperature": 0, "generationConfig.seed": 1},
        ),
        ("ollama", {}, "x", {"options.temperature": 0, "options.seed": 1}),
        ("bedrock.converse", {"temperature": 1}, "x", {}),
        ("openai.chat", {"temperature": "hot"}, "x", {}),
    ],
)
def test_what_is_set(
    protocol: str, asked: dict[str, Any], model: str, fields: dict[str, Any]
) -> None:
    assert steady(protocol, asked, model) == fields


def test_what_does_not_count_then() -> None:
    assert rules({"options.seed": 1}, "ollama") == [IgnoreRule("json", "$.options.seed", "ollama")]
