"""The official openai SDK: sync and async, whole and streamed, tools, errors."""

import asyncio
from typing import Any

from openai import AsyncOpenAI, OpenAI

from tests.e2e.clients.transcript import async_case, case, digest, pairs, pieces

TOOLS: Any = [
    {"type": "function", "function": {"name": "kb_search", "parameters": {"type": "object"}}}
]
ASKED: Any = [{"role": "user", "content": "please refund my duplicate charge of March"}]
ERRORS = ("status-401", "status-429", "status-500", "error-in-stream", "cut-stream", "busy-9")
USAGE: Any = {"include_usage": True}


def options(model: str = "gpt-5-mini", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": ASKED, **more}


def sync_cases(client: OpenAI) -> None:
    chat = client.chat.completions

    def whole() -> Any:
        raw = chat.with_raw_response.create(**options())
        return [pairs(raw.headers.items()), digest(raw.content), raw.parse().model_dump()]

    def streamed(model: str) -> Any:
        stream = chat.create(**options(model, stream=True, tools=TOOLS, stream_options=USAGE))
        return [chunk.model_dump(exclude_unset=True) for chunk in stream]

    def boundaries() -> Any:
        with chat.with_streaming_response.create(**options(stream=True)) as raw:
            return pieces(list(raw.http_response.iter_raw()))

    def retried() -> Any:
        raw = client.with_options(max_retries=3).chat.completions.with_raw_response
        return raw.create(**options("busy-2")).retries_taken

    def responses() -> Any:
        events = client.responses.create(model="m", input="one two three four five", stream=True)
        return [event.model_dump(exclude_unset=True) for event in events]

    case("whole", whole)
    case("streamed with tools", lambda: streamed("gpt-5-mini"))
    case("stream boundaries", boundaries)
    case("retried", retried)
    case("responses streamed", responses)
    case(
        "embeddings",
        lambda: client.embeddings.create(
            model="e", input=["a", "b"], encoding_format="float"
        ).model_dump(),
    )
    for model in ERRORS:
        case(model, streamed, model)


async def async_cases(client: AsyncOpenAI) -> None:
    chat = client.chat.completions

    async def whole() -> Any:
        return (await chat.create(**options(seed=2))).model_dump()

    async def streamed() -> Any:
        stream = await chat.create(**options(stream=True, tools=TOOLS, seed=2))
        return [chunk.model_dump(exclude_unset=True) async for chunk in stream]

    async def side_by_side() -> Any:
        asked = [chat.create(**options(seed=seed)) for seed in range(10, 18)]
        return [answer.id for answer in await asyncio.gather(*asked)]

    await async_case("async whole", whole)
    await async_case("async streamed with tools", streamed)
    await async_case("async side by side", side_by_side)
    for status in (401, 429, 500):

        async def failed(status: int = status) -> Any:
            return await chat.create(**options(f"status-{status}", seed=2))

        await async_case(f"async {status}", failed)


async def both() -> None:
    async with AsyncOpenAI(max_retries=0) as client:
        await async_cases(client)


if __name__ == "__main__":
    with OpenAI(max_retries=0) as sync_client:
        sync_cases(sync_client)
    asyncio.run(both())
