import asyncio
from base64 import b64encode

import pytest

from proxy.engine.proxies import Proxies
from proxy.engine.recorder import Tx
from proxy.engine.router import parse
from tests.engine.test_proxies import ConnectProxy
from tests.servers.conftest import OK, TOKEN, Place, Reader, Served, Writer, answers

GET = b"GET /mine/x HTTP/1.1\r\nHost: 127.0.0.1\r\n"
POST = b"POST /mine/x HTTP/1.1\r\nHost: 127.0.0.1\r\n"
TOKEN_LINE = f"Authorization: Bearer {TOKEN}\r\n".encode()


async def answer(reader: Reader) -> bytes:
    """The status line and the body of the next answer."""
    async with asyncio.timeout(20):
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]
        return head.split(b"\r\n")[0] + b" " + await reader.readexactly(int(length or 0))


@pytest.mark.parametrize(
    ("request_", "status", "stays"),
    [
        (GET + b"\r\n", 200, True),
        (POST + b"Content-Length: 3\r\n\r\nabc", 200, True),
        (GET + b"Expect: 100-continue\r\nContent-Length: 0\r\n\r\n", 200, True),
        (GET + b"Upgrade: h2c\r\nConnection: upgrade\r\n\r\n", 200, True),
        (GET + b"Origin: http://localhost:3000\r\n\r\n", 200, True),
        (GET + b"Origin: http://example.com\r\n\r\n", 403, False),
        (POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, False),
        (GET.replace(b"mine", b"nobody") + b"\r\n", 404, False),
        (GET.replace(b"/mine/x", b"/livez") + b"\r\n", 200, False),
        (GET.replace(b"mine/x", b"api/v1/runs") + b"\r\n", 401, False),
        (GET + b"Bad Name: x\r\n\r\n", 400, False),
        (GET + b"Host: 127.0.0.1\r\n\r\n", 400, False),
    ],
)
async def test_what_is_for_the_gateway_stays_and_the_rest_is_handed_over(
    place: Place, request_: bytes, status: int, stays: bool
) -> None:
    await place.upstream(answers)
    reader, writer = await place.client()
    writer.write(request_)
    assert int((await answer(reader)).split()[1]) == status
    assert bool(place.served.site.gateway.open) is stays


