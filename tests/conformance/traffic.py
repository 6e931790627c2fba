"""Exchanges as bytes on the wire, of several providers and tools, for incidents to be made of."""

import json
from typing import Any, NamedTuple

from proxy.core.model import Body, End, Exchange, Headers, RequestHead, ResponseHead

PARAMETERS = {
    "type": "object",
    "properties": {"customerId": {"type": "string"}, "limit": {"type": "integer"}},
    "required": ["customerId"],
}
ANSWER = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
JSON = b"application/json"
SSE = b"text/event-stream"


class Incident(NamedTuple):
    """The calls of a run, what it must come to, and the numbers of the calls that prove it."""

    calls: tuple[Exchange, ...]
    mode: str | None
    rule: str
    evidence: tuple[int, ...] = ()
    words: str = ""
    retryable: bool | None = None
    exit_code: int | None = 0
    metadata: dict[str, Any] = {}  # noqa: RUF012 - a NamedTuple's default, never changed


def http(
    url: str,
    got: Any = b"",
    sent: Any = b"",
    *,
    status: int = 200,
    method: str = "POST",
    kind: bytes = JSON,
    asks: Headers = (),
    says: Headers = (),
    end: End = End.COMPLETE,
    took: float = 0.1,
) -> Exchange:
    """One exchange; `run_of` numbers it and puts it in time."""
    host, _, path = url.removeprefix("https://").partition("/")
    request, response = (b if isinstance(b, bytes) else json.dumps(b).encode() for b in (sent, got))
    typed: Headers = ((b"content-type", JSON),) if request else ()
    head = ResponseHead(status, "", headers=((b"content-type", kind), *says))
    return Exchange(
        id="",
        run_id="r",
        seq=0,
        via="forward",
        started_at=0.0,
        request=RequestHead(method, "https", host, 443, f"/{path}", headers=(*typed, *asks)),
        request_body=Body(request),
        response=None if status == 0 else head,
        response_body=Body(response),
        end=end,
        ended_us=int(took * 1e6),
    )


# --- OpenAI Chat Completions -------------------------------------------------------------------


def chat(
    text: str | None = None,
    *,
    asks_for: tuple[tuple[str, str], ...] = (),
    results: dict[str, str] | None = None,
    finish: str | None = None,
    start: int = 0,
    tokens: tuple[int, int] = (90, 30),
    host: str = "api.openai.com",
    **sent: Any,
) -> Exchange:
    """A model call; `results` are by the id of the call they answer, `start` numbers the ids."""
    calls = [
        {
            "id": f"call_{start + n}",
            "type": "function",
            "function": {"name": name, "arguments": raw},
        }
        for n, (name, raw) in enumerate(asks_for)
    ]
    history: list[dict[str, Any]] = [{"role": "user", "content": "help c-1"}]
    for id_, result in (results or {}).items():
        use = {"id": id_, "type": "function", "function": {"name": "crm_find", "arguments": "{}"}}
        history += [
            {"role": "assistant", "content": None, "tool_calls": [use]},
            {"role": "tool", "tool_call_id": id_, "content": result},
        ]
    tools = [
        {"type": "function", "function": {"name": name, "parameters": PARAMETERS}}
        for name in ("crm_find", "crm_read", "refund")
    ]
    message = {"role": "assistant", "content": text} | ({"tool_calls": calls} if calls else {})
    reason = finish or ("tool_calls" if calls else "stop")
    body = {
        "id": "c",
        "object": "chat.completion",
        "model": "gpt-4o",
        "choices": [{"index": 0, "finish_reason": reason, "message": message}],
        "usage": {"prompt_tokens": tokens[0], "completion_tokens": tokens[1]},
    }
    asked = {"model": "gpt-4o", "messages": history, "tools": tools, **sent}
    return http(f"https://{host}/v1/chat/completions", body, asked)


def chat_error(status: int, message: str, kind: str = "error", **more: Any) -> Exchange:
    """A model call that failed."""
    sent = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
    body = {"error": {"message": message, "type": kind, "param": None, "code": kind}}
    return http("https://api.openai.com/v1/chat/completions", body, sent, status=status, **more)


def chat_stream(*deltas: dict[str, Any], done: bool = True, **more: Any) -> Exchange:
    """A streamed model call."""
    sent = {"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    events = [
        {"choices": [{"index": 0, **delta}]} if "error" not in delta else delta for delta in deltas
    ]
    body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    url = "https://api.openai.com/v1/chat/completions"
    return http(url, body + (b"data: [DONE]\n\n" if done else b""), sent, kind=SSE, **more)


FIND = (("crm_find", '{"customerId": "c-1"}'),)
RENAMED = (("crm_find", '{"customer_id": "c-1"}'),)


