"""The same requests, direct and by every way in: both ends see the same.

Over HTTP/1.1 every byte of the answer is compared, framing, interim answers and trailers included;
of the request every byte too, but for what a hop has to change: the target's form to a proxy,
Host and the hop's own headers at the gateway.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from proxy.core.http1 import body_reader, head_end, parse_request, request_framing
from proxy.core.http1_response import ResponseStream
from tests.addons.conftest import Proxy, Reader, Writer, gateway_to
from tests.addons.test_slow_lane import http2, trusted_upstream

HOP = {b"host", b"connection", b"te", b"transfer-encoding", b"keep-alive", b"upgrade"}
H = b"HTTP/1.1\r\nHost: %b\r\n"
CHUNKS = b"5;a=b\r\nhello\r\n6 \r\n world\r\n"

# What is asked, with the target and the host to be put in.
REQUESTS: Mapping[str, bytes] = {
    "plain": b"GET %b " + H + b"\r\n",
    "odd case and order": b"GET %b " + H + b"x-B: 1\r\nX-a:2\r\naccept:   */*  \r\n\r\n",
    "the same twice": b"GET %b " + H + b"Cookie: a=1\r\nX: y\r\nCookie: b=2\r\n\r\n",
    "empty and obs-text values": b"GET %b " + H + b"X-E:\r\nX-O: caf\xc3\xa9 \xe9\r\n\r\n",
    "long header": b"GET %b " + H + b"Authorization: Bearer " + b"k" * 6000 + b"\r\n\r\n",
    "many headers": b"GET %b "
    + H
    + b"".join(b"X-%d: %d\r\n" % (n, n) for n in range(90))
    + b"\r\n",
    "head": b"HEAD %b " + H + b"\r\n",
    "delete": b"DELETE %b " + H + b"\r\n",
    "own method": b"PROPFIND %b " + H + b"Depth: 1\r\n\r\n",
    "json": b"POST %b " + H + b'Content-Length: 17\r\n\r\n{"b": 1,  "a":2}\n',
    "nothing": b"PUT %b " + H + b"Content-Length: 0\r\n\r\n",
    "binary": b"PATCH %b " + H + b"Content-Length: 256\r\n\r\n" + bytes(range(256)),
    "large": b"POST %b " + H + b"Content-Length: 70000\r\n\r\n" + b"z" * 70_000,
    "chunked": b"POST %b " + H + b"Transfer-Encoding: chunked\r\n\r\n" + b"2\r\nab\r\n0\r\n\r\n",
    "in HTTP/1.0": b"GET %b HTTP/1.0\r\nHost: %b\r\n\r\n",
    "a body where none is usual": b"GET %b " + H + b"Content-Length: 2\r\n\r\n{}",
    "extensions": b"POST %b " + H + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS + b"0\r\n\r\n",
    "trailers": b"POST %b " + H + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-T: 1\r\n\r\n",
}
TARGETS = (b"/a//b/../c;p=1/%41%2f%20?q=1&q=&&=x;y#", b"/?", b"/v1/%E2%82%AC?a=%00&b[]=1+2")
_T = b"Transfer-Encoding: chunked\r\n"
ANSWERS: Mapping[str, bytes] = {
    "length": b"HTTP/1.1 200 OK\r\nx-Odd:  two \r\nContent-Length: 5\r\n\r\nhello",
    "chunked": b"HTTP/1.1 200 OK\r\n" + _T + b"\r\n" + CHUNKS + b"0\r\n\r\n",
    "trailers": b"HTTP/1.1 200 OK\r\nTrailer: X-T\r\n"
    + _T
    + b"\r\n2\r\nok\r\n0;e\r\nX-T: 1\r\n\r\n",
    "until the close": b"HTTP/1.1 200 OK\r\n\r\nall of it",
    "nothing": b"HTTP/1.1 204 No Content\r\nX-E:\r\n\r\n",
    "not modified": b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 99\r\n\r\n',
    "interim": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "no reason": b"HTTP/1.1 429 \r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\n{}",
    "odd status": b"HTTP/1.1 529 Overl\xe9aded\r\nContent-Length: 1\r\n\r\n!",
    "cookies": b"HTTP/1.1 302 Found\r\nSet-Cookie: a\r\nX: y\r\nset-cookie: b\r\n"
    b"Content-Length: 0\r\n\r\n",
    "old": b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
    "stream": b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    + _T
    + b"\r\n"
    + b"c\r\ndata: {}\r\n\r\n\r\n" * 50
    + b"0\r\n\r\n",
    "large": b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n" + bytes(90_000),
    "coded": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08",
}


class Seen(NamedTuple):
    """What went by: the request at the upstream, the answer at the client."""

    request: bytes
    answer: bytes


@dataclass(slots=True)
class Mirror:
    """Gives `answer` to every request, and keeps its bytes."""

    port: int = 0
    answer: bytes = b""
    request: bytes = b""

    async def serve(self, reader: Reader, writer: Writer) -> None:
        waiting = b""
        while data := await reader.read(65536):
            waiting += data
            if (whole := _whole_request(waiting)) is not None:
                self.request, waiting = whole, b""
                bare = whole.startswith(b"HEAD ")
                writer.write(_head(self.answer) if bare else self.answer)
                if self.answer == ANSWERS["until the close"] and not bare:
                    break
        writer.close()


def _head(answer: bytes) -> bytes:
    """An answer without its body."""
    end = answer.index(b"\r\n\r\n") + 4
    return answer[:end] + (_head(answer[end:]) if answer.startswith(b"HTTP/1.1 1") else b"")


def _whole_request(data: bytes) -> bytes | None:
    if (end := head_end(data)) < 0:
        return None
    fed = body_reader(request_framing(parse_request(data))).feed(data[end:])
    return data if fed.done else None


@dataclass(slots=True)
class Way:
    """How requests get to the upstream, and what their targets look like on it."""

    mirror: Mirror
    port: int
    prefix: bytes = b""
    tunnel: bytes = b""
    hop: bool = False  # a hop that sends a head of its own
    _open: tuple[Reader, Writer] | None = None

    async def ask(self, template: bytes, target: bytes, answer: bytes) -> Seen:
        """One request; its connection is kept where it may be."""
        self.mirror.answer = answer
        if self._open is None:
            self._open = await asyncio.open_connection("127.0.0.1", self.port)
            if self.tunnel:
                self._open[1].write(self.tunnel)
                await self._open[0].readuntil(b"\r\n\r\n")
        reader, writer = self._open
        host = b"localhost:%d" % self.mirror.port
        writer.write(template.replace(b"%b", self.prefix + target, 1).replace(b"%b", host, 1))
        read = ResponseStream(template.partition(b" ")[0])
        got = b""
        async with asyncio.timeout(20):
            while not read.done:
                if not (data := await reader.read(65536)):
                    break
                got += data
                read.feed(data)
        if not read.reusable or b"HTTP/1.0" in template:
            writer.close()
            self._open = None
        return Seen(self.mirror.request, got)


@pytest.fixture
async def ways(proxy: Proxy) -> AsyncIterator[dict[str, Way]]:
    mirror = Mirror()
    server = await asyncio.start_server(mirror.serve, "127.0.0.1", 0)
    mirror.port = server.sockets[0].getsockname()[1]
    host = b"localhost:%d" % mirror.port
    async with gateway_to(proxy, f"http://localhost:{mirror.port}") as gateway:
        found = {
            "direct": Way(mirror, mirror.port),
            "tunnel": Way(mirror, proxy.port, tunnel=b"CONNECT %b HTTP/1.1\r\n\r\n" % host),
            "plain": Way(mirror, proxy.port, b"http://" + host),
            "gateway": Way(mirror, gateway, b"/mine", hop=True),
        }
        yield found
        for way in found.values():
            if way._open is not None:
                way._open[1].close()
    server.close()


def content(request: bytes) -> tuple[bytes, bytes, list[tuple[bytes, bytes]], bytes]:
    """A request without what belongs to the hop: method, target, headers, the body's bytes."""
    head = parse_request(request)
    kept = [pair for pair in head.headers if pair[0].lower() not in HOP]
    return head.method, head.target, kept, request[head.size :]


