import gzip
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.model import Body, End, Exchange, Headers, Part, RequestHead, ResponseHead, header
from proxy.core.replay.adapt import Edit, adapted, spliced
from tests.core.recorded import JSON, exchange, in_parts

MCP = ("https", "mcp.example.com", 443, "/mcp")
EVENTS: Headers = ((b"Content-Type", b"text/event-stream"),)


def rpc(number: Any, token: Any = None, method: str = "tools/call") -> dict[str, Any]:
    params = {"name": "x"} if token is None else {"name": "x", "_meta": {"progressToken": token}}
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def answered(recorded: Any, answer: bytes, live: Any, **more: Any) -> Exchange:
    one = exchange(1, recorded, answer, url=MCP, **more)
    return adapted(one, one.request, orjson.dumps(live))


CASES: list[tuple[Any, Any, bytes, bytes]] = [
    (
        rpc(1),
        rpc(7),
        b'{"jsonrpc":"2.0","id":1,"result":{}}',
        b'{"jsonrpc":"2.0","id":7,"result":{}}',
    ),
    (rpc(1), rpc("é"), b'{ "id" : 1 , "result":1}', '{ "id" : "é" , "result":1}'.encode()),
    (rpc("a"), rpc(2), b'{"result":{"id":"a"},"id":"a"}', b'{"result":{"id":"a"},"id":2}'),
    (rpc("a/b"), rpc(2), b'{"id":"a\\/b"}', b'{"id":2}'),
    (
        rpc(1),
        rpc(2),
        b'{"error":{"code":1,"data":{"id":1}},"id":1}',
        b'{"error":{"code":1,"data":{"id":1}},"id":2}',
    ),
    (rpc(1), rpc(2), b'{"id":10,"x":1}', b'{"id":10,"x":1}'),
    (rpc(1), rpc(2), b'{"x":"\\"id\\":1","id":1}', b'{"x":"\\"id\\":1","id":2}'),
    (rpc(1), rpc(2), b"not json, id 1", b"not json, id 1"),
    (rpc(1), rpc(2), b'{"id":1,"text":"cut of', b'{"id":2,"text":"cut of'),
    (
        rpc(3, 3),
        rpc(41, 42),
        (
            b"event: message\r\n"
            b'data: {"method":"notifications/progress","params":{"progressToken":3}}\r\n\r\n'
            b': ping\r\n\r\ndata: {"jsonrpc":"2.0", "id":3, "result":{"id":3}}\r\n\r\n'
        ),
        (
            b"event: message\r\n"
            b'data: {"method":"notifications/progress","params":{"progressToken":42}}\r\n\r\n'
            b': ping\r\n\r\ndata: {"jsonrpc":"2.0", "id":41, "result":{"id":3}}\r\n\r\n'
        ),
    ),
    (
        [rpc(1), rpc(2)],
        [rpc(8), rpc(9)],
        b'[{"id":2,"result":0},{"id":1,"result":[1]}]',
        b'[{"id":9,"result":0},{"id":8,"result":[1]}]',
    ),
    (rpc(1, 5), rpc(2, 6), b'{"id":5}', b'{"id":5}'),
    ({"id": 1}, {"id": 2}, b'{"id":1}', b'{"id":1}'),
    (rpc(1), rpc(2), b'{"id":1}]}, {"id":1}', b'{"id":2}]}, {"id":1}'),
    (rpc(1), rpc(2), b'{"id":oops,"x":{"y":', b'{"id":oops,"x":{"y":'),
    (rpc(1), rpc(2), b'{"\\q":0,"id":1}', b'{"\\q":0,"id":2}'),
    (rpc(1), [], b'{"id":1}', b'{"id":1}'),
    (b'{"jsonrpc"', rpc(2), b'{"id":1}', b'{"id":1}'),
]


@pytest.mark.parametrize(("recorded", "live", "before", "after"), CASES)
def test_only_the_ids_change(recorded: Any, live: Any, before: bytes, after: bytes) -> None:
    again = answered(recorded, before, live)
    assert again.response_body.data == after
    assert again.response is not None
    assert header(again.response.headers, b"content-length") == b"%d" % len(after)
    assert sum(part.size for part in again.response_body.parts) == len(after)


def test_nothing_to_change_is_the_same_object() -> None:
    one = exchange(1, rpc(1), b'{"id":1}', url=MCP)
    assert adapted(one, one.request, orjson.dumps(rpc(1))) is one
    chat = exchange(1, {"model": "m"}, {"id": "chatcmpl-1"})
    assert adapted(chat, chat.request, b'{"model":"m"}') is chat


