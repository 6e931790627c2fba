import asyncio

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
