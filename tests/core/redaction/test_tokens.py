"""JSON by its tokens."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.redaction.tokens import Node, decode, offsets, plain, walk


def path(node: Node | None, place: str) -> str:
    if node is None:
        return ""
    return f"{path(node.parent, node.place)}/{place}" if node.parent else f"/{place}"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"a": {"b": [1, "x", {"c": null}]}, "d": "y"}',
         {"/a/b/0": b"1", "/a/b/1": b"x", "/a/b/2/c": b"null", "/d": b"y"}),
        (b'[["a"], [], "b"]', {"/0/0": b"a", "/2": b"b"}),
        (b'"lone"', {"": b"lone"}),
        (b'{"a": "cut', {"/a": b"cut"}),
        (b'{"a": "x\\"y", "\\u0062": 1}', {"/a": b'x\\"y', "/b": b"1"}),
    ],
)  # fmt: skip
def test_values(data: bytes, expected: dict[str, bytes]) -> None:
    found = {path(one.node, one.place): data[one.start : one.end] for one in walk(data)}
    assert found == expected


@pytest.mark.parametrize(
    "data", [b"", b"}}]]", b'{{{"a"', b"," * 99, b'":":', b"[" * 9999, b"\xff\xfe"]
)
def test_anything_is_walked(data: bytes) -> None:
    for one in walk(data):
        assert 0 <= one.start <= one.end <= len(data)


def test_strings_and_scalars() -> None:
    assert [one.is_string for one in walk(b'["1", 1, true]')] == [True, False, False]


@given(st.text(max_size=20), st.booleans(), st.data())
def test_offsets_lead_back(text: str, ascii_only: bool, draw: st.DataObject) -> None:
    literal = json.dumps(text, ensure_ascii=ascii_only)[1:-1].encode("utf-8", "surrogatepass")
    assert plain(literal) == text.encode("utf-8", "surrogatepass")
    cut = draw.draw(st.integers(0, len(text)))
    before = text[:cut].encode("utf-8", "surrogatepass")
    (at,) = offsets(literal, [len(before)])
    assert plain(literal[:at]) == before


@pytest.mark.parametrize(
    ("literal", "text"), [(b"a\\nb", "a\nb"), (b"\\q", "\\q"), (b"\xff", "\udcff"), (b"x\\", "x\\")]
)
def test_decode(literal: bytes, text: str) -> None:
    assert decode(literal) == text
