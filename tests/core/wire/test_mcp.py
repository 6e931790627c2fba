from dataclasses import replace
from typing import Any

import orjson
import pytest

from proxy.core.calls import Call, ToolDef
from proxy.core.model import Body, End, Exchange, Headers, RequestHead, ResponseHead
from proxy.core.wire import decode_call, mcp, recognise
from tests.conformance.wire_samples import sample

FORMAT = mcp.FORMAT
EVENTS = ((b"Accept", b"text/event-stream"),)
SESSION = ((b"Mcp-Session-Id", b"s-77"),)
SSE = ((b"content-type", b"text/event-stream"),)
JSON = ((b"content-type", b"application/json"),)

MINE: list[tuple[str, str, Headers, bytes, bool]] = [
    ("POST", "/mcp", (), b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}', True),
    ("POST", "/x", (), b'{"jsonrpc":"2.0","id":1,"method":"tools\\/call"}', True),
    ("POST", "/x", (), b'{"jsonrpc":"2.0","id":1,"method" : "initialize"}', True),
    ("POST", "/x", SESSION, b'{"jsonrpc":"2.0","id":1,"result":{}}', True),
    ("POST", "/messages/?session_id=1", (), b'{"jsonrpc":"2.0","id":1,"result":{}}', True),
    ("POST", "/message?sessionId=1", (), b'{"jsonrpc":"2.0","id":1,"result":{}}', True),
    ("POST", "/x", (), b'{"jsonrpc":"2.0","id":1,"result":{}}', False),
    ("POST", "/rpc", (), b'{"jsonrpc":"2.0","id":1,"method":"eth_call"}', False),
    ("POST", "/a2a", (), b'{"jsonrpc":"2.0","id":1,"method":"message/send"}', False),
    ("POST", "/mcp", SESSION, b"{}", False),
    ("GET", "/mcp", EVENTS + SESSION, b"", True),
    ("GET", "/sse", EVENTS, b"", True),
    ("GET", "/mcp", EVENTS, b"", False),
    ("GET", "/mcp", SESSION, b"", False),
    ("DELETE", "/mcp", SESSION, b"", True),
    ("DELETE", "/mcp", (), b"", False),
]


@pytest.mark.parametrize(("method", "target", "headers", "body", "mine"), MINE)
def test_recognition(method: str, target: str, headers: Headers, body: bytes, mine: bool) -> None:
    head = RequestHead(method, "https", "h.example.com", 443, target, headers=headers)
    assert FORMAT.recognises(head, body) is mine


SERVERS = [
    ("https", "mcp.example.com", 443, "/mcp", "mcp.example.com"),
    ("https", "gw.example.com", 443, "/github/mcp?x=1", "gw.example.com/github"),
    ("https", "gw.example.com", 443, "/v1/acct-12345/crm/sse", "gw.example.com/{id}/crm"),
    ("http", "localhost", 8931, "/messages/", "localhost:8931"),
    ("mcp+stdio", "weather", 0, "/", "weather"),
]


@pytest.mark.parametrize(("scheme", "host", "port", "target", "server"), SERVERS)
def test_servers(scheme: str, host: str, port: int, target: str, server: str) -> None:
    assert mcp.server(RequestHead("POST", scheme, host, port, target)) == server


STEPS: list[tuple[Any, str]] = [
    ({"method": "tools/call", "params": {"name": "add"}}, "add"),
    ({"method": "tools/call", "params": {}}, "unnamed"),
    ({"method": "prompts/get", "params": {"name": "p"}}, "prompts/get/p"),
    ({"method": "resources/read", "params": {"uri": "file:///x"}}, "resources/read"),
    ({"jsonrpc": "2.0", "id": 3, "error": {}}, "response"),
    ([{"method": "ping", "id": 1}, {"method": "ping", "id": 2}], "ping"),
    ([{"method": "ping", "id": 1}, {"method": "tools/list", "id": 2}], "batch"),
    ([], "unknown"),
]


@pytest.mark.parametrize(("message", "step"), STEPS)
def test_steps(message: Any, step: str) -> None:
    head = RequestHead("POST", "https", "h.example.com", 443, "/mcp")
    assert FORMAT.step(head, orjson.dumps(message)) == f"mcp:h.example.com/{step}"


def call(
    method: str,
    target: str = "/mcp",
    *,
    headers: Headers = (),
    sent: Any = None,
    status: int = 200,
    answered: Headers = (),
    response: bytes = b"",
    end: End = End.COMPLETE,
) -> Call:
    request = b"" if sent is None else orjson.dumps(sent)
    head = RequestHead(method, "https", "h.example.com", 443, target, headers=headers)
    answer = ResponseHead(status, headers=answered)
    exchange = Exchange("x", "r", 1, "forward", 0.0, head, Body(request), answer, Body(response))
    return decode_call(replace(exchange, end=end), request, response)


def test_declared_schemas() -> None:
    one = sample("mcp/tools_list")
    assert decode_call(one.exchange, one.request, one.response).tools == (
        ToolDef(
            "lookup",
            "Find a customer",
            {"type": "object", "properties": {"id": {"type": "string"}}},
            {"type": "object"},
        ),
        ToolDef("ping"),
    )


UNASKED = b'event: message\ndata: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n\n'


