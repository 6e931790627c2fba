"""HTTP/2 that RFC 9113 calls malformed, for an upstream that speaks HTTP/1.1: never forwarded.

What a header block can hold and a head of HTTP/1.1 cannot is how requests are smuggled. Each is
ended by a refusal, a reset or a goodbye, and no other request of the proxy suffers.
"""

import asyncio
import logging
from collections.abc import Sequence

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, StreamEnded, StreamReset
from h2.exceptions import ProtocolError

from proxy.core.model import End
from proxy.engine.engine import Engine
from tests.addons.conftest import Proxy, Reader

type Fields = Sequence[tuple[bytes, bytes]]

PATIENCE = 20.0  # seconds; what takes longer hangs
DATA, HEADERS, RESET, SETTINGS, WINDOW, CONTINUATION = 0, 1, 3, 4, 8, 9  # frames (6)
END_STREAM, END_HEADERS = 1, 4
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
PSEUDO = {b":method": b"POST", b":scheme": b"https", b":authority": b"localhost", b":path": b"/x"}


def fields(*more: tuple[bytes, bytes], **pseudo: bytes | None) -> Fields:
    """A header block: some pseudo-headers are others, or not there, and more follow."""
    changed = {**PSEUDO, **{f":{name}".encode(): value for name, value in pseudo.items()}}
    return [*((name, value) for name, value in changed.items() if value is not None), *more]


def frame(kind: int, payload: bytes, flags: int = 0, stream: int = 1) -> bytes:
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, b"", stream=0)


def headers(block: Fields, flags: int = END_HEADERS, stream: int = 1) -> bytes:
    data = b"".join(
        b"\x00" + _number(len(name)) + name + _number(len(value)) + value for name, value in block
    )
    return frame(HEADERS, data, flags, stream)


def _number(size: int) -> bytes:
    """A length as HPACK writes it, in seven bits and more (RFC 7541, 5.1)."""
    if size < 127:
        return bytes([size])
    size -= 127
    rest = bytearray([127])
    while size >= 128:
        rest.append(size % 128 + 128)
        size //= 128
    return bytes([*rest, size])


def asks(block: Fields, body: bytes = b"") -> bytes:
    """A request."""
    if not body:
        return headers(block, END_HEADERS | END_STREAM)
    return headers(block) + frame(DATA, body, END_STREAM)


def trailed(*trailers: tuple[bytes, bytes]) -> bytes:
    """A request with a body, and these behind it."""
    return headers(fields()) + frame(DATA, b"all") + headers(trailers, END_HEADERS | END_STREAM)


