"""First schemas from good payloads."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.schemas.inferring import infer
from proxy.core.validators._schema import check

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)


def bare(payloads: list[Any]) -> dict[str, Any]:
    made = infer(payloads)
    made.pop("$schema", None)
    return made


@pytest.mark.parametrize(
    ("payloads", "expected"),
    [
        ([], {}),
        ([1, 2], {"type": "integer"}),
        ([1, 2.5], {"type": "number"}),
        ([True], {"type": "boolean"}),
        ([None, "x"], {"type": ["null", "string"]}),
        (
            [{"a": 1, "b": "x"}, {"a": 2}],
            {
                "type": "object",
                "properties": {"a": {"type": "integer"}, "b": {"type": "string"}},
                "required": ["a"],
            },
        ),
        ([[], [1], ["x"]], {"type": "array", "items": {"type": ["integer", "string"]}}),
        (
            ["2026-02-12T09:41:22Z", "2026-02-12T09:41:22.114+01:00"],
            {"type": "string", "format": "date-time"},
        ),
        (["2026-02-12"], {"type": "string", "format": "date"}),
        (["2026-02-12", "soon"], {"type": "string"}),
        (["a@b.co"], {"type": "string", "format": "email"}),
        (["https://x.test/a"], {"type": "string", "format": "uri"}),
        (["9f1c2f8e-7a61-4f0e-9d3e-0a1b2c3d4e5f"], {"type": "string", "format": "uuid"}),
        (["open", "closed"] * 6, {"type": "string", "enum": ["closed", "open"]}),
        (["open", "closed"] * 5, {"type": "string"}),
        (["open"] * 50, {"type": "string"}),
        (["a1", "a2"] * 50, {"type": "string"}),
        (
            [*(["open", "closed"] * 6), None],
            {"type": ["null", "string"], "enum": ["closed", "open", None]},
        ),
        (
            [{f"cust-{n:04}": {"n": n} for n in range(9)}],
            {
                "type": "object",
                "additionalProperties": {
                    "type": "object",
                    "properties": {"n": {"type": "integer"}},
                    "required": ["n"],
                },
            },
        ),
    ],
)
def test_what_payloads_have_in_common(payloads: list[Any], expected: dict[str, Any]) -> None:
    assert bare(payloads) == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(JSON, min_size=1, max_size=5))
def test_everything_that_was_seen_fits(payloads: list[Any]) -> None:
    schema = infer(payloads)
    for payload in payloads:
        assert check(schema, payload) == ((), None)


def test_depth_has_an_end() -> None:
    deep: Any = 1
    for _ in range(150):
        deep = [deep]
    assert check(infer([deep]), deep).errors == ()
