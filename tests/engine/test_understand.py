import gzip
import json
from dataclasses import replace

import pytest

from proxy.core.mcp_streams import Streams
from proxy.core.model import Body, End, Exchange, Headers, Part, RequestHead, ResponseHead
from proxy.core.validators import Learned
from proxy.engine.understand import event_of, events_of
from tests.conformance.wire_samples import sample

CHAT = {"model": "gpt-5", "temperature": 0.2, "messages": [{"role": "user", "content": "hi"}]}
REPLY = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "gpt-5-2026",
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "message": {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "crm", "arguments": '{"id":7}'},
                    }
                ],
            },
        }
    ],
    "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
}


def chat(reply: bytes, *, status: int = 200, coding: bytes = b"") -> Exchange:
    headers: Headers = ((b"content-type", b"application/json"),)
    if coding:
        headers = (*headers, (b"content-encoding", coding))
    request = json.dumps(CHAT).encode()
    return Exchange(
        id="ex_1",
        run_id="r",
        seq=4,
        via="forward",
        started_at=100.0,
        request=RequestHead("POST", "https", "api.openai.com", 443, "/v1/chat/completions"),
        request_body=Body(request, (Part(0, len(request)),)),
        response=ResponseHead(status, "OK", headers=headers),
        response_body=Body(reply, (Part(1, len(reply)),)),
        first_byte_us=1500,
        ended_us=2500,
    )


@pytest.mark.parametrize("coding", [b"", b"gzip"])
def test_a_model_call_on_the_timeline(coding: bytes) -> None:
    reply = json.dumps(REPLY).encode()
    event = event_of(chat(gzip.compress(reply) if coding else reply, coding=coding))
    assert (event.kind, event.name, event.status) == ("llm_call", "openai.chat", "ok")
    assert (event.started_at, event.ended_at) == (100.0, 100.0025)
    data = event.data
    assert (data["exchangeId"], data["seq"], data["latencyMs"], data["ttfbMs"]) == (
        "ex_1",
        4,
        2.5,
        1.5,
    )
    call = data["call"]
    assert (call["model"], call["servedModel"], call["inputTokens"], call["outputTokens"]) == (
        "gpt-5",
        "gpt-5-2026",
        9,
        3,
    )
    assert call["settings"]["temperature"] == 0.2
    assert call["toolUses"] == [{"id": "call_1", "name": "crm", "arguments": {"id": 7}}]


def test_a_model_call_says_what_it_cost_and_whose_prices_these_are() -> None:
    call = event_of(chat(json.dumps(REPLY).encode())).data["call"]
    assert call["costUsd"] == pytest.approx((9 * 1.25 + 3 * 10) / 1e6)
    assert call["priceSource"] == "genai-prices"
    assert call["priceVersion"]


@pytest.mark.parametrize("change", [{"usage": None}, {"model": "ours-1"}])
def test_an_unknown_cost_is_null(change: dict[str, object]) -> None:
    sent = chat(json.dumps(REPLY | change).encode())
    if "model" in change:
        body = json.dumps(CHAT | change).encode()
        sent.request_body = Body(body, (Part(0, len(body)),))
    call = event_of(sent).data["call"]
    assert call["costUsd"] is None
    assert "priceSource" not in call


def test_only_models_have_prices() -> None:
    sent = chat(b'{"ok":true}')
    sent.request = RequestHead("GET", "https", "crm.local", 443, "/customers/7")
    assert "costUsd" not in event_of(sent).data["call"]


def test_an_error_says_its_status_and_the_providers_words() -> None:
    body = b'{"error":{"type":"invalid_api_key","message":"bad key","code":"invalid_api_key"}}'
    event = event_of(chat(body, status=401))
    assert event.status == "error"
    assert "401" in event.data["error"]
    assert "bad key" in event.data["error"]


def test_a_broken_exchange_says_how_it_broke() -> None:
    exchange = chat(b"", status=200)
    exchange.end, exchange.error = End.UPSTREAM_TRUNCATED, "the upstream closed"
    assert event_of(exchange).data["error"] == "the upstream closed"
    exchange.response, exchange.error = None, None
    assert event_of(exchange).data["error"] == "upstream truncated"


