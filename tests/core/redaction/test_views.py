"""Escapes taken off, and the way back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.redaction import views

escapes = st.sampled_from(["\\u0073", "\\\\u006b", "\\u002d", "\\u002D"])
pieces = st.lists(st.sampled_from(["a", "bc", "\\n", "\\u00e9", "\\u003c"]) | escapes, max_size=8)


@given(pieces, st.data())
def test_unicode_escapes(parts: list[str], draw: st.DataObject) -> None:
    data = "".join([*parts, "\\u0041"]).encode()
    view = views.unescaped(data)
    assert view is not None
    assert b"\\u004" not in view.data
    start = draw.draw(st.integers(0, len(view.data)))
    end = draw.draw(st.integers(start, len(view.data)))
    ((left, right),) = view.back([(start, end)])
    again = views.unescaped(data[left:right])
    assert (again.data if again else data[left:right].replace(b"\\u003c", b"<")) == view.data[
        start:end
    ]


@pytest.mark.parametrize(
    "data", [b"", b"plain", b"\\u00e9", b"a \\u003cb\\u003e \\u0026 \\u0027", b"u0073"]
)
def test_nothing_is_hidden(data: bytes) -> None:
    assert views.unescaped(data) is None


def test_backslashes_stay() -> None:
    view = views.unescaped(b"\\u005c\\u0041")
    assert view is not None
    assert view.data == b"\\u005cA"


@given(st.text("ab%/ é", max_size=20))
def test_percent_escapes(text: str) -> None:
    from urllib.parse import quote, unquote_to_bytes

    data = quote(text, safe="").encode() + b"%41"
    view = views.unquoted(data)
    assert view is not None
    assert view.data == unquote_to_bytes(data)
    size = len(view.data)
    for at in range(size):
        ((left, right),) = view.back([(at, at + 1)])
        assert unquote_to_bytes(data[left:right]) == view.data[at : at + 1]
    assert view.back([(0, size), (size, size)]) == [(0, len(data)), (len(data), len(data))]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a&quot;b", b'a"b'),
        (b"&#115;&#x6B;&#045;", b"sk-"),
        (b"&amp;amp;#x22;", b'"'),
        (b"&#233; &equals;", b"? ="),
    ],
)
def test_references(data: bytes, expected: bytes) -> None:
    view = views.unreferenced(data)
    assert view is not None
    assert view.data == expected
    assert view.back([(0, len(expected))]) == [(0, len(data))]


@pytest.mark.parametrize("data", [b"", b"a & b", b"&lt;&nbsp;", b"&#8364;", b"&#x1F600;"])
def test_no_references(data: bytes) -> None:
    assert views.unreferenced(data) is None


@pytest.mark.parametrize(("data", "there"), [(b"a%20b%3Ac", False), (b"a%253Db", True)])
def test_percent_escapes_that_hide_names(data: bytes, there: bool) -> None:
    assert (views.unquoted_text(data) is not None) is there


@pytest.mark.parametrize("data", [b"", b"plain", b"100%", b"%zz"])
def test_nothing_to_unquote(data: bytes) -> None:
    assert views.unquoted(data) is None
