from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core import record_forms as forms
from proxy.core.model import Body, End, Frame, Part
from tests.core.recorded import bodies


def through_json(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value))


@settings(max_examples=40, deadline=None)
@given(bodies())
def test_bodies_survive(body: Body) -> None:
    assert forms.read_body(through_json(forms.write_body(body))) == body


@settings(max_examples=40, deadline=None)
@given(st.integers(), st.booleans(), st.sampled_from((1, 2, 8)), st.binary(max_size=30))
def test_frames_survive(at: int, from_client: bool, opcode: int, data: bytes) -> None:
    frame = Frame(at % (1 << 50), from_client, opcode, data)
    assert forms.read_frame(through_json(forms.write_frame(frame))) == frame


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.binary(max_size=9), st.binary(max_size=9))).map(tuple))
def test_headers_survive(headers: tuple[tuple[bytes, bytes], ...]) -> None:
    assert forms.read_headers(through_json(forms.write_headers(headers))) == headers


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (b'{"b":1,"a":[1.5]}', "json"),
        (b'{"a": 1}', "text"),
        (b'{"a":1.0e5}', "text"),
        (b'{"a":1,"a":2}', "text"),
        (b"[18446744073709551616]", "text"),
        (b"[" * 300 + b"]" * 300, "text"),
        (b"7", "text"),
        ("é\0\r\n".encode(), "text"),
        (b"\xff", "base64"),
        (b"[\xff", "base64"),
    ],
)
def test_the_most_readable_form(data: bytes, form: str) -> None:
    written = forms.write_bytes(data)
    assert list(written) == [form]
    assert forms.read_body(through_json(written)).data == data


def test_a_text_that_was_cut_out_of_its_line() -> None:
    assert forms.read_body({"bytes": 3, "json": forms.Raw(b"[1]")}).data == b"[1]"


READERS: list[tuple[Callable[[Any], Any], Any, Any]] = [
    (forms.text, "a", "a"),
    (forms.whole_number, 3, 3),
    (forms.boolean, False, False),
    (forms.an_object, {"a": 1}, {"a": 1}),
    (forms.number, 3, 3.0),
    (forms.number, 3.5, 3.5),
    (forms.end, "complete", End.COMPLETE),
    (forms.or_none(forms.text), None, None),
    (forms.or_none(forms.text), "a", "a"),
    (forms.tuple_of(forms.text), ["a", "b"], ("a", "b")),
    (forms.read_body, {}, Body()),
    (forms.read_body, {"text": "ab", "parts": [[5, 2]]}, Body(b"ab", (Part(5, 2),))),
    (forms.read_body, {"text": "a", "missing": 3}, Body(b"a", missing=3)),
]


@pytest.mark.parametrize(("reader", "value", "expected"), READERS)
def test_readers(reader: Callable[[Any], Any], value: Any, expected: Any) -> None:
    assert reader(value) == expected
    assert type(reader(value)) is type(expected)


WRONG: list[tuple[Callable[[Any], Any], Any, str]] = [
    (forms.text, 1, "text expected"),
    (forms.whole_number, True, "a whole number expected"),
    (forms.whole_number, 1.0, "a whole number expected"),
    (forms.boolean, 1, "true or false expected"),
    (forms.number, "1", "a number expected"),
    (forms.number, True, "a number expected"),
    (forms.whole_number, 1 << 63, "at most 64 bits"),
    (forms.whole_number, -(1 << 63) - 1, "at most 64 bits"),
    (forms.number, float("nan"), "year 1 to 9999"),
    (forms.number, float("inf"), "year 1 to 9999"),
    (forms.number, 1e12, "year 1 to 9999"),
    (forms.number, 10**400, "year 1 to 9999"),
    (forms.end, 7, "unknown end 7"),
    (forms.or_none(forms.text), 1, "text expected"),
    (forms.tuple_of(forms.text), "ab", "a list expected"),
    (forms.read_body, [], "an object expected"),
    (forms.read_headers, [["a", "b", "c"]], "a pair expected"),
    (forms.read_headers, [["a", 1]], "text expected"),
    (forms.read_body, {"json": {1 << 70: 1}}, "json: "),
    (forms.read_body, {"missing": -1}, "less than no bytes"),
    (forms.read_body, {"missing": "1"}, "a whole number expected"),
]


@pytest.mark.parametrize(("reader", "value", "message"), WRONG)
def test_what_is_wrong_is_said(reader: Callable[[Any], Any], value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        reader(value)


def test_objects_in_order() -> None:
    value = forms.in_order({"b": ({"d": 1, "c": 2},), "a": 3})
    assert orjson.dumps(value) == b'{"a":3,"b":[{"c":2,"d":1}]}'
