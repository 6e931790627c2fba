"""Plain HTTP payloads against declared schemas."""

from typing import Any

import pytest

from proxy.core.model import RequestHead, ResponseHead
from proxy.core.schemas import Declared, checking

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "integer"},
        "on": {"type": "boolean"},
        "tags": {"type": "array", "items": {"type": "number"}},
    },
}
DECLARED = Declared("t", tool="t", request=SCHEMA, responses={"2XX": SCHEMA})
JSON = ((b"content-type", b"application/json"),)
FORM = ((b"content-type", b"application/x-www-form-urlencoded"),)


@pytest.mark.parametrize(
    ("method", "target", "headers", "body", "said"),
    [
        ("POST", "/t", JSON, b'{"id":1}', []),
        ("POST", "/t", JSON, b'{"id":"1"}', ["$.id type"]),
        ("POST", "/t", (), b'{"id":"1"}', ["$.id type"]),
        ("POST", "/t", JSON, b'{"id":', ["$ cut_off"]),
        ("POST", "/t", JSON, b"<x/>", ["$ not_json"]),
        ("POST", "/t", JSON, b" ", ["$ empty"]),
        ("POST", "/t", FORM, b"id=1&on=true&tags=1&tags=2.5", []),
        ("POST", "/t", FORM, b"id=x&on=2", ["$.id type", "$.on type"]),
        ("GET", "/t?id=1&tags=3", (), b"", []),
        ("GET", "/t?id=one", (), b"", ["$.id type"]),
        ("DELETE", "/t", (), b"", ["$.id required"]),
        ("GET", "/t?" + "&".join(f"a{i}=1" for i in range(2000)), (), b"", ["$.id required"]),
    ],
)
def test_requests(method: str, target: str, headers: Any, body: bytes, said: list[str]) -> None:
    head = RequestHead(method, "https", "h", 443, target, headers=headers)
    found = checking.of_request(DECLARED, head, body)
    assert [f"{one.path} {one.keyword}" for one in found] == said
    assert {one.side for one in found} <= {"request"}
    assert {one.subject for one in found} <= {"t"}


@pytest.mark.parametrize(
    ("method", "status", "body", "said"),
    [
        ("GET", 200, b'{"id":1}', []),
        ("GET", 201, b'{"id":null}', ["$.id type"]),
        ("GET", 200, b"", ["$ empty"]),
        ("GET", 204, b"", []),
        ("HEAD", 200, b"", []),
        ("GET", 404, b'{"error":"no"}', []),
        ("GET", 200, b'{"id":1,', ["$ cut_off"]),
        ("GET", 200, b"null", ["$ type"]),
        ("GET", 200, b"\xff\xfe", ["$ not_json"]),
    ],
)
def test_answers(method: str, status: int, body: bytes, said: list[str]) -> None:
    head = RequestHead(method, "https", "h", 443, "/t")
    found = checking.of_response(DECLARED, head, ResponseHead(status, headers=JSON), body)
    assert [f"{one.path} {one.keyword}" for one in found] == said


def test_a_body_that_need_not_be_there() -> None:
    from dataclasses import replace

    from proxy.core.schemas.declared import Route

    free = replace(DECLARED, route=Route.of("POST h/t"), body_needed=False)
    head = RequestHead("POST", "https", "h", 443, "/t")
    assert checking.of_request(free, head, b"") == []
    assert checking.of_request(free, head, b"{}") != []