@pytest.mark.parametrize(("last", "end"), [("[DONE]", "complete"), ("{}", "client_gone")])
def test_a_client_that_leaves_at_the_last_event_has_it_all(last: str, end: str) -> None:
    chunk = {"choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}]}
    if end == "client_gone":
        chunk["choices"][0]["finish_reason"] = None
    body = f"data: {json.dumps(chunk)}\n\ndata: {last}\n\n".encode()
    exchange = chat(body)
    exchange.response = ResponseHead(200, "OK", headers=((b"content-type", b"text/event-stream"),))
    exchange.end, exchange.error = End.CLIENT_GONE, "the client closed the connection"
    event = event_of(exchange)
    assert (event.data["end"], event.status) == (end, "ok" if end == "complete" else "error")
    assert ("last event" in str(event.data.get("notes"))) == (end == "complete")


def test_a_retry_says_of_what_and_after_how_long() -> None:
    exchange = chat(json.dumps(REPLY).encode())
    exchange.attempt, exchange.retry_of = 2, "ex_0"
    exchange.retry_reason, exchange.backoff_us = "429 Too Many Requests", 512_000
    data = event_of(exchange).data
    assert (data["attempt"], data["retryOf"], data["backoffMs"]) == (2, "ex_0", 512.0)


@pytest.mark.parametrize("reply", [b"", b"{", b"\xff\x00", b"[" * 100_000])
def test_what_a_peer_sends_never_raises(reply: bytes) -> None:
    assert event_of(chat(reply)).data["exchangeId"] == "ex_1"


def test_each_turn_of_a_socket_is_a_call() -> None:
    exchange = replace(
        sample("openai_responses/websocket").exchange,
        started_at=100.0,
        ended_us=60_000_000,
        end=End.CLIENT_GONE,
    )
    first, second, third = (event for event in events_of(exchange) if event.kind == "llm_call")
    assert (first.name, first.status, first.data["turn"]) == ("openai.responses", "ok", 1)
    assert (first.data["exchangeId"], first.data["seq"]) == ("x1", 1)
    assert [use["name"] for use in first.data["call"]["toolUses"]] == ["ls"]
    assert (second.data["exchange"], second.data["turn"], second.status) == ("x1", 2, "ok")
    assert {"exchangeId", "seq"}.isdisjoint(second.data)
    assert second.data["call"]["reply"] == "One file."
    assert second.data["call"]["previousResponseId"] == "resp_w1"
    assert first.ended_at is not None
    assert 100.0 <= first.started_at < first.ended_at <= second.started_at < 100.1
    assert (third.status, third.data["end"]) == ("error", "complete")
    assert "previous_response_not_found" in third.data["call"]["error"]["code"]
    tokens = [event.data["call"].get("inputTokens") for event in (first, second, third)]
    assert tokens[2] is None
    assert None not in tokens[:2]


def test_a_turn_that_the_end_of_its_socket_cut_off() -> None:
    whole = sample("openai_responses/websocket").exchange
    cut = replace(whole, frames=whole.frames[:9], end=End.UPSTREAM_RESET, ended_us=10**6)
    first, second = (event for event in events_of(cut) if event.kind == "llm_call")
    assert (first.status, first.data["end"]) == ("ok", "complete")
    assert (second.status, second.data["end"]) == ("error", "upstream_reset")


MCP_CALL = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add"}}'
MCP_DONE = b'data: {"jsonrpc":"2.0","id":1,"result":{"content":[]}}\n\n'


@pytest.mark.parametrize(("body", "status"), [(MCP_DONE, "ok"), (b"", "error")])
def test_a_client_that_closes_a_stream_after_its_response(body: bytes, status: str) -> None:
    exchange = Exchange(
        id="ex_1",
        run_id="r",
        seq=1,
        via="forward",
        started_at=0.0,
        request=RequestHead("POST", "https", "tools.example.com", 443, "/mcp"),
        request_body=Body(MCP_CALL),
        response=ResponseHead(200, headers=((b"content-type", b"text/event-stream"),)),
        response_body=Body(body),
        end=End.CLIENT_GONE,
    )
    assert event_of(exchange).status == status


def asking(arguments: str, **sent: object) -> Exchange:
    tool = {"name": "crm", "parameters": {"type": "object", "required": ["customerId"]}}
    reply = json.loads(json.dumps(REPLY))
    reply["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] = arguments
    made = chat(json.dumps(reply).encode())
    request = CHAT | {"tools": [{"type": "function", "function": tool}]} | sent
    body = json.dumps(request).encode()
    made.request_body = Body(body, (Part(0, len(body)),))
    return made


def test_what_is_wrong_with_a_payload_is_an_event_of_its_own() -> None:
    event, *rest = events_of(asking('{"customer_id": 7}'))
    assert (event.kind, event.status) == ("llm_call", "ok")
    (found,) = rest
    assert (found.kind, found.name, found.status) == ("validation", "tool_arguments crm", "error")
    assert found.started_at == event.ended_at
    assert found.data == {
        "exchange": "ex_1",
        "validator": "tool_arguments",
        "subject": "crm",
        "side": "response",
        "breaking": True,
        "violations": [
            {
                "path": "$.customerId",
                "message": "`customerId` is missing; there is `customer_id` instead, "
                "which looks like the same field renamed",
                "keyword": "required",
                "schemaPath": "#/required",
                "breaking": True,
            }
        ],
    }
    assert json.loads(json.dumps(found.data)) == found.data


def test_what_is_as_it_should_be_is_no_event() -> None:
    assert events_of(asking('{"customerId": 7}')) == [event_of(asking('{"customerId": 7}'))]


def test_what_nobody_could_check_is_no_error() -> None:
    broken = [{"type": "function", "function": {"name": "crm", "parameters": {"type": "foo"}}}]
    _, found = events_of(asking("{}", tools=broken))
    assert (found.status, found.data["breaking"]) == ("ok", False)


def test_tool_schemas_are_learned_from_one_exchange_for_the_next() -> None:
    def mcp(method: str, params: object, result: object) -> Exchange:
        made = chat(json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}).encode())
        made.request = RequestHead(
            "POST", "https", "m.test", 443, "/mcp", headers=((b"mcp-protocol-version", b"1"),)
        )
        sent = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        made.request_body = Body(json.dumps(sent).encode())
        return made

    tool = {"name": "find", "inputSchema": {"type": "object", "required": ["q"]}}
    learned: dict[str, Learned] = {}
    call = mcp("tools/call", {"name": "find", "arguments": {}}, {"content": []})
    assert len(events_of(call, learned)) == 1
    assert len(events_of(mcp("tools/list", {}, {"tools": [tool]}), learned)) == 1
    _, found = events_of(call, learned)
    assert found.name == "tool_schemas m.test/find"


