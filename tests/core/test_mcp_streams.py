import gzip
from typing import Any

import orjson
import pytest

from proxy.core import mcp_streams
from proxy.core.mcp_streams import Joined, Streams
from proxy.core.model import Body, End, Exchange, Headers, Part, RequestHead, ResponseHead

POSTED = "/messages/?session_id=s1"
SSE: Headers = ((b"content-type", b"text/event-stream"),)


def asks(id_: Any, name: str = "add") -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id_, "method": "tools/call", "params": {"name": name}}


def says(id_: Any, result: Any = "ok") -> bytes:
    data = orjson.dumps({"jsonrpc": "2.0", "id": id_, "result": {"content": result}})
    return b"event: message\r\ndata: %s\r\n\r\n" % data


def posted(
    *messages: Any, at: float = 10.0, target: str = POSTED, status: int = 202, **more: Any
) -> Exchange:
    body = orjson.dumps(messages[0] if len(messages) == 1 else messages)
    head = RequestHead("POST", "http", "h.test", 80, target)
    return Exchange(
        f"post-{at}",
        "r",
        2,
        "forward",
        at,
        head,
        request_body=Body(body),
        response=ResponseHead(status),
        response_body=Body(b"Accepted"),
        ended_us=5_000,
        **more,
    )


def stream(
    *pieces: bytes,
    endpoint: str = POSTED,
    end: End = End.CLIENT_GONE,
    coded: bool = False,
    **more: Any,
) -> Exchange:
    """Began at 9; the first event came with its head, each of the others a second later."""
    first = b"event: endpoint\r\ndata: %s\r\n\r\n" % endpoint.encode()
    parts = tuple(Part(n * 1_000_000, len(one)) for n, one in enumerate((first, *pieces)))
    data = b"".join((first, *pieces))
    if coded:
        data = gzip.compress(data)
        parts = (Part(0, len(data) - 1), Part(3_000_000, 1))
    headers = (*SSE, (b"content-encoding", b"gzip")) if coded else SSE
    return Exchange(
        "stream",
        "r",
        1,
        "forward",
        9.0,
        RequestHead("GET", "http", "h.test", 80, "/sse"),
        response=ResponseHead(200, headers=headers),
        response_body=Body(data, parts),
        end=end,
        ended_us=8_000_000,
        **more,
    )


def joined(*exchanges: Exchange) -> list[Joined]:
    known = Streams()
    return [one for exchange in exchanges for one in known.join(exchange)]


def told(found: list[Joined]) -> list[tuple[Any, Any]]:
    """What was asked and what was said, by id."""
    return [
        (
            orjson.loads(one.exchange.request_body.data)["id"],
            orjson.loads(one.exchange.response_body.data)["id"],
        )
        for one in found
    ]


@pytest.mark.parametrize(
    "endpoint", [POSTED, f"http://h.test{POSTED}", POSTED.removeprefix("/")], ids=str
)
def test_an_answer_is_that_of_the_request_with_its_id(endpoint: str) -> None:
    (one,) = joined(posted(asks(1), at=9.5), stream(says(1), endpoint=endpoint))
    assert one.stream == "stream"
    made = one.exchange
    assert (made.id, made.end, made.ended_us, made.first_byte_us) == (
        "post-9.5",
        End.COMPLETE,
        500_000,
        500_000,
    )
    assert made.response is not None
    assert made.response.status == 200
    assert orjson.loads(made.response_body.data)["result"] == {"content": "ok"}


def test_answers_come_in_any_order_and_in_batches() -> None:
    one = posted(asks(1), {"jsonrpc": "2.0", "method": "notifications/x"}, asks("1"))
    found = joined(one, posted(asks(2), at=11.0), stream(says(2), says("1") + says(1)))
    assert told(found) == [(2, 2), ("1", "1"), (1, 1)]


def test_two_sessions_with_the_same_ids() -> None:
    other = POSTED.replace("s1", "s2")
    sent = (posted(asks(1, "a")), posted(asks(1, "b"), at=11.0, target=other))
    found = joined(*sent, stream(says(1, "B"), endpoint=other), stream(says(1, "A")))
    made = [
        (
            orjson.loads(one.exchange.request_body.data)["params"]["name"],
            orjson.loads(one.exchange.response_body.data)["result"]["content"],
        )
        for one in found
    ]
    assert made == [("b", "B"), ("a", "A")]


def test_a_post_may_end_after_its_stream() -> None:
    assert told(joined(stream(says(1)), posted(asks(1)))) == [(1, 1)]


def test_an_encoded_stream_is_read_and_its_answers_come_with_its_end() -> None:
    (one,) = joined(posted(asks(1), at=10.0), stream(says(1), coded=True))
    assert one.exchange.ended_us == 2_000_000


def test_an_answer_never_took_less_than_nothing() -> None:
    (one,) = joined(posted(asks(1), at=20.0), stream(says(1)))
    assert one.exchange.ended_us == 0


@pytest.mark.parametrize(
    ("end", "error", "expected"),
    [
        (End.CLIENT_GONE, None, End.CLIENT_GONE),
        (End.COMPLETE, None, End.UPSTREAM_TRUNCATED),
        (End.UPSTREAM_RESET, "reset by peer", End.UPSTREAM_RESET),
    ],
)
def test_what_was_never_answered(end: End, error: str | None, expected: End) -> None:
    (one,) = joined(posted(asks(1)), stream(end=end, error=error))
    made = one.exchange
    assert (made.end, made.response, made.ended_us) == (expected, None, 7_000_000)
    assert made.error == (error or "the event stream ended before the answer")


@pytest.mark.parametrize(
    "pair",
    [
        (posted(asks(1), target="/messages/?session_id=s2"), stream(says(1))),
        (posted(asks(1), status=200), stream(says(1))),  # the POST brought its own answer
        (posted({"jsonrpc": "2.0", "id": 1, "result": {}}), stream(says(1))),
        (posted(asks(1)), stream(says(1), endpoint="/elsewhere")),
    ],
    ids=("another session", "not accepted", "an answer of the client", "another endpoint"),
)
def test_what_does_not_belong_together(pair: tuple[Exchange, Exchange]) -> None:
    assert joined(*pair) == []


def test_a_stream_of_something_else() -> None:
    other = stream(says(1))
    other.response_body = Body(b"data: endpoint\n\n" + says(1))
    assert joined(posted(asks(1)), other) == []
    other.response = None
    assert joined(posted(asks(1)), other) == []


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp_streams, "_MOST", 2)
    asked = [posted(asks(n), at=10.0 + n) for n in range(3)]
    assert told(joined(*asked, stream(*map(says, range(3))))) == [(1, 1), (2, 2)]
    monkeypatch.setattr(mcp_streams, "_MOST_BYTES", len(asked[0].request_body.data))
    assert told(joined(*asked, stream(*map(says, range(3))))) == [(2, 2)]


def test_so_is_what_came_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp_streams, "_EARLY", 1)
    late = [posted(asks(n), at=10.0 + n) for n in range(2)]
    assert told(joined(stream(says(0), says(1)), *late)) == [(1, 1)]
    monkeypatch.setattr(mcp_streams, "_EARLY_BYTES", 10)
    assert joined(stream(says(0), says(1)), *late) == []
