"""Gemini Interactions: `POST …/interactions`, its stream, and fetching what runs in the background.

An interaction is a list of steps (user input, thought, model output, calls and results). Streams
name their events in `event_type`: `interaction.created`, `.status_update`, `step.start`, `.delta`,
`.stop`, `interaction.completed`, `error`. As with `generateContent`, thoughts come on top of the
output's tokens and tool results on top of the input's.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, override

from proxy.core import faults, heads, loose
from proxy.core.calls import CallError, Message, ToolDef, ToolResult, ToolUse, Usage
from proxy.core.dialect import Answer, Asked, Dialect, session, tool_use
from proxy.core.dialect import settings as all_settings
from proxy.core.model import Exchange, RequestHead
from proxy.core.openapi_schema import to_json_schema
from proxy.core.providers import provider_of
from proxy.core.streams import DONE, Assembly, StreamEvent

_PATH = re.compile(r"/interactions(?:/([^/:]+)(?:[/:](cancel))?)?/?$")
_STRUCTURE = frozenset(
    (
        *("model", "agent", "input", "system_instruction", "tools", "labels", "response_format"),
        *("previous_interaction_id", "generation_config"),
    )
)
_FAILED = frozenset(("failed", "budget_exceeded"))


class GeminiInteractions(Dialect):
    """`POST …/interactions`."""

    name = "gemini.interactions"
    vendor = "gcp.gemini"

    @override
    def recognises(self, head: RequestHead, request: bytes) -> bool:
        match = _PATH.search(head.path)
        if match is None:
            return False
        if match[1] is not None:  # `/interactions/{id}` is anybody's
            google = (provider_of(head.host) or "").startswith("gcp.")
            return google or heads.value(head.headers, b"x-goog-api-key") is not None
        names = b'"model"' in request or b'"agent"' in request
        asks = b'"input"' in request or b'"continuation_token"' in request
        return head.method == "POST" and names and asks

    @override
    def step(self, head: RequestHead, request: bytes) -> str:
        match = _PATH.search(head.path)
        if match is None or match[1] is None:
            return self.name
        return f"{self.name}.{match[2] or ('delete' if head.method == 'DELETE' else 'get')}"

    @override
    def ask(self, head: RequestHead, body: Mapping[str, Any]) -> Asked:
        settings = {**all_settings(body, _STRUCTURE), **loose.obj(body.get("generation_config"))}
        given = body.get("response_format")
        schema = _schema(given)
        if given is not None and schema is None:
            settings["response_format"] = given
        labels = loose.obj(body.get("labels")).items()
        return Asked(
            model=loose.text(body.get("model")) or loose.text(body.get("agent")),
            settings=settings,
            system=loose.text(body.get("system_instruction")),
            messages=_messages(body.get("input")),
            tools=list(_tools(body.get("tools"))),
            output_schema=schema,
            previous_response_id=loose.text(body.get("previous_interaction_id")),
            session={
                **session(body, "previous_interaction_id"),
                **{f"labels.{k}": v for k, v in labels if isinstance(v, str)},
            },
        )

    @override
    def answer(self, body: Mapping[str, Any], exchange: Exchange) -> Answer:
        status = loose.text(body.get("status"))
        answer = Answer(
            served_model=loose.text(body.get("model")) or loose.text(body.get("agent")),
            finish_reason=status,
            usage=_usage(loose.obj(body.get("usage"))),
            service_tier=loose.text(body.get("service_tier")),
            response_id=loose.text(body.get("id")),
        )
        steps = body.get("steps", body.get("outputs"))
        if isinstance(steps, list):
            said = [m for m in _messages(steps) if m.role == "assistant"]
            answer.reply = _merged(said) if said else None
        if status in _FAILED:
            fault = faults.find(body) or faults.Fault(status, f"the interaction is {status}")
            answer.error = faults.in_stream(fault, where="body")
        return answer

    @override
    def assembly(self) -> Assembly:
        return _Events()

    @override
    def error_body(self, status: int, message: str, *, type_: str) -> bytes:
        return loose.dumps({"error": {"code": type_, "message": message}})

    @override
    def stream_error(self, message: str, *, type_: str) -> bytes:
        event = {"event_type": "error", "error": {"code": type_, "message": message}}
        return b"event: error\ndata: " + loose.dumps(event) + b"\n\n"


class _Events:
    """Stream events, put together by step index."""

    settled = False

    def __init__(self) -> None:
        self.complete = False
        self.error: CallError | None = None
        self._interaction: dict[str, Any] = {}
        self._steps: dict[int, _Step] = {}

    def add(self, event: StreamEvent) -> None:
        if event.value == DONE:
            return
        value = loose.obj(event.value)
        kind = loose.text(value.get("event_type")) or loose.text(value.get("type")) or event.name
        if kind.startswith("interaction."):
            self._lifecycle(kind, value)
        elif kind.startswith(("step.", "content.")):
            self._step(kind.partition(".")[2], value)
        elif (kind == "error" or "error" in value) and self.error is None:
            self.error = faults.in_stream(faults.find(value) or faults.Fault(None, None))

    def _lifecycle(self, kind: str, value: Mapping[str, Any]) -> None:
        inner = loose.obj(value.get("interaction"))
        self._interaction.update((k, v) for k, v in inner.items() if v is not None)
        self._interaction.update((k, value[k]) for k in ("status", "usage") if value.get(k))
        if kind in ("interaction.completed", "interaction.complete"):
            self.complete = True
        status = loose.text(self._interaction.get("status"))
        if status in _FAILED and self.error is None:
            fault = faults.find(inner) or faults.Fault(str(status), f"the interaction is {status}")
            self.error = faults.in_stream(fault)

    def _step(self, kind: str, value: Mapping[str, Any]) -> None:
        index = loose.count(value.get("index")) or 0
        if kind == "start":
            start = value.get("step", value.get("content"))
            self._steps[index] = _Step(dict(loose.obj(start)))
        elif kind == "delta":
            self._steps.setdefault(index, _Step({})).add(loose.obj(value.get("delta")))
        elif kind == "stop" and index in self._steps:
            self._steps[index].stopped = True

    def result(self) -> dict[str, Any]:
        found = dict(self._interaction)
        if not found.get("steps") and self._steps:
            found["steps"] = [step.result() for _, step in sorted(self._steps.items())]
        return found


class _Step:
    def __init__(self, step: dict[str, Any]) -> None:
        self.stopped = False
        self._step = step
        self._texts: dict[str, list[str]] = {}
        self._others = 0

    def add(self, delta: Mapping[str, Any]) -> None:
        kind = loose.text(delta.get("type")) or ""
        if kind == "text":
            self._text("text", delta.get("text"))
        elif kind == "arguments_delta":
            self._text("arguments", delta.get("arguments"))
        elif kind == "thought_summary":
            self._text("summary", loose.obj(delta.get("content")).get("text", delta.get("text")))
        elif kind.endswith(("_call", "_result")):
            self._step.update({"type": kind, **delta})
        elif kind in ("image", "audio", "video", "document"):
            self._others += 1

    def _text(self, key: str, text: Any) -> None:
        if isinstance(text, str):
            self._texts.setdefault(key, []).append(text)

    def result(self) -> dict[str, Any]:
        step = dict(self._step)
        texts = {key: "".join(parts) for key, parts in self._texts.items()}
        if "arguments" in texts:
            step["raw_arguments"] = texts["arguments"]
        if "summary" in texts:
            old = loose.array(step.get("summary"))
            step["summary"] = [*old, {"type": "text", "text": texts["summary"]}]
        if "text" in texts or self._others:
            old = loose.array(step.get("content"))
            said = [{"type": "text", "text": texts["text"]}] if "text" in texts else []
            step["content"] = [*old, *said, *({"type": "media"} for _ in range(self._others))]
        step["stopped"] = self.stopped
        step.setdefault("type", "model_output")
        return step


def _messages(value: Any) -> list[Message]:
    if isinstance(value, str):
        return [Message("user", value)]
    if isinstance(value, dict):
        value = [value]
    found: list[Message] = []
    for step in loose.objects(value):
        message = _message(step)
        if found and found[-1].role == message.role == "assistant":
            message = _merged([found.pop(), message])
        found.append(message)
    return found


def _message(step: Mapping[str, Any]) -> Message:
    kind = loose.text(step.get("type")) or ""
    role = loose.text(step.get("role"))
    if role is not None or kind in ("user_input", "model_output"):
        text, parts = _content(step.get("content"))
        mine = role in ("model", "assistant") or kind == "model_output"
        return Message("assistant" if mine else role or "user", text, parts=parts)
    if kind == "thought":
        text, _ = _content(step.get("summary"))
        return Message("assistant", reasoning=text or None)
    if kind.endswith("_call"):
        return Message("assistant", tool_uses=(_use(step, kind),))
    if kind.endswith("_result"):
        content = step.get("result")
        failed = step.get("is_error")
        result = ToolResult(
            loose.text(step.get("call_id")),
            loose.text(step.get("name")) or (None if kind == "function_result" else kind[:-7]),
            content,
            failed if isinstance(failed, bool) else None,
        )
        # only functions are run by the client; all else the provider runs within the turn
        own = kind == "function_result"
        return Message("tool" if own else "assistant", tool_results=(result,))
    if kind == "text":  # a content part where a step may stand
        return Message("user", loose.text(step.get("text")) or "")
    return Message("user", parts=1)


def _use(step: Mapping[str, Any], kind: str) -> ToolUse:
    id_ = loose.text(step.get("id"))
    name = loose.text(step.get("name")) or kind.removesuffix("_call")
    done = bool(step.get("stopped", True))
    if (raw := loose.text(step.get("raw_arguments"))) is not None:
        return tool_use(id_, name, raw, finished=done)
    return ToolUse(id_, name, step.get("arguments") if done else None, complete=done)


def _content(value: Any) -> tuple[str, int]:
    if isinstance(value, str):
        return value, 0
    parts = [value] if isinstance(value, dict) else list(loose.objects(value))
    texts = [text for part in parts if (text := loose.text(part.get("text"))) is not None]
    return "".join(texts), len(parts) - len(texts)


def _merged(messages: list[Message]) -> Message:
    return Message(
        "assistant",
        "".join(m.text for m in messages),
        tuple(use for m in messages for use in m.tool_uses),
        tuple(result for m in messages for result in m.tool_results),
        "\n\n".join(m.reasoning for m in messages if m.reasoning) or None,
        sum(m.parts for m in messages),
    )


def _tools(value: Any) -> Iterable[ToolDef]:
    for tool in loose.objects(value):
        kind = loose.text(tool.get("type")) or ""
        name = loose.text(tool.get("name")) or kind
        schema = to_json_schema(tool.get("parameters"))
        named = f"{kind}:{name}" if kind == "mcp_server" else name
        yield ToolDef(named, loose.text(tool.get("description")), schema)


def _schema(given: Any) -> Mapping[str, Any] | None:
    """The schema in `response_format`: beside its media type, or (older) the format itself."""
    for item in [given] if isinstance(given, dict) else loose.objects(given):
        if isinstance(schema := item.get("schema"), dict):
            return to_json_schema(schema)
        if "properties" in item or item.get("type") in ("object", "array"):
            return to_json_schema(item)
    return None


def _usage(raw: Mapping[str, Any]) -> Usage:
    if not raw:
        return Usage()
    asked = loose.total(
        loose.count(raw.get("total_input_tokens")), loose.count(raw.get("total_tool_use_tokens"))
    )
    thoughts = loose.count(raw.get("total_thought_tokens"))
    answered = loose.total(loose.count(raw.get("total_output_tokens")), thoughts)
    return Usage(
        input_tokens=asked,
        output_tokens=answered,
        cache_read_tokens=loose.count(raw.get("total_cached_tokens")),
        reasoning_tokens=thoughts,
        source="unknown" if asked is None and answered is None else "exact",
        raw=raw,
    )


FORMAT = GeminiInteractions()