# --- the other providers -----------------------------------------------------------------------


def anthropic(
    *content: dict[str, Any],
    stop: str = "end_turn",
    results: dict[str, str] | None = None,
    **sent: Any,
) -> Exchange:
    """Anthropic's Messages."""
    history: list[dict[str, Any]] = [{"role": "user", "content": "help c-1"}]
    for id_, result in (results or {}).items():
        use = {"type": "tool_use", "id": id_, "name": "crm_find", "input": {}}
        back = {"type": "tool_result", "tool_use_id": id_, "content": result}
        history += [{"role": "assistant", "content": [use]}, {"role": "user", "content": [back]}]
    body = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": list(content),
        "stop_reason": stop,
        "usage": {"input_tokens": 90, "output_tokens": 30},
    }
    asked = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 100,
        "messages": history,
        "tools": [{"name": "crm_find", "input_schema": PARAMETERS}],
        **sent,
    }
    version: Headers = ((b"anthropic-version", b"2023-06-01"),)
    return http("https://api.anthropic.com/v1/messages", body, asked, asks=version)


def anthropic_error(status: int, kind: str, message: str, **more: Any) -> Exchange:
    """Anthropic's errors."""
    body = {"type": "error", "error": {"type": kind, "message": message}}
    sent = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}
    version: Headers = ((b"anthropic-version", b"2023-06-01"),)
    url = "https://api.anthropic.com/v1/messages"
    return http(url, body, sent, status=status, asks=version, **more)


def use(name: str = "crm_find", id_: str = "t0", **arguments: Any) -> dict[str, Any]:
    """A block of Anthropic's that asks for a tool."""
    return {"type": "tool_use", "id": id_, "name": name, "input": arguments}


def say(text: str) -> dict[str, Any]:
    """A block of Anthropic's that is text."""
    return {"type": "text", "text": text}


def gemini(*parts: dict[str, Any], finish: str = "STOP", **config: Any) -> Exchange:
    """Gemini's generateContent."""
    url = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent"
    schema = {"type": "OBJECT", "properties": {"customerId": {"type": "STRING"}}}
    tools = [{"functionDeclarations": [{"name": "crm_find", "parameters": schema}]}]
    sent = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], "tools": tools}
    content = {"role": "model", "parts": list(parts)}
    body = {
        "candidates": [{"content": content, "finishReason": finish, "index": 0}],
        "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 3, "totalTokenCount": 12},
        "modelVersion": "gemini-2.5-flash",
    }
    return http(url, body, {**sent, "generationConfig": config})


def responses(*output: dict[str, Any], status: str = "completed", **sent: Any) -> Exchange:
    """OpenAI's Responses."""
    tool = {"type": "function", "name": "crm_find", "parameters": PARAMETERS}
    body = {
        "id": "resp_1",
        "object": "response",
        "status": status,
        "model": "gpt-4o",
        "output": list(output),
        "usage": {"input_tokens": 9, "output_tokens": 3},
    }
    if status == "incomplete":
        body["incomplete_details"] = {"reason": "max_output_tokens"}
    asked = {"model": "gpt-4o", "input": "hi", "tools": [tool], **sent}
    return http("https://api.openai.com/v1/responses", body, asked)


def output_text(text: str) -> dict[str, Any]:
    """A message of the Responses API."""
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"type": "message", "role": "assistant", "content": [part]}


def ollama(text: str, done_reason: str = "stop") -> Exchange:
    """Ollama's chat."""
    sent = {"model": "llama3", "stream": False, "messages": [{"role": "user", "content": "hi"}]}
    message = {"role": "assistant", "content": text}
    body = {"model": "llama3", "message": message, "done": True, "done_reason": done_reason}
    return http("https://ollama.test/api/chat", body, sent)


# --- tools -------------------------------------------------------------------------------------

BEARER: Headers = ((b"authorization", b"Bearer t"), (b"accept", b"application/json"))


def crm(status: int = 200, got: Any = None, number: int = 1, **more: Any) -> Exchange:
    """A tool over plain HTTP."""
    body = {"id": f"c-{number}", "name": "Jo"} if got is None else got
    url = f"https://crm.test/customers/{number}"
    return http(url, body, method="GET", status=status, asks=BEARER, **more)


def mcp(name: str, arguments: dict[str, Any], result: dict[str, Any]) -> Exchange:
    """An MCP server's tool."""
    params = {"name": name, "arguments": arguments}
    return mcp_message("tools/call", params, {"result": result})


def mcp_message(method: str, params: dict[str, Any], answer: dict[str, Any]) -> Exchange:
    """Any message to an MCP server."""
    version: Headers = ((b"mcp-protocol-version", b"2025-06-18"),)
    sent = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return http("https://mcp.test/mcp", {"jsonrpc": "2.0", "id": 1, **answer}, sent, asks=version)


