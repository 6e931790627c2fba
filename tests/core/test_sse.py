"""Tables of the standard's rules; any split; the official client's own decoder as the oracle."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.core.sse import SSEEvent, SSEParser

type Seen = tuple[str, bytes]


def parse(*pieces: bytes) -> tuple[list[SSEEvent], SSEEvent | None]:
    parser = SSEParser()
    events = [event for piece in pieces for event in parser.feed(piece)]
    return events, parser.partial()


def seen(*pieces: bytes) -> list[Seen]:
    return [(event.event, event.data) for event in parse(*pieces)[0]]


CASES: list[tuple[str, bytes, list[Seen]]] = [
    ("data only", b"data: a\n\n", [("", b"a")]),
    ("named", b"event: x\ndata: a\n\n", [("x", b"a")]),
    ("CR", b"event: x\rdata: a\r\rdata: b\r\r\n", [("x", b"a"), ("", b"b")]),
    ("CRLF", b"event: x\r\ndata: a\r\n\r\n", [("x", b"a")]),
    ("mixed ends", b"data: a\r\ndata: b\rdata: c\n\r\n", [("", b"a\nb\nc")]),
    ("several data lines", b"data: a\ndata:\ndata: b\n\n", [("", b"a\n\nb")]),
    ("only one space is taken off", b"data:  a\n\n", [("", b" a")]),
    ("no space", b"data:a\n\n", [("", b"a")]),
    ("empty data is an event", b"data:\n\n", [("", b"")]),
    ("a field without a colon", b"data\n\n", [("", b"")]),
    ("no data, no event", b"event: x\n\ndata: a\n\n", [("", b"a")]),
    ("comments", b": hello\n\ndata: a\n: inside\ndata: b\n\n", [("", b"a\nb")]),
    ("a byte order mark", b"\xef\xbb\xbfdata: a\n\n", [("", b"a")]),
    ("a mark elsewhere is none", b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [("", b"a")]),
    ("more empty lines", b"\n\n\ndata: a\n\n\n\ndata: b\n\n", [("", b"a"), ("", b"b")]),
    ("colons in the value", b'data: {"a": "b:c"}\n\n', [("", b'{"a": "b:c"}')]),
    ("U+2028 ends no line", "data: a\u2028b\n\n".encode(), [("", "a\u2028b".encode())]),
    ("names are case-sensitive", b"Data: a\n\ndata: b\n\n", [("", b"b")]),
    ("unterminated", b"data: a\n\ndata: b\n", [("", b"a")]),
]


@pytest.mark.parametrize(("why", "stream", "expected"), CASES)
def test_rules(why: str, stream: bytes, expected: list[Seen]) -> None:
    # a CR at the very end is held back: an LF may follow it
    assert seen(stream + b"\n" if stream.endswith(b"\r") else stream) == expected, why


@pytest.mark.parametrize(("why", "stream", "expected"), CASES)
def test_byte_by_byte(why: str, stream: bytes, expected: list[Seen]) -> None:
    pieces = [stream[i : i + 1] for i in range(len(stream))]
    assert seen(*pieces) == expected, why


def test_ids_last_and_retries_do_not() -> None:
    events, _ = parse(b"id: 7\nretry: 10\ndata: a\n\ndata: b\n\nid\ndata: c\n\n")
    assert [(e.id, e.retry) for e in events] == [("7", 10), ("7", None), ("", None)]


REJECTED = [
    b"id: a\0b\ndata: a\n\n",
    b"retry: 1s\ndata: a\n\n",
    b"retry: " + b"9" * 30 + b"\ndata: a\n\n",
]


@pytest.mark.parametrize("stream", REJECTED)
def test_values_that_the_standard_ignores(stream: bytes) -> None:
    ((event,), _) = parse(stream)
    assert (event.id, event.retry) == (None, None)


PARTIALS = [
    (b"", None),
    (b"data: a\n\n", None),
    (b"data: a\n", b"a"),
    (b"data: a", b"a"),
    (b"data: a\r", b"a"),
    (b"data: a\r\n\r", b"a"),
    (b"data: a\ndata: b", b"a\nb"),
    (b"event: x", None),
    (b"da", None),
]


@pytest.mark.parametrize(("stream", "data"), PARTIALS)
def test_the_event_a_stream_ends_in(stream: bytes, data: bytes | None) -> None:
    _, partial = parse(stream)
    assert (partial and partial.data) == data


def test_spans_say_where_events_were() -> None:
    stream = b": hi\n\nevent: x\ndata: a\n\ndata: b\r\n\r\n\ndata: c"
    events, partial = parse(stream)
    assert partial is not None
    spans = [stream[e.start : e.end] for e in (*events, partial)]
    assert spans == [b"event: x\ndata: a\n\n", b"data: b\r\n\r\n", b"data: c"]


def test_lines_that_are_no_field_are_kept() -> None:
    parser = SSEParser()
    parser.feed(b'data: a\n\n{\n  "error": {"message": "x"}\n}\n')
    parser.partial()
    assert bytes(parser.stray) == b'{\n  "error": {"message": "x"}\n}\n'


def test_stray_lines_are_bounded() -> None:
    parser = SSEParser()
    for _ in range(30):
        parser.feed(b"x" * 10_000 + b"\n")
    assert len(parser.stray) < 80_000


LINES = st.lists(
    st.sampled_from(
        [b"data: a", b"data:", b"event: x", b"id: 1", b": c", b"", b"", b"junk", b"data: \xc3\xa9"]
    ),
    max_size=12,
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    return b"".join(line + draw(ENDS) for line in draw(LINES))


@given(stream=streams(), cuts=st.lists(st.integers(0, 200), max_size=6))
@example(stream=b"data: a\r\n\r\ndata: b\r\n\r\n", cuts=[8, 9, 10, 11])
def test_any_split_gives_the_same(stream: bytes, cuts: list[int]) -> None:
    places = sorted(cuts)
    pieces = [stream[a:b] for a, b in zip([0, *places], [*places, None], strict=True)]
    assert parse(*pieces) == parse(stream)


@pytest.mark.xdist_group("the providers' SDKs")  # which take long to import
@given(stream=streams())
def test_agrees_with_an_official_client(stream: bytes) -> None:
    from openai._streaming import SSEDecoder

    theirs = [
        (event.event or "", event.data.encode())
        for event in SSEDecoder().iter_bytes(iter([stream + b"\n"]))
        if event.data  # it also makes events of names and ids alone
    ]
    ours = [event for event in seen(stream + b"\n") if event[1]]
    assert ours == [event for event in theirs if event[1]]


def test_a_line_of_megabytes_in_small_pieces_is_linear() -> None:
    parser = SSEParser()
    parser.feed(b"data: ")
    for _ in range(5000):
        parser.feed(b"x" * 1000)
    ((event),) = parser.feed(b"\n\n")
    assert len(event.data) == 5_000_000
