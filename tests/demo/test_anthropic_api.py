"""Anthropic's format, judged by Anthropic's own SDK."""

from typing import TYPE_CHECKING, Any

import pytest

from proxy.demo.provider import Provider

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

pytestmark = pytest.mark.xdist_group("the providers' SDKs")  # which take long to import
TOOL: Any = {"name": "kb_search", "input_schema": {"type": "object"}}
ASKED: Any = [{"role": "user", "content": "refund my duplicate charge"}]


def client(provider: Provider) -> "AsyncAnthropic":
    from anthropic import AsyncAnthropic

    base = f"http://127.0.0.1:{provider.ports.http}"
    return AsyncAnthropic(base_url=base, api_key="key", max_retries=0)


async def test_whole_and_streamed_answers_are_the_same(provider: Provider) -> None:
    async with client(provider) as anthropic:
        options: Any = {"model": "m", "max_tokens": 100, "messages": ASKED, "system": "Help."}
        whole = await anthropic.messages.create(**options)
        async with anthropic.messages.stream(**options) as stream:
            final = await stream.get_final_message()
    assert whole.content[0].type == "text"
    assert whole.content[0].text == "You wrote: refund my duplicate charge"
    assert final.content[0].type == "text"
    assert final.content[0].text == whole.content[0].text
    assert final.stop_reason == whole.stop_reason == "end_turn"
    assert final.usage.output_tokens == whole.usage.output_tokens == 10
    assert final.usage.input_tokens == whole.usage.input_tokens


async def test_tool_uses_and_their_results_go_round(provider: Provider) -> None:
    async with client(provider) as anthropic:
        options: Any = {"model": "m", "max_tokens": 100, "tools": [TOOL]}
        whole = await anthropic.messages.create(**options, messages=ASKED)
        async with anthropic.messages.stream(**options, messages=ASKED) as stream:
            final = await stream.get_final_message()
        use = whole.content[0]
        assert use.type == "tool_use"
        assert use.input == {"query": "refund duplicate charge", "topK": 3}
        assert final.content[0].type == "tool_use"
        assert final.content[0].input == use.input
        assert final.stop_reason == whole.stop_reason == "tool_use"
        found = '{"results": [{"docId": "d", "text": "It is so.", "url": "u"}]}'
        result: Any = [{"type": "tool_result", "tool_use_id": use.id, "content": found}]
        blocks = [block.model_dump(exclude_none=True) for block in whole.content]
        conversation = [
            *ASKED,
            {"role": "assistant", "content": blocks},
            {"role": "user", "content": result},
        ]
        answer = await anthropic.messages.create(**options, messages=conversation)
    assert answer.content[0].type == "text"
    assert "It is so." in answer.content[0].text


async def test_a_request_without_a_limit_is_refused_in_the_format(provider: Provider) -> None:
    from anthropic import BadRequestError

    async with client(provider) as anthropic:
        with pytest.raises(BadRequestError, match="max_tokens: Field required"):
            await anthropic.post("/v1/messages", cast_to=object, body={"messages": ASKED})
