"""Secrets within base64 and hexadecimal."""

import base64
import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.redaction import encoded
from proxy.core.redaction.redactor import Redactor
from proxy.core.redaction.rules import Rules
from proxy.core.redaction.scanner import Scanner

KEY = "gsk_Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8"


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def mime(text: str) -> str:
    return base64.encodebytes(text.encode()).decode()


def values(text: str) -> set[bytes]:
    return {find.value for find in Scanner(Rules()).static(text.encode())}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (json.dumps({"note": b64(KEY)}), KEY),
        (f"see {b64('a ' + KEY + ' b')} there", KEY),
        (f"data:text/plain;base64,{b64('ab ' + KEY + ' and more')}", KEY),
        (base64.urlsafe_b64encode(f"??>{KEY}??>".encode()).decode().rstrip("="), KEY),
        (json.dumps(b64(f"??>{KEY}??>")).replace("/", "\\/"), KEY),
        (f"/v1/files/{b64(KEY)}/content", KEY),
        (mime("x " * 30 + KEY + " y" * 30), KEY),
        (json.dumps({"a": json.dumps({"b": mime("x " * 30 + KEY + " y" * 30)})}), KEY),
        (b64(b64(f"twice {KEY} over")), KEY),
        (b64("long " * 200 + KEY + " long" * 200), KEY),
        (KEY.encode().hex(), KEY),
        (f"dump {('a ' + KEY).encode().hex().upper()}!", KEY),
        (b64(json.dumps({"password": "hunter2"})), "hunter2"),
        (b64("DB_HOST=db\nDB_PASSWORD=letmein\n"), "letmein"),
        ("tried Basic bWU6cHc5 today", "bWU6cHc5"),
        ('{"auth": "basic bWU6cHc5"}', "bWU6cHc5"),
    ],
)
def test_found(text: str, value: str) -> None:
    assert value.encode() in values(text)


@pytest.mark.parametrize(
    "text",
    [
        "Basic information about things, basic authentication, Basic c29tZSB0ZXh0IGhlcmU=",
        b64("nothing to see here, only words and 12345"),
        b64(json.dumps({"offset": 12, "id": "c_123456"})),
        f"/{b64(KEY)[:19]}/",
        "0" * 400 + "a" * 400,
    ],
)
def test_nothing_there(text: str) -> None:
    assert values(text) == set()


@settings(max_examples=60, deadline=None)
@given(
    st.text("abc .\n", max_size=40),
    st.text("xyz,!\n", max_size=40),
    st.sampled_from([b64, mime, lambda text: text.encode().hex()]),
)
def test_nothing_of_a_key_is_left_and_what_is_around_it_stays(
    before: str, after: str, code: object
) -> None:
    assert callable(code)
    text = f'{{"a": "{code(f"{before} {KEY} {after}")}"}}'.replace("\n", "\\n")
    once = Redactor(bytes(32)).text(text)
    assert "SECRET-groq-" in once
    assert not any(KEY[at : at + 6].encode().hex() in once for at in range(len(KEY) - 6))
    assert KEY not in base64.b64decode(once[7:-2].replace("\\n", "") + "==").decode("latin-1")
    assert Redactor(bytes(32)).text(once) == once
    assert once.startswith('{"a": "')
    assert once.endswith('"}')


def test_a_find_is_where_the_value_is() -> None:
    text = f"see {b64('0123456 ' + KEY + ' b')} there".encode()
    (find,) = [one for one in Scanner(Rules()).static(text) if one.value == KEY.encode()]
    start = 4 + 8 * 4 // 3
    assert (find.start, find.end) == (start, start + -(-(8 + len(KEY)) * 4 // 3) - 8 * 4 // 3)


def test_what_is_no_text_is_not_searched() -> None:
    """Images, embeddings, signatures and ids are turned away before anything is searched."""
    random = Random(1)  # noqa: S311 - no cryptography
    searched: list[bytes] = []

    def search(text: bytes) -> list[object]:
        searched.append(text)
        return []

    for data in (
        base64.b64encode(random.randbytes(200_000)),
        random.randbytes(100_000).hex().encode(),
        b" ".join(random.randbytes(16).hex().encode() for _ in range(500)),
        b"some_long_identifier_of_a_function/and/a/path/to/a/file-name " * 100,
    ):
        assert encoded.find(data, search) == []  # type: ignore[arg-type]  # it finds nothing
    assert sum(map(len, searched)) < 1000
