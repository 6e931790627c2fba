import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core import canonical
from tests.core.recorded import json_values


@settings(max_examples=50, deadline=None)
@given(json_values)
def test_values_survive(value: Any) -> None:
    assert canonical.loads(canonical.dumps(value)) == value
    assert canonical.loads(canonical.canonical(value)) == value
    assert json.loads(canonical.dumps(value)) == value


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.text(max_size=5), json_values, max_size=3), st.randoms())
def test_the_order_of_keys_does_not_matter(value: dict[str, Any], random: Any) -> None:
    keys = list(value)
    random.shuffle(keys)
    assert canonical.canonical({key: value[key] for key in keys}) == canonical.canonical(value)


SPELLINGS: list[tuple[Any, bytes]] = [
    ({"b": 1, "a": [1.5, None, True, "é"]}, '{"a":[1.5,null,true,"é"],"b":1}'.encode()),
    ({"n": 1 << 70, "a": 1}, b'{"a":1,"n":1180591620717411303424}'),
    ("\ud800", b'"\\ud800"'),
]


@pytest.mark.parametrize(("value", "expected"), SPELLINGS)
def test_spelling(value: Any, expected: bytes) -> None:
    assert canonical.canonical(value) == expected


def test_order_is_kept_where_it_is_not_canonical() -> None:
    assert canonical.dumps({"b": 1, "a": 2}) == b'{"b":1,"a":2}'
    assert canonical.dumps({"b": 1 << 70, "a": 2}) == b'{"b":1180591620717411303424,"a":2}'


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"12345678901234567890123", 12345678901234567890123),
        (b"[18446744073709551616]", [18446744073709551616]),
        (b'{"a":-9223372036854775809}', {"a": -9223372036854775809}),
        (b"1e300", 1e300),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'"\\udc00"', "\udc00"),
        ("[1]", [1]),
    ],
)
def test_reading_keeps_what_orjson_would_not(text: bytes | str, value: Any) -> None:
    assert canonical.loads(text) == value
    assert type(canonical.loads(text)) is type(value)


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def test_depth() -> None:
    assert canonical.loads(canonical.dumps(nested(300))) == nested(300)
    assert canonical.loads(canonical.canonical(nested(300))) == nested(300)
    for text in (
        b"[" * 100_000,
        b"[" * 990 + b"1e30" + b"]" * 990,
        b'["\\ud800",' + b"[" * 100_000,
    ):
        with pytest.raises(ValueError, match=r"deep|depth|\S"):
            canonical.loads(text)
    with pytest.raises(ValueError, match="nested too deep"):
        canonical.dumps(nested(100_000))


@pytest.mark.parametrize("text", [b"", b"{", b"NaN", b"[1,]", b"\xff", b"'a'"])
def test_what_is_no_json(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        canonical.loads(text)


def test_digests_name_their_algorithm() -> None:
    assert canonical.digest(b"abc") == f"sha256:{hashlib.sha256(b'abc').hexdigest()}"
