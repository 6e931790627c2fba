"""OpenAI Chat Completions, and every server that speaks it.

Azure OpenAI, vLLM, Groq, OpenRouter, Mistral, DeepSeek, xAI, Perplexity, Together, Fireworks, LM
Studio, llama.cpp, Ollama's compatible endpoint: all are told by the path's end. Their quirks:

- `reasoning_content` (DeepSeek, vLLM, xAI) or `reasoning` (OpenRouter, Groq) beside `content`;
- Mistral's `content` may be a list of `thinking` and `text` parts, in deltas too;
- Groq sends stream usage in `x_groq.usage`, DeepSeek counts `prompt_cache_hit_tokens`;
- xAI's reasoning tokens come on top of `completion_tokens` (its `total_tokens` shows it);
- OpenRouter ends a stream with `{"error": …}` beside a choice with finish reason `error`.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, override

from proxy.core import faults, loose
from proxy.core.calls import CallError, Message, ToolDef, ToolResult, ToolUse, Usage
from proxy.core.dialect import (
    REFUSED,
    Answer,
    Asked,
    Dialect,
    joined,
    session,
    settings,
    tool_use,
)
from proxy.core.model import Exchange, RequestHead
from proxy.core.streams import DONE, Assembly, StreamEvent

_STRUCTURE = frozenset(
    (
        *("model", "messages", "tools", "functions", "metadata", "user", "response_format"),
        *("prompt_cache_key", "safety_identifier", "prediction", "session_id"),
    )
)
_DEPLOYMENT = re.compile(r"/deployments/([^/]+)/")
_SYSTEM = ("system", "developer")
_RESULTS = ("tool", "function")
_HEAD = ("id", "model", "service_tier", "usage", "system_fingerprint")


class OpenAIChat(Dialect):
    """`POST …/chat/completions`."""

    name = "openai.chat"
    vendor = "openai"
    appended = re.compile(
        rb'"delta": ?\{ ?"(?:content|reasoning_content|reasoning)": ?"'
        rb'|"function": ?\{ ?"arguments": ?"'
    )

    @override
    def recognises(self, head: RequestHead, request: bytes) -> bool:
        return head.method == "POST" and head.path.rstrip("/").endswith("/chat/completions")

    @override
    def ask(self, head: RequestHead, body: Mapping[str, Any]) -> Asked:
        deployment = _DEPLOYMENT.search(head.path)
        messages = [_message(item) for item in loose.objects(body.get("messages"))]
        lead = next((i for i, m in enumerate(messages) if m.role not in _SYSTEM), len(messages))
        format_ = loose.obj(body.get("response_format"))
        schema = loose.obj(format_.get("json_schema")).get("schema")
        asked = settings(body, _STRUCTURE)
        if format_ and not isinstance(schema, dict):
            asked["response_format"] = format_
        return Asked(
            model=loose.text(body.get("model")) or (deployment[1] if deployment else None),
            settings=asked,
            system=joined([m.text for m in messages[:lead]]),
            messages=messages[lead:],
            tools=[
                *_tools(body.get("tools")),
                *map(_function, loose.objects(body.get("functions"))),
            ],
            output_schema=schema if isinstance(schema, dict) else None,
            session=session(body, "prompt_cache_key", "user", "safety_identifier", "session_id"),
        )

    @override
    def answer(self, body: Mapping[str, Any], exchange: Exchange) -> Answer:
        choices = sorted(
            loose.objects(body.get("choices")), key=lambda c: loose.count(c.get("index")) or 0
        )
        choice = choices[0] if choices else {}
        finish = loose.text(choice.get("finish_reason"))
        answer = Answer(
            served_model=loose.text(body.get("model")),
            finish_reason=finish,
            usage=_usage(body),
            service_tier=loose.text(body.get("service_tier")),
            request_id=loose.text(loose.obj(body.get("x_groq")).get("id")),
            response_id=loose.text(body.get("id")),
        )
        if choices:
            open_ended = finish is None or finish == "length"
            sent = choice.get("message")
            answer.reply = _message(loose.obj(sent), "assistant", finished=not open_ended)
            if loose.text(loose.obj(sent).get("refusal")):
                answer.notes.append(REFUSED)
        elif "choices" not in body and "error" not in body and body:
            answer.notes.append("the answer holds no choices")
        if len(choices) > 1:
            answer.notes.append(f"{len(choices)} choices; the reply is the first")
        if fault := loose.obj(choice.get("error")):
            answer.error = _in_stream(fault)
        return answer

    @override
    def assembly(self) -> Assembly:
        return _Chunks()


def _in_stream(fault: Any) -> CallError:
    return faults.in_stream(faults.find({"error": fault}) or faults.Fault(None, None))


class _Chunks:
    """Chat completion chunks, put together by choice index and tool call index."""

    def __init__(self) -> None:
        self.complete = False
        self.error: CallError | None = None
        self._head: dict[str, Any] = {}
        self._choices: dict[int, _Choice] = {}

    def add(self, event: StreamEvent) -> None:
        chunk = event.value
        if chunk == DONE:
            self.complete = True
            return
        if isinstance(chunk, list):  # a raw error after the stream, wrapped in a list
            chunk = next(loose.objects(chunk), None)
        if not isinstance(chunk, dict):
            return
        if "error" in chunk or event.name == "error":
            self._fail(chunk.get("error") or (event.name and chunk))
        if isinstance(groq := chunk.get("x_groq"), dict):
            self._head["x_groq"] = {**self._head.get("x_groq", {}), **groq}
            self._fail(groq.get("error"))
        choices = chunk.get("choices")
        if not choices or chunk.get("usage") or not self._head.get("model"):
            self._head.update((k, chunk[k]) for k in _HEAD if chunk.get(k) is not None)
        for choice in loose.objects(choices):
            index = loose.count(choice.get("index")) or 0
            if (found := self._choices.get(index)) is None:
                found = self._choices[index] = _Choice()
            found.add(choice)

    def _fail(self, fault: Any) -> None:
        if fault and self.error is None:
            self.error = _in_stream(fault)

    @property
    def settled(self) -> bool:
        choices = self._choices.values()
        return bool(choices) and self.error is None and all(c.finish for c in choices)

    def result(self) -> dict[str, Any]:
        choices = [{**choice.result(), "index": i} for i, choice in sorted(self._choices.items())]
        return {**self._head, "choices": choices}


class _Choice:
    def __init__(self) -> None:
        self._texts: dict[str, list[str]] = {}
        self._role = "assistant"
        self.finish: str | None = None
        self._error: Any = None
        self._parts = 0
        self._calls: list[dict[str, Any]] = []
        self._slots: dict[int, dict[str, Any]] = {}

    def add(self, choice: Mapping[str, Any]) -> None:
        delta = loose.obj(choice.get("delta")) or loose.obj(choice.get("message"))
        self.finish = loose.text(choice.get("finish_reason")) or self.finish
        content = delta.get("content")
        if len(delta) == 1 and isinstance(content, str) and "error" not in choice:
            self._text("content", content)  # nearly every chunk
            return
        self._error = choice.get("error") or self._error
        self._role = loose.text(delta.get("role")) or self._role
        if isinstance(content, str):
            self._text("content", content)
        elif isinstance(content, list):
            text, reasoning, parts = _parts(content)
            self._text("content", text)
            self._text("reasoning_content", reasoning)
            self._parts += parts
        self._text("refusal", loose.text(delta.get("refusal")))
        self._text("reasoning_content", _reasoning(delta))
        self._text("content", loose.text(loose.obj(delta.get("audio")).get("transcript")))
        for part in loose.objects(delta.get("tool_calls")):
            self._call(part)
        if legacy := loose.obj(delta.get("function_call")):
            self._call({"index": 0, "function": legacy})

    def _text(self, key: str, text: str | None) -> None:
        if text:
            self._texts.setdefault(key, []).append(text)

    def _call(self, part: Mapping[str, Any]) -> None:
        id_ = loose.text(part.get("id")) or None
        index = loose.count(part.get("index"))
        function = loose.obj(part.get("function")) or loose.obj(part.get("custom"))
        slot = self._slots.get(index) if index is not None else next(reversed(self._calls), None)
        # Some servers number every parallel call 0, or none; then another id is another call.
        if slot is None or (id_ and slot["id"] and slot["id"] != id_):
            slot = {"id": None, "name": None, "arguments": []}
            self._calls.append(slot)
            if index is not None:
                self._slots[index] = slot
        slot["id"] = slot["id"] or id_
        slot["name"] = slot["name"] or loose.text(function.get("name"))
        arguments = function.get("arguments", function.get("input"))
        if isinstance(arguments, str):
            slot["arguments"].append(arguments)
        elif isinstance(arguments, dict):
            slot["arguments"] = [loose.dumps(arguments).decode()]

    def result(self) -> dict[str, Any]:
        message: dict[str, Any] = {key: "".join(texts) for key, texts in self._texts.items()}
        message["role"] = self._role
        message["parts"] = self._parts
        message["tool_calls"] = [
            {
                "id": call["id"],
                "function": {"name": call["name"], "arguments": "".join(call["arguments"])},
            }
            for call in self._calls
        ]
        return {"message": message, "finish_reason": self.finish, "error": self._error}


def _message(item: Mapping[str, Any], role: str = "user", *, finished: bool = True) -> Message:
    role = loose.text(item.get("role")) or role
    content = item.get("content")
    results = role in _RESULTS
    if isinstance(content, str) and not results and len(item) == 2:  # noqa: PLR2004 - just these
        return Message(role, content)
    text, thought, parts = (
        _parts(content) if isinstance(content, list) else (loose.text(content) or "", "", 0)
    )
    audio = loose.obj(item.get("audio"))
    text = text or loose.text(item.get("refusal")) or loose.text(audio.get("transcript")) or ""
    if results:
        kept = text if parts == 0 else content
        name = loose.text(item.get("name"))
        result = ToolResult(loose.text(item.get("tool_call_id")), name, kept)
        return Message(role, tool_results=(result,), parts=parts)
    return Message(
        role,
        text,
        tuple(_uses(item, finished)),
        reasoning=_reasoning(item) or thought or None,
        parts=parts + (1 if audio else 0) + (loose.count(item.get("parts")) or 0),
    )


def _parts(content: Iterable[Any]) -> tuple[str, str, int]:
    """Text, reasoning and the number of other parts of a content list."""
    texts, thoughts, others = [], [], 0
    for part in content:
        if isinstance(part, str):
            texts.append(part)
            continue
        part_ = loose.obj(part)
        if part_.get("type") == "thinking":  # Mistral
            inner = part_.get("thinking")
            thoughts.append(
                _parts(inner)[0] if isinstance(inner, list) else loose.text(inner) or ""
            )
        elif (
            text := loose.text(part_.get("text")) or loose.text(part_.get("refusal"))
        ) is not None:
            texts.append(text)
        elif part_.get("type") != "text":
            others += 1
    return "".join(texts), "".join(thoughts), others


def _reasoning(item: Mapping[str, Any]) -> str | None:
    return loose.text(item.get("reasoning_content")) or loose.text(item.get("reasoning"))


def _uses(item: Mapping[str, Any], finished: bool) -> Iterable[ToolUse]:
    for call in loose.objects(item.get("tool_calls")):
        function = loose.obj(call.get("function")) or loose.obj(call.get("custom"))
        id_, name = loose.text(call.get("id")), loose.text(function.get("name"))
        arguments = function.get("arguments", function.get("input"))
        if "custom" in call:  # free text by definition
            yield ToolUse(id_, name or "", arguments, loose.text(arguments), finished)
        elif isinstance(arguments, str) or arguments is None:
            yield tool_use(id_, name, arguments or "", finished=finished)
        else:
            yield ToolUse(id_, name or "", arguments)
    if legacy := loose.obj(item.get("function_call")):
        raw = loose.text(legacy.get("arguments")) or ""
        yield tool_use(None, loose.text(legacy.get("name")), raw, finished=finished)


def _tools(value: Any) -> Iterable[ToolDef]:
    for tool in loose.objects(value):
        function = loose.obj(tool.get("function")) or loose.obj(tool.get("custom"))
        yield _function(function) if function else ToolDef(loose.text(tool.get("type")) or "")


def _function(function: Mapping[str, Any]) -> ToolDef:
    schema = function.get("parameters")
    return ToolDef(
        loose.text(function.get("name")) or "",
        loose.text(function.get("description")),
        schema if isinstance(schema, dict) else None,
    )


def _usage(body: Mapping[str, Any]) -> Usage:
    raw = loose.obj(body.get("usage")) or loose.obj(loose.obj(body.get("x_groq")).get("usage"))
    if not raw:
        return Usage()
    prompt = loose.obj(raw.get("prompt_tokens_details"))
    completion = loose.obj(raw.get("completion_tokens_details"))
    asked, answered = (
        loose.count(raw.get("prompt_tokens")),
        loose.count(raw.get("completion_tokens")),
    )
    reasoning = loose.count(completion.get("reasoning_tokens"))
    if reasoning is None:
        reasoning = loose.count(raw.get("reasoning_tokens"))
    whole = loose.count(raw.get("total_tokens"))
    if (
        reasoning
        and asked is not None
        and answered is not None
        and whole == asked + answered + reasoning
    ):
        answered += reasoning  # xAI: on top, not included
    cached = loose.count(prompt.get("cached_tokens"))
    if cached is None:
        cached = loose.count(raw.get("prompt_cache_hit_tokens"))
    return Usage(
        input_tokens=asked,
        output_tokens=answered,
        cache_read_tokens=cached,
        cache_write_tokens=loose.count(prompt.get("cache_write_tokens")),
        reasoning_tokens=reasoning,
        source="unknown" if asked is None and answered is None else "exact",
        raw=raw,
    )


FORMAT = OpenAIChat()
