"""Edits, and what they do to parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.model import Part
from proxy.core.redaction.spans import (
    Edit,
    Find,
    Hit,
    apply,
    outermost,
    plan,
    portion,
    removals,
    scale,
    shift,
    whole,
)


def edits(*hits: Hit) -> list[Edit]:
    return plan(removals(hits), lambda hit: hit.value.upper())


def hit(*ranges: tuple[int, int], value: bytes = b"x", kind: str = "") -> Hit:
    return Hit(ranges, value, kind)


@pytest.mark.parametrize(
    ("hits", "expected"),
    [
        ([], []),
        ([hit((2, 4))], [(2, 4, b"X")]),
        ([hit((2, 4)), hit((2, 4))], [(2, 4, b"X")]),
        ([hit((2, 4)), hit((4, 6), value=b"y")], [(2, 4, b"X"), (4, 6, b"Y")]),
        ([hit((2, 8), value=b"long"), hit((3, 5))], [(2, 8, b"LONG")]),
        ([hit((2, 5), value=b"long"), hit((4, 8))], [(2, 8, b"LONG")]),
        # Pieces far apart: the text stands at the first one.
        ([hit((2, 4), (9, 11))], [(2, 4, b"X"), (9, 11, b"")]),
        # A whole and a piece of it that was also found alone.
        (
            [hit((2, 4), (9, 11), value=b"whole"), hit((9, 12), value=b"part")],
            [(2, 4, b"WHOLE"), (9, 12, b"")],
        ),
        ([hit((0, 1)), hit((0, 1), kind="k", value=b"z")], [(0, 1, b"Z")]),
    ],
)
def test_plans(hits: list[Hit], expected: list[tuple[int, int, bytes]]) -> None:
    assert edits(*hits) == [Edit(*one) for one in expected]


spans = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9)), max_size=8)


@given(spans, st.lists(st.integers(1, 9), max_size=20), st.sampled_from([b"", b"yy", b"y" * 20]))
def test_parts_add_up_and_all_is_taken(
    where: list[tuple[int, int]], sizes: list[int], new: bytes
) -> None:
    data = bytes(range(65, 65 + 70))
    sizes = [*sizes, len(data) - sum(sizes)] if sum(sizes) < len(data) else [len(data)]
    parts = [Part(at, size) for at, size in enumerate(sizes)]
    hits = [Hit(((start, start + size),), data[start : start + size]) for start, size in where]
    done = plan(removals(hits), lambda _: new)
    text = apply(data, done)
    moved = shift(parts, done)
    assert sum(part.size for part in moved) == len(text)
    assert all(part.size > 0 for part in moved)
    taken = {at for start, size in where for at in range(start, start + size)}
    assert text.replace(new, b"") == bytes(byte for at, byte in enumerate(data) if at not in taken)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ((2, 4), [(0, 7), (1, 5), (2, 5)]),
        ((4, 7), [(0, 8), (1, 3), (2, 5)]),
        ((4, 13), [(0, 8), (2, 2)]),
        ((5, 6), [(0, 5), (1, 8), (2, 5)]),
        ((3, 5), [(0, 7), (1, 5), (2, 5)]),
        ((14, 15), [(0, 5), (1, 5), (2, 8)]),
        ((0, 15), [(0, 4)]),
    ],
)
def test_the_new_text_is_in_the_part_where_the_old_began(
    where: tuple[int, int], expected: list[tuple[int, int]]
) -> None:
    moved = shift([Part(0, 5), Part(1, 5), Part(2, 5)], [Edit(*where, b"nnnn")])
    assert [(part.at_us, part.size) for part in moved] == expected


def test_untouched_parts_stay() -> None:
    parts = (Part(0, 5), Part(1, 0))
    assert shift(parts, []) == parts


@given(st.lists(st.integers(0, 50), max_size=9), st.integers(0, 400))
def test_scaled_parts_add_up(sizes: list[int], new: int) -> None:
    parts = [Part(at, size) for at, size in enumerate(sizes)]
    scaled = scale(parts, sum(sizes), new)
    assert sum(part.size for part in scaled) == (new if parts else 0)


def test_portions() -> None:
    done = [Edit(2, 4, b"X"), Edit(6, 12, b"YY"), Edit(20, 21, b"Z")]
    assert portion(done, 0, 5) == [Edit(2, 4, b"X")]
    assert portion(done, 5, 10) == [Edit(1, 5, b"YY")]
    assert portion(done, 10, 15) == [Edit(0, 2, b"")]
    assert portion(done, 15, 20) == []
    assert portion(done, 20, 30) == [Edit(0, 1, b"Z")]


def test_outermost() -> None:
    finds = [Find(3, 5, b"in"), Find(2, 9, b"out", "k"), Find(2, 9, b"out"), Find(8, 12, b"over")]
    assert [find.value for find in outermost(finds)] == [b"out", b"over"]
    assert whole(finds[1]) == Hit(((2, 9),), b"out", "k")
