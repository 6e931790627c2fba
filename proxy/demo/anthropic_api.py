"""Anthropic's Messages format: `POST /v1/messages`, whole and streamed."""

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from proxy.demo.http1 import Request, Response, event_stream, json_response
from proxy.demo.parts import ident, input_tokens, output_tokens, pieces, sse, text_of
from proxy.demo.planner import Answer, Conversation, decide, tool_result


def error(status: int, kind: str, message: str) -> Response:
    """An error in Anthropic's shape."""
    return json_response(status, {"type": "error", "error": {"type": kind, "message": message}})


def messages(request: Request) -> Response:
    """One message; `stream` sends it in events."""
    asked = request.json()
    if not isinstance(asked, dict) or not isinstance(asked.get("max_tokens"), int):
        text = "max_tokens: Field required"
        return error(HTTPStatus.BAD_REQUEST, "invalid_request_error", text)
    conversation = read_messages(asked)
    answer = decide(conversation)
    whole = message_object(asked, conversation, answer)
    headers = {"request-id": whole["id"].replace("msg_", "req_")}
    if asked.get("stream"):
        return event_stream(message_events(whole), headers)
    return json_response(HTTPStatus.OK, whole, headers)


def read_messages(asked: dict[str, Any]) -> Conversation:
    """The request of a message as the planner sees it."""
    blocks = [
        (message["role"], block)
        for message in asked["messages"]
        for block in _blocks(message["content"])
    ]
    names = {block["id"]: block["name"] for _, block in blocks if block["type"] == "tool_use"}
    return Conversation(
        system=text_of(asked.get("system")),
        user="\n".join(
            block["text"] for role, block in blocks if role == "user" and block["type"] == "text"
        ),
        results=tuple(
            tool_result(names.get(block["tool_use_id"], ""), text_of(block.get("content")))
            for _, block in blocks
            if block["type"] == "tool_result"
        ),
        tools=frozenset(tool["name"] for tool in asked.get("tools") or ()),
        wants_json="format" in (asked.get("output_config") or {}),
    )


def message_object(
    asked: dict[str, Any], conversation: Conversation, answer: Answer
) -> dict[str, Any]:
    """The whole message."""
    seed = json.dumps(asked, sort_keys=True)
    content: list[dict[str, Any]] = [
        {
            "type": "tool_use",
            "id": ident("toolu_", json.dumps(asked["messages"]), index),
            "name": use.name,
            "input": dict(use.arguments),
        }
        for index, use in enumerate(answer.tool_uses)
    ]
    return {
        "id": ident("msg_", seed),
        "type": "message",
        "role": "assistant",
        "model": asked.get("model"),
        "content": content or [{"type": "text", "text": answer.text}],
        "stop_reason": "tool_use" if answer.tool_uses else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": input_tokens(conversation),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": output_tokens(answer),
            "service_tier": "standard",
        },
    }


def message_events(whole: dict[str, Any]) -> Iterator[bytes]:
    """The message as its stream: start, a ping, the blocks with their deltas, the stop."""
    usage = {**whole["usage"], "output_tokens": 1}
    begun = {**whole, "content": [], "stop_reason": None, "usage": usage}

    def event(kind: str, **fields: Any) -> bytes:
        return sse({"type": kind, **fields}, kind)

    yield event("message_start", message=begun)
    yield event("ping")
    for index, block in enumerate(whole["content"]):
        tool = block["type"] == "tool_use"
        opened = {**block, "input": {}} if tool else {**block, "text": ""}
        yield event("content_block_start", index=index, content_block=opened)
        for piece in pieces(json.dumps(block["input"]) if tool else block["text"]):
            delta = (
                {"type": "input_json_delta", "partial_json": piece}
                if tool
                else {"type": "text_delta", "text": piece}
            )
            yield event("content_block_delta", index=index, delta=delta)
        yield event("content_block_stop", index=index)
    yield event(
        "message_delta",
        delta={"stop_reason": whole["stop_reason"], "stop_sequence": None},
        usage={"output_tokens": whole["usage"]["output_tokens"]},
    )
    yield event("message_stop")


def _blocks(content: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
