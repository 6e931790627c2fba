"""From an exchange to its events: decode, name, validate, price, summarise. Runs in the writer."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import groupby
from typing import Any

import orjson

from proxy.core import canonical, complaints, encoding, pricing, retrievals, wire
from proxy.core.calls import Call, Document, Message, ToolUse
from proxy.core.dialect import REFUSED
from proxy.core.mcp_streams import Joined, Streams
from proxy.core.model import End, Event, Exchange, Headers, header
from proxy.core.schemas import Book
from proxy.core.sockets import Turn
from proxy.core.validators import Found, Learned, Material, validate
from proxy.core.validators.tool_schemas import learn

_EXCERPT = 2000
_NUMBERS = (int, float)
_MOST_RESULTS = 50
_NOT_LET_IN = (401, 403, 407)


def events_of(
    exchange: Exchange,
    learned: dict[str, Learned] | None = None,
    settle: Callable[[Call, bytes], Mapping[str, Any]] | None = None,
    book: Book | None = None,
    prices: pricing.Overrides | None = None,
    *,
    streams: Streams | None = None,
) -> list[Event]:
    """The exchange's own event, and one for each payload in it that is not as it should be.

    A WebSocket with several model calls has an event for each: the first is the exchange's own, the
    others name it as `exchange`. Validations come after the event that they are of.
    `learned` are the schemas that tools' servers have declared, by step; what this exchange
    declares is added. `settle` gets the call and its request's plain body before events are made,
    may change the exchange, and says what else its event tells. `book` holds the schemas that the
    user declares, `prices` the user's own. `streams` joins answers that came on a stream of their
    own: each tool call that this exchange completes has an event, which names its POST as
    `exchange` and the stream as `stream`.
    """
    request = plain(exchange.request.headers, exchange.request_body.data)
    response = plain(
        exchange.response.headers if exchange.response else (), exchange.response_body.data
    )
    call = wire.decode_call(exchange, request, response)
    told = settle(call, request) if settle else {}
    known: dict[str, Learned] = {} if learned is None else learned
    known.update(learn(call))

    def checked(one: Exchange, understood: Call, event: Event) -> list[Event]:
        found = validate(Material(one, understood, request, response, known, book))
        return [event, *_validations(event, found)]

    turns = wire.decode_turns(exchange)
    if len(turns) < 2:  # noqa: PLR2004 - one call, or none
        event = _event(exchange, call, prices)
        event.data |= told
        found = checked(exchange, call, event)
        for joined in streams.join(exchange) if streams else ():
            found += _joined(joined, events_of(joined.exchange, known, None, book, prices))
        return found
    events: list[Event] = []
    for number, turn in enumerate(turns, 1):
        alone = _alone(exchange, turn.call)
        events += checked(alone, turn.call, _turn(alone, turn, number, prices))
    return events


def _joined(joined: Joined, found: list[Event]) -> list[Event]:
    """The rows of a call whose answer came on a stream; none of what is neither tool nor error."""
    event, data = found[0], found[0].data
    if event.kind != "tool_call" and (event.status != "error" or joined.exchange.response is None):
        return []
    data["exchange"], data["stream"] = data.pop("exchangeId"), joined.stream
    for name in ("seq", "requestBytes", "responseBytes"):  # it has no bytes of its own
        data.pop(name, None)
    return found


def _alone(exchange: Exchange, call: Call) -> Exchange:
    """The exchange as one of its turns sees it: how the socket ended later is not its matter."""
    error = call.error
    told = error is not None and error.where == "stream" and error.type != "incomplete_stream"
    return replace(exchange, end=End.COMPLETE, error=None) if call.complete or told else exchange


def _turn(exchange: Exchange, turn: Turn, number: int, prices: pricing.Overrides | None) -> Event:
    """The timeline row of one model call on a socket."""
    event = _event(exchange, turn.call, prices)
    data = {**event.data, "turn": number, "latencyMs": _ms(turn.ended_us - turn.started_us)}
    del data["ttfbMs"]  # that of the handshake
    if number > 1:  # a call in its own right, which has no bytes of its own
        data["exchange"] = data.pop("exchangeId")
        for name in ("seq", "requestBytes", "responseBytes", "frames"):
            data.pop(name, None)
    return replace(
        event,
        started_at=exchange.started_at + turn.started_us / 1e6,
        ended_at=exchange.started_at + turn.ended_us / 1e6,
        data=data,
    )


def event_of(exchange: Exchange) -> Event:
    """The timeline row of a finished exchange; never raises for what a peer sent."""
    return _event(exchange, understand(exchange))


def _validations(event: Event, found: Iterable[Found]) -> Iterable[Event]:
    """A `validation` event for each validator and subject that has something to say."""

    def subject(one: Found) -> tuple[str, str, str]:
        return one.validator, one.violation.subject or "", one.violation.side

    for (validator, about, side), group in groupby(sorted(found, key=subject), key=subject):
        violations = [one.violation for one in group]
        bad = [one for one in violations if one.keyword != "unchecked"]
        data = {
            "exchange": event.data.get("exchangeId") or event.data["exchange"],
            "validator": validator,
            "subject": about or None,
            "side": side,
            "breaking": any(one.breaking for one in violations),
            "violations": [
                {
                    "path": one.path[:_EXCERPT],
                    "message": one.message[:_EXCERPT],
                    "keyword": one.keyword,
                    "schemaPath": one.schema_path,
                    "breaking": one.breaking,
                }
                for one in violations
            ],
        }
        if mode := next((one.mode for one in violations if one.mode is not None), None):
            data["mode"] = mode
        yield Event(
            run_id=event.run_id,
            kind="validation",
            name=f"{validator} {about}".strip()[:200],
            started_at=event.started_at if event.ended_at is None else event.ended_at,
            ended_at=event.ended_at,
            status="error" if bad else "ok",
            data=data,
        )


def warning(found: Event) -> str:
    """What a validation found, in one line."""
    first, *others = found.data["violations"]
    more = f" (and {len(others)} more)" if others else ""
    return f"schema: {found.data['subject']}: {first['path']}: {first['message']}{more}"


def _event(exchange: Exchange, call: Call, prices: pricing.Overrides | None = None) -> Event:
    latency = exchange.ended_us or 0
    response = exchange.response
    data: dict[str, Any] = {
        "exchangeId": exchange.id,
        "seq": exchange.seq,
        "step": exchange.own.step or call.step,
        "method": exchange.request.method,
        "url": exchange.request.url,
        "statusCode": response.status if response else None,
        "end": str(ended(exchange, call)),
        "error": error_text(exchange, call),
        "latencyMs": _ms(latency),
        "ttfbMs": _ms(exchange.first_byte_us),
        "requestBytes": len(exchange.request_body.data),
        "responseBytes": len(exchange.response_body.data),
        "attempt": exchange.attempt,
    }
    if response and response.status in _NOT_LET_IN:
        challenge = header(response.headers, b"www-authenticate")
        data |= {"challenge": challenge.decode("utf-8", "replace")[:500]} if challenge else {}
    if exchange.attempt > 1:
        data["retryOf"] = exchange.retry_of
        data["retryReason"] = exchange.retry_reason
        data["backoffMs"] = _ms(exchange.backoff_us)
    if exchange.frames:
        data["frames"] = len(exchange.frames)
    if exchange.served_from:
        data["servedFrom"] = exchange.served_from
    if notes := _notes(exchange, call):
        data["notes"] = notes
    data["call"] = summary(call) | cost(call, exchange.started_at, prices)
    return Event(
        run_id=exchange.run_id,
        kind=call.kind,
        name=exchange.own.step or call.step,
        started_at=exchange.started_at,
        ended_at=exchange.started_at + latency / 1e6,
        status="error" if data["error"] else "ok",
        data=data,
    )


def understand(exchange: Exchange) -> Call:
    """The exchange decoded by its wire format."""
    request = plain(exchange.request.headers, exchange.request_body.data)
    response = plain(
        exchange.response.headers if exchange.response else (), exchange.response_body.data
    )
    return wire.decode_call(exchange, request, response)


def cost(call: Call, at: float, prices: pricing.Overrides | None = None) -> dict[str, Any]:
    """What a model call cost in US dollars, null when unknown, and whose prices these are."""
    if call.kind != "llm_call":
        return {}
    found = pricing.price(call, at, prices)
    if found.amount_usd is None:
        return {"costUsd": None}
    named = {"priceSource": found.source, "priceVersion": found.version}
    return {"costUsd": found.amount_usd} | {key: text for key, text in named.items() if text}


def plain(headers: Headers, body: bytes) -> bytes:
    """The body without its Content-Encoding, as far as it can be decoded."""
    coding = header(headers, b"content-encoding")
    return encoding.decode(body, coding.decode("latin-1")).data if coding and body else body


def ended(exchange: Exchange, call: Call) -> End:
    """How the call ended for its client.

    A client that leaves at a stream's last event, before the end of the body, has all of it: the
    OpenAI SDK closes the connection as soon as it has read `[DONE]`.
    """
    streams = call.kind == "llm_call" or call.protocol == "mcp"
    if exchange.end is End.CLIENT_GONE and streams:
        return End.COMPLETE if call.streamed and call.complete else End.CLIENT_GONE
    return exchange.end


def error_text(exchange: Exchange, call: Call) -> str | None:
    """One line of what went wrong on the wire or in the answer; None when nothing did."""
    if ended(exchange, call) is not End.COMPLETE:
        return exchange.error or str(exchange.end).replace("_", " ")
    if call.error is not None:
        status = exchange.response.status if exchange.response else None
        prefix = f"{status} " if status and status >= 400 else ""  # noqa: PLR2004 - HTTP
        return f"{prefix}{call.error.type}: {call.error.message}"[:_EXCERPT]
    if exchange.response is not None and exchange.response.status >= 400:  # noqa: PLR2004 - HTTP
        return f"{exchange.response.status} {exchange.response.reason}".strip()
    return None


def _notes(exchange: Exchange, call: Call) -> list[str]:
    left = ended(exchange, call) is not exchange.end
    return [*exchange.notes, *(["the client left at the stream's last event"] if left else [])]


def summary(call: Call) -> dict[str, Any]:
    """What the timeline shows of a call; its bodies have the rest."""
    usage = call.usage
    found: dict[str, Any] = {
        "protocol": call.protocol,
        "provider": call.provider,
        "model": call.model,
        "servedModel": call.served_model,
        "settings": dict(call.settings),
        "messages": len(call.messages),
        "tools": [tool.name for tool in call.tools],
        "toolUses": _tool_uses(call.reply) if call.reply else [],
        "toolResults": _tool_results(call),
        "outputSchema": _digest(call.output_schema) if call.output_schema is not None else None,
        "reply": _reply(call.reply),
        "empty": True if call.kind == "llm_call" and _says_nothing(call) else None,
        "finishReason": call.finish_reason,
        "refused": True if REFUSED in call.notes else None,
        "inputTokens": usage.input_tokens,
        "outputTokens": usage.output_tokens,
        "cacheReadTokens": usage.cache_read_tokens,
        "cacheWriteTokens": usage.cache_write_tokens,
        "reasoningTokens": usage.reasoning_tokens,
        "usage": usage.source if call.kind == "llm_call" else None,
        "serviceTier": call.service_tier,
        "requestId": call.request_id,
        "responseId": call.response_id,
        "previousResponseId": call.previous_response_id,
        "streamed": call.streamed or None,
        "complete": call.complete,
        "session": dict(call.session),
        "rateLimits": dict(call.rate_limits),
        "input": _bounded(call.input),
        "output": _bounded(call.output),
        "retrieval": _retrieval(call),
        "error": _error(call),
        "notes": list(call.notes),
    }
    # Nothing is said by None, "", [] and {}; something by 0 and False.
    return {key: value for key, value in found.items() if value or isinstance(value, _NUMBERS)}


def _tool_uses(reply: Message) -> list[dict[str, Any]]:
    """What the model asks for; `hosted` marks what the provider has run itself."""
    hosted = {result.id for result in reply.tool_results if result.id is not None}
    return [
        {"id": use.id, "name": use.name, "arguments": _bounded(_arguments(use))}
        | ({"hosted": True} if use.id in hosted or _is_hosted(use) else {})
        for use in reply.tool_uses
    ]


def _is_hosted(use: ToolUse) -> bool:
    """Whether Anthropic runs it, which may not have come to a result when a turn is paused."""
    return use.id is not None and use.id.startswith("srvtoolu_")


def _arguments(use: ToolUse) -> Any:
    return use.arguments if use.arguments is not None else use.raw


def _tool_results(call: Call) -> list[dict[str, Any]]:
    """The tools' answers that this request brings: those since the model's last turn."""
    found: list[dict[str, Any]] = []
    for message in reversed(call.messages):
        if message.role == "assistant" or len(found) >= _MOST_RESULTS:
            break
        for result in reversed(message.tool_results):
            said = {"id": result.id, "name": result.name, "isError": result.is_error}
            said["error"] = complaints.complaint(result.content, result.is_error)
            said["empty"] = complaints.is_nothing(result.content) or None
            told = {key: value for key, value in said.items() if value is not None}
            found.append(told | {"digest": _digest(result.content)})
    return found[::-1]


def _digest(value: Any) -> str:
    """Sixteen hex digits: enough to tell equal values in a run from different ones."""
    try:
        data = canonical.canonical(value)
    except (TypeError, ValueError):
        data = repr(value).encode()
    return canonical.digest(data).partition(":")[2][:16]


def _reply(reply: Message | None) -> str | None:
    return reply.text[:_EXCERPT] if reply and reply.text else None


def _says_nothing(call: Call) -> bool:
    """Whether a conversation was answered, and there is nothing in the answer."""
    if call.error is not None or not call.messages or call.finish_reason is None:
        return False
    said = call.reply
    return said is None or not (said.text.strip() or said.tool_uses or said.parts)


def _retrieval(call: Call) -> dict[str, Any] | None:
    found = call.retrieval
    if found is None:
        return None
    return {
        "query": found.query,
        "topK": found.top_k,
        "filter": _bounded(found.filter),
        "results": [
            {"docId": doc.id, "chunkId": doc.chunk_id, "score": doc.score}
            | ({"distance": doc.metadata["distance"]} if "distance" in doc.metadata else {})
            | _age(doc)
            for doc in found.documents[:100]
        ],
    }


def _age(doc: Document) -> dict[str, Any]:
    updated = retrievals.updated_of(doc.metadata)
    return {} if updated is None else {"updated": updated}


def _error(call: Call) -> dict[str, Any] | None:
    error = call.error
    if error is None:
        return None
    return {
        "type": error.type,
        "message": error.message[:_EXCERPT],
        "code": error.code,
        "where": error.where,
        "embedded": error.embedded,
    }


def _bounded(value: Any) -> Any:
    """The value itself when it is small, else the beginning of its JSON."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    try:
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
    except (TypeError, ValueError):
        text = str(value)
    if len(text) <= _EXCERPT:
        return value
    return text[:_EXCERPT] + "…"


def _ms(microseconds: int | None) -> float | None:
    return None if microseconds is None else round(microseconds / 1000, 3)
