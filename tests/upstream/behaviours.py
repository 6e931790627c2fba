"""What the upstream does, picked by path; parameters are in the query.

A test that needs a pause names a gate (`?gate=NAME`) and opens it when it has seen enough: nothing
here sleeps.
"""

import asyncio
import functools
import gzip
import hashlib
import json
import zlib
from collections.abc import Callable

import brotli  # type: ignore[import-untyped]  # it has no stubs
import zstandard

from tests.upstream.contract import Behaviour, Pairs, Reply, Request

_BLOCK = 64 * 1024
_TEXT: Pairs = [("content-type", "text/plain")]

CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": functools.partial(gzip.compress, mtime=0),  # the same bytes at any time
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


def pattern(size: int, seed: str = "") -> bytes:
    """`size` bytes of text that tells its own place, so that a swap or a loss shows."""
    line = f"{seed}:%07d\n"
    lines = size // len(line % 0) + 1
    return "".join(line % index for index in range(lines)).encode()[:size]


async def fixed(request: Request, reply: Reply) -> None:
    """`?size=N&status=S`: a body with its length."""
    await request.drain()
    body = pattern(request.number("size", 100), request.text("seed"))
    length = [("content-length", str(len(body)))]
    await reply.head(request.number("status", 200), [*_TEXT, *length])
    if request.seen.method != "HEAD":
        await reply.send(body)
    await reply.end()


async def chunked(request: Request, reply: Reply) -> None:
    """`?sizes=1,10,100&gate=G`: chunks of these sizes; after each it waits at gate `G<index>`."""
    await request.drain()
    sizes = request.numbers("sizes", "1,10,100,1000")
    body = pattern(sum(sizes), request.text("seed"))
    await reply.head(200, _TEXT, "chunked")
    for index, size in enumerate(sizes):
        await reply.send(body[:size])
        body = body[size:]
        if gate := request.text("gate"):
            await request.world.wait_at(f"{gate}{index}")
    await reply.end()


async def barrier(request: Request, reply: Reply) -> None:
    """`?name=B&count=N&seed=S`: a stream that goes on when N of them are open at the same time."""
    await request.drain()
    seed = request.text("seed")
    await reply.head(200, [("content-type", "text/event-stream")], "chunked")
    await reply.send(f"data: {seed} begins\n\n".encode())
    await request.world.wait_at(request.text("name", "barrier"), request.number("count", 2))
    for index in range(request.number("events", 5)):
        await reply.send(f"data: {seed} {index}\n\n".encode())
        await asyncio.sleep(0)  # gives way, so that the streams really mix
    await reply.send(f"data: {seed} ends\n\n".encode())
    await reply.end()


async def encoded(request: Request, reply: Reply) -> None:
    """`?coding=C&size=N&pieces=P`: a compressed body, in P chunks when P is given."""
    await request.drain()
    coding = request.text("coding", "gzip")
    body = CODINGS[coding](pattern(request.number("size", 5000), request.text("seed")))
    headers = [*_TEXT, ("content-encoding", coding)]
    if not (count := request.number("pieces")):
        await reply.head(200, [*headers, ("content-length", str(len(body)))])
        await reply.send(body)
    else:
        await reply.head(200, headers, "chunked")
        step = len(body) // count + 1
        for start in range(0, len(body), step):
            await reply.send(body[start : start + step])
    await reply.end()


async def trailers(request: Request, reply: Reply) -> None:
    """A chunked body with two trailer fields."""
    await request.drain()
    headers = [*_TEXT, ("trailer", "x-digest, x-rows")]
    await reply.head(200, headers, "chunked")
    await reply.send(b"body with trailers")
    await reply.end([("x-digest", "abc"), ("x-rows", "1")])


async def informational(request: Request, reply: Reply) -> None:
    """A 103 before the answer."""
    await request.drain()
    await reply.inform(103, [("link", "</style.css>; rel=preload")])
    await reply.head(200, [*_TEXT, ("content-length", "5")])
    await reply.send(b"final")
    await reply.end()


async def empty(request: Request, reply: Reply) -> None:
    """`?status=204|304`: no body at all."""
    await request.drain()
    await reply.head(request.number("status", 204), [("etag", '"1"')], "none")


async def until_close(request: Request, reply: Reply) -> None:
    """`?size=N`: a body that ends with the connection."""
    await request.drain()
    await reply.head(200, _TEXT, "close")
    await reply.send(pattern(request.number("size", 1000)))
    await reply.end()


async def short(request: Request, reply: Reply) -> None:
    """`?declared=N&sent=M`: fewer bytes than Content-Length says, then the end."""
    await request.drain()
    declared = str(request.number("declared", 100))
    await reply.head(200, [*_TEXT, ("content-length", declared)])
    await reply.send(pattern(request.number("sent", 40)))
    await reply.hang_up()


async def reset(request: Request, reply: Reply) -> None:
    """`?after=N&gate=G`: N chunks of 10 bytes, the gate, then RST; `after=-1` before the head."""
    await request.drain()
    if (after := request.number("after", 2)) >= 0:
        await reply.head(200, _TEXT, "chunked")
    for index in range(after):
        await reply.send(b"%09d\n" % index)
    await _gate(request)
    await reply.reset()


