"""OpenAI's Responses format: `POST /v1/responses`, whole and streamed."""

import itertools
import json
import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from proxy.demo.http1 import Request, Response, event_stream, json_response
from proxy.demo.parts import ident, input_tokens, output_tokens, pieces, sse, text_of
from proxy.demo.planner import Answer, Conversation, decide, tool_result


def responses(request: Request) -> Response:
    """One model response; it is not kept, so `previous_response_id` is not known."""
    asked = request.json()
    conversation = read_responses(asked)
    answer = decide(conversation)
    whole = response_object(asked, conversation, answer)
    if asked.get("stream"):
        return event_stream(response_events(whole))
    return json_response(HTTPStatus.OK, whole)


def read_responses(asked: dict[str, Any]) -> Conversation:
    """The request of a response as the planner sees it."""
    given = asked.get("input", "")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    names = {item["call_id"]: item["name"] for item in items if item.get("type") == "function_call"}
    tools = (tool.get("name", "") for tool in asked.get("tools") or ())
    text_format = (asked.get("text") or {}).get("format") or {}
    return Conversation(
        system=asked.get("instructions") or "",
        user="\n".join(text_of(item["content"]) for item in items if item.get("role") == "user"),
        results=tuple(
            tool_result(names.get(item["call_id"], ""), text_of(item["output"]))
            for item in items
            if item.get("type") == "function_call_output"
        ),
        tools=frozenset(tools),
        wants_json=text_format.get("type", "text") != "text",
    )


def response_object(
    asked: dict[str, Any], conversation: Conversation, answer: Answer
) -> dict[str, Any]:
    """The whole response."""
    seed = json.dumps(asked, sort_keys=True)
    read, written = input_tokens(conversation), output_tokens(answer)
    return {
        "id": ident("resp_", seed),
        "object": "response",
        "created_at": int(time.time()),
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": asked.get("instructions"),
        "model": asked.get("model"),
        "output": [_item(seed, answer, index) for index in range(len(answer.tool_uses) or 1)],
        "parallel_tool_calls": True,
        "tool_choice": asked.get("tool_choice", "auto"),
        "tools": asked.get("tools") or [],
        "temperature": asked.get("temperature", 1.0),
        "top_p": asked.get("top_p", 1.0),
        "metadata": asked.get("metadata") or {},
        "usage": {
            "input_tokens": read,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": written,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": read + written,
        },
    }


def response_events(whole: dict[str, Any]) -> Iterator[bytes]:
    """The response as its stream: named events with a sequence number, no `[DONE]`."""
    numbers = itertools.count()

    def event(kind: str, **fields: Any) -> bytes:
        return sse({"type": kind, "sequence_number": next(numbers), **fields}, kind)

    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    yield event("response.created", response=begun)
    yield event("response.in_progress", response=begun)
    for index, item in enumerate(whole["output"]):
        place = {"item_id": item["id"], "output_index": index}
        empty: dict[str, Any] = {"content": []} if item["type"] == "message" else {"arguments": ""}
        opened = {**item, "status": "in_progress", **empty}
        yield event("response.output_item.added", output_index=index, item=opened)
        if item["type"] == "message":
            part = item["content"][0]
            place["content_index"] = 0
            yield event("response.content_part.added", **place, part={**part, "text": ""})
            for piece in pieces(part["text"]):
                yield event("response.output_text.delta", **place, delta=piece, logprobs=[])
            yield event("response.output_text.done", **place, text=part["text"], logprobs=[])
            yield event("response.content_part.done", **place, part=part)
        else:
            for piece in pieces(item["arguments"]):
                yield event("response.function_call_arguments.delta", **place, delta=piece)
            done = {"name": item["name"], "arguments": item["arguments"]}
            yield event("response.function_call_arguments.done", **place, **done)
        yield event("response.output_item.done", output_index=index, item=item)
    yield event("response.completed", response=whole)


def _item(seed: str, answer: Answer, index: int) -> dict[str, Any]:
    """An item of the output: the message, or one of the tools that are asked for."""
    if not answer.tool_uses:
        text = {"type": "output_text", "text": answer.text, "annotations": [], "logprobs": []}
        return {
            "id": ident("msg_", seed),
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [text],
        }
    use = answer.tool_uses[index]
    return {
        "id": ident("fc_", seed, index),
        "type": "function_call",
        "status": "completed",
        "call_id": ident("call_", seed, index),
        "name": use.name,
        "arguments": json.dumps(use.arguments),
    }
