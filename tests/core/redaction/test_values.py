"""What a value looks like."""

import pytest

from proxy.core.redaction import values


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"string",
        b"NULL",
        b"****",
        b"xxxxxxxx",
        b"<your key>",
        b"${API_KEY}",
        b"{{ token }}",
        b"$TOKEN",
        b"your-api-key",
        b"YOUR_API_KEY_HERE",
        b"[REDACTED]",
        b"Bearer",
        b"undefined",
    ],
)
def test_placeholders(value: bytes) -> None:
    assert values.is_placeholder(value)


@pytest.mark.parametrize(
    "value", [b"a", b"x1", b"$ecret", b"<hunter2>", b"letmein", b"1234", b"string1"]
)
def test_no_placeholders(value: bytes) -> None:
    assert not values.is_placeholder(value)


@pytest.mark.parametrize(
    ("value", "plausible", "like", "learnable"),
    [
        (b"hunter22bird", True, True, True),
        (b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", True, True, True),
        (b"hunter2", False, True, False),
        (b"production", False, False, False),
        (b"my-session-name", False, False, False),
        (b"os.environ.get", False, False, False),
        (b"settings.key_2", True, False, True),
        (b"DB_PASSWORD_2", True, False, True),
        (b"2026-11-22T10:00:00Z", False, True, False),
        (b"1234567890", False, True, False),
        (b"uploads/img1.png", False, False, True),
        (b"https://x.example/1", False, False, True),
        (b"two words 12", False, False, True),
        (b"abc", False, False, False),
    ],
)
def test_looks(value: bytes, plausible: bool, like: bool, learnable: bool) -> None:
    assert values.is_plausible(value) is plausible
    assert values.is_credential_like(value) is like
    assert values.is_learnable(value) is learnable


@pytest.mark.parametrize("value", [b"0", b"1,024", b"-3.5", b"true", b"None", b"off"])
def test_counts(value: bytes) -> None:
    assert values.is_count(value)
    assert not values.is_count(value + b"x")


@pytest.mark.parametrize(
    ("value", "at"),
    [
        (b"Bearer x", 7),
        (b" basic\tx", 7),
        (b"Token%20x", 8),
        (b"Unheard of", 0),
        (b"Bearer ", 0),
        (b"x", 0),
    ],
)
def test_schemes(value: bytes, at: int) -> None:
    assert values.after_scheme(value) == at