KINDS = {
    # --- pseudo-headers (8.3) ---
    "no method": asks(fields(method=None)),
    "no path": asks(fields(path=None)),
    "no scheme": asks(fields(scheme=None)),
    "empty path": asks(fields(path=b"")),
    "empty method": asks(fields(method=b"")),
    "two methods": asks([(b":method", b"GET"), *fields()]),
    "two paths": asks([(b":path", b"/other"), *fields()]),
    "two authorities": asks([(b":authority", b"other.example"), *fields()]),
    "an unknown pseudo-header": asks([(b":proto", b"x"), *fields()]),
    "a response's pseudo-header": asks([(b":status", b"200"), *fields()]),
    "a pseudo-header after a header": asks([*fields((b"a", b"b"), path=None), (b":path", b"/x")]),
    "another Host": asks(fields((b"host", b"other.example"))),
    "two Hosts": asks(fields((b"host", b"localhost"), (b"host", b"other.example"))),
    "user in the authority": asks(fields(authority=b"sk-secret@localhost")),
    "path in the authority": asks(fields(authority=b"localhost/x")),
    "blank in the authority": asks(fields(authority=b"localhost other.example")),
    "line end in the authority": asks(fields(authority=b"localhost\r\nX-A: b")),
    "blank in the path": asks(fields(path=b"/x HTTP/1.1\r\nHost: a\r\n\r\nGET /smuggled")),
    "line end in the path": asks(fields(path=b"/x\r\nX-A: b")),
    "NUL in the path": asks(fields(path=b"/x\x00y")),
    "a request in the path": asks(fields(path=b"/x HTTP/1.1\r\n\r\n" + SMUGGLED)),
    "path without a slash": asks(fields(path=b"x")),
    "URL for a path": asks(fields(path=b"https://other.example/x")),
    "blank in the method": asks(fields(method=b"GET /smuggled HTTP/1.1")),
    "line end in the method": asks(fields(method=b"GET\r\nX-A: b")),
    "blank in the scheme": asks(fields(scheme=b"https /x")),
    "line end in the scheme": asks(fields(scheme=b"https\r\nX-A")),
    "a scheme of another kind": asks(fields(scheme=b"ftp")),
    "a tunnel": asks(fields(method=b"CONNECT", path=None, scheme=None)),
    "a tunnel with a path": asks(fields(method=b"CONNECT")),
    "asterisk for another method": asks(fields(path=b"*")),
    "fragments of a URL": asks(fields(path=b"//other.example/x y")),
    # --- headers (8.2) ---
    "capital in a name": asks(fields((b"X-A", b"b"))),
    "empty name": asks(fields((b"", b"b"))),
    "blank in a name": asks(fields((b"x a", b"b"))),
    "colon in a name": asks(fields((b"x:a", b"b"))),
    "line end in a name": asks(fields((b"x\r\ntransfer-encoding: chunked\r\na", b"b"))),
    "NUL in a name": asks(fields((b"x\x00a", b"b"))),
    "obs-text in a name": asks(fields((b"x-\xc3\xa9", b"b"))),
    "line end in a value": asks(fields((b"x-a", b"b\r\ntransfer-encoding: chunked"))),
    "bare LF in a value": asks(fields((b"x-a", b"b\ntransfer-encoding: chunked"))),
    "bare CR in a value": asks(fields((b"x-a", b"b\rtransfer-encoding: chunked"))),
    "a request in a value": asks(fields((b"x-a", b"b\r\n\r\n" + SMUGGLED))),
    "NUL in a value": asks(fields((b"x-a", b"b\x00c"))),
    "control byte in a value": asks(fields((b"x-a", b"b\x01c"))),
    "blank before a value": asks(fields((b"x-a", b" b"))),
    "a connection's header": asks(fields((b"connection", b"keep-alive"))),
    "a coding": asks(fields((b"transfer-encoding", b"chunked")), b"0\r\n\r\n" + SMUGGLED),
    "an upgrade": asks(fields((b"upgrade", b"websocket"))),
    "keep-alive": asks(fields((b"keep-alive", b"timeout=5"))),
    "proxy-connection": asks(fields((b"proxy-connection", b"keep-alive"))),
    "te that is not trailers": asks(fields((b"te", b"gzip"))),
    # --- lengths (8.1.1) ---
    "shorter than its length": asks(fields((b"content-length", b"9")), b"half"),
    "longer than its length": asks(fields((b"content-length", b"2")), b"more than two"),
    "a request behind its length": asks(fields((b"content-length", b"0")), SMUGGLED),
    "length without a body": asks(fields((b"content-length", b"5"))),
    "two lengths": asks(fields((b"content-length", b"4"), (b"content-length", b"5")), b"half"),
    "length with a plus": asks(fields((b"content-length", b"+4")), b"half"),
    "list of lengths": asks(fields((b"content-length", b"4, 4")), b"half"),
    "length of letters": asks(fields((b"content-length", b"four")), b"half"),
    # --- frames ---
    "trailers with a pseudo-header": trailed((b":path", b"/smuggled")),
    "trailers with a line end": trailed((b"x-t", b"a\r\n\r\n" + SMUGGLED)),
    "trailers with a coding": trailed((b"transfer-encoding", b"chunked")),
    "trailers that do not end": headers(fields()) + headers([(b"x-t", b"a")]),
    "length in the trailers": trailed((b"content-length", b"5")),
    "Host in the trailers": trailed((b"host", b"other.example")),
    "data before headers": frame(DATA, b"x", END_STREAM),
    "data on the connection": frame(DATA, b"x", stream=0),
    "headers on the connection": headers(fields(), stream=0),
    "an even stream": headers(fields(), END_HEADERS | END_STREAM, stream=2),
    "a continuation of nothing": frame(CONTINUATION, b"", END_HEADERS),
    "a frame between a block's": headers(fields(), 0) + frame(WINDOW, b"\0\0\0\1", stream=0),
    "a block that is no HPACK": frame(HEADERS, b"\xff\xff\xff\xff\xff\x7f", END_HEADERS),
    "a window that overflows": frame(WINDOW, b"\x7f\xff\xff\xff", stream=0),
    "a reset of what never was": frame(RESET, b"\0\0\0\x08", stream=5),
    "settings of an odd size": frame(SETTINGS, b"\0\1\0", stream=0),
    "a frame larger than agreed": frame(DATA, b"x" * 20_000),
    "padding longer than its frame": frame(DATA, b"\xffx", 8 | END_STREAM),
}


