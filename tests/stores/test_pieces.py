# ruff: noqa: S311 - the same data each time, not secrets
import json
import random
import time
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.stores import pieces
from proxy.stores.pieces import Pieces

ELEMENTS = st.lists(
    st.sampled_from(
        [
            b'{"a":1},',
            b"}]",
            b'"' + b"q" * 5000 + b'"',
            b"{ } ,",
            b"\\n",
            b"\r\n\r\n",
            b"x" * 700,
            b'},"cache_control":{',
        ]
    ),
    max_size=60,
)
BODIES = st.tuples(st.sampled_from([b"{", b" [", b"--b\r\n", b"", b"data: "]), ELEMENTS).map(
    lambda parts: parts[0] + b"".join(parts[1])
)


def cut(data: bytes, least: int = pieces.LEAST) -> Pieces:
    ends = tuple(pieces.cuts(data, 0, len(data), least=least))
    return Pieces(data, ends, tuple(range(len(ends))), tuple(map(hex_of, split(data, ends))))


def split(data: bytes, ends: Sequence[int]) -> list[bytes]:
    return [data[start:end] for start, end in pairwise((0, *ends))]


def hex_of(data: bytes) -> bytes:
    return data


@settings(deadline=None, max_examples=60)
@given(BODIES, st.integers(1, 3000))
def test_the_pieces_are_the_body(data: bytes, least: int) -> None:
    ends = pieces.cuts(data, 0, len(data), least=least)
    assert b"".join(split(data, ends)) == data
    assert all(split(data, ends))


@settings(deadline=None, max_examples=60)
@given(BODIES, BODIES, BODIES)
def test_what_overlaps_is_equal(head: bytes, middle: bytes, tail: bytes) -> None:
    old, data = cut(head + tail, 64), head + middle + tail
    same = pieces.overlap(old, data)
    assert same.start <= same.end
    found = cut_between(data, same.start, same.end)
    new = pieces.joined(old, same, data, found)
    assert b"".join(split(data, new.ends)) == data
    assert split(data, new.ends) == list(new.digests)


def cut_between(data: bytes, start: int, end: int) -> Pieces:
    ends = tuple(pieces.cuts(data, start, end, least=64))
    parts = [data[at:stop] for at, stop in pairwise((start, *ends))]
    return Pieces(data, ends, tuple(range(len(ends))), tuple(parts))


@settings(deadline=None, max_examples=60)
@given(BODIES)
def test_a_body_overlaps_with_itself_entirely(data: bytes) -> None:
    same = pieces.overlap(cut(data, 64), data)
    assert (same.start, same.end, same.tail) == (len(data), len(data), 0)


def conversation(turns: int, *, indent: int | None = None, anthropic: bool = False) -> bytes:
    rng = random.Random(5)
    messages: list[dict[str, object]] = []
    for turn in range(turns):
        text = " ".join(rng.choices(["alpha", "beta", "gamma", "\n", '"'], k=400))
        if anthropic:
            block = {"type": "text", "text": text}
            if turn == turns - 1:
                block["cache_control"] = {"type": "ephemeral"}  # type: ignore[assignment]
            messages.append({"role": "user", "content": [block]})
        else:
            messages.append({"role": "user", "content": text})
    tools = [{"name": f"tool {n}", "schema": {"type": "object", "n": n}} for n in range(90)]
    return json.dumps(
        {"messages": messages, "tools": tools, "stream": True}, indent=indent
    ).encode()


@pytest.mark.parametrize(
    "kind", [{}, {"indent": 2}, {"anthropic": True}], ids=["compact", "indented", "cache_control"]
)
def test_a_longer_conversation_costs_little_more_than_its_end(kind: dict[str, bool]) -> None:
    old, new = conversation(20, **kind), conversation(21, **kind)
    same = pieces.overlap(cut(old), new)
    assert same.end - same.start < len(new) - len(old) + 1000


@pytest.mark.parametrize("at", [0, 5000, 20_000, -3000])
def test_a_change_is_left_behind_soon(at: int) -> None:
    """Cut from nothing, as after a restart: all but what is near the change is cut alike."""
    old = conversation(20)
    new = old[:at] + b'{"role":"x"},' + old[at:] if at else b'{"seed":1,' + old[1:]
    known = set(split(old, cut(old).ends))
    fresh = [piece for piece in split(new, cut(new).ends) if piece not in known]
    assert sum(map(len, fresh)) < 9000


def test_an_image_is_found_in_other_surroundings() -> None:
    image = bytes(
        random.Random(1).choices(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef0123456789+/", k=90_000)
    )
    one = b'{"messages":[{"role":"user","content":[{"type":"image","data":"%s"}]}]}' % image
    other = b'[{"image_url":{"url":"data:image/png;base64","detail":"%s"}},"more"]' % image
    assert set(split(one, cut(one).ends)) & set(split(other, cut(other).ends)) == {image}


def test_a_vector_is_found_in_other_surroundings() -> None:
    vector = b",".join(b"%.8f" % random.Random(2).random() for _ in range(1536))
    one = b'{"object":"list","data":[{"index":0,"embedding":[' + vector + b']}],"model":"e"}'
    other = b'{"topK":5,"vector":[' + vector + b'],"includeMetadata":true}'
    found = set(split(one, cut(one).ends)) & set(split(other, cut(other).ends))
    assert sum(map(len, found)) >= len(vector) - 10


def test_an_uploaded_file_is_found_behind_another_boundary() -> None:
    file = random.Random(3).randbytes(50_000)
    form = b'--%s\r\nContent-Disposition: form-data; name="file"\r\n\r\n%s\r\n--%s--\r\n'
    one, other = form % (b"abc", file, b"abc"), form % (b"other", file, b"other")
    assert file in set(split(one, cut(one).ends)) & set(split(other, cut(other).ends))


def test_a_stream_that_grows_keeps_its_first_pieces() -> None:
    stream = b"".join(b'data: {"choices":[{"delta":%d}]}\n\n' % n for n in range(20_000))
    first, whole = cut(stream[: 2 * pieces.MOST + 9]), cut(stream)
    assert first.ends[:-1] == whole.ends[:2]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"{" + b"}" * 600_000, id="braces"),
        pytest.param(b"{" + (b"}" + b" " * 63) * 10_000, id="spaces"),
        pytest.param(b"[" + b'"' * 500_000, id="quotes"),
        pytest.param(b"[" + (b'"' + b"x" * 4000) * 200, id="runs that are too short"),
        pytest.param(b"{" + b',"cache_control"' * 100_000, id="marks"),
        pytest.param(b"--b\r\n" + b"\r\n\r\n" * 400_000, id="empty lines"),
    ],
)
def test_hostile_bodies_take_no_longer(data: bytes) -> None:
    half = data[: len(data) // 2]
    assert taken(data) < 20 * taken(half) + 0.2  # quadratic cutting of megabytes takes minutes


def taken(data: bytes) -> float:
    before = time.process_time()
    pieces.cuts(data, 0, len(data))
    return time.process_time() - before
