import pytest

from proxy.core import eventstream, streams
from proxy.core.streams import DONE, Framing, StreamEvent

SSE, NDJSON, AWS = "text/event-stream", "application/x-ndjson", "application/vnd.amazon.eventstream"
FRAMINGS: list[tuple[str, bytes, Framing]] = [
    (SSE, b"data: {}", "sse"),
    (SSE, b"", "sse"),
    (SSE, b'{"error": 1}', "json"),  # an error that kept the stream's type
    ("text/plain", b"event: x\n", "sse"),
    ("", b": keep-alive\n\n", "sse"),
    ("application/json", b"\n\n  {}", "json"),
    ("application/json", b"dat", "sse"),
    ("text/plain", b"hello", "json"),
    ("", b"", "json"),
    (NDJSON, b'{"a": 1}\n', "ndjson"),
    (NDJSON, b"", "ndjson"),
    (AWS, b"\0\0\0", "eventstream"),
]


@pytest.mark.parametrize(("media", "body", "framing"), FRAMINGS)
def test_framing_is_told_by_the_body(media: str, body: bytes, framing: Framing) -> None:
    assert streams.framing(media, body) == framing


def read(kind: Framing, body: bytes) -> tuple[list[StreamEvent], list[str]]:
    reader = streams.reader(kind)
    return [*reader.feed(body), *reader.close()], reader.notes


def test_sse() -> None:
    events, notes = read(
        "sse", b'event: x\ndata: {"a": 1}\n\ndata: [DONE]\n\ndata: nope\n\ndata: {"b"'
    )
    assert events == [StreamEvent("x", {"a": 1}), StreamEvent("", DONE), StreamEvent("", None)]
    assert len(notes) == 2
    assert "event at byte 39: not JSON" in notes[0]


def test_sse_ends_in_an_event_without_its_empty_line() -> None:
    assert read("sse", b'data: {"a": 1}') == ([StreamEvent("", {"a": 1})], [])


def test_sse_with_a_raw_error() -> None:
    events, notes = read("sse", b'data: {}\n\n{"error":\n {"code": 1}}\n')
    assert events[1:] == [StreamEvent("error", {"error": {"code": 1}})]
    assert notes == []
    assert read("sse", b"data: {}\n\nhello\n")[1] == ["the stream holds lines that are no events"]


def test_ndjson() -> None:
    events, notes = read("ndjson", b'{"a": 1}\noops\n{"b": 2}')
    assert [event.value for event in events] == [{"a": 1}, None, {"b": 2}]
    assert len(notes) == 1


def test_array() -> None:
    assert read("array", b'[{"a": 1}\n,{"b": 2}]') == (
        [StreamEvent("", {"a": 1}), StreamEvent("", {"b": 2}), StreamEvent("", DONE)],
        [],
    )
    assert read("array", b'[{"a": 1}, {"b"') == (
        [StreamEvent("", {"a": 1})],
        ["the array ends in the middle of an element"],
    )


def test_eventstream() -> None:
    body = (
        eventstream.encode({":message-type": "event", ":event-type": "a"}, b'{"x": 1}')
        + eventstream.encode({":message-type": "exception", ":exception-type": "b"}, b"{}")
        + eventstream.encode(
            {":message-type": "error", ":error-code": "c", ":error-message": "m"}, b""
        )
    )
    events, notes = read("eventstream", body + b"\0\0")
    assert events == [
        StreamEvent("a", {"x": 1}),
        StreamEvent("b", {}, fault=True),
        StreamEvent("c", {"message": "m"}, fault=True),
    ]
    assert notes == ["the stream ends in the middle of a message"]


def test_eventstream_with_a_broken_checksum() -> None:
    good = eventstream.encode({":event-type": "a"}, b"{}")
    bad = bytearray(good)
    bad[-1] ^= 1
    reader = streams.reader("eventstream")
    assert [event.name for event in reader.feed(good + bytes(bad))] == ["a"]
    assert reader.feed(good) == []  # nothing after it can be trusted
    assert reader.close() == []
    assert reader.notes == ["event stream: a message's checksum is wrong"]