def test_the_tools_answers_that_a_request_brings_and_what_the_provider_ran() -> None:
    history = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "old"}}]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "assistant", "tool_calls": [{"id": "b", "function": {"name": "crm"}}]},
        {"role": "tool", "tool_call_id": "b", "content": "x"},
        {"role": "tool", "tool_call_id": "c", "content": "x"},
    ]
    call = event_of(asking("{}", messages=history)).data["call"]
    assert [one["id"] for one in call["toolResults"]] == ["b", "c"]
    assert len({one["digest"] for one in call["toolResults"]}) == 1
    assert "hosted" not in call["toolUses"][0]


def test_prices_of_ones_own_come_first() -> None:
    exchange = chat(json.dumps(REPLY).encode())
    prices = {"gpt-5*": {"input": 1_000_000.0, "output": 0.0}}
    (event, *_) = events_of(exchange, prices=prices)
    assert event.data["call"]["costUsd"] == 9.0
    assert event.data["call"]["priceSource"] == "override"
    assert event_of(exchange).data["call"]["priceSource"] == "genai-prices"


def test_results_say_whether_they_are_errors_or_nothing() -> None:
    made = chat(json.dumps(REPLY).encode())
    told = [("a", '{"error": "token expired"}'), ("b", "[]"), ("c", "Jo")]
    uses = [
        {"id": id_, "type": "function", "function": {"name": "crm", "arguments": "{}"}}
        for id_, _ in told
    ]
    history = [
        *CHAT["messages"],  # type: ignore[misc]  # a list
        {"role": "assistant", "content": None, "tool_calls": uses},
        *({"role": "tool", "tool_call_id": id_, "content": said} for id_, said in told),
    ]
    asked = replace(made, request_body=Body(json.dumps({**CHAT, "messages": history}).encode()))
    results = event_of(asked).data["call"]["toolResults"]
    assert [(one.get("error"), one.get("empty")) for one in results] == [
        ("token expired", None),
        (None, True),
        (None, None),
    ]
    assert event_of(made).data["call"].get("empty") is None
    nothing = {**REPLY, "choices": [{"message": {"role": "assistant"}, "finish_reason": "stop"}]}
    assert event_of(chat(json.dumps(nothing).encode())).data["call"]["empty"] is True


