"""What all wire formats have in common: from the bytes of an exchange to a `Call`.

A dialect says what its requests ask (`ask`), what its answers hold (`answer`) and how its streams
are put together (`assembly`); this module does the rest, the same way for all: framing, errors
wherever they hide, transport failures, request ids, rate limits, notes.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from proxy.core import faults, heads, loose, providers, streams
from proxy.core.calls import Call, CallError, Message, Retrieval, ToolDef, ToolUse, Usage
from proxy.core.condensing import condensed
from proxy.core.model import End, Exchange, RequestHead, ResponseHead
from proxy.errors import FormatError

REFUSED = "the model refused"
_MAX_NOTES = 12
_ERROR = 400
_SWITCHING = 101
_BODILESS = (101, 204, 304)
_MAX_ID = 512


@dataclass(slots=True)
class Asked:
    """What a request asks for; see `Call` for the fields."""

    model: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    system: str | None = None
    messages: Sequence[Message] = ()
    tools: Sequence[ToolDef] = ()
    output_schema: Mapping[str, Any] | None = None
    previous_response_id: str | None = None
    session: Mapping[str, str] = field(default_factory=dict)
    input: Any = None
    retrieval: Retrieval | None = None
    notes: Sequence[str] = ()


@dataclass(slots=True)
class Answer:
    """What came back; see `Call` for the fields."""

    served_model: str | None = None
    reply: Message | None = None
    finish_reason: str | None = None
    usage: Usage = field(default_factory=Usage)
    service_tier: str | None = None
    request_id: str | None = None
    response_id: str | None = None
    output: Any = None
    retrieval: Retrieval | None = None
    error: CallError | None = None
    complete: bool = True
    streamed: bool = False
    notes: list[str] = field(default_factory=list)


class Dialect:
    """One wire format; subclasses say what is theirs."""

    name: ClassVar[str]
    vendor: ClassVar[str]  # the provider, where the host does not say
    kind: ClassVar[str] = "llm_call"
    appended: ClassVar[re.Pattern[bytes] | None] = None  # see `condensed`

    def recognises(self, head: RequestHead, request: bytes) -> bool:  # noqa: ARG002 - the contract's
        """Whether this exchange is mine, from the request alone."""
        return False

    def step(self, head: RequestHead, request: bytes) -> str:  # noqa: ARG002 - the contract's
        """The step name, from the request alone."""
        return self.name

    def ask(self, head: RequestHead, body: Mapping[str, Any]) -> Asked:  # noqa: ARG002 - for subclasses
        """Read a request."""
        return Asked()

    def answer(self, body: Mapping[str, Any], exchange: Exchange) -> Answer:  # noqa: ARG002 - for subclasses
        """Read an unstreamed answer, or the object that a stream was put together to."""
        return Answer()

    def assembly(self) -> streams.Assembly | None:
        """A fresh assembly for a stream; None when the dialect does not stream."""
        return None

    def framing(self, exchange: Exchange, media: str, response: bytes) -> streams.Framing:  # noqa: ARG002 - for those that override it
        """How the answer is framed."""
        return streams.framing(media, response)

    def fault(self, body: Any) -> faults.Fault | None:
        """The error in a body that came with a success status."""
        return faults.embedded(body)

    def decode(self, exchange: Exchange, request: bytes, response: bytes) -> Call:
        """The call.

        Raises:
            FormatError: Neither the request nor the answer is of this dialect.
        """
        sent, note = loose.parse(request)
        answer = self.read(exchange, response)
        if not isinstance(sent, dict):
            needs_body = exchange.request.method not in ("GET", "DELETE")
            if needs_body and answer.reply is None and answer.output is None:
                raise FormatError(
                    f"the request is not {self.name}: its body is {note or 'no object'}"
                )
            note = f"request body: {note or 'not an object'}" if needs_body else None
        asked = self.ask(exchange.request, loose.obj(sent))
        return self.call(exchange, request, asked, answer, note)

    def call(
        self,
        exchange: Exchange,
        request: bytes,
        asked: Asked,
        answer: Answer,
        note: str | None = None,
    ) -> Call:
        """Put both halves together."""
        notes = [*exchange.notes, *([note] if note else ()), *asked.notes, *answer.notes]
        return Call(
            kind=self.kind,
            step=self.step(exchange.request, request),
            protocol=self.name,
            provider=providers.provider_of(exchange.request.host) or self.vendor,
            model=asked.model,
            served_model=answer.served_model,
            settings=asked.settings,
            system=asked.system,
            messages=tuple(asked.messages),
            tools=tuple(asked.tools),
            output_schema=asked.output_schema,
            reply=answer.reply,
            finish_reason=answer.finish_reason,
            usage=answer.usage,
            service_tier=answer.service_tier,
            request_id=heads.request_id(exchange.response) or answer.request_id,
            response_id=answer.response_id,
            previous_response_id=asked.previous_response_id,
            rate_limits=heads.rate_limits(exchange.response),
            streamed=answer.streamed,
            complete=answer.complete,
            input=asked.input,
            output=answer.output,
            retrieval=answer.retrieval or asked.retrieval,
            error=answer.error,
            session=asked.session,
            notes=tuple(dict.fromkeys(notes))[:_MAX_NOTES],
        )

    def error(self, exchange: Exchange, response: bytes) -> CallError | None:
        """The error this exchange ended in, if any."""
        return self.read(exchange, response).error

    def error_body(self, status: int, message: str, *, type_: str) -> bytes:  # noqa: ARG002 - the contract's
        """An error as OpenAI's clients, and those of all that copy its API, understand it."""
        return loose.dumps(
            {"error": {"message": message, "type": type_, "param": None, "code": type_}}
        )

    def stream_error(self, message: str, *, type_: str) -> bytes:
        """The in-band end of an open stream."""
        return b"data: " + self.error_body(0, message, type_=type_) + b"\n\n"

    def read(self, exchange: Exchange, response: bytes) -> Answer:
        """The answer, with the error it ended in; never raises."""
        head = exchange.response
        if head is None:
            return Answer(
                complete=False,
                error=faults.transport_error(exchange)
                or CallError("no_response", "there is no answer", where="transport"),
            )
        media = heads.media_type(head.headers)
        kind = self.framing(exchange, media, response)
        # an error body is one value however it is framed, except for what no JSON parser reads
        streamed = kind in ("sse", "eventstream") or (kind != "json" and head.status < _ERROR)
        if streamed and (assembly := self.assembly()) is not None:
            return self._streamed(exchange, head, response, kind, assembly)
        return self._whole(exchange, head, response)

    def unused_socket(self, exchange: Exchange, response: bytes) -> Answer:
        """The answer of a WebSocket on which no call was made: refused, failed, or just idle."""
        if exchange.response is None or exchange.response.status != _SWITCHING:
            return Dialect.read(self, exchange, response)
        error = faults.transport_error(exchange)
        return Answer(
            streamed=True, complete=error is None, error=error, notes=["no call on this socket"]
        )

    def _whole(self, exchange: Exchange, head: ResponseHead, response: bytes) -> Answer:
        value, note = loose.parse(response)
        transport = faults.transport_error(exchange)
        body = value if isinstance(value, dict) else None
        # AWS puts the error's name in a header, with a suffix
        kind = heads.value(head.headers, b"x-amzn-errortype") or ""
        failed = faults.status_error(head.status, response, value)
        failed = faults.retyped(failed, kind.partition(":")[0])
        answer = Answer()
        if failed is None and (fault := self.fault(value)) is not None:
            failed = faults.in_stream(fault, where="body")
        if body is not None:
            answer = self.answer(body, exchange)
        elif failed is None and transport is None and head.status not in _BODILESS:
            said = note or "not a JSON object"
            failed = CallError(
                "invalid_body", f"the answer's body is {said}", where="body", embedded=True
            )
        if note is not None and head.status not in _BODILESS:
            answer.notes.append(f"response body: {note}")
            answer.complete = value is not None or head.status >= _ERROR
        answer.error = failed or answer.error or transport
        answer.complete = answer.complete and transport is None
        return answer

    def _streamed(
        self,
        exchange: Exchange,
        head: ResponseHead,
        response: bytes,
        kind: streams.Framing,
        assembly: streams.Assembly,
    ) -> Answer:
        events, notes = self._events(response, kind)
        for event in events:
            assembly.add(event)
        answer = self.answer(assembly.result(), exchange)
        answer.streamed = True
        answer.notes += notes
        answer.complete = assembly.complete or (assembly.settled and exchange.end is End.COMPLETE)
        answer.error = assembly.error or answer.error
        if head.status >= _ERROR:
            error = answer.error
            answer.error = (
                replace(error, where="status", embedded=False)
                if error is not None
                else faults.status_error(head.status, response, None)
            )
        if not answer.complete and answer.error is None:
            answer.error = faults.transport_error(exchange) or CallError(
                "incomplete_stream",
                "the stream ended before its last event",
                where="stream",
                embedded=True,
            )
        return answer

    def _events(
        self, response: bytes, kind: streams.Framing
    ) -> tuple[list[streams.StreamEvent], list[str]]:
        """The events of a stream, those alike as one, and what was odd about it."""
        if kind == "sse" and self.appended is not None:
            events, notes = _read(condensed(response, self.appended), kind)
            if not notes:  # they name places in the stream as it came
                return events, notes
        return _read(response, kind)


