"""Ids, pieces and events that the formats share."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.demo.parts import count_tokens, ident, pieces, sse, text_of


@given(st.text())
def test_pieces_joined_are_the_text(text: str) -> None:
    assert "".join(pieces(text)) == text
    assert all(pieces(text))


def test_ids_depend_on_their_seeds_alone() -> None:
    assert ident("x_", "a", 1) == ident("x_", "a", 1)
    assert ident("x_", "a", 1) != ident("x_", "a", 2)
    assert ident("x_", "a").startswith("x_")


def test_tokens_are_four_characters_each() -> None:
    assert [count_tokens(text) for text in ("", "a", "abcd", "abcde")] == [0, 1, 1, 2]


def test_events_are_named_where_the_format_names_them() -> None:
    assert sse({"a": "b"}) == b'data: {"a":"b"}\n\n'
    assert sse("[DONE]") == b"data: [DONE]\n\n"
    assert sse({}, "ping") == b"event: ping\ndata: {}\n\n"


def test_text_of_a_message() -> None:
    assert text_of("plain") == "plain"
    assert text_of([{"type": "text", "text": "a"}, {"type": "image"}, {"text": "b"}]) == "ab"
    assert text_of(None) == ""
