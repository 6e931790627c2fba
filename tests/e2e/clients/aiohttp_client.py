"""aiohttp with its defaults: it does not look at the environment by itself."""

import asyncio
from typing import Any

import aiohttp

from tests.e2e.clients.targets import BASE, BROKEN, HALF_CHUNK, PLAIN, STREAMS, WHOLE
from tests.e2e.clients.transcript import async_case, digest, pairs, pieces


async def main() -> None:
    async with aiohttp.ClientSession() as session:

        async def whole(url: str, method: str = "GET", **more: Any) -> Any:
            async with session.request(method, url, **more) as answer:
                headers = pairs(
                    (name.decode(), value.decode("latin-1")) for name, value in answer.raw_headers
                )
                return [answer.status, answer.reason, headers, digest(await answer.read())]

        async def streamed(url: str) -> Any:
            async with session.get(url) as answer:
                parts, current = [], b""
                async for data, end_of_chunk in answer.content.iter_chunks():
                    current += data
                    if end_of_chunk:
                        parts.append(current)
                        current = b""
                return [answer.status, pieces([*parts, current])]

        for target in WHOLE:
            await async_case(target, whole, BASE + target)
        for target in (*STREAMS, *BROKEN, HALF_CHUNK):
            await async_case(target, streamed, BASE + target)
        await async_case("upload", lambda: whole(BASE + "/upload", "POST", data=b"x" * 100_000))
        await async_case("head", lambda: whole(BASE + "/fixed?size=77", "HEAD"))
        body = {"a": [1, "é"]}
        await async_case("plain http", lambda: whole(PLAIN + "/echo?plain", "POST", json=body))


if __name__ == "__main__":
    asyncio.run(main())