@pytest.mark.parametrize("end", [End.COMPLETE, End.CLIENT_GONE, End.INTERRUPTED])
def test_a_stream_of_unasked_messages_ends_when_somebody_leaves(end: End) -> None:
    found = call(
        "GET", headers=EVENTS + SESSION, answered=SSE, response=UNASKED + b"data: {", end=end
    )
    assert (found.kind, found.step) == ("http", "mcp:h.example.com/listen")
    assert (found.error, found.complete, found.streamed) == (None, True, True)
    assert [one["method"] for one in found.output] == ["notifications/tools/list_changed"]


@pytest.mark.parametrize(
    ("target", "headers", "response"),
    [
        ("/mcp", EVENTS + SESSION, b""),
        ("/mcp", EVENTS + SESSION, b": ping\n\n"),
        ("/sse", EVENTS, b"event: endpoint\ndata: /messages/?session_id=1\n\n"),
    ],
)
def test_a_stream_on_which_nothing_was_said(target: str, headers: Headers, response: bytes) -> None:
    found = call(
        "GET", target, headers=headers, answered=SSE, response=response, end=End.CLIENT_GONE
    )
    assert (found.protocol, found.error, found.complete) == ("mcp", None, True)


def test_a_stream_of_unasked_messages_that_breaks() -> None:
    found = call(
        "GET",
        headers=EVENTS + SESSION,
        answered=SSE,
        response=UNASKED,
        end=End.UPSTREAM_RESET,
    )
    assert found.error is not None
    assert (found.error.type, found.complete) == ("upstream_reset", False)


def test_subscriptions_are_open_ended() -> None:
    sent = {"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen"}
    found = call("POST", sent=sent, answered=SSE, response=UNASKED, end=End.CLIENT_GONE)
    assert (found.error, found.complete) == (None, True)


def test_the_stream_of_legacy_sse() -> None:
    response = (
        b"event: endpoint\ndata: /messages/?session_id=1\n\n"
        b'event: message\ndata: {"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"x"}}\n\n'
    )
    found = call("GET", "/sse", headers=EVENTS, answered=SSE, response=response)
    assert (found.protocol, found.step) == ("mcp", "GET h.example.com/sse")
    assert (found.error, found.complete) == (None, True)  # it is that of a request
    assert found.output == [{"jsonrpc": "2.0", "id": 1, "error": {"code": -32603, "message": "x"}}]


def test_a_call_that_was_only_accepted_is_no_tool_call_yet() -> None:
    sent = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "t"}}
    found = call("POST", "/messages/?session_id=1", sent=sent, status=202, response=b"Accepted")
    assert (found.kind, found.step, found.error) == ("http", "mcp:h.example.com/t", None)


def test_another_stream_at_such_a_path_is_plain_http() -> None:
    found = call("GET", "/sse", headers=EVENTS, answered=SSE, response=b"data: tick\n\n")
    assert found.protocol == "http"


@pytest.mark.parametrize(
    ("method", "status", "declined"),
    [("GET", 405, True), ("DELETE", 405, True), ("DELETE", 404, True), ("GET", 401, False)],
)
def test_what_a_server_need_not_offer(method: str, status: int, declined: bool) -> None:
    found = call(method, headers=EVENTS + SESSION, status=status, answered=JSON, response=b"{}")
    assert (found.error is None) is declined


def test_a_probe_of_an_older_server_is_no_error() -> None:
    response = b'{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method not found"}}'
    probe = {"jsonrpc": "2.0", "id": 1, "method": "server/discover"}
    found = call("POST", sent=probe, answered=JSON, response=response)
    assert found.error is None
    assert "Method not found" in found.notes[0]
    other = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    assert call("POST", sent=other, answered=JSON, response=response).error is not None


def test_a_stream_without_its_response_is_cut() -> None:
    sent = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "t"}}
    found = call("POST", sent=sent, answered=SSE, response=UNASKED)
    assert not found.complete
    assert found.error is not None
    assert found.error.type == "incomplete_stream"


def test_half_a_batch_is_cut() -> None:
    one = sample("mcp/batch_stream")
    half = one.response.split(b"\n\n")[0] + b"\n\n"
    found = decode_call(one.with_response(half), one.request, half)
    assert not found.complete
    assert found.output == [None, {"content": []}]


def test_a_page_in_place_of_an_answer() -> None:
    sent = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    found = call("POST", sent=sent, response=b"<html>")
    assert found.error is not None
    assert found.error.type == "invalid_body"


def test_long_states_are_linked_by_their_digest() -> None:
    state = "s" * 4000
    result = {"jsonrpc": "2.0", "id": 1, "result": {"requestState": state}}
    sent = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"requestState": state}}
    found = call("POST", sent=sent, answered=JSON, response=orjson.dumps(result))
    assert found.response_id == found.previous_response_id
    assert found.response_id is not None
    assert found.response_id.startswith("sha256:")


def test_our_errors_are_jsonrpc() -> None:
    body = orjson.loads(FORMAT.error_body(424, "no such call", type_="replay-miss"))
    assert body["error"]["message"] == "no such call"
    assert FORMAT.stream_error("x", type_="y").startswith(b"event: message\ndata: {")


def test_a_model_call_that_speaks_of_it_is_none() -> None:
    one = sample("openai_chat/tools")
    body = one.request + b' "jsonrpc"  "method": "tools/call"'
    assert recognise(one.exchange.request, body).name == "openai.chat"