async def compare(ways: dict[str, Way], request: bytes, target: bytes, answer: bytes) -> list[str]:
    """The ways on which something was not as it is directly."""
    direct = await ways["direct"].ask(request, target, answer)
    assert direct.answer
    wrong = []
    for name, way in ways.items():
        seen = await way.ask(request, target, answer)
        same = seen.request == direct.request
        if way.hop:
            same = content(seen.request) == content(direct.request)
        if not same or seen.answer != direct.answer:
            wrong.append(f"{name}: {seen} and directly {direct}"[:600])
    return wrong


async def test_every_request_and_every_answer(ways: dict[str, Way]) -> None:
    wrong: list[tuple[str, str, str]] = []
    cases = list(product(REQUESTS, ANSWERS))
    for number, (request, answer) in enumerate(cases):
        target = TARGETS[number % len(TARGETS)]
        found = await compare(ways, REQUESTS[request], target, ANSWERS[answer])
        wrong += [(request, answer, each) for each in found]
    assert not wrong, wrong[:5]
    assert len(cases) > 200


ASKED = (
    ("GET", "/fixed?size=3", b""),
    ("HEAD", "/fixed?size=3", b""),
    ("GET", "/chunked?sizes=1,10,100", b""),
    ("GET", "/empty?status=204", b""),
    ("GET", "/encoded?coding=gzip", b""),
    ("GET", "/nowhere%20?a=%2F&b", b""),
    ("POST", "/echo", b"z" * 70_000),
    ("POST", "/echo?x=1", b""),
    ("PUT", "/fixed", b"{}"),
    ("DELETE", "/fixed", b""),
)
SENT: tuple[list[tuple[str, str]], ...] = (
    [],
    [("x-b", "1"), ("x-a", "2"), ("x-b", "3")],
    [("cookie", "a=1"), ("cookie", "b=2"), ("authorization", "Bearer " + "k" * 5000)],
)


async def test_http2(proxy: Proxy, tmp_path: Path) -> None:
    with trusted_upstream(proxy, tmp_path) as upstream:
        trust = http2(proxy)
        context = ssl.create_default_context(cafile=upstream.certificates.file)
        straight = httpx.AsyncClient(http1=False, http2=True, verify=context, trust_env=False)
        async with trust as within, straight as without:
            for (method, target, body), headers in product(ASKED, SENT):
                url = upstream.https + target
                seen = []
                for client in (without, within):
                    answer = await client.request(method, url, content=body, headers=headers)
                    shown = [pair for pair in answer.headers.raw if pair[0] != b"date"]
                    seen.append((answer.status_code, shown, answer.content))
                assert seen[0] == seen[1]
                before, after = upstream.world.seen[-2:]
                assert (after.method, after.target, after.headers) == (
                    before.method,
                    before.target,
                    before.headers,
                )
                assert after.body.digest.digest() == before.body.digest.digest()
