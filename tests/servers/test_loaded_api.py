import asyncio

import pytest

from proxy.core.http1 import MAX_HEAD
from proxy.servers import loaded_api
from tests.servers.conftest import Served


async def raw(served: Served, data: bytes) -> bytes:
    port = int(served.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    answer = await reader.read(65536)
    writer.close()
    return answer


async def test_a_malformed_request_is_refused_and_not_repeated(served: Served) -> None:
    secret = b"sk-proj-abcdefghijklmnop"
    head = b"GET /openai/v1/models HTTP/1.1\r\nHost: a\r\nAuthor ization: " + secret + b"\r\n\r\n"
    answer = await raw(served, head)
    assert b" 400 " in answer.split(b"\r\n")[0]
    assert b"malformed" in answer
    assert secret not in answer


async def test_both_lengths_are_refused(served: Served) -> None:
    head = (
        b"POST /openai/v1/models HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    )
    assert b" 400 " in (await raw(served, head)).split(b"\r\n")[0]


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"GET /livez HTTP/2.0\r\nHost: a\r\n\r\n", b"neither HTTP/1.0 nor HTTP/1.1"),
        (b"GET /livez HTTP/1.1\r\nHost: a, b\r\n\r\n", b"the Host header is malformed"),
        (
            b"GET /livez HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            b"Transfer-Encoding is doubled or not `chunked`",
        ),
    ],
)
async def test_what_aiohttp_takes_and_we_do_not(served: Served, head: bytes, reason: bytes) -> None:
    answer = await raw(served, head)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"the request was refused: " in answer
    assert reason in answer


async def test_long_headers_are_taken(served: Served) -> None:
    head = b"GET /livez HTTP/1.1\r\nConnection: close\r\nHost: a\r\nCookie: " + b"c" * 60_000
    assert (await raw(served, head + b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")


async def test_a_client_whose_long_head_does_not_end_is_hung_up_on(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loaded_api, "HEAD", 0.05)
    fields = b"Cookie: " + b"c" * 8000 + b"\r\n"
    head = b"GET /livez HTTP/1.1\r\nHost: a\r\n" + fields * (MAX_HEAD // len(fields) + 1)
    assert await raw(served, head) == b""
    assert (await raw(served, b"GET /livez HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.0 200 ")
