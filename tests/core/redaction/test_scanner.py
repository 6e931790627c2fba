"""All the ways together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.redaction import names
from proxy.core.redaction.rules import Pattern, Rules
from proxy.core.redaction.scanner import Scanner
from proxy.core.redaction.spans import Find

KEY = b"gsk_Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8"


def values(finds: list[Find]) -> set[bytes]:
    return {find.value for find in finds}


def test_shapes_names_and_learned() -> None:
    scanner = Scanner(Rules())
    scanner.learned.add(b"learned-value-1")
    data = b'{"password": "x1", "note": "%s learned-value-1"}' % KEY
    assert values(scanner.find(data)) == {b"x1", KEY, b"learned-value-1"}
    assert values(scanner.static(data)) == {b"x1", KEY}


@pytest.mark.parametrize(
    "escaped",
    [
        b"\\u0067sk_Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8",
        b"gsk\\u005fAb1Cd2Ef3Gh4Ij5Kl6Mn7Op8",
        b"gsk_Ab1Cd2Ef3Gh4\\u0049j5Kl6Mn7Op8",
        b"\\\\u0067sk_Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8",
    ],
)
def test_escaped_letters_hide_nothing(escaped: bytes) -> None:
    data = b'{"note": "see ' + escaped + b'"}'
    whole = [find for find in Scanner(Rules()).find(data) if find.value == KEY]
    assert [data[find.start : find.end] for find in whole] == [escaped]


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"&#103;sk_Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8", KEY),
        (b"&#x67;sk&lowbar;Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8", KEY),
        (b"<a x='{&quot;password&quot;: &quot;x1&quot;}'>", b"x1"),
        (b"&amp;quot;password&amp;quot;:&amp;quot;x1&amp;quot;", b"x1"),
        (b'{"to": "https://x/?r=https%3A%2F%2Fy%2F%3Fapi_key%3Dx1%26a%3Db"}', b"x1"),
        (b'{"to": "https://x/?r=%257B%2522password%2522%253A%2522x1%2522"}', b"x1"),
    ],
)
def test_references_and_percent_escapes_in_text(data: bytes, value: bytes) -> None:
    finds = [find for find in Scanner(Rules()).static(data) if find.value == value]
    assert finds
    assert all(data[find.start : find.end] in (data[: len(data)], b"x1") for find in finds)


def test_quotes_escaped_as_unicode() -> None:
    data = b'{"args": "{\\u0022password\\u0022:\\u0022x1\\u0022}"}'
    assert b"x1" in values(Scanner(Rules()).find(data))


@pytest.mark.parametrize(
    ("data", "form", "expected"),
    [
        (b"a=%67sk_Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8", False, KEY),
        (b"a=%2567sk_Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8", False, KEY),
        (b"p=%7B%22password%22%3A%22x%2F1%22%7D", False, b"x/1"),
        (b"p=%7B%22password%22%3A%22x+1%22%7D", True, b"x 1"),
    ],
)
def test_percent_escapes(data: bytes, form: bool, expected: bytes) -> None:
    scanner = Scanner(Rules())
    finds = scanner.quoted(data, scanner.static, form=form)
    assert expected in values(finds)
    assert all(0 <= find.start < find.end <= len(data) for find in finds)


def test_kinds() -> None:
    scanner = Scanner(Rules())
    assert scanner.kind(KEY) == "groq"
    assert scanner.kind(b"x " + KEY) == "credential"


def test_learning() -> None:
    scanner = Scanner(Rules(patterns=(Pattern("own", "Q[0-9]{9}"),)))
    scanner.learn(
        (
            Find(0, 1, b"dXNlcjpodW50ZXIyMmJpcmRz"),
            Find(0, 1, b"c2tfbGl2ZV8xMjM0NTY3ODkw"),
            Find(0, 1, b"per%2Fcent%20value7"),
            Find(0, 1, b"Q123456789", "own"),
            Find(0, 1, b"a1@example.com", "mail"),
        )
    )
    text = b"hunter22birds per/cent value7 Q123456789 a1@example.com sk_live_1234567890"
    assert values(list(scanner.learned.find(text))) == {b"hunter22birds", b"per/cent value7"}


def test_own_rules_are_known() -> None:
    assert not Scanner(Rules(headers=("x",))).has_own_rules
    for rules in (
        Rules(pii=("mail",)),
        Rules(json_paths=("$.a",)),
        Rules(patterns=(Pattern("a", "b"),)),
    ):
        assert Scanner(rules).has_own_rules


def test_bodies_that_go_on_find_what_was_learned_since() -> None:
    scanner = Scanner(Rules())
    data = b"x" * 5000 + b" learned-value-1 "
    assert scanner.known_again(data) == []
    scanner.learned.add(b"learned-value-1")
    assert values(scanner.known_again(data)) == {b"learned-value-1"}
    assert values(scanner.known_again(data + b"more")) == {b"learned-value-1"}
    assert scanner.static_again(data + KEY) == scanner.static_again(data + KEY)


_PIECES = st.sampled_from(
    [
        *("Mon", ",", " ", "14", ":", "00", "sk-", "a1b2c3", "-", "--", "/", ".", "+", "x", "\n"),
        *("token", "password", "login", "secret", "Basic", "YTpiY2Q", "eyJ", "Bearer", "u", "Key"),
        *("=", ">", "@", "%", "&", "\\", '"', "'", "(", ";", "~", "p", "SECRET-", "é", "GMT"),
    ]
)


@given(st.lists(_PIECES, max_size=14))
def test_what_is_looked_over_only_holds_nothing(pieces: list[str]) -> None:
    data = "".join(pieces).encode()
    searched = Scanner(Rules(patterns=(Pattern("own", "never there"),)))
    assert Scanner(Rules()).static(data) == searched.static(data)


def test_short_texts_are_searched_by_the_user_s_rules() -> None:
    rules = Rules(patterns=(Pattern("own", "[0-9]{3}"),))
    assert values(Scanner(rules).static(b"a 532")) == {b"532"}


def test_no_name_ends_in_a_digit() -> None:
    assert all(end.isalpha() for end in names.NAME_ENDS)
