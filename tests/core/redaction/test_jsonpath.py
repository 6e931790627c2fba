"""Values at JSON paths."""

import pytest

from proxy.core.redaction.jsonpath import compile_path, find
from proxy.errors import ConfigError

DOCUMENT = (
    b'{"user": {"ssn": "1\\u002d2", "age": 30, "ok": true}, "a/b": "slash",'
    b' "items": [{"name": "x", "n": [1, "y"]}, {"name": ""}], "deep": {"er": {"name": "z"}}}'
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$.user.ssn", [b"1-2"]),
        ("$.user.age", [b"30"]),
        ("$.user", [b"1-2", b"30"]),
        ("$.items[*].name", [b"x"]),
        ("$.items[0].n[1]", [b"y"]),
        ("$.items[0].n", [b"1", b"y"]),
        ("$.items[1]", []),
        ("$..name", [b"x", b"z"]),
        ("$['a/b']", [b"slash"]),
        ('$["user"].*', [b"1-2", b"30"]),
        ("$.missing", []),
        ("$.us", []),
    ],
)
def test_paths(path: str, expected: list[bytes]) -> None:
    assert [one.value for one in find(DOCUMENT, [compile_path(path)])] == expected


def test_numbers_are_told_from_strings() -> None:
    age, ssn = find(b'{"age": 30, "ssn": "1"}', [compile_path("$.age"), compile_path("$.ssn")])
    assert (age.bare, ssn.bare) == (True, False)


@pytest.mark.parametrize("document", [b"", b"17", b'"x"', b'{"a": ', b'{"a" "b"}', b"]}{[" * 9])
def test_anything_may_be_searched(document: bytes) -> None:
    assert list(find(document, [compile_path("$.zzz")])) == []


def test_what_is_done_is_not_done_again() -> None:
    done = b'{"a": "SECRET-credential-0123456789ab", "b": 0}'
    assert list(find(done, [compile_path("$.*")])) == []


@pytest.mark.parametrize("path", ["", "$", "a.b", "$.a[", "$.a b", "$[x]"])
def test_bad_paths(path: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        compile_path(path)
