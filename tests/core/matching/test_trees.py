from typing import Any

import pytest

from proxy.core.matching.ignore import regex
from proxy.core.matching.trees import Normaliser, RoundedError, plain_rpc

A, B = "550e8400-e29b-41d4-a716-446655440000", "0b6b8f2e-93f1-4c43-9d2f-2a51c2a7f6aa"

CASES: list[tuple[Any, Any]] = [
    ({"b": 1, "a": None, "c": [True, 1.5]}, {"a": None, "b": 1, "c": [True, 1.5]}),
    ({"x": A, "y": [B, A]}, {"x": "<uuid:1>", "y": ["<uuid:2>", "<uuid:1>"]}),
    ({"y": [B, A], "x": A}, {"x": "<uuid:1>", "y": ["<uuid:2>", "<uuid:1>"]}),
    ({"tool_call_id": "abc"}, {"tool_call_id": "<call:1>"}),
    ({"tool_call_id": None}, {"tool_call_id": None}),
    (
        {"tool_calls": [{"id": "word", "name": "f"}, {"id": 7}]},
        {"tool_calls": [{"id": "<call:1>", "name": "f"}, {"id": 7}]},
    ),
    ({"type": "tool_use", "id": "word"}, {"type": "tool_use", "id": "<call:1>"}),
    ({"type": ["x"], "id": "word"}, {"type": ["x"], "id": "word"}),
    ({"nonce": "93fA0c21bQ77xx41"}, {"nonce": "<token>"}),
    ({"ts": 1764000000, "n": 1764000000}, {"ts": "<unix>", "n": 1764000000}),
    ({"ts": True}, {"ts": True}),
    ({"a": '{"z": 1, "y": [2]}'}, {"a": '<json>{"y":[2],"z":1}'}),
    ({"a": '{"t": "{\\"u\\": 1}"}'}, {"a": '<json>{"t":"<json>{\\"u\\":1}"}'}),
    ({"a": "{not json}"}, {"a": "{not json}"}),
    ("short", "short"),
]


@pytest.mark.parametrize(("value", "expected"), CASES)
def test_trees(value: Any, expected: Any) -> None:
    assert Normaliser().tree(value) == expected


def test_large_objects_and_long_texts_are_read_like_others() -> None:
    wide = {f"field{n:03}": A for n in range(100)}
    assert Normaliser().tree(wide | {"tool_call_id": "x"})["field099"] == "<uuid:1>"
    assert list(Normaliser().tree(dict(reversed(wide.items())))) == list(wide)
    for size in (10, 100, 5000):
        text = "x" * size
        normaliser = Normaliser()
        assert normaliser.tree([f"{text} {A}", f"{text} {A}", text]) == [
            f"{text} <uuid:1>",
            f"{text} <uuid:1>",
            text,
        ]
        assert len(normaliser.left_out) == 2


def test_floats_that_may_be_rounded_are_reported() -> None:
    with pytest.raises(RoundedError):
        Normaliser().tree({"a": [1e30]})
    assert Normaliser().tree({"a": [1e15 + 0.5]}) == {"a": [1e15 + 0.5]}


def test_ignored_texts() -> None:
    normaliser = Normaliser([regex(r"turn \d+")])
    assert normaliser.tree({"a": "turn 17!", "b": "turn"}) == {"a": "!", "b": "turn"}


def test_whole_values_are_firm() -> None:
    normaliser = Normaliser()
    normaliser.tree({"a": "2026-11-22", "b": "It is 2026-11-22.", "c": A, "d": f"x {A}"})
    assert [(value.kind, value.firm) for value in normaliser.left_out] == [
        ("date", True),
        ("date", False),
        ("uuid", True),
        ("uuid", True),
    ]


def test_rpc() -> None:
    message = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"a": 1, "_meta": {"progressToken": 1, "traceparent": "x", "keep": 2}},
    }
    plain = {"jsonrpc": "2.0", "method": "tools/call", "params": {"a": 1, "_meta": {"keep": 2}}}
    assert plain_rpc(message) == plain
    assert plain_rpc([message]) == [plain]
    assert plain_rpc({"id": 1}) == {"id": 1}
    assert plain_rpc("x") == "x"
    assert plain_rpc({"jsonrpc": "2.0", "id": 1, "params": [1]}) == {
        "jsonrpc": "2.0",
        "params": [1],
    }
