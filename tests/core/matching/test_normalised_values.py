"""Which JSON bodies are the same: one value against another."""

from typing import Any

import pytest

from proxy.core.matching import MatchRequest
from proxy.core.matching.normalised import key, shape
from tests.core.matching.asked import CHAT_HEAD, UUID_A, UUID_B, UUID_C, dumps

# One JSON value against another, as a whole body.
VALUES: list[tuple[Any, Any, bool]] = [
    ({"timestamp": 1764000000}, {"timestamp": 1764099999}, True),
    ({"timestamp": 1764000000123}, {"timestamp": 1764099999000}, True),
    ({"createdAt": 1764000000.25}, {"createdAt": 1764000001.5}, True),
    ({"ts": "1764000000"}, {"ts": "1764000001"}, True),
    ({"timestamp": 12}, {"timestamp": 13}, False),
    ({"amount": 1764000000}, {"amount": 1764000001}, False),
    ({"phone": "1764000000"}, {"phone": "1764000001"}, False),
    ({"idempotency_key": UUID_A}, {"idempotency_key": UUID_B}, True),
    ({"idempotencyKey": "ik_93fA0c21bQ77xx41"}, {"idempotencyKey": "ik_00zZ1c21bQ77yy42"}, True),
    (
        {"prompt_cache_key": "agents-sdk:run:896a11b16b3c4204804131f4d2e1e549"},
        {"prompt_cache_key": "agents-sdk:run:827bfb0f12d0461e82611c38ca1d82f9"},
        True,
    ),
    ({"prompt_cache_key": "support"}, {"prompt_cache_key": "sales"}, False),
    ({"request_id": 7}, {"request_id": 8}, False),
    ({"request_id": "R-7"}, {"request_id": "R-8"}, False),
    ({"customer_id": UUID_A}, {"customer_id": UUID_B}, False),
    ({"customerId": UUID_A}, {"customerId": UUID_B}, False),
    ({"orders": [UUID_A]}, {"orders": [UUID_B]}, False),
    ({"conversation": UUID_A}, {"conversation": UUID_B}, True),
    ({"session": UUID_A, "again": UUID_A}, {"session": UUID_B, "again": UUID_C}, False),
    ({"due_date": "2026-12-01"}, {"due_date": "2026-12-02"}, False),
    ({"checkIn": "2026-12-01"}, {"checkIn": "2026-12-02"}, False),
    ({"tripStartDate": "2026-12-01"}, {"tripStartDate": "2026-12-02"}, False),
    ({"started_at": "2026-12-01T10:00:00Z"}, {"started_at": "2026-12-02T10:00:00Z"}, True),
    ({"today": "2026-12-01"}, {"today": "2026-12-02"}, True),
    ({"id": 12345678901234567890123}, {"id": 12345678901234567890124}, False),
    ({"id": 2**64}, {"id": float(2**64)}, False),
    ({"a": '{"id": 12345678901234567890123}'}, {"a": '{"id": 12345678901234567890124}'}, False),
    ({"a": '{"id": 12345678901234567890123}'}, {"a": '{"id":12345678901234567890123}'}, True),
    ({"api_key": "SECRET-tavily-9f2c41d07ab3", "q": 1}, {"api_key": "dummy", "q": 1}, True),
    ({"api_key": "a", "q": 1}, {"api_key": "a", "q": 2}, False),
    ({"page_token": "a"}, {"page_token": "b"}, False),
    ({"x": "\ud800"}, {"x": "\ud801"}, False),
    ([1, 2, 3], [1, 3, 2], False),
    ({"a": None}, {}, False),
    ({"a": False}, {"a": 0}, False),
    ({"tool_call_id": "1"}, {"tool_call_id": "2"}, True),
    ({"call_id": "1"}, {"call_id": "2"}, False),
    ({"type": "function_call", "call_id": "1"}, {"type": "function_call", "call_id": "2"}, True),
    (
        {"type": "function_call_output", "call_id": "1", "output": "x"},
        {"type": "function_call_output", "call_id": "2", "output": "y"},
        False,
    ),
    (
        {"functionCall": {"id": "1", "name": "f", "args": {"id": "1"}}},
        {"functionCall": {"id": "2", "name": "f", "args": {"id": "1"}}},
        True,
    ),
    (
        {"functionCall": {"id": "1", "name": "f", "args": {"id": "1"}}},
        {"functionCall": {"id": "1", "name": "f", "args": {"id": "2"}}},
        False,
    ),
    (
        {"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
        {"jsonrpc": "2.0", "id": "b", "method": "tools/list"},
        True,
    ),
    ({"jsonrpc": "2.0", "id": 1, "method": "a"}, {"jsonrpc": "2.0", "id": 1, "method": "b"}, False),
    (
        {"jsonrpc": "2.0", "method": "m", "params": {"_meta": {"progressToken": 1}, "a": 1}},
        {"jsonrpc": "2.0", "method": "m", "params": {"_meta": {"progressToken": 2}, "a": 1}},
        True,
    ),
    (
        {"jsonrpc": "2.0", "method": "m", "params": {"_meta": {"k": 1}}},
        {"jsonrpc": "2.0", "method": "m", "params": {"_meta": {"k": 2}}},
        False,
    ),
    ([{"jsonrpc": "2.0", "id": 1}], [{"jsonrpc": "2.0", "id": 2}], True),
    (
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}},
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}},
        True,
    ),
]


@pytest.mark.parametrize(
    ("one", "other", "same"), VALUES, ids=[str(row[:2])[:60] for row in VALUES]
)
def test_values(one: Any, other: Any, same: bool) -> None:
    keys = [key(MatchRequest("s", CHAT_HEAD, dumps(value))).id for value in (one, other)]
    assert (keys[0] == keys[1]) is same


def test_values_with_equal_keys_have_one_shape() -> None:
    for one, other, same in VALUES:
        requests = [MatchRequest("s", CHAT_HEAD, dumps(value)) for value in (one, other)]
        assert not same or shape(requests[0]) == shape(requests[1])
