"""Personal data."""

import pytest

from proxy.core.redaction.pii import ALL, DETECTORS, Pii, luhn


@pytest.mark.parametrize(
    ("word", "text", "expected"),
    [
        ("mail", b"to ann.b+c@mail.example.com.", [b"ann.b+c@mail.example.com"]),
        ("mail", b"@scope/pkg user@host a@b", []),
        ("phone", b"+49 170 1234567, +1-202-555-0143", [b"+49 170 1234567", b"+1-202-555-0143"]),
        ("phone", b"1+2 +7 a+1234567890", []),
        ("iban", b"DE89 3704 0044 0532 0130 00 and GB82WEST12345698765432",
         [b"DE89 3704 0044 0532 0130 00", b"GB82WEST12345698765432"]),
        ("iban", b"DE89370400440532013001", []),
        ("card", b"4111 1111 1111 1111, 5500-0000-0000-0004",
         [b"4111 1111 1111 1111", b"5500-0000-0000-0004"]),
        ("card", b"4111111111111112 1700000000000", []),
    ],
)  # fmt: skip
def test_detectors(word: str, text: bytes, expected: list[bytes]) -> None:
    assert [find.value for find in Pii([word]).find(text)] == expected
    assert all(find.kind == word for find in Pii([word]).find(text))


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        (b'{"card": 4111111111111111}', True),
        (b"[1, 4111111111111111 ]", True),
        (b'{"card": "4111111111111111"}', False),
        (b"card 4111111111111111 end", False),
    ],
)
def test_bare_numbers(text: bytes, bare: bool) -> None:
    (find,) = Pii(["card"]).find(text)
    assert find.bare is bare


def test_all_and_none() -> None:
    assert len(list(Pii([ALL]).find(b"a1@example.com +49 170 1234567"))) == 2
    assert not Pii([])
    assert set(DETECTORS) == {"mail", "phone", "iban", "card"}


@pytest.mark.parametrize(
    ("digits", "good"),
    [(b"4242424242424242", True), (b"4242424242424241", False), (b"0" * 16, False)],
)
def test_luhn(digits: bytes, good: bool) -> None:
    assert luhn(digits) is good