def over_a_stream(*answers: object, end: End = End.CLIENT_GONE) -> list[Exchange]:
    """Legacy HTTP+SSE: `tools/list` and two calls of `find`, posted; then the end of the stream."""
    asked: list[dict[str, object]] = [
        {"method": "tools/list"},
        {"method": "tools/call", "params": {"name": "find", "arguments": {"q": "x"}}},
        {"method": "tools/call", "params": {"name": "find", "arguments": {"q": 1}}},
    ]
    made = []
    for id_, message in enumerate(asked, 1):
        one = replace(chat(b"Accepted"), response=ResponseHead(202))
        one.id, one.started_at = f"post_{id_}", 100.0 + id_
        one.request = RequestHead("POST", "http", "m.test", 80, "/messages/?session_id=7")
        one.request_body = Body(json.dumps({"jsonrpc": "2.0", "id": id_, **message}).encode())
        made.append(one)
    said = [
        "event: message\ndata: "
        + json.dumps({"jsonrpc": "2.0", "id": id_, "result": result})
        + "\n\n"
        for id_, result in enumerate(answers, 1)
    ]
    body = ("event: endpoint\ndata: /messages/?session_id=7\n\n" + "".join(said)).encode()
    accepts: Headers = ((b"accept", b"text/event-stream"),)
    listening = replace(
        chat(b""),
        id="stream",
        request=RequestHead("GET", "http", "m.test", 80, "/sse", headers=accepts),
        request_body=Body(),
        response=ResponseHead(200, headers=((b"content-type", b"text/event-stream"),)),
        response_body=Body(body, (Part(4_000_000, len(body)),)),
        ended_us=5_000_000,
        end=end,
    )
    return [*made, listening]


FIND = {
    "name": "find",
    "inputSchema": {"type": "object", "properties": {"q": {"type": "string"}}},
    "outputSchema": {"type": "object", "required": ["n"]},
}


def test_a_tool_call_whose_answer_came_on_a_stream() -> None:
    well = {"content": [], "structuredContent": {"m": 1}}
    bad = {"content": [{"type": "text", "text": "no number"}], "isError": True}
    streams, learned = Streams(), dict[str, Learned]()
    *posts, listening = over_a_stream({"tools": [FIND]}, well, bad)
    accepted = [events_of(post, learned, streams=streams) for post in posts]
    assert [[event.kind for event in found] for found in accepted] == [["http"]] * 3
    own, *found = events_of(listening, learned, streams=streams)
    assert (own.name, own.status, own.data["end"]) == ("GET m.test/sse", "ok", "complete")
    calls = [event for event in found if event.kind == "tool_call"]
    assert [(call.name, call.status) for call in calls] == [
        ("mcp:m.test/find", "ok"),
        ("mcp:m.test/find", "error"),
    ]
    first, second = calls
    assert (first.data["exchange"], first.data["stream"]) == ("post_2", "stream")
    assert (first.started_at, first.ended_at, first.data["latencyMs"]) == (102.0, 104.0, 2000.0)
    assert not {"exchangeId", "seq", "requestBytes"} & set(first.data)
    assert first.data["call"]["input"] == {"q": "x"}
    assert first.data["call"]["output"] == well
    assert second.data["call"]["error"]["message"] == "no number"
    told = [
        (event.data["exchange"], event.data["validator"], event.data["side"])
        for event in found
        if event.kind == "validation"
    ]
    assert told[0] == ("post_2", "tool_schemas", "response")
    assert ("post_3", "tool_schemas", "request") in told


def test_a_tool_call_that_its_stream_never_answered() -> None:
    streams = Streams()
    *posts, listening = over_a_stream({"tools": [FIND]}, {"content": []}, end=End.UPSTREAM_RESET)
    for post in posts:
        events_of(post, streams=streams)
    found = events_of(listening, streams=streams)
    answered, cut = [event for event in found if event.kind == "tool_call"]
    assert (answered.data["exchange"], answered.status) == ("post_2", "ok")
    assert (cut.data["exchange"], cut.data["end"], cut.status) == (
        "post_3",
        "upstream_reset",
        "error",
    )


def test_of_other_messages_only_errors_are_told() -> None:
    streams = Streams()
    post, *_, listening = over_a_stream()
    events_of(post, streams=streams)
    assert len(events_of(listening, streams=streams)) == 1  # nobody waits for a list
    events_of(post, streams=streams)
    said = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32603, "message": "x"}}
    listening.response_body = Body(
        b"event: endpoint\ndata: /messages/?session_id=7\n\ndata: %s\n\n"
        % json.dumps(said).encode()
    )
    _, failed, *_ = events_of(listening, streams=streams)
    assert (failed.kind, failed.name, failed.status) == ("http", "mcp:m.test/tools/list", "error")
