from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.model import Body, Exchange, Frame, Headers, Own, Part, RequestHead, ResponseHead
from proxy.stores import record
from proxy.stores.record import HeaderRef, Refs

HEADERS = st.lists(st.tuples(st.binary(max_size=9), st.binary(max_size=300)), max_size=5).map(tuple)
US = st.integers(0, 2**40)
PARTS = st.lists(st.builds(Part, US, st.integers(0, 2**20)), max_size=6).map(tuple)
BODY = st.builds(Body, st.just(b""), PARTS, HEADERS)
FRAME = st.builds(Frame, US, st.booleans(), st.sampled_from([1, 2, 8]), st.binary(max_size=20))
TEXT = st.text(max_size=5)
OWN = st.builds(
    Own,
    *[st.none() | TEXT] * 6,
    st.dictionaries(TEXT, st.none() | st.integers() | TEXT, max_size=3),
)
IDS = st.lists(st.integers(1, 2**40), max_size=9)
REF = st.none() | st.builds(
    HeaderRef,
    st.integers(1, 2**40),
    st.lists(st.tuples(st.integers(0, 90), st.binary(max_size=20)), max_size=4).map(tuple),
)


@settings(deadline=None, max_examples=60)
@given(
    BODY,
    BODY,
    st.lists(FRAME, max_size=4),
    OWN,
    st.none() | st.builds(ResponseHead, st.just(200), TEXT, TEXT),
    st.lists(TEXT, max_size=2),
    TEXT,
    st.builds(Refs, REF, REF, IDS, IDS, IDS),
)
def test_a_record_comes_back(  # noqa: PLR0917 - drawn one by one
    asked: Body,
    answered: Body,
    frames: list[Frame],
    own: Own,
    response: ResponseHead | None,
    notes: list[str],
    version: str,
    refs: Refs,
) -> None:
    exchange = Exchange(
        "ex",
        "run",
        1,
        "forward",
        0.0,
        RequestHead("GET", "https", "h", 443, "/", version),
        asked,
        response,
        answered,
        tuple(frames),
        own,
        notes=tuple(notes),
    )
    found = record.decode(record.encode(exchange, refs))
    assert found.refs == refs
    assert (found.request_parts, found.request_trailers) == (asked.parts, asked.trailers)
    assert (found.response_parts, found.response_trailers) == (answered.parts, answered.trailers)
    assert record.frames(found, b"".join(frame.data for frame in frames)) == tuple(frames)
    assert record.own(found.extras) == own
    assert record.request_version(found.extras) == version
    assert record.response_head(200 if response else None, found.extras, ()) == response
    assert tuple(found.extras.get("notes", ())) == tuple(notes)


@settings(deadline=None, max_examples=60)
@given(HEADERS)
def test_headers_come_back(headers: Headers) -> None:
    assert record.decode_headers(record.encode_headers(headers)) == headers


def test_thousands_of_headers_come_back() -> None:
    headers = tuple((b"x-%d" % n, b"v" * (n % 300)) for n in range(40_000))
    assert record.decode_headers(record.encode_headers(headers)) == headers


def test_headers_as_an_earlier_list_and_what_differs() -> None:
    base = record.encode_headers(((b"A", b"1"), (b"b", b"2"), (b"C", b"3")))
    ref = HeaderRef(9, ((0, b""), (2, b"4")))
    assert record.apply(ref, {9: base}.__getitem__) == ((b"A", b""), (b"b", b"2"), (b"C", b"4"))
    assert record.apply(None, lambda _: base) == ()


GOOD = record.encode(
    Exchange("ex", "run", 1, "api", 0.0, RequestHead("GET", "https", "h", 443, "/"), notes=("n",)),
    Refs(HeaderRef(1, ((0, b"x"),)), None, (1, 2)),
)


@pytest.mark.parametrize(
    "data", [b"", b"\x02" + GOOD[1:], GOOD[:-1], GOOD[:3], b"\x01" + b"\xff" * 30], ids=repr
)
def test_damaged_records_are_told(data: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of whatever made it unreadable
        record.decode(data)
