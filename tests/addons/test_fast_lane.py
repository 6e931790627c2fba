import asyncio
import functools
import socket
import ssl
from collections.abc import Sequence

import pytest

from proxy.core.model import End, header
from proxy.engine.endings import break_off
from proxy.engine.proxies import Proxies
from proxy.errors import StoreError
from proxy.stores._api import AddExchange, Write
from tests.addons.conftest import OK, RUN, Proxy, Reader, Writer
from tests.engine.gates import BAD_ANSWER, BAD_REQUEST, BOTH, SAID, enforce
from tests.engine.test_proxies import ConnectProxy

HEAD = b"GET /x HTTP/1.1\r\nHost: localhost\r\n"


async def answer(reader: Reader) -> bytes:
    """One answer with a Content-Length."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]
    return head + await reader.readexactly(int(length))


async def test_bytes_go_through_untouched_and_connections_are_kept(proxy: Proxy) -> None:
    reader, writer = await proxy.tunnel()
    odd = b"POST /a?b=%20 HTTP/1.1\r\nhOST: localhost\r\nX-Odd:  two \r\nContent-Length: 3\r\n\r\n"
    for _ in range(2):
        writer.write(odd + b"abc")
        assert await answer(reader) == OK
    writer.close()
    assert proxy.upstream.heads == [odd, odd]
    assert proxy.upstream.connections == 1
    exchanges = await proxy.exchanges()
    assert [exchange.request_body.data for exchange in exchanges] == [b"abc", b"abc"]
    assert [(exchange.lane, exchange.end) for exchange in exchanges] == [("fast", End.COMPLETE)] * 2


async def test_pipelined_requests_are_answered_in_order(proxy: Proxy) -> None:
    reader, writer = await proxy.tunnel()
    writer.write(HEAD + b"\r\n" + HEAD.replace(b"/x", b"/y") + b"\r\n")
    assert [await answer(reader), await answer(reader)] == [OK, OK]
    writer.close()
    assert [exchange.request.target for exchange in await proxy.exchanges()] == ["/x", "/y"]


@pytest.mark.parametrize("host", [b"a..b", b"tes\x8e", b"a" * 64, b"[::1"])
async def test_a_host_that_nobody_can_look_up_is_refused(proxy: Proxy, host: bytes) -> None:
    reader, writer = await proxy.connect()
    writer.write(b"GET http://%b/x HTTP/1.1\r\nHost: a\r\n\r\n" % host)
    async with asyncio.timeout(20):
        said = await reader.read()
    assert said.startswith(b"HTTP/1.1 400 ")
    assert b"the target's host is malformed" in said
    writer.close()


async def test_the_hops_and_dashcams_own_headers_stay_here(proxy: Proxy) -> None:
    reader, writer = await proxy.connect()
    url = f"http://127.0.0.1:{proxy.upstream.port}/x".encode()
    writer.write(
        b"GET %b HTTP/1.1\r\nhost: a\r\nProxy-Authorization: Basic eDp5\r\nDashcam-Label: L\r\n"
        b"Proxy-Connection: keep-alive\r\nX-Mine: 1\r\nDashcam-Group: plan\r\n\r\n" % url
    )
    assert await answer(reader) == OK
    writer.close()
    # The target says where it goes: Host follows it (RFC 9112, 3.2.2).
    host = b"host: 127.0.0.1:%d" % proxy.upstream.port
    assert proxy.upstream.heads == [b"GET /x HTTP/1.1\r\n%b\r\nX-Mine: 1\r\n\r\n" % host]
    (exchange,) = await proxy.exchanges()
    assert [name for name, _ in exchange.request.headers] == [b"host", b"X-Mine"]
    assert (exchange.own.label, exchange.own.group) == ("L", "plan")


@pytest.mark.parametrize(
    "data",
    [
        b"GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
        b"GET http://other/x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
async def test_what_could_be_read_in_two_ways_is_refused(proxy: Proxy, data: bytes) -> None:
    reader, writer = await proxy.tunnel()
    writer.write(data)
    assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
    writer.close()
    assert proxy.upstream.heads == []


async def test_each_chunk_is_passed_on_and_only_the_end_waits(proxy: Proxy) -> None:
    gates = [asyncio.Event(), asyncio.Event()]

    async def play(head: bytes, reader: Reader, writer: Writer) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number, gate in enumerate(gates):
            await gate.wait()
            writer.write(b"1;x=y\r\n%d\r\n" % number)
        writer.write(b"0\r\nX-Trailer: t\r\n\r\n")
        return True

    proxy.upstream.play = play
    reader, writer = await proxy.tunnel()
    writer.write(HEAD + b"\r\n")
    await reader.readuntil(b"\r\n\r\n")
    for number, gate in enumerate(gates):
        assert proxy.engine.writer.counters.stored == 0
        gate.set()
        assert await reader.readexactly(10) == b"1;x=y\r\n%d\r\n" % number
    ending = b"0\r\nX-Trailer: t\r\n\r\n"
    assert await reader.readexactly(len(ending)) == ending
    assert proxy.engine.writer.counters.stored == 1
    writer.close()
    (exchange,) = await proxy.exchanges()
    assert exchange.response_body.data == b"01"
    assert exchange.response_body.trailers == ((b"X-Trailer", b"t"),)
    assert [part.size for part in exchange.response_body.parts] == [1, 1]


async def test_expect_continue_reaches_the_upstream_and_comes_back(proxy: Proxy) -> None:
    async def play(head: bytes, reader: Reader, writer: Writer) -> bool:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await reader.readexactly(3)
        writer.write(OK)
        return True

    proxy.upstream.play = play
    reader, writer = await proxy.tunnel()
    writer.write(b"PUT /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"abc")
    assert await answer(reader) == OK
    writer.close()


async def hang_up(head: bytes, reader: Reader, writer: Writer) -> bool:
    return False


async def half(head: bytes, reader: Reader, writer: Writer) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
    await writer.drain()
    return False


async def bad_chunk(head: bytes, reader: Reader, writer: Writer) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nzz\r\n")
    return False


@pytest.mark.parametrize(
    ("play", "line", "end", "kept"),
    [
        (hang_up, b"HTTP/1.1 502 ", End.UPSTREAM_RESET, b""),
        (half, b"HTTP/1.1 200 ", End.UPSTREAM_TRUNCATED, b"half"),
        (bad_chunk, b"HTTP/1.1 200 ", End.UPSTREAM_INVALID, b"ok"),
    ],
)
async def test_a_failing_upstream_is_one_record_that_says_so(
    proxy: Proxy, play: object, line: bytes, end: End, kept: bytes
) -> None:
    proxy.upstream.play = play  # type: ignore[assignment]  # one of the three above
    reader, writer = await proxy.tunnel()
    writer.write(b"POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    assert (await reader.read()).startswith(line)
    writer.close()
    (exchange,) = await proxy.exchanges()
    assert (exchange.end, exchange.response_body.data) == (end, kept)


async def test_a_reset_is_not_the_end_of_an_answer_that_ends_with_its_connection(
    proxy: Proxy,
) -> None:
    seen = asyncio.Event()

    async def play(head: bytes, reader: Reader, writer: Writer) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf")
        await seen.wait()
        break_off(writer.transport)
        writer.transport.abort()
        return False

    proxy.upstream.play = play
    reader, writer = await proxy.tunnel()
    writer.write(HEAD + b"\r\n")
    await reader.readuntil(b"half")
    seen.set()
    with pytest.raises(ConnectionResetError):  # nor is it for the client
        await reader.read()
    writer.close()
    (exchange,) = await proxy.exchanges()
    assert (exchange.end, exchange.response_body.data) == (End.UPSTREAM_RESET, b"half")


async def test_a_kept_connection_that_died_is_no_failure(proxy: Proxy) -> None:
    calls = 0

    async def play(head: bytes, reader: Reader, writer: Writer) -> bool:
        nonlocal calls
        calls += 1
        if calls == 2:
            return False  # the second request meets a connection that has just been closed
        writer.write(OK)
        return True

    proxy.upstream.play = play
    reader, writer = await proxy.tunnel()
    for _ in range(2):
        writer.write(HEAD + b"\r\n")
        assert await answer(reader) == OK
    writer.close()
    assert calls == 3
    assert [exchange.end for exchange in await proxy.exchanges()] == [End.COMPLETE] * 2


async def test_an_answer_that_ends_with_its_connection_ends_in_order_in_tls(proxy: Proxy) -> None:
    async def play(head: bytes, reader: Reader, writer: Writer) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nwhole")
        return False

    def ask() -> bytes:
        with socket.create_connection(("127.0.0.1", proxy.port)) as plain:
            plain.sendall(b"CONNECT localhost:%d HTTP/1.1\r\n\r\n" % proxy.upstream.tls_port)
            plain.recv(4096)
            tls = ssl.create_default_context(cafile=proxy.authority.cert_path)
            strict = tls.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False)
            with strict:
                strict.sendall(HEAD + b"\r\n")
                return b"".join(iter(functools.partial(strict.recv, 4096), b""))

    proxy.upstream.play = play
    assert (await asyncio.to_thread(ask)).endswith(b"\r\n\r\nwhole")


async def test_a_reset_on_a_kept_connection_is_passed_on_and_not_asked_again(proxy: Proxy) -> None:
    calls = 0

    async def play(head: bytes, reader: Reader, writer: Writer) -> bool:
        nonlocal calls
        calls += 1
        if calls > 1:
            break_off(writer.transport)
            writer.transport.abort()
        writer.write(OK)
        return True

    proxy.upstream.play = play
    reader, writer = await proxy.tunnel()
    writer.write(HEAD + b"\r\n")
    assert await answer(reader) == OK
    writer.write(HEAD + b"\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 502 ")
    writer.close()
    assert calls == 2
    ends = [exchange.end for exchange in await proxy.exchanges()]
    assert ends == [End.COMPLETE, End.UPSTREAM_RESET]


async def test_a_client_that_leaves_is_recorded_and_the_upstream_let_go(proxy: Proxy) -> None:
    gone = asyncio.Event()

    async def play(head: bytes, reader: Reader, writer: Writer) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")
        await reader.read()
        gone.set()
        return False

    proxy.upstream.play = play
    reader, writer = await proxy.tunnel()
    writer.write(HEAD + b"\r\n")
    await reader.readuntil(b"ab\r\n")
    writer.close()
    async with asyncio.timeout(20):
        await gone.wait()
    (exchange,) = await proxy.exchanges()
    assert (exchange.end, exchange.response_body.data) == (End.CLIENT_GONE, b"ab")


async def test_dashcam_does_not_call_itself(proxy: Proxy) -> None:
    reader, writer = await proxy.connect()
    url = f"http://127.0.0.1:{proxy.port}/".encode()
    writer.write(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % url)
    assert (await answer(reader)).startswith(b"HTTP/1.1 508 ")
    writer.close()
    (exchange,) = await proxy.exchanges()
    assert exchange.response is not None
    assert header(exchange.response.headers, b"dashcam-refused") == b"loop"


@pytest.mark.parametrize("breaks", ["before", "after"])
async def test_strict_mode_gives_no_answer_that_is_not_recorded(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, breaks: str
) -> None:
    monkeypatch.setattr(proxy.engine.writer, "_durability", "strict")
    write = proxy.store.write

    def full(batch: Sequence[Write]) -> None:
        ends = [one.exchange.end for one in batch if isinstance(one, AddExchange)]
        if breaks == "before" or End.COMPLETE in ends:
            raise StoreError("no space left on the device")
        write(batch)

    reader, writer = await proxy.tunnel()
    with monkeypatch.context() as patch:
        patch.setattr(proxy.store, "write", full)
        writer.write(
            b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        )
        if breaks == "before":
            assert (await reader.read()).startswith(b"HTTP/1.1 503 ")
            assert proxy.upstream.heads == []
        else:
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await reader.readexactly(len(OK))
            assert len(proxy.upstream.heads) == 1
    writer.close()
    if breaks == "after":
        assert [one.end for one in proxy.store.exchanges(RUN)] == [End.INTERRUPTED]


@pytest.mark.parametrize("chunked", [False, True])
async def test_an_enforced_schema_stops_bad_requests_and_bad_answers(
    proxy: Proxy, chunked: bool
) -> None:
    bodies: list[bytes] = []

    async def echo(head: bytes, reader: Reader, writer: Writer) -> bool:
        length = head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]
        bodies.append(data := await reader.readexactly(int(length)))
        size = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(data)
        writer.write(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n" % size)
        for piece in (data[:9], data[9:]):
            await writer.drain()
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        writer.write(b"0\r\n\r\n" if chunked else b"")
        return True

    proxy.upstream.play = echo
    enforce(proxy.engine)
    reader, writer = await proxy.tunnel()
    said: list[bytes] = []
    for body in (BOTH, BAD_ANSWER, BAD_REQUEST):
        head = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
        writer.write(head + body)
        if chunked and body is BOTH:
            said.append(await reader.readuntil(b"0\r\n\r\n"))
        else:
            said.append(await answer(reader))
    writer.close()
    assert [one[9:12] for one in said] == [b"200", b"502", b"422"]
    assert SAID.encode() in said[1]
    assert bodies == [BOTH, BAD_ANSWER]  # the third never left
    exchanges = await proxy.exchanges()
    assert [one.end for one in exchanges] == [End.COMPLETE, End.REFUSED, End.REFUSED]
    assert [one.response_body.data for one in exchanges[:2]] == [BOTH, BAD_ANSWER]


async def test_an_answer_that_breaks_while_it_is_held_is_an_error(proxy: Proxy) -> None:
    async def cut(head: bytes, reader: Reader, writer: Writer) -> bool:
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"customerId"')
        return False

    proxy.upstream.play = cut
    enforce(proxy.engine)
    reader, writer = await proxy.tunnel()
    head = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(BOTH)
    writer.write(head + BOTH)
    assert b'"type":"upstream_truncated"' in await answer(reader)
    writer.close()
    (exchange,) = await proxy.exchanges()
    assert exchange.end is End.UPSTREAM_TRUNCATED


async def test_a_proxy_that_makes_no_tunnel_is_asked_for_plain_http(proxy: Proxy) -> None:
    async with ConnectProxy(says=b"HTTP/1.1 404 Not Found\r\n\r\n").running() as between:
        proxy.engine.pool._proxies = Proxies.of(f"http://localhost:{between.port}", {})
        reader, writer = await proxy.connect()
        writer.write(b"GET http://api.test/x HTTP/1.1\r\nHost: api.test\r\nX-Own: 1\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 404 Not Found\r\n")
    writer.close()
    assert between.heads[1:] == [
        b"GET http://api.test/x HTTP/1.1\r\nHost: api.test\r\nX-Own: 1\r\n\r\n"
    ]
    (exchange,) = await proxy.exchanges()
    assert (exchange.end, exchange.request.target) == (End.COMPLETE, "/x")
