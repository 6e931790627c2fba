"""Amazon Bedrock InvokeModel: the model vendor's own body inside AWS's envelope.

Anthropic's is read as a message; of all others (Titan, Llama, Mistral, Nova, Cohere, AI21, models
that take OpenAI's shape) text, stop reason and counts are found by a table of places. Stream events
carry their JSON as base64 in `bytes`; the last one has `amazon-bedrock-invocationMetrics`.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, override
from urllib.parse import unquote

from proxy.core import anthropic, eventstream, faults, heads, loose
from proxy.core.calls import CallError, Message, Usage
from proxy.core.dialect import Answer, Asked, Dialect, settings
from proxy.core.model import Exchange, Headers, RequestHead
from proxy.core.streams import Assembly, StreamEvent

_PATH = re.compile(r"/model/(.+)/invoke(?:-with-response-stream)?$")
_METRICS = "amazon-bedrock-invocationMetrics"
_STRUCTURE = frozenset(("messages", "prompt", "inputText", "system", "tools", "texts"))
_ANTHROPIC = ("anthropic.", "claude")

# Where the vendors keep what every answer has.
_TEXTS = (
    ("generation",),  # Meta
    ("outputText",),  # Titan, streamed
    ("results", 0, "outputText"),  # Titan
    ("outputs", 0, "text"),  # Mistral
    ("choices", 0, "message", "content"),  # OpenAI's shape, AI21
    ("choices", 0, "delta", "content"),
    ("output", "message", "content", 0, "text"),  # Nova
    ("contentBlockDelta", "delta", "text"),  # Nova, streamed
    ("generations", 0, "text"),  # Cohere
    ("completion",),  # Anthropic before messages
    ("text",),
)
_STOPS = (
    ("stop_reason",),
    ("stopReason",),
    ("completionReason",),
    ("results", 0, "completionReason"),
    ("outputs", 0, "stop_reason"),
    ("choices", 0, "finish_reason"),
    ("messageStop", "stopReason"),
    ("generations", 0, "finish_reason"),
    ("finish_reason",),
)
_INPUT = (
    ("prompt_token_count",),
    ("inputTextTokenCount",),
    ("usage", "inputTokens"),
    ("usage", "prompt_tokens"),
    ("metadata", "usage", "inputTokens"),
)
_OUTPUT = (
    ("generation_token_count",),
    ("results", 0, "tokenCount"),
    ("totalOutputTextTokenCount",),
    ("usage", "outputTokens"),
    ("usage", "completion_tokens"),
    ("metadata", "usage", "outputTokens"),
)


class BedrockInvoke(Dialect):
    """`POST /model/{id}/invoke` and `/invoke-with-response-stream`."""

    name = "bedrock.invoke"
    vendor = "aws.bedrock"

    @override
    def recognises(self, head: RequestHead, request: bytes) -> bool:
        ends = head.path.endswith(("/invoke", "/invoke-with-response-stream"))
        return head.method == "POST" and ends and _PATH.search(head.path) is not None

    @override
    def ask(self, head: RequestHead, body: Mapping[str, Any]) -> Asked:
        model = _model(head)
        if _is_anthropic(model) or "anthropic_version" in body:
            return anthropic.ask(body, model)
        messages = [_message(item) for item in loose.objects(body.get("messages"))]
        prompts = (loose.text(body.get(key)) for key in ("prompt", "inputText", "message"))
        messages += [Message("user", prompt) for prompt in prompts if prompt is not None]
        return Asked(
            model=model,
            settings=settings(body, _STRUCTURE),
            system=anthropic.system_text(body.get("system")) or None,
            messages=messages,
        )

    @override
    def answer(self, body: Mapping[str, Any], exchange: Exchange) -> Answer:
        headers = exchange.response.headers if exchange.response else ()
        model = _model(exchange.request)
        if body.get("type") == "message" or (_is_anthropic(model) and "content" in body):
            answer = anthropic.answer(body)
        else:
            answer = _generic(body)
        if answer.usage.source != "exact":
            answer.usage = _metrics(loose.obj(body.get(_METRICS)), headers) or answer.usage
        answer.service_tier = answer.service_tier or heads.value(
            headers, b"x-amzn-bedrock-service-tier"
        )
        return answer

    @override
    def assembly(self) -> Assembly:
        return _Chunks()

    @override
    def error_body(self, status: int, message: str, *, type_: str) -> bytes:
        return loose.dumps({"__type": type_, "message": message})

    @override
    def stream_error(self, message: str, *, type_: str) -> bytes:
        headers = {":message-type": "error", ":error-code": type_, ":error-message": message}
        return eventstream.encode(headers, b"")


class _Chunks:
    """The chunks of a stream: Anthropic's events, or pieces of text."""

    def __init__(self) -> None:
        self._error: CallError | None = None
        self._messages = anthropic.MessageEvents()
        self._texts: list[str] = []
        self._last: dict[str, Any] = {}
        self._metrics: Mapping[str, Any] = {}

    @property
    def error(self) -> CallError | None:
        return self._error or self._messages.error

    @property
    def complete(self) -> bool:
        return self.error is None and (self._messages.complete or bool(self._metrics))

    @property
    def settled(self) -> bool:
        return self.error is None and bool(self._last.get("stop_reason"))

    def add(self, event: StreamEvent) -> None:
        value = loose.obj(event.value)
        if event.fault:
            said = faults.find(value) or faults.Fault(None, None)
            self._error = self._error or faults.in_stream(said._replace(type=event.name))
            return
        try:
            raw = base64.b64decode(loose.text(value.get("bytes")) or "", validate=True)
        except (binascii.Error, ValueError):
            return
        inner = loose.obj(loose.parse(raw).value)
        self._metrics = loose.obj(inner.get(_METRICS)) or self._metrics
        if isinstance(inner.get("type"), str):
            self._messages.add(StreamEvent("", inner))
            return
        if text := loose.text(_first(inner, _TEXTS)):
            self._texts.append(text)
        if stop := loose.text(_first(inner, _STOPS)):
            self._last["stop_reason"] = stop
        for key, places in (("prompt_token_count", _INPUT), ("generation_token_count", _OUTPUT)):
            if (found := loose.count(_first(inner, places))) is not None:
                self._last[key] = found

    def result(self) -> dict[str, Any]:
        message = self._messages.result()
        if not message.get("type"):
            message = {**self._last, "generation": "".join(self._texts)} if self._texts else {}
        return {**message, _METRICS: self._metrics} if self._metrics else message


