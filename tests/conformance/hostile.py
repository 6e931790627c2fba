"""Exchanges that mean harm: each is understood, and checked, at a bounded cost."""

import json
from collections.abc import Callable
from typing import Any

from proxy.core.model import Body, Exchange, Headers, RequestHead, ResponseHead

JSON: Headers = ((b"content-type", b"application/json"),)
SSE: Headers = ((b"content-type", b"text/event-stream"),)
CHAT = ("api.openai.com", "/v1/chat/completions")
TOOL = ("crm.test", "/t")
LARGE = 5_000_000


def exchange(
    sent: bytes, got: bytes, where: tuple[str, str] = CHAT, answer: Headers = JSON
) -> Exchange:
    method = "POST" if sent else "GET"
    head = RequestHead(method, "https", where[0], 443, where[1], headers=JSON)
    response = ResponseHead(200, headers=answer)
    return Exchange("e", "r", 1, "forward", 1.0, head, Body(sent), response, Body(got), ended_us=1)


def chat(arguments: str, schema: Any = True) -> Exchange:
    """A model asks for the tool `f`."""
    function = {"name": "f", "parameters": schema}
    sent = {"model": "gpt-5", "messages": [], "tools": [{"type": "function", "function": function}]}
    use = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
    message = {"role": "assistant", "tool_calls": [use]}
    got = {"choices": [{"index": 0, "finish_reason": "tool_calls", "message": message}]}
    return exchange(json.dumps(sent).encode(), json.dumps(got).encode())


def stream(events: bytes) -> Exchange:
    sent = b'{"stream":true,"model":"m","messages":[]}'
    return exchange(sent, events, answer=SSE)


def delta(arguments: str, index: int) -> bytes:
    call = {"index": index, "function": {"arguments": arguments}}
    told = {"choices": [{"index": index, "delta": {"tool_calls": [call]}}]}
    return b"data: " + json.dumps(told).encode() + b"\n\n"


def bomb() -> dict[str, Any]:
    made: dict[str, Any] = {"a0": {"type": "string"}}
    for level in range(1, 60):
        made[f"a{level}"] = {"allOf": [{"$ref": f"#/$defs/a{level - 1}"}] * 2}
    return {"$defs": made, "$ref": "#/$defs/a59"}


def ring() -> dict[str, Any]:
    return {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}


def renamed(many: int) -> Exchange:
    """Every field of the schema is gone, and there are lookalikes for all."""
    schema = {
        "required": [f"customer_id{n}" for n in range(many)],
        "properties": {f"customer-id-{n}": {} for n in range(many)},
        "additionalProperties": False,
    }
    return chat(json.dumps({f"customerId{n}": n for n in range(many)}), schema)


def many_tools(many: int) -> Exchange:
    tools = [{"type": "function", "function": {"name": f"f{n}"}} for n in range(many)]
    uses = [{"id": str(n), "function": {"name": f"g{n}", "arguments": "{}"}} for n in range(many)]
    sent = {"model": "m", "messages": [], "tools": tools}
    got = {"choices": [{"message": {"tool_calls": uses}}]}
    return exchange(json.dumps(sent).encode(), json.dumps(got).encode())


def batch(many: int) -> Exchange:
    params = {"name": "f", "arguments": {}}
    sent = [
        {"jsonrpc": "2.0", "id": n, "method": "tools/call", "params": params} for n in range(many)
    ]
    got = [{"jsonrpc": "2.0", "id": n, "result": {}} for n in range(many)]
    return exchange(json.dumps(sent).encode(), json.dumps(got).encode(), ("m.test", "/mcp"))


DEEP = b"[" * 100_000 + b"]" * 100_000
WIDE = json.dumps({f"k{n}": n for n in range(30_000)}).encode()
DIGITS = b"9" * 500_000
TEXT = "x" * LARGE
REDOS = {"properties": {"a": {"pattern": "^(a+)+$"}}}
HOSTILE: dict[str, Callable[[], Exchange]] = {
    "deep bodies": lambda: exchange(b'{"a":' + DEEP + b"}", DEEP),
    "deep bodies of a tool": lambda: exchange(DEEP, DEEP, TOOL),
    "deep arguments": lambda: chat(DEEP.decode(), {"items": {"$ref": "#"}}),
    "a body that only opens": lambda: exchange(b"{}", b"[" * 500_000),
    "huge numbers": lambda: exchange(b'{"n":' + DIGITS + b"}", b'{"usage":' + DIGITS + b"}"),
    "numbers that are none": lambda: exchange(
        b'{"n":NaN,"m":' + DIGITS + b"}", b'{"usage":{"prompt_tokens":1e999,"total_tokens":-5}}'
    ),
    "huge numbers under a schema": lambda: chat(
        json.dumps({"a": 10**300}), {"properties": {"a": {"multipleOf": 1e-300}}}
    ),
    "invalid UTF-8": lambda: exchange(b'{"a":"\xff\xfe\xc0"}', b'{"a":"' + b"\xff" * 1_000_000),
    "a long text": lambda: exchange(
        b'{"messages":[{"role":"user","content":"%b"}]}' % TEXT.encode(),
        b'{"choices":[{"message":{"content":"%b"}}]}' % TEXT.encode(),
    ),
    "a long text under a schema": lambda: chat(
        json.dumps({"a": TEXT}), {"properties": {"a": {"type": "integer", "maxLength": 3}}}
    ),
    "a bomb of references": lambda: chat("1", bomb()),
    "references in a ring": lambda: chat("{}", ring()),
    "a schema elsewhere": lambda: chat("{}", {"$ref": "http://127.0.0.1:9/x"}),
    "a catastrophic pattern": lambda: chat(json.dumps({"a": "a" * 50_000 + "!"}), REDOS),
    "a long enum": lambda: chat(
        json.dumps({"a": ["x" * 1000] * 100}),
        {"properties": {"a": {"items": {"enum": list(range(20_000))}}}},
    ),
    "names that are nearly alike": lambda: renamed(2000),
    "tools without number": lambda: many_tools(3000),
    "a wide object": lambda: exchange(WIDE, WIDE, TOOL),
    "a batch without end": lambda: batch(5000),
    "events without number": lambda: stream(delta("x", 0) * 20_000),
    "an event without end": lambda: stream(b"data: " + b"x" * LARGE),
    "choices without number": lambda: stream(b"".join(delta("x", n * 1009) for n in range(5000))),
    "deep arguments in pieces": lambda: stream(delta("[" * 50, 0) * 3000),
    "a query without end": lambda: exchange(
        b"", b'{"a":1}', ("crm.test", "/t?" + "&".join(f"a{n}={n}" for n in range(20_000)))
    ),
    "a path without end": lambda: exchange(b"", b"{}", ("crm.test", "/a1B2c3" * 20_000)),
}