ODD = {
    "nothing odd": asks(fields()),
    "te: trailers": asks(fields((b"te", b"trailers"))),
    "cookies in pieces": asks(fields((b"cookie", b"a=1"), (b"cookie", b"b=2"))),
    "empty value": asks(fields((b"x-a", b""))),
    "obs-text in a value": asks(fields((b"x-a", b"\xc3\xa9"))),
    "tab in a value": asks(fields((b"x-a", b"b\tc"))),
    "its length": asks(fields((b"content-length", b"4")), b"four"),
    "length 0": asks(fields((b"content-length", b"0"))),
    "Host beside the authority": asks(fields((b"host", b"localhost"))),
    "asterisk": asks(fields(method=b"OPTIONS", path=b"*")),
    "two slashes": asks(fields(method=b"GET", path=b"//x")),
}


async def answer(reader: Reader) -> str:
    """How the connection or the first stream comes to its end."""
    client = H2Connection(H2Configuration(client_side=True))
    client.initiate_connection()
    client.send_headers(1, [(name, value) for name, value in fields()], end_stream=True)
    status = "?"
    while data := await reader.read(65536):
        try:
            events = client.receive_data(data)
        except ProtocolError as error:
            return f"broken: {error}"
        for event in events:
            said: Fields = getattr(event, "headers", ())
            status = dict(said).get(b":status", status.encode()).decode()
            if isinstance(event, ConnectionTerminated):
                return "goodbye"
            if isinstance(event, StreamReset):
                return "reset"
            if isinstance(event, StreamEnded):
                return status
    return "closed"


async def ask(proxy: Proxy, frames: bytes) -> tuple[str, list[bytes]]:
    """How it ended, and what has come to the upstream."""
    proxy.upstream.heads.clear()
    reader, writer = await proxy.tunnel("h2")
    writer.write(PREFACE + frames)
    try:
        async with asyncio.timeout(PATIENCE):
            ended = await answer(reader)
    except (TimeoutError, ConnectionError) as error:
        ended = type(error).__name__
    writer.transport.abort()
    await proxy.exchanges()
    return ended, list(proxy.upstream.heads)


def is_quiet(caplog: pytest.LogCaptureFixture) -> bool:
    return not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_what_is_malformed_is_not_forwarded(
    proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    seen = {name: await ask(proxy, frames) for name, frames in KINDS.items()}
    ends = {"400", "goodbye", "reset"}
    assert {name: end for name, (end, _) in seen.items() if end not in ends} == {}
    # A head that was right may be on its way when its trailers turn out not to be.
    begun = {name for name, (_, heads) in seen.items() if heads}
    assert not [name for name in begun if "trailers" not in name]
    assert not any(b"smuggled" in head for _, heads in seen.values() for head in heads)
    assert is_quiet(caplog)


async def test_what_is_only_odd_is_taken(proxy: Proxy, caplog: pytest.LogCaptureFixture) -> None:
    seen = {name: await ask(proxy, frames) for name, frames in ODD.items()}
    assert {name: end for name, (end, _) in seen.items() if end != "200"} == {}
    heads = {name: heads[0].partition(b"\r\n")[0] for name, (_, heads) in seen.items()}
    assert set(heads.values()) <= {b"POST /x HTTP/1.1", b"OPTIONS * HTTP/1.1", b"GET //x HTTP/1.1"}
    exchanges = await proxy.exchanges()
    assert len(exchanges) == len(ODD)
    assert {one.end for one in exchanges} == {End.COMPLETE}
    assert is_quiet(caplog)


async def test_a_refused_request_may_still_be_sending(
    proxy: Proxy, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal of a guard comes when the body has ended; none is needed to say `malformed`."""
    wrong = headers(fields(method=b"GET /smuggled HTTP/1.1")) + frame(DATA, b"x")
    assert await ask(proxy, wrong) == ("400", [])
    reader, writer = await proxy.tunnel("h2")
    monkeypatch.setattr(Engine, "decide", Engine.loop_refused)
    writer.write(
        PREFACE + headers(fields()) + frame(DATA, b"some ") + frame(DATA, b"x", END_STREAM)
    )
    async with asyncio.timeout(PATIENCE):
        assert await answer(reader) == "508"
    writer.transport.abort()
    assert [one.end for one in await proxy.exchanges()] == [End.REFUSED]
    assert proxy.upstream.heads == []
    assert is_quiet(caplog)
