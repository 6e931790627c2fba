"""OpenAI Realtime over WebSocket: every response of the model is a call.

Settings, instructions and tools are the session's (`session.created`, `.updated`, `session.update`)
under those of the `response.create`; messages are the conversation's items so far. Audio is only
counted: its text is what the transcripts say. Usage is that of `response.done`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, override
from urllib.parse import parse_qs

from proxy.core import faults, heads, items, loose, sockets
from proxy.core.calls import Call, CallError, Message, Usage
from proxy.core.dialect import Answer, Asked, Dialect, session, settings
from proxy.core.model import Exchange, RequestHead

_STRUCTURE = frozenset(
    (
        *("type", "id", "object", "event_id", "model", "instructions", "tools", "metadata"),
        *("input", "client_secret", "expires_at", "prompt"),
    )
)
_SESSION = frozenset(("session.created", "session.updated", "session.update"))
_ITEMS = frozenset(
    ("conversation.item.created", "conversation.item.added", "conversation.item.done")
)
_TRANSCRIBED = "conversation.item.input_audio_transcription.completed"


class OpenAIRealtime(Dialect):
    """`wss …/realtime`."""

    name = "openai.realtime"
    vendor = "openai"

    @override
    def recognises(self, head: RequestHead, request: bytes) -> bool:
        return head.path.rstrip("/").endswith("/realtime") and heads.is_websocket(head)

    @override
    def ask(self, head: RequestHead, body: Mapping[str, Any]) -> Asked:
        query = parse_qs(head.query)
        named = query.get("model") or query.get("deployment") or [""]
        return Asked(
            model=loose.text(body.get("model")) or named[0] or None,
            settings=settings(body, _STRUCTURE),
            system=loose.text(body.get("instructions")) or None,
            tools=list(items.tools(body.get("tools"))),
            session=session(body),
        )

    @override
    def answer(self, body: Mapping[str, Any], exchange: Exchange) -> Answer:
        details = loose.obj(body.get("status_details"))
        status = loose.text(body.get("status"))
        answer = Answer(
            finish_reason=loose.text(details.get("reason")) or status,
            usage=_usage(loose.obj(body.get("usage"))),
            response_id=loose.text(body.get("id")),
            streamed=True,
        )
        output = body.get("output")
        if isinstance(output, list):
            found = items.messages(output, finished=status == "completed")
            answer.reply = next((m for m in found if m.role == "assistant"), None)
        if status == "failed":
            fault = faults.find(details) or faults.Fault("failed", "the response failed")
            answer.error = faults.in_stream(fault)
        return answer

    @override
    def decode(self, exchange: Exchange, request: bytes, response: bytes) -> Call:
        call = sockets.together(self.turns(exchange))
        if call is not None:
            return call
        asked = self.ask(exchange.request, _read(exchange).session)
        return self.call(exchange, request, asked, self.read(exchange, response))

    @override
    def read(self, exchange: Exchange, response: bytes) -> Answer:
        if call := sockets.together(self.turns(exchange)):
            return Answer(error=call.error)
        answer = self.unused_socket(exchange, response)
        answer.error = _read(exchange).error or answer.error
        return answer

    def turns(self, exchange: Exchange) -> tuple[sockets.Turn, ...]:
        """Every response on the socket, in order."""
        conversation = _read(exchange)
        return tuple(self._turn(exchange, turn, conversation) for turn in conversation.turns)

    def _turn(
        self, exchange: Exchange, turn: "_Response", conversation: "_Conversation"
    ) -> sockets.Turn:
        asked = self.ask(exchange.request, turn.session)
        asked.messages = _messages(turn, conversation)
        answer = self.answer(turn.result(), exchange)
        answer.error = turn.error or answer.error
        answer.complete = turn.done
        if not turn.done and answer.error is None:
            answer.error = faults.transport_error(exchange) or CallError(
                "incomplete_stream", "the socket closed before the response ended", where="stream"
            )
        call = self.call(exchange, b"", asked, answer)
        limits = conversation.limits if turn is conversation.turns[-1] else {}
        return sockets.Turn(
            replace(call, rate_limits={**call.rate_limits, **limits}),
            *(turn.first.place, turn.last.place),
            *(turn.first.at_us, turn.last.at_us),
        )


@dataclass(slots=True)
class _Response:
    first: sockets.FrameEvent
    last: sockets.FrameEvent
    session: Mapping[str, Any]
    heard: int  # how many items the conversation had
    id: str | None = None
    done: bool = False
    error: CallError | None = None
    body: dict[str, Any] = field(default_factory=dict)
    pieces: dict[int, dict[str, Any]] = field(default_factory=dict)

    def take(self, kind: str, value: Mapping[str, Any]) -> None:
        """Take in an event of this response."""
        self.body.update(loose.obj(value.get("response")))
        self.done = self.done or kind == "response.done"
        index = loose.count(value.get("output_index"))
        if index is None:
            return
        piece = self.pieces.setdefault(index, {"item": {}, "texts": []})
        if item := loose.obj(value.get("item")):
            piece["item"] = item
        # Audio deltas are base64; what is said comes as text or transcript.
        if kind.endswith(("text.delta", "transcript.delta", "arguments.delta")):
            piece["texts"].append(loose.text(value.get("delta")) or "")

    def result(self) -> dict[str, Any]:
        """The response, from its last event or else from its pieces."""
        if self.done or not self.pieces:
            return self.body
        output = []
        for _, piece in sorted(self.pieces.items()):
            item, text = dict(piece["item"]), "".join(piece["texts"])
            if item.get("type") == "function_call":
                item["arguments"] = item.get("arguments") or text
            elif text and not item.get("content"):
                item["content"] = [{"type": "output_text", "text": text}]
            output.append(item)
        return {**self.body, "output": output}


@dataclass(slots=True)
class _Conversation:
    session: dict[str, Any] = field(default_factory=dict)
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    turns: list[_Response] = field(default_factory=list)
    asked: dict[str, Any] = field(default_factory=dict)  # the last response.create
    asked_at: sockets.FrameEvent | None = None
    limits: dict[str, str] = field(default_factory=dict)
    error: CallError | None = None

    def take(self, frame: sockets.FrameEvent) -> None:
        """Take in one event, of either side."""
        value = frame.value
        kind = loose.text(value.get("type")) or ""
        if kind in _SESSION:
            self.session.update(loose.obj(value.get("session")))
        elif frame.from_client:
            if kind == "response.create":
                self.asked, self.asked_at = dict(loose.obj(value.get("response"))), frame
        elif kind in _ITEMS:
            item = loose.obj(value.get("item"))
            self.items[loose.text(item.get("id")) or str(frame.place)] = dict(item)
        elif kind == _TRANSCRIBED:
            item = self.items.get(loose.text(value.get("item_id")) or "", {})
            item["content"] = [{"type": "input_audio", "transcript": value.get("transcript")}]
        elif kind.startswith("response."):
            self._response(frame, kind)
        elif kind == "rate_limits.updated":
            self._limits(value)
        elif kind == "error":
            self._fail(value)

    def _response(self, frame: sockets.FrameEvent, kind: str) -> None:
        value = frame.value
        id_ = loose.text(loose.obj(value.get("response")).get("id"))
        id_ = id_ or loose.text(value.get("response_id"))
        turn = next((t for t in reversed(self.turns) if t.id == id_), None)
        if turn is None:
            first = self.asked_at or frame
            merged = {**self.session, **self.asked}
            turn = _Response(first, frame, merged, len(self.items), id_)
            self.turns.append(turn)
            self.asked, self.asked_at = {}, None
        turn.take(kind, value)
        turn.last = frame

    def _limits(self, value: Mapping[str, Any]) -> None:
        for limit in loose.objects(value.get("rate_limits")):
            for key in ("limit", "remaining", "reset_seconds"):
                if (found := loose.number(limit.get(key))) is not None:
                    self.limits[f"{limit.get('name')}-{key}"] = f"{found:g}"

    def _fail(self, value: Mapping[str, Any]) -> None:
        error = faults.in_stream(faults.find(value) or faults.Fault(None, None))
        self.error = self.error or error
        # It is about whatever is under way; a finished response is not changed by it.
        if self.turns and not self.turns[-1].done:
            self.turns[-1].error = self.turns[-1].error or error


def _read(exchange: Exchange) -> _Conversation:
    conversation = _Conversation()
    for frame in sockets.frame_events(exchange):
        conversation.take(frame)
    return conversation


def _messages(turn: _Response, conversation: _Conversation) -> list[Message]:
    before = list(conversation.items.values())[: turn.heard]
    given = turn.session.get("input")
    return items.messages(given if isinstance(given, list) else before)


def _usage(raw: Mapping[str, Any]) -> Usage:
    asked, answered = loose.count(raw.get("input_tokens")), loose.count(raw.get("output_tokens"))
    known = asked is not None or answered is not None
    return Usage(
        input_tokens=asked,
        output_tokens=answered,
        cache_read_tokens=loose.count(
            loose.obj(raw.get("input_token_details")).get("cached_tokens")
        ),
        source="exact" if known else "unknown",
        raw=raw,
    )


FORMAT = OpenAIRealtime()
