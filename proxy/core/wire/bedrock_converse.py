"""Amazon Bedrock Converse and ConverseStream.

The model is in the path. A stream is AWS's binary event stream; errors in it are messages of type
`exception`. Cached tokens come on top of `inputTokens`.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, override
from urllib.parse import unquote

from proxy.core import eventstream, faults, loose
from proxy.core.calls import CallError, Message, ToolDef, ToolResult, ToolUse, Usage
from proxy.core.dialect import REFUSED, Answer, Asked, Dialect, joined, settings, tool_use
from proxy.core.model import Exchange, RequestHead
from proxy.core.streams import Assembly, StreamEvent

_PATH = re.compile(r"/model/(.+)/converse(?:-stream)?$")
_STRUCTURE = frozenset(("messages", "system", "toolConfig", "inferenceConfig", "requestMetadata"))
_REFUSALS = frozenset(("guardrail_intervened", "content_filtered"))
_CUT = frozenset((None, "max_tokens", "model_context_window_exceeded", "malformed_tool_use"))


class BedrockConverse(Dialect):
    """`POST /model/{id}/converse` and `/converse-stream`."""

    name = "bedrock.converse"
    vendor = "aws.bedrock"

    @override
    def recognises(self, head: RequestHead, request: bytes) -> bool:
        ends = head.path.endswith(("/converse", "/converse-stream"))
        return head.method == "POST" and ends and _PATH.search(head.path) is not None

    @override
    def ask(self, head: RequestHead, body: Mapping[str, Any]) -> Asked:
        match = _PATH.search(head.path)
        config = loose.obj(body.get("toolConfig"))
        asked = {**loose.obj(body.get("inferenceConfig")), **settings(body, _STRUCTURE)}
        if "toolChoice" in config:
            asked["toolChoice"] = config["toolChoice"]
        system = [loose.text(part.get("text")) or "" for part in loose.objects(body.get("system"))]
        metadata = loose.obj(body.get("requestMetadata")).items()
        return Asked(
            model=unquote(match[1]) if match else None,
            settings=asked,
            system=joined(system),
            messages=[_message(item) for item in loose.objects(body.get("messages"))],
            tools=list(_tools(config.get("tools"))),
            output_schema=_schema(body),
            session={f"metadata.{k}": v for k, v in metadata if isinstance(v, str)},
        )

    @override
    def answer(self, body: Mapping[str, Any], exchange: Exchange) -> Answer:
        message = loose.obj(loose.obj(body.get("output")).get("message"))
        reason = loose.text(body.get("stopReason"))
        answer = Answer(
            finish_reason=reason,
            usage=_usage(loose.obj(body.get("usage"))),
            service_tier=loose.text(loose.obj(body.get("serviceTier")).get("type")),
        )
        if message:
            answer.reply = _message(message, "assistant", finished=reason not in _CUT)
        if reason in _REFUSALS:
            answer.notes.append(f"{REFUSED}: {reason}")
        return answer

    @override
    def assembly(self) -> Assembly:
        return _Events()

    @override
    def error_body(self, status: int, message: str, *, type_: str) -> bytes:
        return loose.dumps({"__type": type_, "message": message})

    @override
    def stream_error(self, message: str, *, type_: str) -> bytes:
        headers = {":message-type": "error", ":error-code": type_, ":error-message": message}
        return eventstream.encode(headers, b"")


class _Events:
    """Events of a converse stream, put together by content block index."""

    settled = False

    def __init__(self) -> None:
        self.error: CallError | None = None
        self._role = "assistant"
        self._blocks: dict[int, _Block] = {}
        self._head: dict[str, Any] = {}

    @property
    def complete(self) -> bool:
        return self.error is None and "stopReason" in self._head and "usage" in self._head

    def add(self, event: StreamEvent) -> None:
        value = loose.obj(event.value)
        if event.fault:
            said = faults.find(value) or faults.Fault(None, None)
            self.error = self.error or faults.in_stream(said._replace(type=event.name))
        elif event.name == "messageStart":
            self._role = loose.text(value.get("role")) or self._role
        elif event.name == "messageStop":
            self._head["stopReason"] = value.get("stopReason")
        elif event.name == "metadata":
            self._head.update((k, v) for k, v in value.items() if k in ("usage", "serviceTier"))
        elif event.name.startswith("contentBlock"):
            index = loose.count(value.get("contentBlockIndex")) or 0
            self._blocks.setdefault(index, _Block()).add(event.name, value)

    def result(self) -> dict[str, Any]:
        content = [block.result() for _, block in sorted(self._blocks.items())]
        if not content and "stopReason" not in self._head:
            return self._head
        return {**self._head, "output": {"message": {"role": self._role, "content": content}}}


class _Block:
    def __init__(self) -> None:
        self._tool: dict[str, Any] | None = None
        self._texts: dict[str, list[str]] = {}
        self._stopped = False
        self._other: dict[str, Any] = {}

    def add(self, name: str, value: Mapping[str, Any]) -> None:
        if name == "contentBlockStop":
            self._stopped = True
        elif name == "contentBlockStart":
            start = loose.obj(value.get("start"))
            if isinstance(tool := start.get("toolUse"), dict):
                self._tool = tool
            else:
                self._other = dict(start)
        else:
            delta = loose.obj(value.get("delta"))
            self._text("text", delta.get("text"))
            self._text("input", loose.obj(delta.get("toolUse")).get("input"))
            self._text("reasoning", loose.obj(delta.get("reasoningContent")).get("text"))

    def _text(self, key: str, text: Any) -> None:
        if isinstance(text, str):
            self._texts.setdefault(key, []).append(text)

    def result(self) -> dict[str, Any]:
        texts = {key: "".join(parts) for key, parts in self._texts.items()}
        if self._tool is not None or "input" in texts:
            raw = texts.get("input", "")
            return {"toolUse": {**(self._tool or {}), "raw": raw, "stopped": self._stopped}}
        if "reasoning" in texts:
            return {"reasoningContent": {"reasoningText": {"text": texts["reasoning"]}}}
        return {"text": texts["text"]} if "text" in texts else self._other


def _message(item: Mapping[str, Any], role: str = "user", *, finished: bool = True) -> Message:
    texts, thoughts, others = [], [], 0
    uses: list[ToolUse] = []
    results: list[ToolResult] = []
    for block in loose.objects(item.get("content")):
        reasoning = loose.obj(loose.obj(block.get("reasoningContent")).get("reasoningText"))
        if (text := loose.text(block.get("text"))) is not None:
            texts.append(text)
        elif isinstance(tool := block.get("toolUse"), dict):
            uses.append(_use(tool, finished))
        elif isinstance(result := block.get("toolResult"), dict):
            results.append(_result(result))
        elif isinstance(cited := block.get("citationsContent"), dict):
            parts = loose.objects(cited.get("content"))
            texts += [loose.text(part.get("text")) or "" for part in parts]
        elif reasoning:
            thoughts.append(loose.text(reasoning.get("text")) or "")
        elif block and "cachePoint" not in block and "reasoningContent" not in block:
            others += 1
    return Message(
        loose.text(item.get("role")) or role,
        "".join(texts),
        tuple(uses),
        tuple(results),
        "".join(thoughts) or None,
        others,
    )


def _use(tool: Mapping[str, Any], finished: bool) -> ToolUse:
    id_, name = loose.text(tool.get("toolUseId")), loose.text(tool.get("name"))
    if isinstance(raw := tool.get("raw"), str):
        return tool_use(id_, name, raw, finished=bool(tool.get("stopped")) and finished)
    return ToolUse(id_, name or "", tool.get("input"))


def _result(result: Mapping[str, Any]) -> ToolResult:
    parts = list(loose.objects(result.get("content")))
    content: Any = result.get("content")
    if len(parts) == 1 and "json" in parts[0]:
        content = parts[0]["json"]
    elif parts and all("text" in part for part in parts):
        content = "\n".join(loose.text(part["text"]) or "" for part in parts)
    status = result.get("status")
    failed = None if status is None else status == "error"
    return ToolResult(loose.text(result.get("toolUseId")), None, content, failed)


def _tools(value: Any) -> Iterable[ToolDef]:
    for tool in loose.objects(value):
        spec = loose.obj(tool.get("toolSpec")) or loose.obj(tool.get("systemTool"))
        schema = loose.obj(spec.get("inputSchema")).get("json")
        if spec:
            yield ToolDef(
                loose.text(spec.get("name")) or "",
                loose.text(spec.get("description")),
                schema if isinstance(schema, dict) else None,
            )


def _schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The schema in `outputConfig.textFormat`, where it is JSON in a string."""
    format_ = loose.obj(loose.obj(body.get("outputConfig")).get("textFormat"))
    given = loose.obj(loose.obj(format_.get("structure")).get("jsonSchema")).get("schema")
    parsed = loose.parse(given).value if isinstance(given, str) else given
    return parsed if isinstance(parsed, dict) else None


def _usage(raw: Mapping[str, Any]) -> Usage:
    if not raw:
        return Usage()
    fresh = loose.count(raw.get("inputTokens"))
    read = loose.count(raw.get("cacheReadInputTokens"))
    written = loose.count(raw.get("cacheWriteInputTokens"))
    return Usage(
        input_tokens=None if fresh is None else loose.total(fresh, read, written),
        output_tokens=loose.count(raw.get("outputTokens")),
        cache_read_tokens=read,
        cache_write_tokens=written,
        source="unknown" if fresh is None else "exact",
        raw=raw,
    )


FORMAT = BedrockConverse()
