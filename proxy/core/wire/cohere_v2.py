"""Cohere v2 chat, and its embeddings.

Streams name their events in `type` and put pieces of the message under `delta.message`. The counts
that are billed stand in `usage.billed_units`; `usage.tokens` also counts Cohere's own prompt.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, override

from proxy.core import faults, loose
from proxy.core.calls import CallError, Message, ToolDef, ToolResult, ToolUse, Usage
from proxy.core.dialect import Answer, Asked, Dialect, joined, tool_use
from proxy.core.dialect import settings as all_settings
from proxy.core.model import Exchange, RequestHead
from proxy.core.streams import Assembly, StreamEvent

_PATH = re.compile(r"(?:/v2/(chat)|/v[12]/(embed))$")
_STRUCTURE = frozenset(
    (
        *("model", "messages", "tools", "documents", "response_format"),
        *("texts", "images", "inputs"),
    )
)
_SYSTEM = ("system", "developer")
_CUT = frozenset((None, "MAX_TOKENS"))


class CohereV2(Dialect):
    """`POST /v2/chat` and `POST /v2/embed`."""

    name = "cohere.chat"
    vendor = "cohere"

    @override
    def recognises(self, head: RequestHead, request: bytes) -> bool:
        match = _PATH.search(head.path.rstrip("/"))
        if match is None or head.method != "POST" or b'"model"' not in request:
            return False
        return b'"messages"' in request if match[1] else b'"input_type"' in request

    @override
    def step(self, head: RequestHead, request: bytes) -> str:
        return "cohere.embed" if head.path.rstrip("/").endswith("/embed") else self.name

    @override
    def ask(self, head: RequestHead, body: Mapping[str, Any]) -> Asked:
        messages = [_message(item) for item in loose.objects(body.get("messages"))]
        lead = next((i for i, m in enumerate(messages) if m.role not in _SYSTEM), len(messages))
        settings = all_settings(body, _STRUCTURE)
        given = loose.obj(body.get("response_format"))
        schema = given.get("json_schema", given.get("schema"))
        if given and not isinstance(schema, dict):
            settings["response_format"] = given
        documents = loose.array(body.get("documents"))
        if documents:
            settings["documents"] = len(documents)
        return Asked(
            model=loose.text(body.get("model")),
            settings=settings,
            system=joined([m.text for m in messages[:lead]]),
            messages=messages[lead:],
            tools=list(_tools(body.get("tools"))),
            output_schema=schema if isinstance(schema, dict) else None,
            input=body.get("texts", body.get("inputs")),
        )

    @override
    def answer(self, body: Mapping[str, Any], exchange: Exchange) -> Answer:
        reason = loose.text(body.get("finish_reason"))
        answer = Answer(
            finish_reason=reason, usage=_usage(body), response_id=loose.text(body.get("id"))
        )
        if isinstance(message := body.get("message"), dict):
            answer.reply = _message(message, "assistant", finished=reason not in _CUT)
        if "embeddings" in body:
            answer.output = _vectors(body["embeddings"])
        return answer

    @override
    def fault(self, body: Any) -> faults.Fault | None:
        # `message` is the answer itself here; only a text would be an error's
        return None if isinstance(loose.obj(body).get("message"), dict) else super().fault(body)

    @override
    def assembly(self) -> Assembly:
        return _Events()

    @override
    def error_body(self, status: int, message: str, *, type_: str) -> bytes:
        return loose.dumps({"id": type_, "message": message})

    @override
    def stream_error(self, message: str, *, type_: str) -> bytes:
        delta = {"finish_reason": "ERROR", "error": message}
        event = loose.dumps({"type": "message-end", "delta": delta})
        return b"event: message-end\ndata: " + event + b"\n\n"


class _Events:
    """Stream events, put together by content and tool call index."""

    settled = False

    def __init__(self) -> None:
        self.complete = False
        self.error: CallError | None = None
        self._head: dict[str, Any] = {}
        self._plan: list[str] = []
        self._content: dict[int, dict[str, list[str]]] = {}
        self._calls: dict[int, dict[str, Any]] = {}

    def add(self, event: StreamEvent) -> None:
        value = loose.obj(event.value)
        kind = loose.text(value.get("type")) or event.name
        delta = loose.obj(value.get("delta"))
        message = loose.obj(delta.get("message"))
        index = loose.count(value.get("index")) or 0
        if kind == "message-start":
            self._head = {"id": value.get("id"), "started": True}
        elif kind in ("content-start", "content-delta"):
            parts = self._content.setdefault(index, {})
            for key in ("text", "thinking"):
                if text := loose.text(loose.obj(message.get("content")).get(key)):
                    parts.setdefault(key, []).append(text)
        elif kind == "tool-plan-delta":
            self._plan.append(loose.text(message.get("tool_plan")) or "")
        elif kind.startswith("tool-call-"):
            self._call(kind, index, loose.obj(message.get("tool_calls")))
        elif kind == "message-end":
            self._end(value, delta)
        elif "message" in value and not kind:
            fault = faults.find(value) or faults.Fault(None, None)
            self.error = self.error or faults.in_stream(fault)

    def _call(self, kind: str, index: int, part: Mapping[str, Any]) -> None:
        if kind == "tool-call-start":
            self._calls[index] = {**part, "raw": [], "stopped": False}
        if (call := self._calls.get(index)) is None:
            return
        if kind == "tool-call-end":
            call["stopped"] = True
        if text := loose.text(loose.obj(part.get("function")).get("arguments")):
            call["raw"].append(text)

    def _end(self, value: Mapping[str, Any], delta: Mapping[str, Any]) -> None:
        self.complete = True
        self._head["finish_reason"] = delta.get("finish_reason")
        self._head["usage"] = delta.get("usage")
        self._head["id"] = self._head.get("id") or value.get("id")
        self._head["started"] = True
        if self._head["finish_reason"] == "ERROR" or delta.get("error"):
            said = loose.text(delta.get("error")) or "the model failed"
            self.error = faults.in_stream(faults.Fault("ERROR", said))

    def result(self) -> dict[str, Any]:
        if not self._head.pop("started", False) and not self._content and not self._calls:
            return {}
        content = [
            {"type": key, key: "".join(texts)}
            for _, parts in sorted(self._content.items())
            for key, texts in parts.items()
        ]
        calls = [
            {
                "id": call.get("id"),
                "function": {
                    "name": loose.obj(call.get("function")).get("name"),
                    "arguments": "".join(call["raw"]),
                },
                "stopped": call["stopped"],
            }
            for _, call in sorted(self._calls.items())
        ]
        message = {"role": "assistant", "content": content, "tool_calls": calls}
        return {**self._head, "message": {**message, "tool_plan": "".join(self._plan)}}


def _message(item: Mapping[str, Any], role: str = "user", *, finished: bool = True) -> Message:
    role = loose.text(item.get("role")) or role
    content = item.get("content")
    texts, thoughts, others = [loose.text(content) or ""], [], 0
    for part in loose.objects(content):
        if (text := loose.text(part.get("text"))) is not None:
            texts.append(text)
        elif (thinking := loose.text(part.get("thinking"))) is not None:
            thoughts.append(thinking)
        else:
            others += 1
    if role == "tool":
        kept = content if others else "".join(texts)
        result = ToolResult(loose.text(item.get("tool_call_id")), None, kept)
        return Message(role, tool_results=(result,))
    if plan := loose.text(item.get("tool_plan")):
        thoughts.append(plan)
    return Message(
        role,
        "".join(texts),
        tuple(_uses(item.get("tool_calls"), finished)),
        reasoning="\n\n".join(thoughts) or None,
        parts=others,
    )


def _uses(value: Any, finished: bool) -> Iterable[ToolUse]:
    for call in loose.objects(value):
        function = loose.obj(call.get("function"))
        raw = loose.text(function.get("arguments")) or ""
        done = finished or bool(call.get("stopped"))
        yield tool_use(
            loose.text(call.get("id")), loose.text(function.get("name")), raw, finished=done
        )


def _tools(value: Any) -> Iterable[ToolDef]:
    for tool in loose.objects(value):
        function = loose.obj(tool.get("function"))
        schema = function.get("parameters")
        yield ToolDef(
            loose.text(function.get("name")) or loose.text(tool.get("type")) or "",
            loose.text(function.get("description")),
            schema if isinstance(schema, dict) else None,
        )


def _usage(body: Mapping[str, Any]) -> Usage:
    raw = loose.obj(body.get("usage")) or loose.obj(body.get("meta"))
    counted = loose.obj(raw.get("billed_units"))
    if loose.count(counted.get("input_tokens")) is None:
        counted = loose.obj(raw.get("tokens"))
    asked = loose.count(counted.get("input_tokens"))
    answered = loose.count(counted.get("output_tokens"))
    return Usage(
        input_tokens=asked,
        output_tokens=answered,
        cache_read_tokens=loose.count(raw.get("cached_tokens")),
        source="unknown" if asked is None and answered is None else "exact",
        raw=raw,
    )


def _vectors(value: Any) -> dict[str, Any]:
    """How many, and how long: by element type in v2, a plain list in v1."""
    lists = list(value.values()) if isinstance(value, dict) else [value]
    first = loose.array(lists[0]) if lists else []
    return {"vectors": len(first), "dimensions": len(loose.array(first[0])) if first else None}


FORMAT = CohereV2()
