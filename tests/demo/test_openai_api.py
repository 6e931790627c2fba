"""OpenAI's format, judged by OpenAI's own SDK."""

from typing import TYPE_CHECKING

import pytest

from proxy.demo.provider import Provider

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletionMessageParam

pytestmark = pytest.mark.xdist_group("the providers' SDKs")  # which take long to import
TOOLS = [
    {
        "type": "function",
        "function": {"name": "kb_search", "parameters": {"type": "object", "properties": {}}},
    }
]
ASKED: "list[ChatCompletionMessageParam]" = [
    {"role": "system", "content": "Help."},
    {"role": "user", "content": [{"type": "text", "text": "refund my duplicate charge"}]},
]


def client(provider: Provider) -> "AsyncOpenAI":
    from openai import AsyncOpenAI

    base = f"http://127.0.0.1:{provider.ports.http}/v1"
    return AsyncOpenAI(base_url=base, api_key="sk-demo", max_retries=0)


async def test_whole_and_streamed_answers_are_the_same(provider: Provider) -> None:
    async with client(provider) as openai:
        whole = await openai.chat.completions.create(model="m", messages=ASKED)
        async with openai.chat.completions.stream(
            model="m", messages=ASKED, stream_options={"include_usage": True}
        ) as stream:
            final = await stream.get_final_completion()
    assert whole.choices[0].message.content == "You wrote: refund my duplicate charge"
    assert final.choices[0].message.content == whole.choices[0].message.content
    assert final.choices[0].finish_reason == whole.choices[0].finish_reason == "stop"
    assert whole.usage is not None
    assert final.usage == whole.usage
    assert whole.usage.completion_tokens == 10


async def test_tool_calls_and_their_results_go_round(provider: Provider) -> None:
    async with client(provider) as openai:
        whole = await openai.chat.completions.create(model="m", messages=ASKED, tools=TOOLS)
        async with openai.chat.completions.stream(model="m", messages=ASKED, tools=TOOLS) as stream:
            streamed = (await stream.get_final_completion()).choices[0].message.tool_calls
        calls = whole.choices[0].message.tool_calls
        assert calls is not None
        assert streamed is not None
        assert [call.model_dump(include={"id", "type"}) for call in streamed] == [
            call.model_dump(include={"id", "type"}) for call in calls
        ]
        call = calls[0]
        assert call.type == "function"
        assert call.function.arguments == '{"query": "refund duplicate charge", "topK": 3}'
        answer = await openai.chat.completions.create(
            model="m",
            messages=[
                *ASKED,
                {"role": "assistant", "tool_calls": [call.model_dump()]},
                {
                    "role": "tool",
                    "tool_call_id": call.id,
                    "content": '{"results": [{"docId": "d", "text": "It is so.", "url": "u"}]}',
                },
            ],
        )
    assert "It is so." in (answer.choices[0].message.content or "")


async def test_a_plan_is_asked_for_with_the_response_format(provider: Provider) -> None:
    async with client(provider) as openai:
        answer = await openai.chat.completions.create(
            model="m", messages=ASKED, response_format={"type": "json_object"}
        )
    assert (answer.choices[0].message.content or "").startswith('{"intent": "refund"')


async def test_embeddings_and_models(provider: Provider) -> None:
    async with client(provider) as openai:
        two = await openai.embeddings.create(model="e", input=["a", "b"], encoding_format="float")
        one = await openai.embeddings.create(model="e", input="a", encoding_format="float")
        names = [model.id async for model in openai.models.list()]
    assert [row.index for row in two.data] == [0, 1]
    assert two.data[0].embedding == one.data[0].embedding != two.data[1].embedding
    assert sum(value * value for value in one.data[0].embedding) == pytest.approx(1, abs=1e-4)
    assert "gpt-5-mini" in names


async def test_a_request_without_messages_is_refused_in_the_format(provider: Provider) -> None:
    from openai import BadRequestError

    async with client(provider) as openai:
        with pytest.raises(BadRequestError, match="Missing required parameter"):
            await openai.chat.completions.create(model="m", messages=None)