def _model(head: RequestHead) -> str | None:
    match = _PATH.search(head.path)
    return unquote(match[1]) if match else None


def _is_anthropic(model: str | None) -> bool:
    return any(name in (model or "") for name in _ANTHROPIC)


def _message(item: Mapping[str, Any]) -> Message:
    content = item.get("content")
    text = loose.text(content) or anthropic.system_text(content)
    parts = sum(1 for part in loose.objects(content) if "text" not in part)
    return Message(loose.text(item.get("role")) or "user", text, parts=parts)


def _generic(body: Mapping[str, Any]) -> Answer:
    text = loose.text(_first(body, _TEXTS))
    asked, answered = loose.count(_first(body, _INPUT)), loose.count(_first(body, _OUTPUT))
    vector = loose.array(body.get("embedding"))
    known = asked is not None or answered is not None
    return Answer(
        served_model=loose.text(body.get("model")),
        reply=None if text is None else Message("assistant", text),
        finish_reason=loose.text(_first(body, _STOPS)),
        usage=Usage(asked, answered, source="exact" if known else "unknown"),
        output={"vectors": 1, "dimensions": len(vector)} if vector else None,
    )


def _first(value: Any, places: tuple[tuple[str | int, ...], ...]) -> Any:
    """What stands in the first of these places that exists."""
    for place in places:
        at = value
        for key in place:
            if isinstance(at, dict):
                at = at.get(key)
            elif isinstance(at, list) and isinstance(key, int) and key < len(at):
                at = at[key]
            else:
                at = None
        if at is not None:
            return at
    return None


def _metrics(metrics: Mapping[str, Any], headers: Headers) -> Usage | None:
    """The counts that AWS itself gives: in the last chunk, or in headers."""
    counts = {
        "input": loose.count(metrics.get("inputTokenCount")),
        "output": loose.count(metrics.get("outputTokenCount")),
        "cache-read-input": loose.count(metrics.get("cacheReadInputTokenCount")),
        "cache-write-input": loose.count(metrics.get("cacheWriteInputTokenCount")),
    }
    for name, found in counts.items():
        header = heads.value(headers, f"x-amzn-bedrock-{name}-token-count".encode())
        if found is None and header is not None and header.isdecimal():
            counts[name] = loose.count(float(header))
    if counts["input"] is None and counts["output"] is None:
        return None
    read, written = counts["cache-read-input"], counts["cache-write-input"]
    fresh = counts["input"]
    return Usage(
        input_tokens=None if fresh is None else loose.total(fresh, read, written),
        output_tokens=counts["output"],
        cache_read_tokens=read,
        cache_write_tokens=written,
        source="exact",
        raw=metrics or {k: v for k, v in counts.items() if v is not None},
    )


FORMAT = BedrockInvoke()