async def cut(request: Request, reply: Reply) -> None:
    """`?after=N&gate=G`: N chunks of 10 bytes, the gate, then the end without the last chunk."""
    await request.drain()
    await reply.head(200, _TEXT, "chunked")
    for index in range(request.number("after", 2)):
        await reply.send(b"%09d\n" % index)
    await _gate(request)
    await reply.hang_up()


async def eof_mid_chunk(request: Request, reply: Reply) -> None:
    """A chunk of 100 bytes of which 10 come."""
    await request.drain()
    await reply.head(200, _TEXT, "chunked")
    await reply.send(b"0123456789")
    await reply.raw(b"64\r\n0123456789")
    await reply.hang_up()


async def bad_chunk(request: Request, reply: Reply) -> None:
    """A chunk size that is no number."""
    await request.drain()
    await reply.head(200, _TEXT, "chunked")
    await reply.send(b"0123456789")
    await reply.raw(b"zz\r\n0123456789\r\n")
    await reply.hang_up()


async def hang(request: Request, reply: Reply) -> None:
    """`?gate=G`: one chunk, then nothing until the gate opens, then the end."""
    await request.drain()
    await reply.head(200, _TEXT, "chunked")
    await reply.send(b"first\n")
    await request.world.wait_at(request.text("gate", "hang"))
    await reply.end()


async def late(request: Request, reply: Reply) -> None:
    """`?gate=G`: nothing at all until the gate opens; never, when no test opens it."""
    await request.drain()
    await request.world.wait_at(request.text("gate", "late"))
    await fixed(request, reply)


async def big(request: Request, reply: Reply) -> None:
    """`?size=N&framing=chunked|length`: N bytes in pieces of 64 KiB."""
    await request.drain()
    left = request.number("size", 200_000_000)
    if request.text("framing", "chunked") == "chunked":
        await reply.head(200, _TEXT, "chunked")
    else:
        await reply.head(200, [*_TEXT, ("content-length", str(left))])
    block = pattern(_BLOCK, "big")
    while left:
        piece = block[:left]
        await reply.send(piece)
        left -= len(piece)
    await reply.end()


async def upload(request: Request, reply: Reply) -> None:
    """Reads the body to its end and tells its size and digest."""
    digest, size = hashlib.sha256(), 0
    async for piece in request.chunks:
        digest.update(piece)
        size += len(piece)
    await _json(reply, {"size": size, "sha256": digest.hexdigest()})


async def echo(request: Request, reply: Reply) -> None:
    """Tells the request as it arrived: method, target, headers in order, body."""
    body = await request.read()
    headers = [
        [name.decode("latin-1"), value.decode("latin-1")] for name, value in request.seen.headers
    ]
    await _json(
        reply,
        {
            "protocol": request.seen.protocol,
            "method": request.seen.method,
            "target": request.seen.target,
            "headers": headers,
            "body": body.decode("latin-1"),
        },
    )


async def flaky(request: Request, reply: Reply) -> None:
    """`?key=K&fail=N&status=S`: the first N requests of the key fail, the next are answered."""
    await request.drain()
    if request.world.count_try(request.text("key")) > request.number("fail", 1):
        await _json(reply, {"ok": True})
        return
    body = json.dumps({"error": "try again"}).encode()
    headers = [("content-type", "application/json"), ("content-length", str(len(body)))]
    await reply.head(request.number("status", 503), [*headers, ("retry-after", "0")])
    await reply.send(body)
    await reply.end()


async def headers(request: Request, reply: Reply) -> None:
    """Headers that are easily spoilt: a repeated name, odd case, an empty value, Latin-1."""
    await request.drain()
    odd = [("X-OddCase", "Yes"), ("x-twice", "1"), ("x-twice", "2"), ("x-empty", "")]
    await reply.head(200, [*_TEXT, *odd, ("x-latin", "caf\xe9"), ("content-length", "2")])
    await reply.send(b"ok")
    await reply.end()


async def _gate(request: Request) -> None:
    if gate := request.text("gate"):
        await request.world.wait_at(gate)


async def _json(reply: Reply, value: object) -> None:
    body = json.dumps(value).encode()
    headers = [("content-type", "application/json"), ("content-length", str(len(body)))]
    await reply.head(200, headers)
    await reply.send(body)
    await reply.end()


BEHAVIOURS: dict[str, Behaviour] = {
    "/fixed": fixed,
    "/chunked": chunked,
    "/barrier": barrier,
    "/encoded": encoded,
    "/trailers": trailers,
    "/informational": informational,
    "/empty": empty,
    "/until-close": until_close,
    "/short": short,
    "/reset": reset,
    "/cut": cut,
    "/eof-mid-chunk": eof_mid_chunk,
    "/bad-chunk": bad_chunk,
    "/hang": hang,
    "/late": late,
    "/big": big,
    "/upload": upload,
    "/echo": echo,
    "/flaky": flaky,
    "/headers": headers,
}
