import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core import loose

GOOD: list[tuple[bytes | str, Any]] = [
    (b'{"a": 1}', {"a": 1}),
    ('{"a": "é"}', {"a": "é"}),
    (b"\xef\xbb\xbf[1]", [1]),
    (b"\n\n  null", None),
    (b"18446744073709551616", 1.8446744073709552e19),
]


@pytest.mark.parametrize(("data", "value"), GOOD)
def test_json(data: bytes | str, value: Any) -> None:
    assert loose.parse(data) == (value, None)


REPAIRED: list[tuple[bytes, Any, str]] = [
    (b'{"a": "\xff"}', {"a": "\ufffd"}, "UTF-8"),
    (rb'{"a": "\ud83d"}', {"a": "\ufffd"}, "surrogates"),
    (rb'["\ude00 \ud83d\ude00 \\ud83d"]', ["\ufffd \U0001f600 \\ud83d"], "surrogates"),
    (b'{"a": NaN, "b": -Infinity}', {"a": None, "b": None}, "NaN"),
    (
        b'[NaN, 123456789012345678901234567890, "\xff"]',
        [None, 1.2345678901234568e29, "\ufffd"],
        "UTF",
    ),
]


@pytest.mark.parametrize(("data", "value", "note"), REPAIRED)
def test_what_real_senders_get_wrong(data: bytes, value: Any, note: str) -> None:
    parsed = loose.parse(data)
    assert parsed.value == value
    assert note in (parsed.note or "")
    orjson.dumps(parsed.value)


BROKEN = [
    (b"", "empty"),
    (b" \n", "empty"),
    (b"<html>", "not JSON"),
    (b'{"a": ', "not JSON"),
    (b"NaN Infinity", "not JSON"),
    (b"\xff\xfe", "not JSON"),
    (b"[" * 400 + b"]" * 400, "nested deeper"),
    (b"[" * 100_000, "not JSON"),
    (b"[" * 100_000 + b"NaN", "not JSON"),
    (b'{"a":' * 200 + b"1" + b"}" * 200, "nested deeper"),
]


@pytest.mark.parametrize(("data", "note"), BROKEN)
def test_what_is_no_json(data: bytes, note: str) -> None:
    parsed = loose.parse(data)
    assert parsed.value is None
    assert note in (parsed.note or "")


def test_many_brackets_that_are_not_deep() -> None:
    value = [[i] for i in range(1000)]
    assert loose.parse(json.dumps(value).encode()) == (value, None)


@given(data=st.binary(max_size=60))
def test_never_raises_and_is_always_writable(data: bytes) -> None:
    for text in (data, b'{"a": "' + data + b'", "b": [' + data + b"]}"):
        orjson.dumps(loose.parse(text).value)


VALUES: list[Any] = [None, True, 0, 7, -1, 5.0, 5.5, float("nan"), 1 << 60, "a", [1, {}], {"a": 1}]


def test_accessors_take_anything() -> None:
    assert [loose.text(v) for v in VALUES] == [*[None] * 9, "a", None, None]
    counts = [None, None, 0, 7, None, 5, None, None, None, None, None, None]
    assert [loose.count(v) for v in VALUES] == counts
    numbers = [None, None, 0, 7, -1, 5.0, 5.5, None, float(1 << 60), None, None, None]
    assert [loose.number(v) for v in VALUES] == numbers
    assert [loose.obj(v) for v in VALUES] == [*[{}] * 11, {"a": 1}]
    assert [loose.array(v) for v in VALUES] == [*[[]] * 10, [1, {}], []]
    assert [list(loose.objects(v)) for v in VALUES] == [*[[]] * 10, [{}], []]


def test_total_is_unknown_only_when_all_is() -> None:
    assert loose.total(None, None) is None
    assert loose.total(None, 2, 0) == 2


def test_dumps_writes_what_json_cannot() -> None:
    assert loose.dumps({"a": {1, 2}.__class__}) == b'{"a":"<class \'set\'>"}'


def _nested(depth: int, size: int) -> bytes:
    """JSON of `size` bytes or more, so deep that one value more is its innermost."""
    return b"[" * depth + b'"' + b"x" * size + b'"' + b"]" * depth + b" " * 200


@pytest.mark.parametrize("size", [400, 100_000])
@pytest.mark.parametrize("inner", [b"[%b]", b'{"a": 1, "b": %b}'])
def test_depth_is_told_alike_of_small_and_large_texts(size: int, inner: bytes) -> None:
    most = inner % _nested(loose.MAX_DEPTH - 1, size)
    assert loose.parse(most).note is None
    over = inner % _nested(loose.MAX_DEPTH, size)
    assert loose.parse(over) == (None, f"nested deeper than {loose.MAX_DEPTH} levels")


def test_a_large_text_is_repaired_in_steps_as_if_at_once() -> None:
    text = ("é" * 30_000).encode() + b"\xff\xe2\x82" + "€".encode() * 30_000
    assert loose.parse(b'["' + text + b'"]') == (
        [text.decode("utf-8", "replace")],
        "invalid UTF-8 was replaced",
    )


@pytest.mark.parametrize("data", [b"\xff" * 100_000, b"PK\x03\x04", b" \xe2\x28\xa1"])
def test_what_cannot_be_json_is_not_repaired(data: bytes) -> None:
    value, note = loose.parse(data)
    assert value is None
    assert note is not None
    assert note.startswith("not JSON")
