"""The official client parses the same bytes; it must see what we see."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from proxy.core.calls import Call
from proxy.core.model import End, Frame
from proxy.core.wire import decode_call, decode_turns, openai_responses
from tests.conformance.wire_samples import Sample, sample, samples
from tests.core.wire import sdk

if TYPE_CHECKING:
    from openai.types.responses import Response

pytestmark = sdk.GROUP
FORMAT = openai_responses.FORMAT
WHOLE = ("tools", "stream", "incomplete", "background_poll", "fetched")
SIMPLE = {"model": "m", "input": "x"}


def decode(one: Sample) -> Call:
    return decode_call(one.exchange, one.request, one.response)


def response(one: Sample) -> "Response":
    import openai
    from openai.lib.streaming.responses._responses import ResponseStreamState
    from openai.types.responses import Response

    client = sdk.openai_client(sdk.replaying(one)).with_options(max_retries=0)
    if one.exchange.request.method == "GET":
        return client.responses.retrieve("resp_7")
    answer: Any = client.responses.create(**json.loads(one.request))
    if not one.streamed:
        assert isinstance(answer, Response)
        return answer
    state: ResponseStreamState[Any] = ResponseStreamState(
        input_tools=openai.omit, text_format=openai.omit
    )
    final = None
    for event in answer:
        state.handle_event(event)
        final = getattr(event, "response", final)
    assert isinstance(final, Response)
    return final


@pytest.mark.parametrize("name", WHOLE)
def test_agrees_with_the_client(name: str) -> None:
    one = sample(f"openai_responses/{name}")
    theirs, ours = response(one), decode(one)
    assert ours.response_id == theirs.id
    assert ours.served_model == theirs.model
    assert ours.reply is not None
    if name != "background_poll":  # the client does not count a refusal as text
        assert ours.reply.text == theirs.output_text
    calls = [
        (item.call_id, item.name, item.arguments)
        for item in theirs.output
        if item.type == "function_call"
    ]
    functions = [use for use in ours.reply.tool_uses if (use.id or "").startswith("call_")]
    assert [(use.id, use.name, use.raw) for use in functions] == calls
    assert theirs.usage is not None
    if name != "fetched":
        assert ours.usage.input_tokens == theirs.usage.input_tokens
        assert ours.usage.output_tokens == theirs.usage.output_tokens
        details = theirs.usage.input_tokens_details
        assert ours.usage.cache_read_tokens == details.cached_tokens


def test_the_failure_in_a_stream_is_the_clients() -> None:
    one = sample("openai_responses/failed_in_stream")
    theirs, ours = response(one), decode(one)
    assert theirs.error is not None
    assert ours.error is not None
    assert (ours.error.code, ours.error.message) == (theirs.error.code, theirs.error.message)


STATUSES = [(401, "AuthenticationError"), (424, "APIStatusError")]


@pytest.mark.parametrize(("status", "kind"), STATUSES)
def test_our_error_bodies_are_the_clients_own_errors(status: int, kind: str) -> None:
    import openai

    answer, seen = sdk.failing(status, FORMAT.error_body(status, "no such call", type_="miss"))
    with pytest.raises(getattr(openai, kind), match="no such call"):
        sdk.openai_client(answer).responses.create(model="m", input="x")
    assert len(seen) == 1


def test_our_stream_error_is_the_clients_error_event() -> None:
    begun = b"\n\n".join(sample("openai_responses/stream").response.split(b"\n\n")[:4])
    body = begun + b"\n\n" + FORMAT.stream_error("over budget", type_="budget")
    client = sdk.openai_client(sdk.streaming(body))
    events = list(client.responses.create(model="m", input="x", stream=True))
    last = events[-1]
    assert last.type == "error"
    assert (last.code, last.message) == ("budget", "over budget")
    one = sample("openai_responses/stream")
    error = decode_call(one.with_response(body), one.request, body).error
    assert error is not None
    assert (error.type, error.message, error.embedded) == ("budget", "over budget", True)


def test_each_turn_of_a_socket_is_a_call() -> None:
    one = sample("openai_responses/websocket")
    turns = decode_turns(one.exchange)
    assert [(turn.first, turn.last) for turn in turns] == [(0, 5), (6, 10), (11, 12)]
    assert [turn.started_us for turn in turns] == [0, 6000, 11000]
    first, second, third = (turn.call for turn in turns)
    assert first.reply is not None
    assert sdk.uses(first.reply.tool_uses) == [("call_1", "ls", {})]
    assert [first.usage.input_tokens, first.usage.output_tokens] == [20, 6]
    assert first.system == "Code."
    assert second.reply is not None
    assert second.reply.text == "One file."
    assert second.previous_response_id == first.response_id == "resp_w1"
    assert second.messages[0].tool_results[0].content == "a.txt"
    assert third.error is not None
    assert third.error.code == "previous_response_not_found"


def frame(*, client: bool = False, **value: Any) -> Frame:
    return Frame(0, client, 1, json.dumps(value).encode())


def done(id_: str, text: str, **more: Any) -> Frame:
    output = [
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}
    ]
    body = {"id": id_, "status": "completed", "output": output}
    return frame(type="response.completed", response=body, **more)


def test_lanes_of_one_socket_are_kept_apart() -> None:
    one = sample("openai_responses/websocket")
    frames = (
        frame(client=True, type="response.create", stream_id="a", **SIMPLE),
        frame(client=True, type="response.create", stream_id="b", **SIMPLE),
        frame(type="response.created", stream_id="b", response={"id": "resp_b"}),
        frame(type="response.created", stream_id="a", response={"id": "resp_a"}),
        done("resp_b", "second", stream_id="b"),
        done("resp_a", "first", stream_id="a"),
    )
    turns = decode_turns(replace(one.exchange, frames=frames))
    assert [turn.call.reply and turn.call.reply.text for turn in turns] == ["first", "second"]
    assert all(turn.call.complete for turn in turns)


def test_a_socket_that_was_refused() -> None:
    one = sample("openai_responses/websocket")
    response = one.exchange.response
    assert response is not None
    refused = replace(one.exchange, frames=(), response=replace(response, status=401))
    body = FORMAT.error_body(401, "no key", type_="invalid_api_key")
    call = decode_call(refused, b"", body)
    assert call.error is not None
    assert (call.error.type, call.error.where) == ("invalid_api_key", "status")
    gone = replace(one.exchange, frames=(), end=End.CLIENT_GONE)
    call = decode_call(gone, b"", b"")
    assert call.error is not None
    assert call.error.type == "client_gone"


NOT_MINE = [
    ("POST", "/api/responses", b'{"answers": [1, 2]}'),
    ("GET", "/v1/responses/17", b""),
    ("GET", "/v1/responses", b""),
    ("DELETE", "/v1/responses/resp_1", b""),
    ("GET", "/v1/responses/resp_1/input_items", b""),
]


@pytest.mark.parametrize(("method", "target", "body"), NOT_MINE)
def test_other_apis_have_responses_too(method: str, target: str, body: bytes) -> None:
    head = samples("openai_responses")[0].exchange.request
    assert not FORMAT.recognises(replace(head, method=method, target=target, headers=()), body)


STEPS = [
    ("POST", "/v1/responses", "openai.responses"),
    ("POST", "/v1/responses/compact", "openai.responses.compact"),
    ("POST", "/v1/responses/input_tokens", "openai.responses.input_tokens"),
    ("GET", "/v1/responses/resp_1?stream=true", "openai.responses.retrieve"),
    ("POST", "/v1/responses/resp_1/cancel", "openai.responses.cancel"),
]


@pytest.mark.parametrize(("method", "target", "step"), STEPS)
def test_steps(method: str, target: str, step: str) -> None:
    head = replace(samples("openai_responses")[0].exchange.request, method=method, target=target)
    assert FORMAT.recognises(head, b'{"input": "x"}')
    assert FORMAT.step(head, b"") == step


def test_a_cut_stream_is_rebuilt_from_its_deltas() -> None:
    one = sample("openai_responses/stream")
    events = one.response.split(b"\n\n")
    text = b"\n\n".join(events[:6]) + b"\n\n"
    call = decode_call(one.with_response(text), one.request, text)
    assert call.reply is not None
    assert call.reply.text == "Let me see."
    arguments = b"\n\n".join(events[:11]) + b"\n\n"
    call = decode_call(one.with_response(arguments), one.request, arguments)
    assert call.reply is not None
    (use,) = call.reply.tool_uses
    assert (use.name, use.arguments, use.raw, use.complete) == ("weather", None, '{"city":', False)


def test_reasoning_in_deltas_and_unknown_ones() -> None:
    one = sample("openai_responses/stream")
    place = {"item_id": "i", "output_index": 0}
    kind = "response.reasoning_summary_text.delta"
    events = [
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "reasoning"}},
        {"type": kind, **place, "summary_index": 0, "delta": "A"},
        {"type": kind, **place, "summary_index": 1, "delta": "B"},
        {"type": "response.something_new.delta", **place, "delta": "C"},
    ]
    body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    body += b"data: [DONE]\n\n"
    call = decode_call(one.with_response(body), one.request, body)
    assert call.reply is not None
    assert call.reply.reasoning == "A\n\nB"