async def test_a_body_that_breaks_http_is_not_begun_to_be_sent(place: Place) -> None:
    heads: list[bytes] = []

    async def takes(reader: Reader, writer: Writer) -> None:
        while True:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(OK)

    await place.upstream(takes)
    reader, writer = await place.client()
    writer.write(GET + b"\r\n")  # from here on there is a connection to the upstream at hand
    assert await answer(reader) == b"HTTP/1.1 200 OK ok"
    writer.write(POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n")
    assert (await answer(reader)).startswith(b"HTTP/1.1 400 ")
    assert await reader.read() == b""
    assert len(heads) == 1


async def test_requests_that_came_at_once_are_answered_in_turn(place: Place) -> None:
    await place.upstream(answers)
    reader, writer = await place.client()
    writer.write(GET + b"\r\n" + POST + b"Content-Length: 3\r\n\r\nabc" + GET + b"\r\n")
    assert [await answer(reader) for _ in range(3)] == [b"HTTP/1.1 200 OK ok"] * 3


async def test_the_api_answers_once_on_a_connection_which_is_the_gateways(place: Place) -> None:
    await place.upstream(answers)
    reader, writer = await place.client()
    writer.write(GET + b"\r\n")
    assert await answer(reader) == b"HTTP/1.1 200 OK ok"
    writer.write(GET.replace(b"mine/x", b"api/v1/runs") + TOKEN_LINE + b"\r\n")
    said = await reader.read()
    assert said.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Connection: close\r\n" in said


async def test_a_chunked_upload_goes_on_as_it_is(place: Place) -> None:
    body = b"5;a=b\r\nhello\r\n6 \r\n world\r\n0\r\nX-T: 1\r\n\r\n"
    got: list[bytes] = []

    async def takes(reader: Reader, writer: Writer) -> None:
        got.append(await reader.readuntil(b"\r\n\r\n"))
        got.append(await reader.readexactly(len(body)))
        writer.write(OK)
        await reader.read()

    await place.upstream(takes)
    reader, writer = await place.client()
    writer.write(POST + b"Transfer-Encoding: chunked\r\n\r\n" + body[:20])
    await _open(place.served, 1)
    writer.write(body[20:])
    assert await answer(reader) == b"HTTP/1.1 200 OK ok"
    assert b"Transfer-Encoding: chunked\r\n" in got[0]
    assert got[1] == body


@pytest.mark.parametrize("there", [True, False])
async def test_a_client_that_waits_for_a_hundred_is_not_kept_waiting(
    place: Place, there: bool
) -> None:
    async def takes(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await reader.readexactly(3)
        writer.write(OK)
        await reader.read()

    await place.upstream(takes)
    if not there:
        place.servers.pop().close()
    reader, writer = await place.client()
    writer.write(POST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    said = await answer(reader)
    assert said.startswith(b"HTTP/1.1 100 Continue" if there else b"HTTP/1.1 502 Bad Gateway")
    if there:
        writer.write(b"abc")
        assert await answer(reader) == b"HTTP/1.1 200 OK ok"


async def test_an_answer_of_ours_to_head_has_no_body(place: Place) -> None:
    await place.upstream(answers)
    place.servers.pop().close()
    reader, writer = await place.client()
    writer.write(GET.replace(b"GET", b"HEAD") + b"Connection: close\r\n\r\n")
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 502 ")
    assert body == b""


async def test_a_large_upload_waits_for_an_upstream_that_does_not_read(place: Place) -> None:
    size, go = 16 * 1024 * 1024, asyncio.Event()
    got = 0

    async def slow(reader: Reader, writer: Writer) -> None:
        nonlocal got
        await reader.readuntil(b"\r\n\r\n")
        await go.wait()
        while got < size:
            got += len(await reader.read(1 << 16))
        writer.write(OK)
        await reader.read()

    await place.upstream(slow)
    reader, writer = await place.client()
    writer.transport.set_write_buffer_limits(high=0)
    writer.write(POST + b"Content-Length: %d\r\n\r\n" % size)
    sending = asyncio.ensure_future(_send(writer, size))
    (tx,) = await _open(place.served, 1)
    taken = -1
    while tx.size != taken:  # until nothing more is taken
        taken = tx.size
        for _ in range(50):
            await asyncio.sleep(0)
    assert taken < size
    assert not sending.done()
    go.set()
    assert await answer(reader) == b"HTTP/1.1 200 OK ok"
    assert got == size


async def _send(writer: Writer, size: int) -> None:
    for _ in range(size >> 16):
        writer.write(bytes(1 << 16))
        await writer.drain()


async def _open(served: Served, count: int) -> list[Tx]:
    async with asyncio.timeout(20):
        while len(served.engine._open) != count:  # noqa: ASYNC110 - nobody sets an event for this
            await asyncio.sleep(0)
    return list(served.engine._open)


async def test_an_answer_before_the_request_is_whole_is_not_lost(place: Place) -> None:
    async def hasty(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        await reader.read()

    await place.upstream(hasty)
    reader, writer = await place.client()
    writer.write(POST + b"Content-Length: 9000000\r\n\r\n" + bytes(1000))
    assert await answer(reader) == b"HTTP/1.1 413 Too Large no"
    assert await reader.read() == b""  # it says that it reads no more requests
    writer.write(bytes(100_000))
    await writer.drain()
    await _open(place.served, 0)


@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        ("/mine/x", b"", 401),
        ("/mine/x", b"Dashcam-Token: wrong\r\n", 401),
        ("/mine/x", b"dashcam-token: %b\r\n" % TOKEN.encode(), 200),
        (f"/key-{TOKEN}/mine/x", b"", 200),
        ("/key-wrong/mine/x", b"", 401),
        ("/mine/x", TOKEN_LINE, 401),  # these lines are the upstream's, and would go on to it
        ("/mine/x", b"Authorization: Basic %b\r\n" % b64encode(f":{TOKEN}".encode()), 401),
        ("/mine/x", b"Origin: http://a.test\r\nDashcam-Token: %b\r\n" % TOKEN.encode(), 403),
    ],
)
async def test_beyond_this_machine_only_who_has_the_token_gets_through(
    place: Place, target: str, headers: bytes, status: int
) -> None:
    place.served.site.wide = True
    heads: list[bytes] = []

    async def takes(reader: Reader, writer: Writer) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK)
        await reader.read()

    await place.upstream(takes)
    reader, writer = await place.client()
    writer.write(GET.replace(b"/mine/x", target.encode()) + headers + b"\r\n")
    assert int((await answer(reader)).split()[1]) == status
    assert [head.startswith(b"GET /x HTTP/1.1\r\n") for head in heads] == [True] * (status == 200)
    assert not any(TOKEN.encode() in head for head in heads)


async def test_a_proxy_that_makes_no_tunnel_is_asked_for_plain_http(place: Place) -> None:
    place.served.engine.router.named["mine"] = parse("http://api.test/v1")
    async with ConnectProxy(says=b"HTTP/1.1 404 Not Found\r\n\r\n").running() as between:
        place.served.engine.pool._proxies = Proxies.of(f"http://localhost:{between.port}", {})
        reader, writer = await place.client()
        writer.write(GET + b"\r\n")
        assert (await answer(reader)).startswith(b"HTTP/1.1 404 Not Found")
    assert between.heads[1] == b"GET http://api.test/v1/x HTTP/1.1\r\nHost: api.test\r\n\r\n"
