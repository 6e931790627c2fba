"""Requests for the tests of matching: a conversation, changes of it, and whatever else is sent."""

import copy
from collections.abc import Callable
from typing import Any

import orjson

from proxy.core.matching import MatchRequest
from proxy.core.model import Headers, RequestHead

UUID_A = "550e8400-e29b-41d4-a716-446655440000"
UUID_B = "0b6b8f2e-93f1-4c43-9d2f-2a51c2a7f6aa"
UUID_C = "7d444840-9dc0-11d1-b245-5ffdce74fad2"

CHAT_HEAD = RequestHead(
    "POST",
    "https",
    "api.openai.com",
    443,
    "/v1/chat/completions",
    headers=((b"Content-Type", b"application/json"), (b"Authorization", b"Bearer x")),
)
CHAT: dict[str, Any] = {
    "model": "gpt-5",
    "temperature": 0.2,
    "max_tokens": 800,
    "metadata": {"request_id": UUID_A, "team": "support"},
    "messages": [
        {
            "role": "system",
            "content": "You help customers of ACME. Today is Sunday, November 22, 2026.\n"
            f"Session {UUID_A}. Scratch folder: /tmp/agent-k3X9q2ab/notes.md",
        },
        {"role": "user", "content": "Customer CUS-1042 wants 25.50 EUR back for order 7781."},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_A1b2C3d4E5f6",
                    "type": "function",
                    "function": {
                        "name": "refund",
                        "arguments": '{"order": 7781, "amount": 25.5, '
                        '"at": "2026-11-22T10:00:00Z"}',
                    },
                },
                {
                    "id": "call_Z9y8X7w6V5u4",
                    "type": "function",
                    "function": {"name": "notify", "arguments": '{"customer": "CUS-1042"}'},
                },
            ],
        },
        {"role": "tool", "tool_call_id": "call_A1b2C3d4E5f6", "content": "refunded"},
        {"role": "tool", "tool_call_id": "call_Z9y8X7w6V5u4", "content": "mail sent"},
    ],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "refund",
                "parameters": {"type": "object", "properties": {"order": {"type": "integer"}}},
            },
        }
    ],
}

type Change = Callable[[Any], Any]


def setting(path: str, value: Any) -> Change:
    """A change that sets what `a.0.b` names."""

    def change(body: Any) -> None:
        *way, last = [int(name) if name.isdigit() else name for name in path.split(".")]
        at = body
        for name in way:
            at = at[name]
        at[last] = value

    return change


def replacing(old: str, new: str) -> Change:
    """A change that replaces a text wherever it is."""

    def change(body: Any) -> Any:
        text = orjson.dumps(body).decode()
        assert old in text
        return orjson.loads(text.replace(old, new))

    return change


def backwards(value: Any) -> Any:
    """The same tree with every object's keys in the opposite order."""
    if isinstance(value, dict):
        return {name: backwards(value[name]) for name in reversed(value)}
    return [backwards(item) for item in value] if isinstance(value, list) else value


def chat(body: Any, head: RequestHead = CHAT_HEAD) -> MatchRequest:
    return MatchRequest("openai.chat", head, orjson.dumps(body))


def changed(change: Change) -> MatchRequest:
    body = copy.deepcopy(CHAT)
    return chat(change(body) or body)


def system(text: str) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "system", "content": text}]}


def dumps(value: Any) -> bytes:
    import json

    return json.dumps(value).encode()


def request(
    method: str = "GET",
    target: str = "/v1/x",
    *,
    host: str = "api.example.com",
    headers: Headers = (),
    body: bytes = b"",
    port: int = 443,
) -> MatchRequest:
    head = RequestHead(method, "https", host, port, target, headers=headers)
    return MatchRequest("step", head, body)


def form(body: bytes) -> MatchRequest:
    return request(
        "POST", headers=((b"content-type", b"application/x-www-form-urlencoded"),), body=body
    )


def multipart(boundary: bytes, *parts: bytes) -> MatchRequest:
    body = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    kind = b"multipart/form-data; boundary=" + boundary
    return request(
        "POST", headers=((b"content-type", kind),), body=body + b"--" + boundary + b"--\r\n"
    )


def field(name: bytes, value: bytes, extra: bytes = b"") -> bytes:
    return b'Content-Disposition: form-data; name="' + name + b'"' + extra + b"\r\n\r\n" + value
