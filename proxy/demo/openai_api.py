"""OpenAI's formats: chat completions, whole and streamed, embeddings, and the list of models."""

import hashlib
import json
import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from proxy.demo.http1 import Request, Response, event_stream, json_response
from proxy.demo.parts import count_tokens, ident, input_tokens, output_tokens, pieces, sse, text_of
from proxy.demo.planner import Answer, Conversation, decide, tool_result

_DIMENSIONS = 8
_MODELS = ("gpt-5-mini", "text-embedding-3-small")


def error(status: int, kind: str, message: str, code: str | None = None) -> Response:
    """An error in OpenAI's shape."""
    body = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    return json_response(status, body)


def models(_request: Request) -> Response:
    """`GET /v1/models`."""
    rows = [{"id": name, "object": "model", "created": 0, "owned_by": "demo"} for name in _MODELS]
    return json_response(HTTPStatus.OK, {"object": "list", "data": rows})


def embeddings(request: Request) -> Response:
    """`POST /v1/embeddings`: vectors that are made from the words, the same for the same text."""
    asked = request.json()
    texts = [asked["input"]] if isinstance(asked["input"], str) else asked["input"]
    rows = [
        {"object": "embedding", "index": index, "embedding": _vector(text)}
        for index, text in enumerate(texts)
    ]
    used = sum(count_tokens(text) for text in texts)
    usage = {"prompt_tokens": used, "total_tokens": used}
    answer = {"object": "list", "data": rows, "model": asked.get("model"), "usage": usage}
    return json_response(HTTPStatus.OK, answer)


def chat(request: Request) -> Response:
    """`POST /v1/chat/completions`, with `stream` and `stream_options.include_usage`."""
    asked = request.json()
    if not isinstance(asked, dict) or not isinstance(asked.get("messages"), list):
        message = "Missing required parameter: 'messages'."
        return error(HTTPStatus.BAD_REQUEST, "invalid_request_error", message)
    conversation = read_chat(asked)
    answer = decide(conversation)
    if asked.get("stream"):
        return event_stream(chat_events(asked, conversation, answer))
    return json_response(HTTPStatus.OK, chat_completion(asked, conversation, answer))


def read_chat(asked: dict[str, Any]) -> Conversation:
    """The request of a chat completion as the planner sees it."""
    messages = asked["messages"]
    names = {
        use["id"]: use["function"]["name"]
        for message in messages
        for use in message.get("tool_calls") or ()
    }
    texts = [(message["role"], text_of(message.get("content"))) for message in messages]
    return Conversation(
        system="\n".join(text for role, text in texts if role in {"system", "developer"}),
        user="\n".join(text for role, text in texts if role == "user"),
        results=tuple(
            tool_result(names.get(message["tool_call_id"], ""), text_of(message.get("content")))
            for message in messages
            if message["role"] == "tool"
        ),
        tools=frozenset(tool["function"]["name"] for tool in asked.get("tools") or ()),
        wants_json=(asked.get("response_format") or {}).get("type", "text") != "text",
    )


def chat_completion(
    asked: dict[str, Any], conversation: Conversation, answer: Answer
) -> dict[str, Any]:
    """The whole answer as one object."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None, "refusal": None}
    if answer.tool_uses:
        message["tool_calls"] = _tool_calls(asked, answer)
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": _finish_reason(answer),
    }
    usage = chat_usage(conversation, answer)
    return {**_frame(asked, "chat.completion"), "choices": [choice], "usage": usage}


def chat_events(
    asked: dict[str, Any], conversation: Conversation, answer: Answer
) -> Iterator[bytes]:
    """The answer as a stream: role, pieces of text or of arguments, finish reason, usage."""
    frame = _frame(asked, "chat.completion.chunk")

    def event(delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        choice = {
            "index": 0,
            "delta": delta,
            "logprobs": None,
            "finish_reason": finish_reason,
        }
        return sse({**frame, "choices": [choice]})

    yield event({"role": "assistant", "content": None if answer.tool_uses else "", "refusal": None})
    for piece in pieces(answer.text):
        yield event({"content": piece})
    for index, call in enumerate(_tool_calls(asked, answer)):
        function = call["function"]
        opened = {**call, "index": index, "function": {**function, "arguments": ""}}
        yield event({"tool_calls": [opened]})
        for piece in pieces(function["arguments"]):
            yield event({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield event({}, _finish_reason(answer))
    if (asked.get("stream_options") or {}).get("include_usage"):
        yield sse({**frame, "choices": [], "usage": chat_usage(conversation, answer)})
    yield sse("[DONE]")


def chat_usage(conversation: Conversation, answer: Answer) -> dict[str, Any]:
    """Token counts in the words of chat completions."""
    read, written = input_tokens(conversation), output_tokens(answer)
    return {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def _frame(asked: dict[str, Any], kind: str) -> dict[str, Any]:
    return {
        "id": ident("chatcmpl-", json.dumps(asked, sort_keys=True)),
        "object": kind,
        "created": int(time.time()),
        "model": asked.get("model"),
        "service_tier": "default",
        "system_fingerprint": "fp_demo",
    }


def _tool_calls(asked: dict[str, Any], answer: Answer) -> list[dict[str, Any]]:
    return [
        {
            "id": ident("call_", json.dumps(asked["messages"]), use.name),
            "type": "function",
            "function": {"name": use.name, "arguments": json.dumps(use.arguments)},
        }
        for use in answer.tool_uses
    ]


def _finish_reason(answer: Answer) -> str:
    return "tool_calls" if answer.tool_uses else "stop"


def _vector(text: str) -> list[float]:
    """A unit vector from the digest of `text`."""
    raw = [byte - 127.5 for byte in hashlib.sha256(text.encode()).digest()[:_DIMENSIONS]]
    length = sum(value * value for value in raw) ** 0.5
    return [round(value / length, 6) for value in raw]
