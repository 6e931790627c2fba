"""Anthropic's messages: what its own API, Vertex AI and Bedrock's InvokeModel have in common.

Input counts do not include cached tokens: the three are added up. In a stream `message_start` seeds
the message and its usage; `message_delta` carries cumulative counts that replace, never add.
"""

import re
from collections.abc import Mapping
from typing import Any

from proxy.core import faults, loose
from proxy.core.calls import CallError, Message, ToolDef, ToolResult, ToolUse, Usage
from proxy.core.dialect import REFUSED, Answer, Asked, session, settings, tool_use
from proxy.core.streams import StreamEvent

_STRUCTURE = frozenset(("model", "messages", "system", "tools", "metadata", "anthropic_version"))
_CLAUDE_CODE = re.compile(r"_session_([0-9a-fA-F-]{36})$")
_TOOL_USES = frozenset(("tool_use", "server_tool_use", "mcp_tool_use"))
_SILENT = frozenset(("thinking", "redacted_thinking", "text"))


def ask(body: Mapping[str, Any], model: str | None) -> Asked:
    """Read a request; `model` is the one that the path names, if any."""
    output = loose.obj(loose.obj(body.get("output_config")).get("format"))
    schema = (output or loose.obj(body.get("output_format"))).get("schema")
    return Asked(
        model=loose.text(body.get("model")) or model,
        settings=settings(body, _STRUCTURE),
        system=system_text(body.get("system")) or None,
        messages=[message(item) for item in loose.objects(body.get("messages"))],
        tools=[tool(item) for item in loose.objects(body.get("tools"))],
        output_schema=schema if isinstance(schema, dict) else None,
        session=_session(body),
    )


def _session(body: Mapping[str, Any]) -> dict[str, str]:
    """The ids under `metadata`; Claude Code hides a session's in the user's."""
    ids = session(body)
    user = ids.get("metadata.user_id", "")
    inner = loose.obj(loose.parse(user).value) if user.startswith("{") else {}
    match = _CLAUDE_CODE.search(user)
    if found := loose.text(inner.get("session_id")) or (match and match[1]):
        ids.setdefault("metadata.session_id", found)
    return ids


def answer(body: Mapping[str, Any]) -> Answer:
    """Read a message."""
    found = Answer(
        served_model=loose.text(body.get("model")),
        finish_reason=loose.text(body.get("stop_reason")),
        usage=usage(loose.obj(body.get("usage"))),
        service_tier=loose.text(loose.obj(body.get("usage")).get("service_tier")),
        request_id=loose.text(body.get("request_id")),
        response_id=loose.text(body.get("id")),
    )
    if isinstance(body.get("content"), list):
        cut = found.finish_reason in (None, "max_tokens", "model_context_window_exceeded")
        found.reply = message(body, "assistant", finished=not cut)
    if found.finish_reason == "refusal":
        found.notes.append(REFUSED)
    return found


class MessageEvents:
    """The events of a stream, put together by content block index."""

    settled = False

    def __init__(self) -> None:
        self.complete = False
        self.error: CallError | None = None
        self._message: dict[str, Any] = {}
        self._usage: dict[str, Any] = {}
        self._request_id: str | None = None
        self._blocks: dict[int, _Block] = {}

    def add(self, event: StreamEvent) -> None:
        """Take one event in."""
        value = loose.obj(event.value)
        kind = loose.text(value.get("type")) or event.name
        if kind.startswith("content_block"):
            self._block(kind, value)
        elif kind == "message_start":
            self._message = dict(loose.obj(value.get("message")))
            self._usage = {**loose.obj(self._message.get("usage")), "partial": True}
        elif kind == "message_delta":
            delta, usage = loose.obj(value.get("delta")), loose.obj(value.get("usage"))
            self._message.update((k, v) for k, v in delta.items() if v is not None)
            self._usage.update((k, v) for k, v in usage.items() if v is not None)
            self._usage.pop("partial", None)
        elif kind == "message_stop":
            self.complete = True
        elif (kind == "error" or "error" in value) and self.error is None:
            self.error = faults.in_stream(faults.find(event.value) or faults.Fault(None, None))
            self._request_id = loose.text(value.get("request_id"))

    def _block(self, kind: str, value: Mapping[str, Any]) -> None:
        index = loose.count(value.get("index"))
        if kind == "content_block_start":
            block = dict(loose.obj(value.get("content_block")))
            self._blocks[len(self._blocks) if index is None else index] = _Block(block)
        elif (block_ := self._blocks.get(index or 0)) is None:
            return
        elif kind == "content_block_stop":
            block_.stopped = True
        else:
            block_.add(loose.obj(value.get("delta")))

    def result(self) -> dict[str, Any]:
        """The message so far."""
        if not self._message:
            return {"request_id": self._request_id} if self._request_id else {}
        content = [block.result() for _, block in sorted(self._blocks.items())]
        head = {"request_id": self._request_id, **self._message}
        return {**head, "usage": self._usage, "content": content}