def test_without_an_answer_there_is_nothing_to_adapt() -> None:
    one = exchange(1, rpc(1), response=None)
    assert adapted(one, one.request, orjson.dumps(rpc(2)), date=b"now") is one


def test_pieces_keep_their_times() -> None:
    body = Body(b'{"id":1,"result":{}}', (Part(10, 6), Part(20, 1), Part(30, 13)))
    again = answered(rpc(1), b"", rpc(1234), response_body=body).response_body
    assert again.data == b'{"id":1234,"result":{}}'
    assert again.parts == (Part(10, 6), Part(20, 4), Part(30, 13))


def test_an_encoded_answer_is_decoded_when_it_must_change() -> None:
    packed = gzip.compress(b'{"id":1,"result":{}}')
    head = ResponseHead(
        200, "", headers=(*JSON, (b"Content-Encoding", b"gzip"), (b"Content-Length", b"9"))
    )
    one = exchange(1, rpc(1), url=MCP, response=head, response_body=in_parts(packed, 5))
    again = adapted(one, one.request, orjson.dumps(rpc(2)))
    assert again.response_body == Body(b'{"id":2,"result":{}}', (Part(1000, 20),))
    assert again.response is not None
    assert again.response.headers == (*JSON, (b"Content-Length", b"20"))
    assert adapted(one, one.request, orjson.dumps(rpc(1))) is one


def test_a_session_that_the_client_brings_is_kept() -> None:
    head = ResponseHead(200, "", headers=(*JSON, (b"Mcp-Session-Id", b"recorded")))
    one = exchange(1, rpc(1), b"{}", url=MCP, response=head)
    live = RequestHead("POST", *MCP, headers=((b"mcp-session-id", b"live"),))
    again = adapted(one, live, orjson.dumps(rpc(1)))
    assert again.response is not None
    assert again.response.headers == (*JSON, (b"Mcp-Session-Id", b"live"))
    without = exchange(1, rpc(1), b"{}", url=MCP)
    assert adapted(without, live, orjson.dumps(rpc(1))) is without


@pytest.mark.parametrize(
    ("method", "session", "media", "end"),
    [
        ("GET", b"s", b"text/event-stream", End.CLIENT_GONE),
        ("GET", b"", b"text/event-stream", End.COMPLETE),
        ("POST", b"s", b"text/event-stream", End.COMPLETE),
        ("GET", b"s", b"application/json", End.COMPLETE),
    ],
)
@pytest.mark.parametrize("then", [End.COMPLETE, End.INTERRUPTED])
def test_a_stream_of_unasked_messages_stays_open(
    method: str, session: bytes, media: bytes, end: End, then: End
) -> None:
    one = replace(exchange(1, "", b"data: {}\n\n", url=MCP), end=then)
    head = replace(one.request, method=method, headers=((b"Mcp-Session-Id", session),))
    one.response = ResponseHead(200, headers=((b"Content-Type", media),))
    assert adapted(one, head, b"").end is (end if end is End.CLIENT_GONE else then)


def test_the_date_is_the_callers_to_give() -> None:
    head = ResponseHead(200, "", headers=((b"Date", b"old"), (b"X", b"1")))
    one = exchange(1, response=head)
    again = adapted(one, one.request, b"", date=b"new")
    assert again.response is not None
    assert again.response.headers == ((b"Date", b"new"), (b"X", b"1"))


@settings(deadline=None)
@given(
    st.binary(min_size=1, max_size=40),
    st.lists(st.integers(0, 40), max_size=6),
    st.lists(st.tuples(st.integers(0, 39), st.integers(1, 6), st.binary(max_size=8)), max_size=3),
)
def test_spliced_pieces_always_add_up(data: bytes, cuts: list[int], wanted: list[Any]) -> None:
    ends = sorted({min(cut, len(data)) for cut in cuts} | {len(data)})
    sizes = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    edits: list[Edit] = []
    for start, size, new in sorted(wanted):
        if start < len(data) and (not edits or start >= edits[-1].end):
            edits.append(Edit(start, min(len(data), start + size), new))
    body = Body(data, tuple(Part(n, size) for n, size in enumerate(sizes)))
    again = spliced(body, edits)
    expected = bytearray(data)
    for edit in reversed(edits):
        expected[edit.start : edit.end] = edit.new
    assert again.data == bytes(expected)
    assert sum(part.size for part in again.parts) == len(again.data)
    assert all(part.size >= 0 for part in again.parts)
    assert [part.at_us for part in again.parts] == [part.at_us for part in body.parts]
