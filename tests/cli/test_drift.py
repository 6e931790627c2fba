from typing import Any

import pytest

from proxy.cli._drift import drift, shape
from proxy.core.model import Event


def tool(seq: int, output: Any, status: int = 200, step: str = "GET a/b") -> Event:
    data = {"seq": seq, "statusCode": status, "end": "complete", "call": {"output": output}}
    return Event("r", "tool_call", step, float(seq), data=data)


def model(seq: int, reply: str) -> Event:
    data = {"seq": seq, "statusCode": 200, "end": "complete", "call": {"reply": reply}}
    return Event("r", "llm_call", "openai.chat", float(seq), data=data)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ([tool(1, {"a": 1})], [tool(1, {"a": 1})], []),
        ([model(1, "hi")], [model(1, "hello")], []),
        (
            [tool(1, {"price": 10, "at": "2026-01-01T10:00:00Z"})],
            [tool(1, {"price": 12, "at": "2026-05-01T10:00:00Z"})],
            [("content", False, "call 1, GET a/b: $.price was 10 and is 12")],
        ),
        (
            [tool(1, {"price": 10})],
            [tool(1, {"price": "10"})],
            [
                (
                    "shape",
                    True,
                    "call 1, GET a/b: the answer was {price: number} and is {price: str}",
                )
            ],
        ),
        ([tool(1, None)], [tool(1, None, 503)], [("status", True, "status was 200 and is 503")]),
        ([tool(3, 1), model(4, "x")], [model(1, "x")], [("gone", True, "recorded call 3 is gone")]),
        ([model(4, "x")], [model(1, "x"), tool(2, 1)], [("new", True, "a new call: GET a/b")]),
        ([tool(1, 1e19)], [tool(1, 2e19)], [("content", False, "$ was")]),
    ],
)
def test_drift(before: list[Event], after: list[Event], told: list[tuple[str, bool, str]]) -> None:
    found = list(drift(before, after))
    assert [(one.what, one.fails) for one in found] == [(what, fails) for what, fails, _ in told]
    for one, (_, _, text) in zip(found, told, strict=True):
        assert text in str(one)


def test_shapes_are_names_and_types() -> None:
    assert shape({"b": [1.5, "x"], "a": None, "c": True, "d": []}) == (
        "{a: null, b: [number], c: bool, d: []}"
    )
