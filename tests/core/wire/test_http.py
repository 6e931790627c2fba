from typing import Any

import pytest

from proxy.core.calls import Call
from proxy.core.model import Body, Exchange, Headers, RequestHead, ResponseHead
from proxy.core.wire import decode_call, http

JSON = ((b"Content-Type", b"application/json"),)
HTML = ((b"Content-Type", b"text/html"),)
TEXT = ((b"Content-Type", b"text/plain"),)
BINARY = ((b"Content-Type", b"application/octet-stream"),)


def call(
    method: str = "GET",
    target: str = "/x",
    *,
    host: str = "h.example.com",
    headers: Headers = (),
    request: bytes = b"",
    status: int = 200,
    answered: Headers = (),
    response: bytes = b"",
) -> Call:
    head = RequestHead(method, "https", host, 443, target, headers=headers)
    exchange = Exchange(
        "x", "r", 1, "forward", 0.0, head, Body(request), ResponseHead(status, headers=answered)
    )
    return decode_call(exchange, request, response)


KINDS: list[tuple[str, dict[str, Any], str]] = [
    ("JSON in the answer", {"answered": JSON, "response": b"{}"}, "tool_call"),
    ("JSON that nobody names", {"response": b'{"a": 1}'}, "tool_call"),
    ("JSON in the request", {"method": "POST", "headers": JSON, "request": b"{}"}, "tool_call"),
    ("an action", {"method": "DELETE", "status": 204}, "tool_call"),
    ("a body of any kind", {"method": "PUT", "request": b"\0", "headers": BINARY}, "tool_call"),
    ("JSON wanted", {"headers": ((b"accept", b"application/json"),), "status": 404}, "tool_call"),
    (
        "a key, and a failure in plain text",
        {"headers": ((b"X-Api-Key", b"k"),), "status": 401, "answered": TEXT, "response": b"No"},
        "tool_call",
    ),
    ("an API's host, no answer", {"host": "api.example.com", "status": 500}, "tool_call"),
    ("an API's path, no answer", {"target": "/v1/x", "status": 500}, "tool_call"),
    ("a page", {"answered": HTML, "response": b"<html>"}, "http"),
    (
        "a page at an API's host",
        {"host": "api.example.com", "answered": HTML, "response": b"<"},
        "http",
    ),
    ("a text", {"answered": TEXT, "response": b"hello"}, "http"),
    ("a binary", {"answered": BINARY, "response": b"\0\1"}, "http"),
    ("a preflight", {"method": "OPTIONS", "status": 204}, "http"),
    (
        "packages, though they are listed in JSON",
        {"headers": ((b"user-agent", b"npm/11.0 node/v24"),), "answered": JSON, "response": b"{}"},
        "http",
    ),
    (
        "sources",
        {
            "method": "POST",
            "headers": ((b"content-type", b"application/x-git-upload-pack-request"),),
        },
        "http",
    ),
]


@pytest.mark.parametrize(("why", "given", "kind"), KINDS)
def test_kinds(why: str, given: dict[str, Any], kind: str) -> None:
    assert call(**given).kind == kind, why


INPUTS: list[tuple[dict[str, Any], Any, dict[str, Any]]] = [
    ({"target": "/x?a=1&b=&a=2"}, {"a": ["1", "2"], "b": ""}, {}),
    ({"target": "/x"}, None, {}),
    ({"target": "/x?a=1", "request": b'{"b": 2}'}, {"b": 2}, {"query": {"a": "1"}}),
    ({"target": "/x?a=1", "request": b"broken{", "headers": JSON}, {"a": "1"}, {}),
    ({"request": b"[1]"}, [1], {}),
    ({"target": "/c/7/o/8"}, None, {"path_ids": ["7", "8"]}),
    ({"target": "/x?" + "&".join(["a=1"] * 2000)}, None, {}),
]


@pytest.mark.parametrize(("given", "input_", "settings"), INPUTS)
def test_inputs(given: dict[str, Any], input_: Any, settings: dict[str, Any]) -> None:
    found = call("POST", **given)
    assert (found.input, found.settings) == (input_, settings)


def test_texts_are_kept_up_to_a_size() -> None:
    found = call("POST", answered=TEXT, response=b"\xff" + b"a" * 100_000)
    assert isinstance(found.output, str)
    assert len(found.output) == 64 * 1024
    assert found.notes == ("the text is 100001 bytes; its first part is kept",)


def test_json_that_is_none() -> None:
    found = call("POST", answered=JSON, response=b"<html>")
    assert (found.output, found.complete) == (None, False)
    assert "not JSON" in found.notes[0]


def test_our_error_body_is_understood_by_ourselves() -> None:
    body = http.FORMAT.error_body(424, "no such call", type_="miss")
    error = call("POST", status=424, answered=JSON, response=body).error
    assert error is not None
    assert (error.type, error.message, error.where) == ("miss", "no such call", "status")
    assert http.FORMAT.stream_error("x", type_="y") == b""
