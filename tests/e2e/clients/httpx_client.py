"""httpx, with HTTP/1.1 (argument `h1`) or HTTP/2 (`h2`); `httpx2` takes its successor."""

import asyncio
import importlib
import sys
from typing import Any

from tests.e2e.clients.targets import BASE, BROKEN, HALF_CHUNK, PLAIN, STREAMS, WHOLE
from tests.e2e.clients.transcript import async_case, case, digest, pairs, pieces


def run(library: Any, *, http2: bool) -> None:
    with library.Client(http2=http2) as client:

        def whole(url: str, method: str = "GET", **more: Any) -> Any:
            answer = client.request(method, url, **more)
            headers = pairs((k.decode(), v.decode("latin-1")) for k, v in answer.headers.raw)
            seen = [answer.http_version, answer.status_code, headers, digest(answer.content)]
            return [*seen, answer.reason_phrase]

        def streamed(url: str) -> Any:
            with client.stream("GET", url) as answer:
                return [answer.status_code, pieces(list(answer.iter_raw()))]

        for target in WHOLE:
            case(target, whole, BASE + target)
        for target in (*STREAMS, *BROKEN, HALF_CHUNK):
            case(target, streamed, BASE + target)
        upload = BASE + "/upload"
        case("upload", lambda: whole(upload, "POST", content=b"x" * 100_000))
        case("chunked upload", lambda: whole(upload, "PUT", content=iter([b"a" * 999, b"b"] * 50)))
        case("head", lambda: whole(BASE + "/fixed?size=77", "HEAD"))
        case("plain http", lambda: whole(PLAIN + "/echo?plain", "POST", json={"a": [1, "é"]}))


async def side_by_side(library: Any, *, http2: bool) -> None:
    async with library.AsyncClient(http2=http2) as client:

        async def all_at_once() -> Any:
            urls = [f"{BASE}/chunked?sizes=5,50,500&seed=s{index}" for index in range(12)]
            answers = await asyncio.gather(*[client.get(url) for url in urls])
            return [digest(answer.content) for answer in answers]

        await async_case("side by side", all_at_once)


if __name__ == "__main__":
    name, protocol = sys.argv[1:]
    chosen = importlib.import_module(name)
    run(chosen, http2=protocol == "h2")
    asyncio.run(side_by_side(chosen, http2=protocol == "h2"))
