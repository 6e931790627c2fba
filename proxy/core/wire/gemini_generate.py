"""Gemini `generateContent`: Gemini API, Vertex AI, Code Assist; server-sent events or a JSON array.

Without `alt=sse` a stream is a JSON array that arrives element by element. Counts are cumulative:
the last wins. Thoughts come on top of the candidates' tokens, tool results on top of the prompt's.
An error in the middle of a stream is raw JSON without a `data:` prefix.
"""

import functools
import re
from collections.abc import Iterable, Mapping
from typing import Any, override
from urllib.parse import unquote

from proxy.core import faults, heads, loose
from proxy.core.calls import CallError, Message, ToolDef, ToolResult, ToolUse, Usage
from proxy.core.dialect import REFUSED, Answer, Asked, Dialect, joined, session
from proxy.core.model import Exchange, RequestHead
from proxy.core.openapi_schema import to_json_schema
from proxy.core.partial_args import PartialArgs
from proxy.core.streams import DONE, Assembly, Framing, StreamEvent

_PATH = re.compile(
    r"(?:/(?:models|tunedModels|endpoints)/([^/]+?)|/v1internal):"
    r"(generateContent|streamGenerateContent|countTokens|embedContent|batchEmbedContents)$"
)
_STEPS = {"countTokens": "gemini.count_tokens", "embedContent": "gemini.embed"}
_STEPS["batchEmbedContents"] = "gemini.embed"
_STRUCTURE = frozenset(
    (
        *("contents", "systemInstruction", "system_instruction", "tools", "model", "labels"),
        *("generationConfig", "generation_config", "requests", "content"),
    )
)
_SCHEMAS = ("responseSchema", "responseJsonSchema", "response_schema", "response_json_schema")


class GeminiGenerate(Dialect):
    """`POST …/models/{model}:generateContent` and its siblings."""

    name = "gemini.generate"
    vendor = "gcp.gemini"

    @override
    def recognises(self, head: RequestHead, request: bytes) -> bool:
        return head.method == "POST" and _match(head) is not None

    @override
    def step(self, head: RequestHead, request: bytes) -> str:
        match = _match(head)
        return _STEPS.get(match[2], self.name) if match else self.name

    @override
    def framing(self, exchange: Exchange, media: str, response: bytes) -> Framing:
        kind = super().framing(exchange, media, response)
        match = _match(exchange.request)
        streams = match is not None and match[2] == "streamGenerateContent"
        if kind == "json" and streams and response[:64].lstrip()[:1] == b"[":
            return "array"
        return kind

    @override
    def ask(self, head: RequestHead, body: Mapping[str, Any]) -> Asked:
        match = _match(head)
        inner = loose.obj(body.get("request")) or body  # Code Assist wraps it
        config = loose.obj(_either(inner, "generationConfig"))
        schema = next((s for k in _SCHEMAS if isinstance(s := config.get(k), dict)), None)
        settings = {k: v for k, v in config.items() if k not in _SCHEMAS and v is not None}
        settings |= {k: v for k, v in inner.items() if k not in _STRUCTURE and v is not None}
        system = _either(inner, "systemInstruction")
        contents = inner.get("contents", inner.get("content"))
        labels = loose.obj(inner.get("labels")).items()
        return Asked(
            model=(match[1] if match else None) or loose.text(body.get("model")),
            settings=settings,
            system=loose.text(system) or joined([_content(loose.obj(system)).text]),
            messages=[_content(item) for item in _contents(contents)],
            tools=list(_tools(inner.get("tools"))),
            output_schema=to_json_schema(schema),
            session={
                **session(inner, "session_id"),
                **{f"labels.{k}": v for k, v in labels if isinstance(v, str)},
            },
        )

    @override
    def answer(self, body: Mapping[str, Any], exchange: Exchange) -> Answer:
        body = loose.obj(body.get("response")) or body
        candidates = list(loose.objects(body.get("candidates")))
        candidate = candidates[0] if candidates else {}
        blocked = loose.text(loose.obj(_either(body, "promptFeedback")).get("blockReason"))
        usage = loose.obj(_either(body, "usageMetadata"))
        headers = exchange.response.headers if exchange.response else ()
        answer = Answer(
            served_model=loose.text(_either(body, "modelVersion")),
            finish_reason=loose.text(_either(candidate, "finishReason")) or blocked,
            usage=_usage(usage),
            service_tier=heads.value(headers, b"x-gemini-service-tier")
            or loose.text(usage.get("trafficType")),
            response_id=loose.text(_either(body, "responseId")),
        )
        if candidate:
            answer.reply = _content(loose.obj(candidate.get("content")), "model")
        if blocked:
            answer.notes.append(f"{REFUSED}: the prompt was blocked ({blocked})")
        if message := loose.text(_either(candidate, "finishMessage")):
            answer.notes.append(message)
        if len(candidates) > 1:
            answer.notes.append(f"{len(candidates)} candidates; the reply is the first")
        answer.output = _other_output(body)
        return answer

    @override
    def assembly(self) -> Assembly:
        return _Chunks()

    @override
    def error_body(self, status: int, message: str, *, type_: str) -> bytes:
        return loose.dumps({"error": {"code": status, "message": message, "status": type_}})

    @override
    def stream_error(self, message: str, *, type_: str) -> bytes:
        return self.error_body(500, message, type_=type_) + b"\n\n"


