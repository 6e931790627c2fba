"""OpenAI Responses: over HTTP, as server-sent events, fetched in the background, over WebSocket.

The terminal event (`response.completed`, `.incomplete`, `.failed`) holds the whole response and is
believed over the deltas, except for an empty `output`: some backends leave it out there. On a
WebSocket each `response.create` frame opens a turn with the fields of a POST body; events find
their turn by `stream_id`, by response id, else they belong to the oldest open one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, override

from proxy.core import faults, heads, items, loose, sockets
from proxy.core.calls import Call, CallError, Message, Usage
from proxy.core.dialect import REFUSED, Answer, Asked, Dialect, joined, session, settings
from proxy.core.model import Exchange, RequestHead
from proxy.core.streams import DONE, Assembly, StreamEvent

_STRUCTURE = frozenset(
    (
        *("type", "model", "input", "instructions", "tools", "metadata", "text", "user"),
        *("prompt_cache_key", "safety_identifier", "previous_response_id", "conversation"),
        *("stream_id", "event_id"),
    )
)
_SYSTEM = ("system", "developer")
_PATH = re.compile(r"/responses(?:/(compact|input_tokens)|/([^/]+?)(/cancel)?)?/?$")
_TERMINAL = frozenset(("response.completed", "response.incomplete", "response.failed"))


class OpenAIResponses(Dialect):
    """`POST …/responses` and what belongs to it."""

    name = "openai.responses"
    vendor = "openai"

    @override
    def recognises(self, head: RequestHead, request: bytes) -> bool:
        match = _PATH.search(head.path)
        if match is None:
            return False
        action, id_, cancel = match.groups()
        if id_ is not None:  # `/responses/{id}` is anybody's; the id says whose
            return id_.startswith("resp_") and head.method == ("POST" if cancel else "GET")
        if heads.is_websocket(head):
            return action is None
        asks = b'"input"' in request or b'"prompt"' in request or b'"previous_resp' in request
        return head.method == "POST" and asks

    @override
    def step(self, head: RequestHead, request: bytes) -> str:
        match = _PATH.search(head.path)
        action, id_, cancel = match.groups() if match else (None, None, None)
        if id_ is not None:
            action = "cancel" if cancel else "retrieve"
        return f"{self.name}.{action}" if action else self.name

    @override
    def ask(self, head: RequestHead, body: Mapping[str, Any]) -> Asked:
        text = loose.obj(body.get("text"))
        format_ = loose.obj(text.get("format"))
        schema = format_.get("schema")
        asked = settings(body, _STRUCTURE)
        kept = {k: v for k, v in text.items() if k != "format" or not isinstance(schema, dict)}
        if kept:
            asked["text"] = kept
        messages = items.messages(body.get("input"))
        lead = next((i for i, m in enumerate(messages) if m.role not in _SYSTEM), len(messages))
        leading = [m.text for m in messages[:lead]]
        return Asked(
            model=loose.text(body.get("model")),
            settings=asked,
            system=joined([loose.text(body.get("instructions")) or "", *leading]),
            messages=messages[lead:],
            tools=[*items.tools(body.get("tools")), *items.added_tools(body.get("input"))],
            output_schema=schema if isinstance(schema, dict) else None,
            previous_response_id=loose.text(body.get("previous_response_id")),
            session=session(
                body,
                *("prompt_cache_key", "previous_response_id", "conversation"),
                *("user", "safety_identifier"),
            ),
        )

    @override
    def answer(self, body: Mapping[str, Any], exchange: Exchange) -> Answer:
        status = loose.text(body.get("status"))
        reason = loose.text(loose.obj(body.get("incomplete_details")).get("reason"))
        answer = Answer(
            served_model=loose.text(body.get("model")),
            finish_reason=reason if status == "incomplete" and reason else status,
            usage=_usage(loose.obj(body.get("usage"))),
            service_tier=loose.text(body.get("service_tier")),
            response_id=loose.text(body.get("id")),
        )
        if body.get("object") == "response.input_tokens":
            answer.output = {"input_tokens": loose.count(body.get("input_tokens"))}
        output = body.get("output")
        if isinstance(output, list):
            answer.reply = _reply(output, finished=status == "completed")
            if items.refused(output):
                answer.notes.append(REFUSED)
        if status == "failed":
            fault = faults.find(body) or faults.Fault("failed", "the response failed")
            answer.error = faults.in_stream(fault, where="body")
        if (
            exchange.request.method == "GET"
            and not heads.is_websocket(exchange.request)
            and (not body.get("background"))
        ):
            # The call that made the response has counted it already; a background one could not.
            answer.usage = Usage(raw=answer.usage.raw)
            answer.notes.append("fetched: its usage belongs to the call that created it")
        return answer

    @override
    def assembly(self) -> Assembly:
        return _Events()

    @override
    def decode(self, exchange: Exchange, request: bytes, response: bytes) -> Call:
        if not heads.is_websocket(exchange.request):
            return super().decode(exchange, request, response)
        call = sockets.together(self.turns(exchange))
        return call or self.call(exchange, request, Asked(), self.read(exchange, response))

    @override
    def read(self, exchange: Exchange, response: bytes) -> Answer:
        if not heads.is_websocket(exchange.request):
            return super().read(exchange, response)
        call = sockets.together(self.turns(exchange))
        return Answer(error=call.error) if call else self.unused_socket(exchange, response)

    def turns(self, exchange: Exchange) -> tuple[sockets.Turn, ...]:
        """Every turn on a socket, in the order they were opened."""
        lanes = _Lanes()
        for frame in sockets.frame_events(exchange):
            if not frame.from_client:
                lanes.server(frame)
            elif frame.value.get("type") == "response.create":
                lanes.turns.append(_Open(frame, frame, _Events()))
        return tuple(self._turn(exchange, turn) for turn in lanes.turns)

    def _turn(self, exchange: Exchange, turn: "_Open") -> sockets.Turn:
        # an older form of the event wraps the body in `response`
        body = loose.obj(turn.first.value.get("response")) or turn.first.value
        asked = self.ask(exchange.request, body)
        answer = self.answer(turn.events.result(), exchange)
        answer.streamed = True
        answer.complete = turn.events.complete
        answer.error = turn.events.error or answer.error
        if not answer.complete and answer.error is None:
            answer.error = faults.transport_error(exchange) or CallError(
                "incomplete_stream", "the socket closed before the turn ended", where="stream"
            )
        return sockets.Turn(
            self.call(exchange, b"", asked, answer),
            *(turn.first.place, turn.last.place),
            *(turn.first.at_us, turn.last.at_us),
        )

    @override
    def stream_error(self, message: str, *, type_: str) -> bytes:
        event = {"type": "error", "code": type_, "message": message, "param": None}
        return b"event: error\ndata: " + loose.dumps({**event, "sequence_number": 0}) + b"\n\n"


@dataclass(slots=True)
class _Open:
    first: sockets.FrameEvent
    last: sockets.FrameEvent
    events: "_Events"


class _Lanes:
    """Gives each server event on a socket to its turn."""

    def __init__(self) -> None:
        self.turns: list[_Open] = []
        self._by_id: dict[str, _Open] = {}

    def server(self, frame: sockets.FrameEvent) -> None:
        turn = self._owner(frame.value)
        if turn is not None:
            turn.events.add(StreamEvent("", frame.value))
            turn.last = frame

    def _owner(self, value: Mapping[str, Any]) -> _Open | None:
        response = loose.obj(value.get("response"))
        id_ = loose.text(response.get("id")) or loose.text(value.get("response_id"))
        if id_ is not None and id_ in self._by_id:
            return self._by_id[id_]
        lane = value.get("stream_id")
        still = (t for t in self.turns if not t.events.complete and t.events.error is None)
        turn = next(
            (t for t in still if lane is None or t.first.value.get("stream_id") == lane), None
        )
        if turn is not None and id_ is not None:
            self._by_id[id_] = turn
        return turn


class _Events:
    """Stream events; the response of a terminal one wins over what the deltas add up to."""

    settled = False

    def __init__(self) -> None:
        self.complete = False
        self.error: CallError | None = None
        self._response: dict[str, Any] = {}
        self._items: dict[int, dict[str, Any]] = {}
        self._done: set[int] = set()
        self._texts: dict[tuple[int, str, int], list[str]] = {}

    def add(self, event: StreamEvent) -> None:
        if event.value == DONE:
            return
        value = loose.obj(event.value)
        kind = loose.text(value.get("type")) or event.name
        if isinstance(response := value.get("response"), dict):
            self._response.update(response)
        if kind in _TERMINAL:
            self.complete = True
            if kind == "response.failed":
                fault = faults.find(self._response) or faults.Fault("failed", "the response failed")
                self.error = self.error or faults.in_stream(fault)
            return
        if kind == "error" or (not kind and "error" in value):
            fault = faults.find(value) or faults.Fault(None, None)
            self.error = self.error or faults.in_stream(fault)
            return
        index = loose.count(value.get("output_index"))
        if index is None:
            return
        if kind in ("response.output_item.added", "response.output_item.done"):
            self._items[index] = dict(loose.obj(value.get("item")))
            if kind.endswith("done"):
                self._done.add(index)
        elif kind.endswith(".delta") and (delta := loose.text(value.get("delta"))):
            place = loose.count(value.get("content_index", value.get("summary_index"))) or 0
            self._texts.setdefault((index, kind, place), []).append(delta)

    def result(self) -> dict[str, Any]:
        output = loose.array(self._response.get("output"))
        if not (self.complete and output):
            output = [self._item(index) for index in sorted(self._items)]
        if not output and not self._response:
            return {}
        return {**self._response, "output": output}

    def _item(self, index: int) -> dict[str, Any]:
        item = self._items[index]
        if index in self._done:
            return {"status": "completed", **item}
        mine = {k[1:]: "".join(v) for k, v in sorted(self._texts.items()) if k[0] == index}
        content: list[dict[str, Any]] = []
        summary: list[dict[str, Any]] = []
        for (kind, _), text in mine.items():
            part, key = _DELTAS.get(kind, ("", ""))
            if part == "content":
                content.append({"type": key, "text": text})
            elif part == "summary":
                summary.append({"type": key, "text": text})
            elif part:
                item = {**item, part: text}
        if content:
            item = {**item, "content": content}
        return {**item, "summary": summary} if summary else item


# delta event -> where its text goes: a kind of content part, or a field of the item
_DELTAS = {
    "response.output_text.delta": ("content", "output_text"),
    "response.refusal.delta": ("content", "refusal"),
    "response.reasoning_text.delta": ("content", "reasoning_text"),
    "response.reasoning_summary_text.delta": ("summary", "summary_text"),
    "response.function_call_arguments.delta": ("arguments", ""),
    "response.mcp_call_arguments.delta": ("arguments", ""),
    "response.custom_tool_call_input.delta": ("input", ""),
    "response.code_interpreter_call_code.delta": ("code", ""),
}


def _reply(output: list[Any], *, finished: bool) -> Message | None:
    found = items.messages(output, finished=finished)
    mine = [message for message in found if message.role == "assistant"]
    if not mine:
        return Message("assistant") if finished else None
    if len(mine) == 1:
        return mine[0]
    return replace(  # outputs of hosted shells stand between the assistant's own items
        mine[-1],
        text="".join(m.text for m in mine),
        tool_uses=tuple(use for m in mine for use in m.tool_uses),
        tool_results=tuple(result for m in found for result in m.tool_results),
        reasoning=joined([m.reasoning or "" for m in mine]),
        parts=sum(m.parts for m in mine),
    )


def _usage(raw: Mapping[str, Any]) -> Usage:
    if not raw:
        return Usage()
    asked, answered = loose.count(raw.get("input_tokens")), loose.count(raw.get("output_tokens"))
    details = loose.obj(raw.get("input_tokens_details"))
    return Usage(
        input_tokens=asked,
        output_tokens=answered,
        cache_read_tokens=loose.count(details.get("cached_tokens")),
        cache_write_tokens=loose.count(details.get("cache_write_tokens")),
        reasoning_tokens=loose.count(
            loose.obj(raw.get("output_tokens_details")).get("reasoning_tokens")
        ),
        source="unknown" if asked is None and answered is None else "exact",
        raw=raw,
    )


FORMAT = OpenAIResponses()
