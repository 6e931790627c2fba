"""The Responses format, judged by OpenAI's own SDK."""

from typing import TYPE_CHECKING, Any

import pytest

from proxy.demo.provider import Provider

if TYPE_CHECKING:
    from openai import AsyncOpenAI

pytestmark = pytest.mark.xdist_group("the providers' SDKs")  # which take long to import
TOOL: Any = {"type": "function", "name": "kb_search", "parameters": {}, "strict": False}


def client(provider: Provider) -> "AsyncOpenAI":
    from openai import AsyncOpenAI

    base = f"http://127.0.0.1:{provider.ports.http}/v1"
    return AsyncOpenAI(base_url=base, api_key="sk-demo", max_retries=0)


async def test_whole_and_streamed_answers_are_the_same(provider: Provider) -> None:
    from openai.types.responses import ResponseCompletedEvent

    async with client(provider) as openai:
        whole = await openai.responses.create(model="m", input="a word or two more")
        stream = await openai.responses.create(model="m", input="a word or two more", stream=True)
        events = [event async for event in stream]
    assert whole.output_text == "You wrote: a word or two more"
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == whole.output_text
    assert len(deltas) > 1
    last = events[-1]
    assert isinstance(last, ResponseCompletedEvent)
    assert last.response.output_text == whole.output_text
    assert last.response.usage == whole.usage
    numbers = [event.sequence_number for event in events]
    assert numbers == list(range(len(events)))


async def test_function_calls_go_round(provider: Provider) -> None:
    asked: Any = [{"role": "user", "content": [{"type": "input_text", "text": "refund charge"}]}]
    async with client(provider) as openai:
        whole = await openai.responses.create(model="m", input=asked, tools=[TOOL])
        stream = await openai.responses.create(model="m", input=asked, tools=[TOOL], stream=True)
        events = [event async for event in stream]
        call = whole.output[0]
        assert call.type == "function_call"
        done = [e for e in events if e.type == "response.function_call_arguments.done"]
        assert [event.arguments for event in done] == [call.arguments]
        output = '{"results": [{"docId": "d", "text": "It is so.", "url": "u"}]}'
        result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": output}
        echoed: Any = call.model_dump(exclude_none=True)
        answer = await openai.responses.create(model="m", input=[*asked, echoed, result])
    assert "It is so." in answer.output_text


async def test_instructions_and_a_text_format_are_read(provider: Provider) -> None:
    async with client(provider) as openai:
        answer = await openai.responses.create(
            model="m",
            instructions="Plan.",
            input="refund me",
            text={"format": {"type": "json_object"}},
        )
    assert answer.output_text.startswith('{"intent": "refund"')