class _Chunks:
    """Responses that follow one another, merged into one."""

    settled = False

    def __init__(self) -> None:
        self.error: CallError | None = None
        self._closed = False
        self._head: dict[str, Any] = {}
        self._candidates: dict[int, _Candidate] = {}

    @property
    def complete(self) -> bool:
        if self._head.get("promptFeedback"):
            return True
        ended = bool(self._candidates) and all(c.finish for c in self._candidates.values())
        return self.error is None and (ended or self._closed)

    def add(self, event: StreamEvent) -> None:
        if event.value == DONE:
            self._closed = True
            return
        value = event.value
        if isinstance(value, list):
            value = next(loose.objects(value), None)
        chunk = loose.obj(value)
        if "error" in chunk or event.name == "error":
            fault = faults.find(chunk) or faults.Fault(None, None)
            self.error = self.error or faults.in_stream(fault)
            return
        chunk = loose.obj(chunk.get("response")) or chunk
        for key in ("modelVersion", "responseId", "usageMetadata", "promptFeedback"):
            if (found := _either(chunk, key)) is not None:
                self._head[key] = found
        for candidate in loose.objects(chunk.get("candidates")):
            index = loose.count(candidate.get("index")) or 0
            self._candidates.setdefault(index, _Candidate()).add(candidate)

    def result(self) -> dict[str, Any]:
        candidates = [candidate.result() for _, candidate in sorted(self._candidates.items())]
        found = {**self._head, "candidates": candidates}
        if not self.complete and isinstance(usage := found.get("usageMetadata"), dict):
            found["usageMetadata"] = {**usage, "partial": True}
        return found


class _Candidate:
    def __init__(self) -> None:
        self.finish: Any = None
        self._message: Any = None
        self._parts: list[dict[str, Any]] = []
        self._texts: list[str] = []  # of the last part, if it is text
        self._call: PartialArgs | None = None
        self._open: dict[str, Any] = {}  # the function call that its pieces belong to

    def add(self, candidate: Mapping[str, Any]) -> None:
        self.finish = _either(candidate, "finishReason") or self.finish
        self._message = _either(candidate, "finishMessage") or self._message
        for part in loose.objects(loose.obj(candidate.get("content")).get("parts")):
            call = _either(part, "functionCall")
            if isinstance(call, dict) and self._partial(call):
                continue
            text = loose.text(part.get("text"))
            last = self._parts[-1] if self._parts else {}
            if (
                text is not None
                and "text" in last
                and bool(last.get("thought")) == bool(part.get("thought"))
            ):
                self._texts.append(text)
                continue
            self._flush()
            self._parts.append(dict(part))
            self._texts = [text] if text is not None else []

    def _partial(self, call: Mapping[str, Any]) -> bool:
        """Take in a function call whose arguments come piece by piece (Vertex AI)."""
        if self._call is None and not (call.get("willContinue") or call.get("partialArgs")):
            return False
        if self._call is None:
            self._flush()
            self._texts = []
            self._call = PartialArgs()
            self._open = {**call, "args": self._call.args, "willContinue": True}
            self._parts.append({"functionCall": self._open})
        self._call.add(call.get("partialArgs"))
        if not call.get("willContinue"):
            self._open.pop("willContinue", None)
            self._call = None
        return True

    def _flush(self) -> None:
        if len(self._texts) > 1:
            self._texts = ["".join(self._texts)]
            self._parts[-1]["text"] = self._texts[0]

    def result(self) -> dict[str, Any]:
        self._flush()
        content = {"role": "model", "parts": self._parts}
        return {"content": content, "finishReason": self.finish, "finishMessage": self._message}