def _read(body: bytes, kind: streams.Framing) -> tuple[list[streams.StreamEvent], list[str]]:
    reader = streams.reader(kind)
    return [*reader.feed(body), *reader.close()], reader.notes


def tool_use(id_: str | None, name: str | None, raw: str, *, finished: bool = True) -> ToolUse:
    """A tool use whose arguments came as text; `finished` says that no more could follow.

    No text at all is what models send for a tool without arguments.
    """
    if not raw.strip():
        return ToolUse(id_, name or "", {} if finished else None, raw, finished)
    parsed = loose.parse(raw)
    broken = parsed.value is None and parsed.note is not None
    return ToolUse(id_, name or "", parsed.value, raw, finished or not broken)


def session(body: Mapping[str, Any], *names: str) -> dict[str, str]:
    """The ids in a body that may name a run: `names` (dotted) and every text under `metadata`."""
    found: dict[str, str] = {}
    for name in names:
        value: Any = body
        for part in name.split("."):
            value = loose.obj(value).get(part)
        if isinstance(value, dict):
            value = value.get("id")
        if isinstance(value, str) and 0 < len(value) <= _MAX_ID:
            found[name] = value
    for key, value in loose.obj(body.get("metadata")).items():
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value):
            found[f"metadata.{key}"] = str(value)[:_MAX_ID]
    return found


def settings(body: Mapping[str, Any], structural: frozenset[str]) -> dict[str, Any]:
    """Everything in a request that is not its structure, as sent; nulls are not settings."""
    return {k: v for k, v in body.items() if k not in structural and v is not None}


def joined(parts: Sequence[str]) -> str | None:
    """The texts as paragraphs; None when there is none."""
    return "\n\n".join(part for part in parts if part) or None
