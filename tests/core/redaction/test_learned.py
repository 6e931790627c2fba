"""Values found again, however they are written."""

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.core.redaction.learned import Learned, forms

VALUE = b'p"s/Wo+rd \xc3\xa9&99'
TEXT = VALUE.decode()


@pytest.mark.parametrize(
    "written",
    [
        VALUE,
        json.dumps(TEXT)[1:-1].encode(),
        json.dumps(TEXT, ensure_ascii=False)[1:-1].encode(),
        json.dumps(json.dumps(TEXT))[3:-3].encode(),
        json.dumps(TEXT)[1:-1].replace("/", "\\/").encode(),
        quote(TEXT).encode(),
        quote(TEXT, safe="").encode(),
        quote_plus(TEXT).encode(),
        quote(TEXT, safe="")
        .replace("%2F", "%2f")
        .replace("%2B", "%2b")
        .replace("%C3%A9", "%c3%a9")
        .encode(),
        VALUE.hex().encode(),
        VALUE.hex().upper().encode(),
        html.escape(TEXT).encode(),
    ],
)
def test_forms(written: bytes) -> None:
    learned = Learned()
    learned.add(VALUE)
    found = [b"-" * 5 + written + b"-" * 5][0]
    whole = [find for find in learned.find(found) if found[find.start : find.end] == written]
    assert whole
    assert whole[0].value == VALUE


@pytest.mark.parametrize("before", [0, 1, 2, 3, 4])
def test_base64_at_every_alignment(before: int) -> None:
    learned = Learned()
    learned.add(VALUE)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(b"x" * before + VALUE + b"tail")
        (find,) = {find[:2] for find in learned.find(text)}
        assert find[1] - find[0] >= len(VALUE) * 4 // 3 - 3


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=90), st.integers(0, 70), st.integers(9, 60))
def test_every_place_and_length_is_found(before: bytes, others: int, size: int) -> None:
    learned = Learned()
    for number in range(others):
        learned.add(f"other-{number}-".encode() * (1 + number % 6))
    value = bytes(33 + (number * 37 + size) % 90 for number in range(size)) + b"7"
    learned.add(value)
    data = before + value + b"."
    assert any(find.start == len(before) and find.value == value for find in learned.find(data))


@pytest.mark.parametrize(
    "value", [b"", b"short", b"password", b"production", b"12345678", b"2026-11-22", b"None",
              b"SECRET-credential-0123456789ab", b"x" * 70_000]
)  # fmt: skip
def test_what_is_not_learned(value: bytes) -> None:
    learned = Learned()
    learned.add(value)
    assert len(learned) == 0
    assert learned.version == 0
    assert list(learned.find(value + b" password production")) == []


def test_the_table_is_bounded_and_forgets_the_oldest() -> None:
    learned = Learned(limit=3, short_limit=1)
    for number in range(5):
        learned.add(b"long-value-number-%d" % number)
        if number == 3:
            learned.add(b"long-value-number-2")  # seen again: younger than the next
    assert len(learned) == 3
    text = b" ".join(b"long-value-number-%d" % number for number in range(5))
    assert {find.value[-1:] for find in learned.find(text)} == {b"3", b"2", b"4"}
    learned.add(b"shrt-1x1")
    learned.add(b"shrt-2x2")
    assert {find.value for find in learned.find(b"shrt-1x1 shrt-2x2")} == {b"shrt-2x2"}


def test_the_version_counts_new_values() -> None:
    learned = Learned()
    for value in (b"value-number-1", b"value-number-1", b"value-number-2"):
        learned.add(value)
    assert learned.version == 2


def test_forms_are_never_shorter_than_what_may_be_looked_for() -> None:
    assert min(map(len, forms(b"a1b2c3d4"))) >= 8
