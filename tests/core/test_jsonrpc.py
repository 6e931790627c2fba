from typing import Any

import pytest

from proxy.core import jsonrpc

KINDS: list[tuple[Any, str | None]] = [
    ({"jsonrpc": "2.0", "id": 0, "method": "ping"}, "request"),
    ({"jsonrpc": "2.0", "id": "a", "method": "ping"}, "request"),
    ({"jsonrpc": "2.0", "method": "notifications/initialized"}, "notification"),
    ({"jsonrpc": "2.0", "id": None, "method": "notifications/initialized"}, "notification"),
    ({"jsonrpc": "2.0", "id": 0, "result": None}, "response"),
    ({"jsonrpc": "2.0", "id": None, "error": {}}, "response"),
    ({"jsonrpc": "2.0", "id": 1}, None),
    ({"error": "invalid_token"}, None),
    ({"method": 3}, None),
]


@pytest.mark.parametrize(("message", "kind"), KINDS)
def test_kinds(message: Any, kind: str | None) -> None:
    assert jsonrpc.kind(message) == kind


def test_messages_of_a_batch_and_of_junk() -> None:
    ping = {"jsonrpc": "2.0", "id": 0, "method": "ping"}
    assert jsonrpc.messages(ping) == [ping]
    assert jsonrpc.messages([1, ping, {}, None]) == [ping]
    assert jsonrpc.messages("x") == []


def test_ids_of_different_types_are_different() -> None:
    assert jsonrpc.key({"id": 1}) != jsonrpc.key({"id": "1"})


def test_meta_of_either_side() -> None:
    assert jsonrpc.meta({"method": "x", "params": {"_meta": {"a": 1}}}) == {"a": 1}
    assert jsonrpc.meta({"result": {"_meta": {"b": 1}}}) == {"b": 1}
    assert jsonrpc.meta({"method": "x", "params": [1]}) == {}


ERRORS: list[tuple[Any, tuple[str, str, str | None]]] = [
    ({"code": -32601, "message": "no"}, ("method_not_found", "no", "-32601")),
    ({"code": 7, "message": "no"}, ("jsonrpc_error", "no", "7")),
    ({"code": True}, ("jsonrpc_error", "jsonrpc_error", None)),
    ("broken", ("jsonrpc_error", "broken", None)),
]


@pytest.mark.parametrize(("said", "expected"), ERRORS)
def test_errors(said: Any, expected: tuple[str, str, str | None]) -> None:
    found = jsonrpc.error({"jsonrpc": "2.0", "id": 1, "error": said})
    assert found is not None
    assert (found.type, found.message, found.code) == expected
    assert (found.where, found.embedded) == ("jsonrpc", True)


def test_a_result_is_no_error() -> None:
    assert jsonrpc.error({"jsonrpc": "2.0", "id": 1, "result": {}}) is None
