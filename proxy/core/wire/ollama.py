"""Ollama's own API: chat, generate, embed. It streams (JSON lines) unless told not to.

Other services have an `/api/chat` too: what is not answered as Ollama answers is given up.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, override

from proxy.core import faults, loose
from proxy.core.calls import Call, CallError, Message, ToolDef, ToolResult, ToolUse, Usage
from proxy.core.dialect import Answer, Asked, Dialect, joined, tool_use
from proxy.core.dialect import settings as all_settings
from proxy.core.model import Exchange, RequestHead
from proxy.core.streams import Assembly, Framing, StreamEvent
from proxy.errors import FormatError

_PATH = re.compile(r"/api/(chat|generate|embed|embeddings)$")
_ASKS = {"chat": b'"messages"', "generate": b'"prompt"', "embed": b'"input"'}
_STRUCTURE = frozenset(
    (
        *("model", "messages", "prompt", "system", "tools", "options", "format", "input"),
        *("images", "context", "suffix"),
    )
)
_SYSTEM = ("system", "developer")


class Ollama(Dialect):
    """`POST /api/chat`, `/api/generate`, `/api/embed`."""

    name = "ollama"
    vendor = "ollama"

    @override
    def recognises(self, head: RequestHead, request: bytes) -> bool:
        match = _PATH.search(head.path.rstrip("/"))
        if match is None or head.method != "POST" or b'"model"' not in request:
            return False
        return _ASKS.get(match[1], b'"prompt"') in request

    @override
    def step(self, head: RequestHead, request: bytes) -> str:
        match = _PATH.search(head.path.rstrip("/"))
        return f"ollama.{match[1].removesuffix('dings')}" if match else self.name

    @override
    def framing(self, exchange: Exchange, media: str, response: bytes) -> Framing:
        kind = super().framing(exchange, media, response)
        lines = kind == "json" and b"\n{" in response[:65536]
        return "ndjson" if lines else kind  # some proxies rename its media type

    @override
    def decode(self, exchange: Exchange, request: bytes, response: bytes) -> Call:
        call = super().decode(exchange, request, response)
        if call.reply is None and call.output is None and call.error is None:
            raise FormatError("the answer is not Ollama's")
        return call

    @override
    def ask(self, head: RequestHead, body: Mapping[str, Any]) -> Asked:
        messages = [_message(item) for item in loose.objects(body.get("messages"))]
        lead = next((i for i, m in enumerate(messages) if m.role not in _SYSTEM), len(messages))
        settings = {**loose.obj(body.get("options")), **all_settings(body, _STRUCTURE)}
        schema = body.get("format")
        if isinstance(schema, str) and schema:
            settings["format"] = schema
        said = [m.text for m in messages[:lead]]
        messages = messages[lead:]
        if (prompt := loose.text(body.get("prompt"))) is not None:
            messages.append(Message("user", prompt, parts=len(loose.array(body.get("images")))))
        return Asked(
            model=loose.text(body.get("model")),
            settings=settings,
            system=joined([loose.text(body.get("system")) or "", *said]),
            messages=messages,
            tools=list(_tools(body.get("tools"))),
            output_schema=schema if isinstance(schema, dict) else None,
            input=body.get("input"),
        )

    @override
    def answer(self, body: Mapping[str, Any], exchange: Exchange) -> Answer:
        done = body.get("done") is True
        answer = Answer(
            served_model=loose.text(body.get("remote_model")) or loose.text(body.get("model")),
            finish_reason=loose.text(body.get("done_reason")),
            usage=_usage(body),
        )
        if isinstance(message := body.get("message"), dict):
            answer.reply = _message(message, "assistant", finished=done)
        elif (text := loose.text(body.get("response"))) is not None:
            thinking = loose.text(body.get("thinking")) or None
            answer.reply = Message("assistant", text, reasoning=thinking)
        vectors = loose.array(
            body.get("embeddings", [body["embedding"]] if "embedding" in body else None)
        )
        if vectors:
            answer.output = {"vectors": len(vectors), "dimensions": len(loose.array(vectors[0]))}
        return answer

    @override
    def fault(self, body: Any) -> faults.Fault | None:
        error = loose.text(loose.obj(body).get("error"))
        return faults.Fault(None, error) if error else super().fault(body)

    @override
    def assembly(self) -> Assembly:
        return _Lines()

    @override
    def error_body(self, status: int, message: str, *, type_: str) -> bytes:
        return loose.dumps({"error": message})

    @override
    def stream_error(self, message: str, *, type_: str) -> bytes:
        return self.error_body(0, message, type_=type_) + b"\n"


class _Lines:
    """The lines of a stream; the last one has the counts."""

    settled = False

    def __init__(self) -> None:
        self.complete = False
        self.error: CallError | None = None
        self._last: dict[str, Any] = {}
        self._texts: dict[str, list[str]] = {}
        self._calls: list[Any] = []
        self._chats = False

    def add(self, event: StreamEvent) -> None:
        value = loose.obj(event.value)
        if "error" in value:
            fault = faults.find(value) or faults.Fault(None, None)
            self.error = self.error or faults.in_stream(fault)
            return
        self._last.update(value)
        self.complete = self.complete or value.get("done") is True
        message = loose.obj(value.get("message"))
        self._chats = self._chats or bool(message)
        for key, text in (
            ("content", message.get("content", value.get("response"))),
            ("thinking", message.get("thinking", value.get("thinking"))),
        ):
            if isinstance(text, str):
                self._texts.setdefault(key, []).append(text)
        self._calls += loose.array(message.get("tool_calls"))

    def result(self) -> dict[str, Any]:
        texts = {key: "".join(parts) for key, parts in self._texts.items()}
        if self._chats:
            message = {**loose.obj(self._last.get("message")), **texts, "tool_calls": self._calls}
            return {**self._last, "message": message}
        if "content" in texts:
            thinking = texts.get("thinking")
            return {**self._last, "response": texts["content"], "thinking": thinking}
        return self._last


def _message(item: Mapping[str, Any], role: str = "user", *, finished: bool = True) -> Message:
    role = loose.text(item.get("role")) or role
    text = loose.text(item.get("content")) or ""
    if role == "tool":
        name = loose.text(item.get("tool_name")) or loose.text(item.get("name"))
        return Message(
            role, tool_results=(ToolResult(loose.text(item.get("tool_call_id")), name, text),)
        )
    return Message(
        role,
        text,
        tuple(_uses(item.get("tool_calls"), finished)),
        reasoning=loose.text(item.get("thinking")) or None,
        parts=len(loose.array(item.get("images"))),
    )


def _uses(value: Any, finished: bool) -> Iterable[ToolUse]:
    for call in loose.objects(value):
        function = loose.obj(call.get("function"))
        id_, name = loose.text(call.get("id")), loose.text(function.get("name"))
        arguments = function.get("arguments")
        if isinstance(arguments, str):
            yield tool_use(id_, name, arguments, finished=finished)
        else:
            yield ToolUse(id_, name or "", arguments)


def _tools(value: Any) -> Iterable[ToolDef]:
    for tool in loose.objects(value):
        function = loose.obj(tool.get("function"))
        schema = function.get("parameters")
        yield ToolDef(
            loose.text(function.get("name")) or "",
            loose.text(function.get("description")),
            schema if isinstance(schema, dict) else None,
        )


def _usage(body: Mapping[str, Any]) -> Usage:
    asked, answered = (
        loose.count(body.get("prompt_eval_count")),
        loose.count(body.get("eval_count")),
    )
    raw = {k: v for k, v in body.items() if k.endswith(("_count", "_duration"))}
    known = asked is not None or answered is not None
    return Usage(asked, answered, source="exact" if known else "unknown", raw=raw)


FORMAT = Ollama()
