import json
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from proxy.core.model import Frame
from proxy.core.wire import decode_call, decode_turns, openai_realtime
from tests.conformance.wire_samples import sample
from tests.core.wire import sdk

pytestmark = sdk.GROUP
FORMAT = openai_realtime.FORMAT
ONE = sample("openai_realtime/two_responses")


def test_agrees_with_the_clients_events() -> None:
    from openai.types.realtime import RealtimeServerEvent, ResponseDoneEvent

    events: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
    done = [
        event
        for frame in ONE.exchange.frames
        if not frame.from_client
        and isinstance(event := events.validate_json(frame.data), ResponseDoneEvent)
    ]
    turns = decode_turns(ONE.exchange)
    assert [turn.call.response_id for turn in turns] == [event.response.id for event in done]
    for turn, event in zip(turns, done, strict=True):
        usage = event.response.usage
        assert usage is not None
        assert usage.input_token_details is not None
        assert turn.call.usage.input_tokens == usage.input_tokens
        assert turn.call.usage.output_tokens == usage.output_tokens
        assert turn.call.usage.cache_read_tokens == usage.input_token_details.cached_tokens
        assert turn.call.finish_reason == event.response.status


def test_each_response_is_a_call() -> None:
    first, second = decode_turns(ONE.exchange)
    assert first.call.reply is not None
    assert sdk.uses(first.call.reply.tool_uses) == [("call_a", "lookup", {"me": True})]
    assert [message.text for message in first.call.messages] == ["Who am I?"]
    assert first.call.system == "Help callers."
    assert first.call.rate_limits == {}
    assert second.call.system == "Answer shortly."  # the response's own
    assert second.call.messages[-1].tool_results[0].content == "Ada"
    assert second.call.rate_limits["tokens-limit"] == "40000"
    assert (first.first, first.last, second.first) == (6, 10, 14)


def frames(*values: dict[str, Any]) -> tuple[Frame, ...]:
    return tuple(
        Frame(i, value.pop("client", False), 1, json.dumps(value).encode())
        for i, value in enumerate(values)
    )


def test_a_response_that_fails() -> None:
    details = {"type": "failed", "error": {"code": "quota", "type": "limit", "message": "No more."}}
    body = {"id": "r", "status": "failed", "status_details": details, "output": []}
    exchange = replace(ONE.exchange, frames=frames({"type": "response.done", "response": body}))
    call = decode_call(exchange, b"", b"")
    assert call.error is not None
    assert (call.error.type, call.error.message, call.error.code) == ("limit", "No more.", "quota")
    assert call.complete


def test_an_error_while_a_response_is_under_way_is_its_own() -> None:
    exchange = replace(
        ONE.exchange,
        frames=frames(
            {"type": "response.created", "response": {"id": "r", "status": "in_progress"}},
            {"type": "error", "error": {"type": "server_error", "message": "Sorry."}},
        ),
    )
    call = decode_call(exchange, b"", b"")
    assert call.error is not None
    assert (call.error.message, call.complete) == ("Sorry.", False)
    assert FORMAT.error(exchange, b"") == call.error


def test_cut_arguments_are_said_to_be_cut() -> None:
    item = {"type": "function_call", "call_id": "c", "name": "f", "arguments": ""}
    place = {"response_id": "r", "output_index": 0}
    exchange = replace(
        ONE.exchange,
        frames=frames(
            {"type": "response.created", "response": {"id": "r", "status": "in_progress"}},
            {"type": "response.output_item.added", **place, "item": item},
            {"type": "response.function_call_arguments.delta", **place, "delta": '{"a'},
        ),
    )
    reply = decode_call(exchange, b"", b"").reply
    assert reply is not None
    assert [(use.name, use.raw, use.complete) for use in reply.tool_uses] == [("f", '{"a', False)]


def test_only_sockets_are_mine() -> None:
    head = ONE.exchange.request
    assert FORMAT.recognises(head, b"")
    assert not FORMAT.recognises(replace(head, scheme="https", headers=()), b"")
    assert FORMAT.ask(replace(head, target="/openai/realtime?deployment=d"), {}).model == "d"
