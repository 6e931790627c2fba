from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core import canonical
from proxy.core.matching.bodies import form, tree
from proxy.core.matching.trees import Normaliser

FORM = "application/x-www-form-urlencoded"
PARTS = 'multipart/form-data; boundary="x y"'

CASES: list[tuple[bytes, str, Any]] = [
    (b"", "application/json", None),
    (b'{"b":1,"a":[1,2]}', "", {"json": {"a": [1, 2], "b": 1}}),
    (b" \n [1]", "text/plain", {"json": [1]}),
    (b'{"a":1}', FORM, {"json": {"a": 1}}),
    (b"b=1&a=2&a=", FORM, {"form": [["a", "2"], ["a", ""], ["b", "1"]]}),
    (b"hello", "text/plain", {"text": "hello"}),
    (b"hello", PARTS, {"text": "hello"}),
    (b'{"a":1}\n\n{"b":2}\n', "application/x-ndjson", {"lines": [{"a": 1}, {"b": 2}]}),
    (b'{"a":1}\nnope', "", {"text": '{"a":1}\nnope'}),
    (b"\xff\xfe", "", {"bytes": canonical.digest(b"\xff\xfe")}),
    (b"a\0b", "", {"bytes": canonical.digest(b"a\0b")}),
    (
        (
            b'pre\r\n--x y\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n'
            b"Content-Type: text/plain; charset=x\r\n\r\nhi\r\n--x y--\r\n"
        ),
        PARTS,
        {
            "multipart": [
                {"name": "f", "filename": "a.txt", "type": "text/plain", "content": {"text": "hi"}}
            ]
        },
    ),
    (
        b'--x y\r\n\r\n{"a":1}\r\n--x y\r\n\r\n\r\n--x y--',
        PARTS,
        {
            "multipart": [
                {"name": None, "filename": None, "type": "", "content": {"json": {"a": 1}}},
                {"name": None, "filename": None, "type": "", "content": None},
            ]
        },
    ),
    (b'{"id": 99999999999999999999}', "", {"json": {"id": {"<number>": "99999999999999999999"}}}),
]


@pytest.mark.parametrize(("body", "kind", "expected"), CASES)
def test_trees(body: bytes, kind: str, expected: Any) -> None:
    assert tree(body, kind, Normaliser()) == expected


def test_ignored_paths_and_fields() -> None:
    assert tree(b'{"a":1,"b":2}', "", Normaliser(), paths=["$.a"]) == {"json": {"b": 2}}
    assert tree(b'{"a":1}\n{"a":2}', "", Normaliser(), paths=["$.a"]) == {"lines": [{}, {}]}
    assert tree(b"a=1&b=2", FORM, Normaliser(), fields=["a"]) == {"form": [["b", "2"]]}
    assert form("", Normaliser()) == []


def test_a_long_text_counts_byte_for_byte() -> None:
    long = b"It is 2026-11-22. " * 300_000
    assert tree(long, "", Normaliser()) == {"bytes": canonical.digest(long)}


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["", FORM, PARTS, "multipart/mixed; boundary=-"]))
def test_any_bytes_make_a_tree_that_can_be_written(body: bytes, kind: str) -> None:
    assert canonical.canonical(tree(body, kind, Normaliser()))