def _match(head: RequestHead) -> re.Match[str] | None:
    path = head.path
    return _PATH.search(unquote(path) if "%" in path else path)


def _either(body: Mapping[str, Any], name: str) -> Any:
    """A field by its JSON name, or by its proto name: the API takes both."""
    return body[name] if name in body else body.get(_proto_name(name))


@functools.cache
def _proto_name(name: str) -> str:
    return re.sub(r"[A-Z]", lambda m: "_" + m[0].lower(), name)


def _contents(value: Any) -> Iterable[Mapping[str, Any]]:
    if isinstance(value, dict):
        return [value]
    if isinstance(value, str):
        return [{"parts": [{"text": value}]}]
    return loose.objects(value)


def _content(item: Mapping[str, Any], role: str = "user") -> Message:
    texts: list[str] = []
    thoughts: list[str] = []
    others = 0
    uses: list[ToolUse] = []
    results: list[ToolResult] = []
    parts = item.get("parts")
    for part in [parts] if isinstance(parts, dict) else loose.objects(parts):
        if (text := loose.text(part.get("text"))) is not None:
            (thoughts if part.get("thought") else texts).append(text)
        elif isinstance(call := _either(part, "functionCall"), dict):
            uses.append(_use(call))
        elif isinstance(result := _either(part, "functionResponse"), dict):
            results.append(_result(result))
        elif set(part) - {"thoughtSignature", "thought_signature", "thought"}:
            others += 1
    role = loose.text(item.get("role")) or role
    return Message(
        "assistant" if role == "model" else role,
        "".join(texts),
        tuple(uses),
        tuple(results),
        "".join(thoughts) or None,
        others,
    )


def _use(call: Mapping[str, Any]) -> ToolUse:
    args = call.get("args")
    complete = not call.get("willContinue")
    arguments = {} if args is None and complete else args  # proto JSON leaves an empty one out
    return ToolUse(
        loose.text(call.get("id")), loose.text(call.get("name")) or "", arguments, complete=complete
    )


def _result(result: Mapping[str, Any]) -> ToolResult:
    content = result.get("response")
    failed = isinstance(content, dict) and bool(content.get("error")) and "output" not in content
    return ToolResult(
        loose.text(result.get("id")), loose.text(result.get("name")), content, failed or None
    )


def _tools(value: Any) -> Iterable[ToolDef]:
    for tool in [value] if isinstance(value, dict) else loose.objects(value):
        declared = _either(tool, "functionDeclarations")
        for function in loose.objects(declared):
            given = _either(function, "parametersJsonSchema")
            yield ToolDef(
                loose.text(function.get("name")) or "",
                loose.text(function.get("description")),
                given if isinstance(given, dict) else to_json_schema(function.get("parameters")),
            )
        if declared is None:
            yield from (ToolDef(name) for name in tool)


def _usage(raw: Mapping[str, Any]) -> Usage:
    if not raw:
        return Usage()
    names = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount")
    prompt, candidates, thoughts = (loose.count(_either(raw, name)) for name in names)
    tools = loose.count(_either(raw, "toolUsePromptTokenCount"))
    whole = loose.count(_either(raw, "totalTokenCount"))
    asked = loose.total(prompt, tools)
    answered = loose.total(candidates, thoughts)
    if asked is not None and whole is not None:
        if candidates is not None and whole == asked + candidates:
            answered = candidates  # thoughts are among them
        elif answered is None and whole >= asked:
            answered = whole - asked  # proto JSON leaves zeros out
    known = asked is not None or answered is not None
    return Usage(
        input_tokens=asked,
        output_tokens=answered,
        cache_read_tokens=loose.count(_either(raw, "cachedContentTokenCount")),
        reasoning_tokens=thoughts,
        source="estimated" if raw.get("partial") else "exact" if known else "unknown",
        raw={k: v for k, v in raw.items() if k != "partial"},
    )


def _other_output(body: Mapping[str, Any]) -> Any:
    """What counting and embedding answer with."""
    if "totalTokens" in body:
        return {"total_tokens": loose.count(body["totalTokens"])}
    one = loose.obj(body.get("embedding"))
    vectors = [one] if one else list(loose.objects(body.get("embeddings")))
    if vectors:
        return {"vectors": len(vectors), "dimensions": len(loose.array(vectors[0].get("values")))}
    return None


FORMAT = GeminiGenerate()
