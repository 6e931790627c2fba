"""Exchanges with models and tools as bytes, in several providers' formats."""

import json
from typing import Any

from proxy.core.model import Body, End, Exchange, Headers, RequestHead, ResponseHead
from proxy.core.validators import Learned, Material
from proxy.core.wire import decode_call

PARAMETERS = {
    "type": "object",
    "properties": {"customerId": {"type": "string"}, "limit": {"type": "integer"}},
    "required": ["customerId"],
}
JSON: Headers = ((b"content-type", b"application/json"),)
SSE: Headers = ((b"content-type", b"text/event-stream"),)


def exchange(
    url: str,
    sent: Any,
    got: Any,
    *,
    status: int = 200,
    method: str = "POST",
    headers: Headers = JSON,
    asks: Headers = JSON,
    end: End = End.COMPLETE,
) -> Exchange:
    """An exchange; bodies that are no bytes are sent as JSON."""
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    request, response = (
        body if isinstance(body, bytes) else json.dumps(body).encode() for body in (sent, got)
    )
    return Exchange(
        id="ex_1",
        run_id="r",
        seq=1,
        via="forward",
        started_at=100.0,
        request=RequestHead(method, scheme, host, 443, f"/{path}", headers=asks),
        request_body=Body(request),
        response=ResponseHead(status, "OK", headers=headers),
        response_body=Body(response),
        end=end,
        ended_us=1000,
    )


def material(made: Exchange, learned: dict[str, Learned] | None = None) -> Material:
    """What a validator sees of it."""
    request, response = made.request_body.data, made.response_body.data
    return Material(made, decode_call(made, request, response), request, response, learned or {})


def openai(
    *uses: tuple[str, str],
    text: str | None = None,
    finish: str | None = None,
    schema: Any = None,
    tools: bool = True,
    **more: Any,
) -> Exchange:
    """Chat Completions: `uses` are a tool's name and its arguments as text."""
    sent: dict[str, Any] = {
        "model": "gpt-5",
        "messages": more.pop("messages", [{"role": "user", "content": "hi"}]),
    }
    if tools:
        sent["tools"] = [
            {"type": "function", "function": {"name": "crm_find", "parameters": PARAMETERS}}
        ]
    if schema is not None:
        form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
        sent["response_format"] = schema if "type" in schema and len(schema) == 1 else form
    sent.update(more.pop("extra", {}))
    calls = [
        {"id": f"call_{i}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for i, (name, arguments) in enumerate(uses)
    ]
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if calls:
        message["tool_calls"] = calls
    finish = finish or ("tool_calls" if calls else "stop")
    got = {
        "id": "c1",
        "object": "chat.completion",
        "model": "gpt-5-2026",
        "choices": [{"index": 0, "finish_reason": finish, "message": message}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
    }
    return exchange("https://api.openai.com/v1/chat/completions", sent, got, **more)


def responses(*items: dict[str, Any], **sent: Any) -> Exchange:
    """The Responses API."""
    tool = {"type": "function", "name": "crm_find", "parameters": PARAMETERS}
    asked = {"model": "gpt-5", "input": "hi", "tools": [tool], **sent}
    got = {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "model": "gpt-5",
        "output": list(items),
        "usage": {"input_tokens": 9, "output_tokens": 3, "total_tokens": 12},
    }
    return exchange("https://api.openai.com/v1/responses", asked, got)


def anthropic(*content: dict[str, Any], stop: str = "end_turn", **sent: Any) -> Exchange:
    """Anthropic's Messages."""
    tool = {"name": "crm_find", "input_schema": PARAMETERS}
    asked = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 1000,
        "messages": [{"role": "user", "content": "hi"}],
        "tools": [tool],
        **sent,
    }
    got = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": list(content),
        "stop_reason": stop,
        "usage": {"input_tokens": 9, "output_tokens": 3},
    }
    asks: Headers = (*JSON, (b"anthropic-version", b"2023-06-01"))
    return exchange("https://api.anthropic.com/v1/messages", asked, got, asks=asks)


def gemini(*parts: dict[str, Any], finish: str = "STOP", config: Any = None) -> Exchange:
    """Gemini's generateContent; schemas in its own words."""
    schema = {
        "type": "OBJECT",
        "properties": {"customerId": {"type": "STRING"}, "limit": {"type": "INTEGER"}},
        "required": ["customerId"],
    }
    sent = {
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "tools": [{"functionDeclarations": [{"name": "crm_find", "parameters": schema}]}],
        "generationConfig": config or {},
    }
    got = {
        "candidates": [
            {"content": {"role": "model", "parts": list(parts)}, "finishReason": finish, "index": 0}
        ],
        "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 3, "totalTokenCount": 12},
        "modelVersion": "gemini-2.5-flash",
    }
    url = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent"
    return exchange(url, sent, got)


def mcp(
    method: str,
    params: dict[str, Any],
    result: dict[str, Any],
    *,
    url: str = "https://mcp.crm.test/mcp",
) -> Exchange:
    """One JSON-RPC request to an MCP server, and its response."""
    asks: Headers = (*JSON, (b"mcp-protocol-version", b"2025-06-18"))
    sent = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return exchange(url, sent, {"jsonrpc": "2.0", "id": 1, "result": result}, asks=asks)