class _Block:
    def __init__(self, block: dict[str, Any]) -> None:
        self.stopped = False
        self._block = block
        self._texts: dict[str, list[str]] = {}

    def add(self, delta: Mapping[str, Any]) -> None:
        for key in ("text", "thinking", "partial_json"):
            if isinstance(text := delta.get(key), str):
                self._texts.setdefault(key, []).append(text)

    def result(self) -> dict[str, Any]:
        block = dict(self._block)
        for key, texts in self._texts.items():
            block[key] = (loose.text(block.get(key)) or "") + "".join(texts)
        if loose.text(block.get("type")) in _TOOL_USES:
            block["stopped"] = self.stopped
        return block


def message(item: Mapping[str, Any], role: str = "user", *, finished: bool = True) -> Message:
    """One message, of a request or an answer."""
    content = item.get("content")
    texts, thoughts, parts = [], [], 0
    uses: list[ToolUse] = []
    results: list[ToolResult] = []
    for block in loose.array(content):
        if isinstance(block, str):
            texts.append(block)
            continue
        block_ = loose.obj(block)
        kind = loose.text(block_.get("type")) or ""
        if kind == "text":
            texts.append(loose.text(block_.get("text")) or "")
        elif kind == "thinking":
            thoughts.append(loose.text(block_.get("thinking")) or "")
        elif kind in _TOOL_USES:
            uses.append(_use(block_, finished))
        elif kind.endswith("tool_result"):
            results.append(_result(block_))
        if kind not in _SILENT | _TOOL_USES and not kind.endswith("tool_result"):
            parts += 1
    return Message(
        loose.text(item.get("role")) or role,
        loose.text(content) or "".join(texts),
        tuple(uses),
        tuple(results),
        "".join(thoughts) or None,
        parts,
    )


def _use(block: Mapping[str, Any], finished: bool) -> ToolUse:
    id_, name = loose.text(block.get("id")), loose.text(block.get("name"))
    if "partial_json" in block:
        raw = loose.text(block.get("partial_json")) or ""
        # a block can stop because the tokens ran out: then its JSON is cut off, not wrong
        return tool_use(id_, name, raw, finished=bool(block.get("stopped")) and finished)
    complete = bool(block.get("stopped", True))
    return ToolUse(id_, name or "", block.get("input") if complete else None, complete=complete)


def _result(block: Mapping[str, Any]) -> ToolResult:
    content = block.get("content")
    kinds = [loose.obj(part).get("type") for part in loose.array(content)]
    inner = loose.obj(content)
    is_error = block.get("is_error")
    if str(inner.get("type") or "").endswith("_error"):  # server tools: an error object as content
        is_error = True
    return ToolResult(
        loose.text(block.get("tool_use_id")),
        None,
        system_text(content) if kinds and all(kind == "text" for kind in kinds) else content,
        is_error if isinstance(is_error, bool) else None,
    )


def system_text(content: Any) -> str:
    """A text, or the texts of text blocks as paragraphs."""
    if isinstance(content, str):
        return content
    return "\n\n".join(loose.text(part.get("text")) or "" for part in loose.objects(content))


def tool(item: Mapping[str, Any]) -> ToolDef:
    """One tool definition."""
    schema = item.get("input_schema")
    return ToolDef(
        loose.text(item.get("name")) or loose.text(item.get("type")) or "",
        loose.text(item.get("description")),
        schema if isinstance(schema, dict) else None,
    )


def usage(raw: Mapping[str, Any]) -> Usage:
    """The counts; those of a stream that has only begun are an estimate."""
    if not raw:
        return Usage()
    read = loose.count(raw.get("cache_read_input_tokens"))
    written = loose.count(raw.get("cache_creation_input_tokens"))
    fresh = loose.count(raw.get("input_tokens"))
    partial = bool(raw.get("partial"))
    return Usage(
        input_tokens=None if fresh is None else loose.total(fresh, read, written),
        output_tokens=loose.count(raw.get("output_tokens")),
        cache_read_tokens=read,
        cache_write_tokens=written,
        reasoning_tokens=loose.count(
            loose.obj(raw.get("output_tokens_details")).get("thinking_tokens")
        ),
        source="estimated" if partial else "unknown" if fresh is None else "exact",
        raw={k: v for k, v in raw.items() if k != "partial"},
    )
