"""HTTP/1.1 bodies: whole, in chunks, until the close; in any split."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.http1 import (
    ChunkedBody,
    CloseBody,
    Fed,
    Framing,
    LengthBody,
    body_reader,
)
from proxy.errors import FormatError
from tests.core.http1_reading import Chunked, bytewise, chunked_bodies, feed, splits

_SAMPLES = (
    Chunked(b"", b"0\r\n\r\n", []),
    Chunked(b"5\r\nhello\r\n", b"0\r\n\r\n", [b"hello"]),
    Chunked(b"1\r\na\r\n2\r\nbc\r\n", b"00\r\n\r\n", [b"a", b"bc"]),
    Chunked(b"5;a=b\r\n\r\n0\r\n\r\n", b"0;z\r\n\r\n", [b"\r\n0\r\n"]),
    Chunked(b"3 ;x\r\n0\r\n\r\n", b"0\r\nA: b\r\n\r\n", [b"0\r\n"], ((b"A", b"b"),)),
    Chunked(
        b"a\r\n0123456789\r\n",
        b"0\r\nA:\r\nB: c d\r\n\r\n",
        [b"0123456789"],
        ((b"A", b""), (b"B", b"c d")),
    ),
)


def two_splits(data: bytes) -> Iterator[list[bytes]]:
    for first in range(len(data) + 1):
        for second in range(first, len(data) + 1):
            yield [data[:first], data[first:second], data[second:]]


@pytest.mark.parametrize("sample", _SAMPLES)
def test_chunked_bodies_split_anywhere(sample: Chunked) -> None:
    for behind in (b"", b"GET / HTTP/1.1\r\n\r\n"):
        data = sample.wire + sample.ending + behind
        for pieces in (bytewise(data), *two_splits(data)):
            sample.read(pieces)


@given(chunked_bodies(), st.binary(max_size=20), st.data())
@settings(max_examples=40, deadline=None)
def test_any_chunked_body_in_any_split(sample: Chunked, behind: bytes, data: st.DataObject) -> None:
    whole = sample.wire + sample.ending + behind
    sample.read(data.draw(splits(whole)))
    sample.read([whole])


@given(chunked_bodies(), st.data())
@settings(max_examples=40, deadline=None)
def test_what_had_come_of_a_chunk_when_the_connection_died(
    sample: Chunked, data: st.DataObject
) -> None:
    wire, chunks = sample.wire + sample.ending, sample.chunks
    cut = data.draw(st.integers(0, len(wire) - 1))
    reader = ChunkedBody()
    found = [piece for part in data.draw(splits(wire[:cut])) for piece in reader.feed(part).pieces]
    assert not reader.eof()
    assert found == chunks[: len(found)]
    assert b"".join(chunks).startswith(b"".join(found) + reader.rest)
    whole = ChunkedBody()
    assert whole.feed(wire[:cut]).pieces == found
    assert whole.rest == reader.rest
    assert whole.missing == reader.missing
    assert not reader.rest or chunks[len(found)].startswith(reader.rest)
    if reader.missing:
        assert len(reader.rest) + reader.missing == len(chunks[len(found)])


@pytest.mark.parametrize(
    ("before", "data", "good", "found"),
    [
        (b"", b"x", b"", []),
        (b"", b"2\r\nhi\r\nx", b"2\r\nhi\r\n", [b"hi"]),
        (b"2\r\nh", b"i\r\n1\r\na!", b"i\r\n1\r\na", [b"hi", b"a"]),
        (b"2\r\nhi", b"!", b"", []),
        (b"2\r\nhi\r\n", b"1\r\na\r\n0\r\n:\r\n\r\n", b"1\r\na\r\n0\r\n", [b"a"]),
    ],
)
def test_what_was_in_order_when_a_chunked_body_broke(
    before: bytes, data: bytes, good: bytes, found: list[bytes]
) -> None:
    reader = ChunkedBody()
    reader.feed(before)
    with pytest.raises(FormatError):
        reader.feed(data)
    assert data[: reader.good] == good
    assert reader.found == found


@given(st.binary(max_size=60), st.binary(max_size=20), st.data())
@settings(max_examples=40, deadline=None)
def test_a_body_of_known_length_in_any_split(
    body: bytes, behind: bytes, data: st.DataObject
) -> None:
    reader = LengthBody(len(body))
    if body:
        assert reader.feed(b"") == Fed(0, [], 0, done=False)
        assert not reader.eof()
    pieces = data.draw(splits(body + behind))
    run = feed(reader, pieces, LengthBody(len(body)))
    assert (run.payload, run.used, run.done, run.trailers) == (body, len(body), True, ())
    assert b"" not in run.pieces


@given(st.binary(max_size=60), st.data())
@settings(max_examples=25, deadline=None)
def test_a_body_until_the_close_in_any_split(body: bytes, data: st.DataObject) -> None:
    reader = CloseBody()
    run = feed(reader, data.draw(splits(body)), CloseBody())
    assert (run.payload, run.used, run.done, run.trailers) == (body, len(body), False, ())
    assert b"" not in run.pieces
    assert reader.eof()


def test_readers_by_framing() -> None:
    assert isinstance(body_reader(Framing(None, chunked=True, until_close=False)), ChunkedBody)
    assert isinstance(body_reader(Framing(None, chunked=False, until_close=True)), CloseBody)
    sized = body_reader(Framing(7, chunked=False, until_close=False))
    assert isinstance(sized, LengthBody)
    assert sized.left == 7


@pytest.mark.parametrize(("over", "refused"), [(0, False), (1, True)])
def test_size_lines_and_trailers_are_limited_alike_for_every_split(
    over: int, refused: bool
) -> None:
    line = b"5;" + b"a" * (4092 + over) + b"\r\nhello\r\n0\r\n\r\n"
    trailer = b"0\r\nX: " + b"a" * (16 * 1024 - 3 + over) + b"\r\n\r\n"
    for wire, at in ((line, 4096), (trailer, len(trailer))):
        for cut in range(max(0, at - 9), at + 9):
            pieces = [wire[:cut], *bytewise(wire[cut : cut + 9]), wire[cut + 9 :]]
            reader = ChunkedBody()
            if refused:
                with pytest.raises(FormatError, match=r"too long|longer than 16384"):
                    [reader.feed(piece) for piece in pieces]
            else:
                assert [reader.feed(piece) for piece in pieces][-1].done
