from typing import Any

import pytest

from proxy.core import faults
from proxy.core.calls import CallError
from proxy.core.faults import Fault
from proxy.core.model import End, Exchange, RequestHead

ERRORS: list[tuple[Any, Fault | None]] = [
    ({"error": {"message": "m", "type": "t", "code": "c"}}, Fault("t", "m", "c")),
    ({"error": {"code": 429, "status": "GONE", "message": "m"}}, Fault("GONE", "m", "429")),
    ([{"error": {"message": "m"}}], Fault(None, "m", None)),
    ({"type": "error", "error": {"type": "overloaded", "message": "m"}}, Fault("overloaded", "m")),
    ({"error": "invalid_token", "error_description": "Too old"}, Fault("invalid_token", "Too old")),
    ({"error": "no such model"}, Fault(None, "no such model")),
    ({"error": "not_found"}, Fault("not_found", "not_found")),
    ({"error": {"reason": 1}}, Fault(None, '{"reason":1}')),
    ({"message": "m"}, Fault(None, "m")),
    ({"Message": "m", "__type": "ThrottlingException"}, Fault("ThrottlingException", "m")),
    ({"detail": "m"}, Fault(None, "m")),
    (
        {"detail": [{"loc": ["body", "a"], "msg": "bad"}, {"loc": [], "msg": "b"}]},
        Fault(None, "body.a: bad; b"),
    ),
    (
        {"statusCode": 400, "message": ["a must be", "b must be"], "error": "Bad Request"},
        Fault(None, "a must be; b must be", "400"),
    ),
    ({"errors": [{"message": "a"}, {"message": "b"}]}, Fault(None, "a (and 1 more)")),
    ({"errors": ["a"]}, Fault(None, "a")),
    (
        {"title": "Missing scope", "detail": "write", "type": "about:blank", "status": 403},
        Fault("about:blank", "write"),
    ),
    ({"fault": {"faultstring": "x", "code": "7"}}, Fault(None, None, "7")),
    ({"error": {"error": {"message": "inner"}}}, Fault(None, "inner")),
    ("plain text", Fault(None, "plain text")),
    ({"rows": []}, None),
    ({"error": None}, None),
    ({"error": {}}, None),
    ("", None),
    (7, None),
    ([], None),
    ([[[]]], None),
]


@pytest.mark.parametrize(("value", "fault"), ERRORS)
def test_errors_in_their_usual_places(value: Any, fault: Fault | None) -> None:
    assert faults.find(value) == fault


SUCCESSES: list[tuple[Any, Fault | None]] = [
    # unmistakable
    ({"error": {"message": "m", "code": 503}}, Fault(None, "m", "503")),
    ({"error": "invalid_auth", "ok": False}, Fault("invalid_auth", "invalid_auth")),
    ({"error": "it broke"}, Fault(None, "it broke")),
    ({"errors": [{"message": "m"}], "data": None}, Fault(None, "m")),
    ({"success": False, "message": "m"}, Fault(None, "m")),
    ({"success": False}, Fault("failed", "the body says that it failed")),
    ({"status": "error", "message": "m"}, Fault(None, "m")),
    ({"status": "failed", "message": "m"}, Fault("failed", "m")),
    ({"statusCode": 401, "message": "m"}, Fault(None, "m", "401")),
    ({"code": 500, "msg": "m"}, Fault(None, "m", "500")),
    (
        {"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "m"}},
        Fault(None, "m", "-32601"),
    ),
    # not errors
    ({"error": None, "rows": []}, None),
    ({"error": "", "rows": []}, None),
    ({"error": False}, None),
    ({"errors": [], "data": {}}, None),
    ({"errors": 0}, None),
    ({"error": "rate", "rows": [1]}, None),  # a column that is called error
    ({"status": "ok", "message": "m"}, None),
    ({"success": True, "message": "m"}, None),
    ({"code": 200, "message": "m"}, None),
    ({"code": 404}, None),  # a product code, for all we know
    ({"status": "failed"}, None),  # the state of a job that was asked about
    ([{"error": "x"}], None),
    ("error", None),
]


@pytest.mark.parametrize(("value", "fault"), SUCCESSES)
def test_errors_that_came_with_a_success_status(value: Any, fault: Fault | None) -> None:
    assert faults.embedded(value) == fault


STATUSES: list[tuple[int, bytes, Any, CallError | None]] = [
    (200, b"", {"error": "x"}, None),
    (399, b"", None, None),
    (401, b"", {"message": "m"}, CallError("unauthorized", "m", "401")),
    (404, b"Not here", None, CallError("not_found", "Not here", "404")),
    (502, b"<html>", None, CallError("bad_gateway", "HTTP 502", "502")),
    (418, b"", None, CallError("client_error", "HTTP 418", "418")),
    (599, b"", {"code": "E1"}, CallError("server_error", "HTTP 599", "E1")),
    (429, b"", {"error": {"type": "t"}}, CallError("t", "HTTP 429", "429")),
]


@pytest.mark.parametrize(("status", "body", "value", "error"), STATUSES)
def test_statuses(status: int, body: bytes, value: Any, error: CallError | None) -> None:
    assert faults.status_error(status, body, value) == error


def exchange(end: End, error: str | None = None) -> Exchange:
    head = RequestHead("GET", "https", "h", 443, "/")
    return Exchange("x", "r", 1, "forward", 0.0, head, end=end, error=error)


def test_every_end_but_a_good_one_is_a_transport_error() -> None:
    assert faults.transport_error(exchange(End.COMPLETE)) is None
    for end in set(End) - {End.COMPLETE}:
        error = faults.transport_error(exchange(end))
        assert error is not None
        assert (error.type, error.where, error.embedded) == (end.value, "transport", False)
    told = faults.transport_error(exchange(End.UPSTREAM_TLS, "certificate has expired"))
    assert told is not None
    assert told.message == "certificate has expired"


def test_in_stream_always_has_a_type_and_a_message() -> None:
    assert faults.in_stream(Fault(None, None)) == CallError(
        "error", "the answer is an error without a message", None, "stream", embedded=True
    )
    assert faults.in_stream(Fault(None, "m", "c"), where="body").type == "c"


def test_retyped() -> None:
    error = CallError("a", "m")
    assert faults.retyped(error, "b") == CallError("b", "m")
    assert faults.retyped(error, "") is error
    assert faults.retyped(None, "b") is None


def test_messages_are_bounded() -> None:
    found = faults.find({"error": {"message": "x" * 100_000, "code": "y" * 1000}})
    assert found is not None
    assert len(found.message or "") == 2000
    assert len(found.code or "") == 200
