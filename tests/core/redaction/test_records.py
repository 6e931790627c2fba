"""Streams taken apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.redaction.records import Record, events, json_lines, messages


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_events(newline: bytes) -> None:
    lines = (
        b": hi",
        b"event: x",
        b'data: {"a":1}',
        b"",
        b"data:two",
        b"data: lines",
        b"",
        b"data: cut",
    )
    split = events(newline.join(lines))
    records = list(split.records)
    assert [record.payload for record in records] == [b'{"a":1}', b"two\nlines", b"cut"]
    assert b"".join(sorted(split.rest)).split() == [b":", b"hi", b"event:", b"x"]
    data = newline.join(lines)
    places = [data[start:end] for start, end in records[1].places(1, 7)]
    assert places == [b"wo", b"lin"]


def test_json_lines() -> None:
    data = b'{"a":1}\r\n\n  {"b":2}\n{"c'
    split = json_lines(data)
    assert [record.payload for record in split.records] == [b'{"a":1}', b'{"b":2}', b'{"c']
    for record in split.records:
        ((start, end),) = record.places(0, len(record.payload))
        assert data[start:end] == record.payload


def test_messages() -> None:
    data, split = messages([b"one", b"", b"two"])
    assert data == b"one\n\ntwo"
    assert [record.start for record in split.records] == [0, 4, 5]


def test_places_over_segments() -> None:
    record = Record(b"abc\ndef\nghi", 10, ((4, 20), (8, 30)))
    assert list(record.places(0, 11)) == [(10, 13), (20, 23), (30, 33)]
    assert list(record.places(5, 6)) == [(21, 22)]
    assert list(record.places(8, 11)) == [(30, 33)]


@given(
    st.lists(
        st.sampled_from(
            [
                "data: a\n",
                "data:b\n",
                "data: \n",
                "event: e\n",
                ": c\n",
                "\n",
                "\n\n",
                "x\n",
                "data: cut",
            ]
        ),
        max_size=12,
    )
)
def test_blocks_and_lines_agree(lines: list[str]) -> None:
    data = "".join(lines).encode()
    split = events(data)
    same = events(data.replace(b"\n", b"\r\n"))
    assert [one.payload for one in split.records] == [one.payload for one in same.records]
    for one in split.records:
        pieces = [data[start:end] for start, end in one.places(0, len(one.payload))]
        assert b"".join(pieces) == one.payload.replace(b"\n", b"")
