import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core import slices
from proxy.core.redaction.rules import Rules
from proxy.core.redaction.scanner import Scanner

PATTERNS = [re.compile(one) for one in (rb"ab", rb"(?<=b)a{1,7}b?", rb"a(?!b)", rb"a(?=[ab]{3}c)")]
SECRETS = (
    b'{"password": "hunter2hunter2"} https://bob:s3cretPassw0rd@db.example/x '
    b"sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD --api-key 8f14e45fceea167a5a36dedd4bea2543 "
    b"machine db.example login bob password q9vX2LmTz7Rk AKIAIOSFODNN7EXAMPLE "
    b"%22token%22%3A%229b2cD8xQ7LmZ4tRw%22 &quot;api_key&quot;:&quot;9b2cD8xQ7LmZ4tRw&quot; "
)


@pytest.mark.parametrize("pattern", PATTERNS)
@given(parts=st.lists(st.sampled_from([b"a", b"b", b"c", b"abc", b"aab" * 5]), max_size=60))
def test_it_finds_what_is_found_at_once(pattern: re.Pattern[bytes], parts: list[bytes]) -> None:
    data = b"".join(parts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slices, "SLICE", 8)
        for at, end in ((0, len(data)), (3, len(data)), (2, 30)):
            found = [one.span() for one in slices.finditer(pattern, data, at, end)]
            assert found == [one.span() for one in pattern.finditer(data, at, end)]
        first = slices.search(pattern, data)
        assert (first is None) == (pattern.search(data) is None)


@given(data=st.text("ab", max_size=40), part=st.text("ab", min_size=1, max_size=9))
def test_a_part_is_found_as_at_once(data: str, part: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slices, "SLICE", 8)
        for at in range(4):
            found = slices.find(data.encode(), part.encode(), at)
            assert found == data.encode().find(part.encode(), at)


@given(data=st.binary(max_size=100))
def test_bytes_are_translated_as_at_once(data: bytes) -> None:
    table = bytes(reversed(range(256)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slices, "SLICE", 8)
        assert slices.translate(data, table) == data.translate(table)


def test_secrets_are_found_wherever_a_slice_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    scanner = Scanner(Rules())
    for shift in range(0, 256, 5):
        data = b"." * shift + b" " + SECRETS * 2
        with monkeypatch.context() as patch:
            patch.setattr(slices, "SLICE", len(data))
            whole = scanner.static(data)
        assert len({find.value for find in whole}) > 6
        with monkeypatch.context() as patch:
            patch.setattr(slices, "SLICE", 256)
            assert scanner.static(data) == whole