TOOL = {
    "name": "find",
    "inputSchema": PARAMETERS,
    "outputSchema": {"type": "object", "required": ["name"]},
}
LIST = mcp_message("tools/list", {}, {"result": {"tools": [TOOL]}})
FAILED = {"content": [{"type": "text", "text": "database is locked"}], "isError": True}
WELL = {"content": [{"type": "text", "text": "Jo"}], "structuredContent": {"name": "Jo"}}
EXPIRED: Headers = (
    (b"www-authenticate", b'Bearer error="invalid_token", error_description="token expired"'),
)
WAIT: Headers = ((b"retry-after", b"20"),)


def rounds(count: int, *names: str, result: str = "nothing") -> list[Exchange]:
    """Model calls that go round; the last is still asking."""
    made = []
    for n in range(count):
        asked = ((names[n % len(names)], '{"customerId": "c-1"}'),)
        back = {f"call_{i}": result for i in range(n)}
        made.append(chat(asks_for=asked, results=back, start=n))
    return made


def back(count: int, result: str = "nothing") -> dict[str, str]:
    return {f"call_{n}": result for n in range(count)}


# --- for shorter tables ------------------------------------------------------------------------


def tool(url: str, got: Any, sent: Any = None, **more: Any) -> Exchange:
    """A tool that a client with a key posts to."""
    return http(url, got, sent or {}, asks=BEARER, **more)


def cohere(
    text: str | None = None, calls: tuple[tuple[str, str], ...] = (), finish: str | None = None
) -> Exchange:
    """Cohere's chat."""
    message: dict[str, Any] = {"role": "assistant"}
    if text:
        message["content"] = [{"type": "text", "text": text}]
    if calls:
        message["tool_calls"] = [
            {"id": f"x{n}", "type": "function", "function": {"name": name, "arguments": raw}}
            for n, (name, raw) in enumerate(calls)
        ]
    body = {
        "id": "1",
        "finish_reason": finish or ("TOOL_CALL" if calls else "COMPLETE"),
        "message": message,
        "usage": {"billed_units": {"input_tokens": 5, "output_tokens": 3}},
    }
    tools = [{"type": "function", "function": {"name": "crm_find", "parameters": PARAMETERS}}]
    asked = {"model": "command-a", "messages": [{"role": "user", "content": "hi"}], "tools": tools}
    return http("https://api.cohere.com/v2/chat", body, asked)


def bedrock(
    *content: dict[str, Any],
    stop: str = "end_turn",
    status: int = 200,
    got: Any = None,
    says: Headers = (),
) -> Exchange:
    """Bedrock's Converse."""
    whole = {
        "output": {"message": {"role": "assistant", "content": list(content)}},
        "stopReason": stop,
        "usage": {"inputTokens": 5, "outputTokens": 4, "totalTokens": 9},
        "metrics": {"latencyMs": 5},
    }
    spec = {"toolSpec": {"name": "crm_find", "inputSchema": {"json": PARAMETERS}}}
    asked = {
        "messages": [{"role": "user", "content": [{"text": "hi"}]}],
        "toolConfig": {"tools": [spec]},
    }
    model = "anthropic.claude-3-5-sonnet-20240620-v1:0"
    url = f"https://bedrock-runtime.us-east-1.amazonaws.com/model/{model}/converse"
    return http(url, whole if got is None else got, asked, status=status, says=says)


def told(*results: tuple[str, str], text: str = "Sorry", **more: Any) -> Exchange:
    """The model's last words, after these results by the ids of their calls."""
    return chat(text, results=dict(results), **more)


def told_anthropic(*results: tuple[str, bool], text: str = "Sorry.") -> Exchange:
    """The same of Anthropic's, whose results say themselves whether they are errors."""
    history: list[dict[str, Any]] = [{"role": "user", "content": "help"}]
    for n, (content, failed) in enumerate(results):
        asked = {"type": "tool_use", "id": f"t{n}", "name": "crm_find", "input": {}}
        back = {"type": "tool_result", "tool_use_id": f"t{n}", "content": content}
        history += [
            {"role": "assistant", "content": [asked]},
            {"role": "user", "content": [back | {"is_error": failed}]},
        ]
    return anthropic(say(text), messages=history)


def gemini_error(status: int, **error: Any) -> Exchange:
    """Gemini's errors."""
    return http(GEMINI, {"error": {"code": status, **error}}, {"contents": []}, status=status)


ASKS = chat(asks_for=FIND)
ASKS_ANTHROPIC = anthropic(use(customerId="c-1"), stop="tool_use")
OK = chat("Done: Jo is a customer.")
GEMINI = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent"
