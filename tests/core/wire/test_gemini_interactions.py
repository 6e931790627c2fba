"""The official client parses the same bytes; it must see what we see."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from proxy.core.calls import Call
from proxy.core.wire import decode_call, gemini_interactions
from tests.conformance.wire_samples import Sample, sample, samples
from tests.core.wire import sdk

if TYPE_CHECKING:
    from google import genai

pytestmark = sdk.GROUP
FORMAT = gemini_interactions.FORMAT
MODEL = "gemini-3-flash-preview"


def decode(one: Sample) -> Call:
    return decode_call(one.exchange, one.request, one.response)


def client(one: Sample) -> "genai.Client":
    return sdk.genai_client(sdk.replaying(one))


def test_agrees_with_the_client() -> None:
    one = sample("gemini_interactions/tools")
    theirs: Any = client(one).interactions.create(model=MODEL, input="x")
    ours = decode(one)
    assert ours.reply is not None
    assert ours.response_id == theirs.id
    assert ours.finish_reason == theirs.status
    calls = [step for step in theirs.steps if step.type == "function_call"]
    found = [use for use in sdk.uses(ours.reply.tool_uses) if use[0] == "fc_1"]
    assert found == [(call.id, call.name, call.arguments) for call in calls]
    said = [
        part.text for step in theirs.steps if step.type == "model_output" for part in step.content
    ]
    assert ours.reply.text == "".join(said)
    usage = theirs.usage
    assert ours.usage.input_tokens == usage.total_input_tokens + usage.total_tool_use_tokens
    assert ours.usage.output_tokens == usage.total_output_tokens + usage.total_thought_tokens
    assert (ours.usage.input_tokens or 0) + (ours.usage.output_tokens or 0) == usage.total_tokens


def test_agrees_with_the_client_on_a_stream() -> None:
    one = sample("gemini_interactions/stream")
    events: list[Any] = list(client(one).interactions.create(model=MODEL, input="x", stream=True))
    deltas = [event.delta for event in events if event.event_type == "step.delta"]
    ours = decode(one)
    assert ours.reply is not None
    assert ours.reply.text == "".join(delta.text for delta in deltas if delta.type == "text")
    arguments = "".join(d.arguments for d in deltas if d.type == "arguments_delta")
    assert ours.reply.tool_uses[0].raw == arguments
    last = next(e for e in events if e.event_type == "interaction.completed").interaction
    assert ours.finish_reason == last.status
    assert ours.response_id == last.id
    assert ours.usage.input_tokens == last.usage.total_input_tokens


def test_our_error_body_is_the_clients_own_error() -> None:
    answer, _ = sdk.failing(403, FORMAT.error_body(403, "over budget", type_="budget"))
    with pytest.raises(Exception, match="over budget") as caught:
        sdk.genai_client(answer).interactions.create(model=MODEL, input="x")
    assert getattr(caught.value, "status_code", getattr(caught.value, "code", None)) == 403


def test_our_stream_error_is_the_clients_error_event() -> None:
    begun = b"\n\n".join(sample("gemini_interactions/stream").response.split(b"\n\n")[:3])
    body = begun + b"\n\n" + FORMAT.stream_error("over budget", type_="budget")
    events: list[Any] = list(
        sdk.genai_client(sdk.streaming(body)).interactions.create(
            model=MODEL, input="x", stream=True
        )
    )
    assert (events[-1].event_type, events[-1].error.message) == ("error", "over budget")


GOOGLE, OTHER = "generativelanguage.googleapis.com", "api.example.com"
MINE = [
    ("POST", GOOGLE, "/v1beta/interactions", b'{"model": "m", "input": "x"}', True),
    ("POST", OTHER, "/proxy/v1/interactions", b'{"agent": "m", "input": "x"}', True),
    ("POST", OTHER, "/v1/interactions", b'{"user": 1, "input": "x"}', False),
    ("GET", GOOGLE, "/v1beta/interactions/int_1", b"", True),
    ("GET", OTHER, "/v1/interactions/17", b"", False),
    ("POST", GOOGLE, "/v1beta/interactions/int_1/cancel", b"", True),
]


@pytest.mark.parametrize(("method", "host", "target", "body", "mine"), MINE)
def test_other_apis_have_interactions_too(
    method: str, host: str, target: str, body: bytes, mine: bool
) -> None:
    head = samples("gemini_interactions")[0].exchange.request
    found = replace(head, method=method, host=host, target=target)
    assert FORMAT.recognises(found, body) is mine


STEPS = [
    ("POST", "/v1beta/interactions", "gemini.interactions"),
    ("GET", "/v1beta/interactions/int_1", "gemini.interactions.get"),
    ("DELETE", "/v1beta/interactions/int_1", "gemini.interactions.delete"),
    ("POST", "/v1beta/interactions/int_1/cancel", "gemini.interactions.cancel"),
]


@pytest.mark.parametrize(("method", "target", "step"), STEPS)
def test_steps(method: str, target: str, step: str) -> None:
    head = samples("gemini_interactions")[0].exchange.request
    assert FORMAT.step(replace(head, method=method, target=target), b"") == step


FORMATS: list[tuple[Any, Any]] = [
    ({"type": "text", "schema": {"type": "object"}}, {"type": "object"}),
    ([{"type": "image"}, {"type": "text", "schema": {"type": "array"}}], {"type": "array"}),
    ({"type": "object", "properties": {}}, {"type": "object", "properties": {}}),
    ({"type": "image"}, None),
    (None, None),
]


@pytest.mark.parametrize(("given", "schema"), FORMATS)
def test_response_formats(given: Any, schema: Any) -> None:
    head = samples("gemini_interactions")[0].exchange.request
    assert FORMAT.ask(head, {"response_format": given}).output_schema == schema


def test_turns_of_an_older_form() -> None:
    head = samples("gemini_interactions")[0].exchange.request
    turns = [
        {"role": "user", "content": "Hi"},
        {"role": "model", "content": [{"type": "text", "text": "Hello"}]},
    ]
    messages = FORMAT.ask(head, {"input": turns}).messages
    assert [(m.role, m.text) for m in messages] == [("user", "Hi"), ("assistant", "Hello")]


def stream(*events: dict[str, Any]) -> Call:
    one = sample("gemini_interactions/stream")
    body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    return decode_call(one.with_response(body), one.request, body)


def test_a_stream_that_fails_in_its_last_event() -> None:
    errors = [{"code": "internal", "message": "It crashed."}]
    last = {"id": "int_1", "status": "failed", "errors": errors}
    call = stream({"event_type": "interaction.completed", "interaction": last})
    assert call.error is not None
    assert (call.error.code, call.error.message) == ("internal", "It crashed.")
    assert call.error.where == "stream"


def test_steps_that_come_as_deltas() -> None:
    call = stream(
        {"event_type": "step.start", "index": 0, "step": {"type": "google_search_call"}},
        {
            "event_type": "step.delta",
            "index": 0,
            "delta": {"type": "google_search_call", "id": "g", "arguments": {"queries": ["x"]}},
        },
        {"event_type": "step.stop", "index": 0},
        {"event_type": "step.start", "index": 1, "step": {"type": "model_output"}},
        {"event_type": "step.delta", "index": 1, "delta": {"type": "image", "data": "AAAA"}},
        {"event_type": "step.stop", "index": 7},
    )
    assert call.reply is not None
    assert sdk.uses(call.reply.tool_uses) == [("g", "google_search", {"queries": ["x"]})]
    assert call.reply.parts == 1


def test_contents_as_input() -> None:
    head = samples("gemini_interactions")[0].exchange.request
    text, image = {"type": "text", "text": "Hi"}, {"type": "image", "data": "AAAA"}
    assert [m.text for m in FORMAT.ask(head, {"input": text}).messages] == ["Hi"]
    found = FORMAT.ask(head, {"input": [text, image]}).messages
    assert [(m.text, m.parts) for m in found] == [("Hi", 0), ("", 1)]
