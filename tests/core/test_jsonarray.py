import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.jsonarray import ArrayParser

CASES: list[tuple[bytes, list[Any], bool]] = [
    (b"[]", [], True),
    (b'[{"a": 1}, {"b": {"c": 2}}]', [{"a": 1}, {"b": {"c": 2}}], True),
    (b'[{"a": "}{][\\"\\\\"}\n,\n{"b": 2}', [{"a": '}{]["\\'}, {"b": 2}], False),
    (b'[{"a": [1, 2]}', [{"a": [1, 2]}], False),
    (b'{"a": 1}{"b": 2}', [{"a": 1}, {"b": 2}], False),
    (b'}}[{"a": 1}', [{"a": 1}], False),
]


@pytest.mark.parametrize(("stream", "expected", "closed"), CASES)
def test_elements(stream: bytes, expected: list[Any], closed: bool) -> None:
    parser = ArrayParser()
    found = [json.loads(item) for item in parser.feed(stream)]
    assert (found, parser.closed) == (expected, closed)
    assert parser.partial() == b""


def test_the_element_a_stream_ends_in() -> None:
    parser = ArrayParser()
    assert parser.feed(b'[{"a": 1}, {"b": "}') == [b'{"a": 1}']
    assert parser.partial() == b'{"b": "}'


VALUES = st.lists(
    st.dictionaries(
        st.text(max_size=4), st.text(max_size=6) | st.lists(st.integers(), max_size=3), max_size=3
    ),
    max_size=4,
)


@given(
    value=VALUES, indent=st.sampled_from([None, 2]), cuts=st.lists(st.integers(0, 200), max_size=6)
)
def test_any_split_gives_the_same(value: Any, indent: int | None, cuts: list[int]) -> None:
    stream = json.dumps(value, indent=indent).encode()
    places = sorted(cuts)
    pieces = [stream[a:b] for a, b in zip([0, *places], [*places, None], strict=True)]
    parser = ArrayParser()
    found = [json.loads(item) for piece in pieces for item in parser.feed(piece)]
    assert found == value
    assert parser.closed
