"""The official anthropic SDK: sync and async, whole and streamed, tools, errors."""

import asyncio
from typing import Any

from anthropic import Anthropic, AsyncAnthropic

from tests.e2e.clients.transcript import async_case, case, digest, pairs, pieces

TOOLS: Any = [{"name": "kb_search", "input_schema": {"type": "object"}}]
ASKED: Any = [{"role": "user", "content": "please refund my duplicate charge of March"}]
ERRORS = (
    "status-401",
    "status-429",
    "status-500",
    "status-529",
    "error-in-stream",
    "cut-stream",
)


def options(model: str = "claude-demo", **more: Any) -> dict[str, Any]:
    return {"model": model, "max_tokens": 500, "messages": ASKED, **more}


def sync_cases(client: Anthropic) -> None:
    def whole() -> Any:
        raw = client.messages.with_raw_response.create(**options())
        return [
            pairs(raw.headers.items()),
            digest(raw.http_response.content),
            raw.parse().model_dump(),
        ]

    def streamed(model: str) -> Any:
        with client.messages.stream(**options(model, tools=TOOLS)) as stream:
            seen = [event.type for event in stream]
            return [seen, stream.get_final_message().model_dump(exclude_unset=True)]

    def boundaries() -> Any:
        with client.messages.with_streaming_response.create(**options(stream=True)) as raw:
            return pieces(list(raw.http_response.iter_raw()))

    case("whole", whole)
    case("streamed with tools", lambda: streamed("claude-demo"))
    case("stream boundaries", boundaries)
    for model in ERRORS:
        case(model, streamed, model)


async def async_cases(client: AsyncAnthropic) -> None:
    async def whole() -> Any:
        return (await client.messages.create(**options(system="Another."))).model_dump()

    async def streamed() -> Any:
        async with client.messages.stream(**options(tools=TOOLS, system="Another.")) as stream:
            return [event.type async for event in stream]

    await async_case("async whole", whole)
    await async_case("async streamed with tools", streamed)
    for status in (401, 429, 500):

        async def failed(status: int = status) -> Any:
            return await client.messages.create(**options(f"status-{status}", system="Another."))

        await async_case(f"async {status}", failed)


async def both() -> None:
    async with AsyncAnthropic(max_retries=0) as client:
        await async_cases(client)


if __name__ == "__main__":
    with Anthropic(max_retries=0) as sync_client:
        sync_cases(sync_client)
    asyncio.run(both())
