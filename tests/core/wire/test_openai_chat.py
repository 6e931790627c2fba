"""The official client parses the same bytes; it must see what we see."""

import json
from typing import TYPE_CHECKING, Any

import pytest

from proxy.core.calls import Call
from proxy.core.wire import decode_call, openai_chat
from tests.conformance.wire_samples import Sample, sample, samples
from tests.core.wire import sdk

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletion

pytestmark = sdk.GROUP
FORMAT = openai_chat.FORMAT
ALL = samples("openai_chat")
NAMES = {one.name.partition("/")[2]: one for one in ALL}
# Mistral's lists as content are beyond what this client can add up.
GOOD = [one for one in ALL if not one.expected.get("error") and "mistral" not in one.name]
STREAM_ERRORS = [NAMES["error_in_stream"]]
STATUS_ERRORS = [NAMES["error_429"], NAMES["html_502"]]


def decode(one: Sample) -> Call:
    return decode_call(one.exchange, one.request, one.response)


def ask(one: Sample) -> Any:
    body = {"model": "m", **json.loads(one.request)}
    client = sdk.openai_client(sdk.replaying(one)).with_options(max_retries=0)
    return client.chat.completions.create(**body)


def completion(one: Sample) -> "ChatCompletion":
    from openai.lib.streaming.chat import ChatCompletionStreamState
    from openai.types.chat import ChatCompletion

    answer = ask(one)
    if not one.streamed:
        assert isinstance(answer, ChatCompletion)
        return answer
    state = ChatCompletionStreamState()
    for chunk in answer:
        state.handle_chunk(chunk)
    return state.current_completion_snapshot


@pytest.mark.parametrize("one", GOOD, ids=lambda one: one.name)
def test_agrees_with_the_client(one: Sample) -> None:
    theirs, ours = completion(one), decode(one)
    choice = min(theirs.choices, key=lambda choice: choice.index)
    assert ours.reply is not None
    assert ours.finish_reason == choice.finish_reason
    if theirs.id:  # Azure's first chunk has empty ones, which the client keeps
        assert ours.served_model == theirs.model
        assert ours.response_id == theirs.id
    assert ours.reply.text == (choice.message.content or choice.message.refusal or "")
    calls = [
        (call.id, call.function.name, call.function.arguments)
        for call in choice.message.tool_calls or ()
        if call.type == "function"
    ]
    assert [(use.id, use.name, use.raw) for use in ours.reply.tool_uses] == calls
    if theirs.usage is None:
        assert ours.usage.input_tokens is None or one.exchange.request.host == "api.groq.com"
    elif one.exchange.request.host != "api.x.ai":
        details = theirs.usage.completion_tokens_details
        assert ours.usage.input_tokens == theirs.usage.prompt_tokens
        assert ours.usage.output_tokens == theirs.usage.completion_tokens
        assert ours.usage.reasoning_tokens == (details and details.reasoning_tokens)


@pytest.mark.parametrize("one", STATUS_ERRORS, ids=lambda one: one.name)
def test_the_client_raises_where_we_see_an_error(one: Sample) -> None:
    import openai

    with pytest.raises(openai.APIStatusError) as caught:
        ask(one)
    error = decode(one).error
    assert error is not None
    assert str(caught.value.status_code) in (error.code, error.message, "429")
    if isinstance(caught.value.body, dict):
        assert error.message == caught.value.body["message"]
        assert error.type == caught.value.type


@pytest.mark.parametrize("one", STREAM_ERRORS, ids=lambda one: one.name)
def test_the_client_raises_where_we_see_a_stream_error(one: Sample) -> None:
    import openai

    with pytest.raises(openai.APIError) as caught:
        completion(one)
    error = decode(one).error
    assert error is not None
    assert error.message == caught.value.message


STATUSES = [
    (400, "BadRequestError"),
    (401, "AuthenticationError"),
    (403, "PermissionDeniedError"),
    (424, "APIStatusError"),
    (429, "RateLimitError"),
    (500, "InternalServerError"),
]


@pytest.mark.parametrize(("status", "kind"), STATUSES)
def test_our_error_bodies_are_the_clients_own_errors(status: int, kind: str) -> None:
    import openai

    body = FORMAT.error_body(status, "over budget: 5 USD", type_="budget")
    answer, seen = sdk.failing(status, body)
    with pytest.raises(getattr(openai, kind)) as caught:
        sdk.openai_client(answer).chat.completions.create(
            model="m", messages=[{"role": "user", "content": "x"}]
        )
    assert isinstance(caught.value, openai.APIStatusError)
    assert caught.value.type == "budget"
    assert "over budget: 5 USD" in caught.value.message
    assert len(seen) == 1  # told not to try again


def test_our_stream_error_ends_an_open_stream() -> None:
    import openai

    begun = sample("openai_chat/stream").response.split(b"\n\n")[:3]
    body = b"\n\n".join(begun) + b"\n\n" + FORMAT.stream_error("over budget", type_="budget")
    client = sdk.openai_client(sdk.streaming(body))
    stream = client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "x"}], stream=True
    )
    with pytest.raises(openai.APIError, match="over budget"):
        list(stream)


QUIRKS: list[tuple[str, list[dict[str, Any]], list[tuple[Any, ...]]]] = [
    (
        "every parallel call is number 0, with an id of its own",
        [
            {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}},
            {"index": 0, "id": "b", "function": {"name": "g", "arguments": '{"x": 1}'}},
        ],
        [("a", "f", {}), ("b", "g", {"x": 1})],
    ),
    (
        "no numbers at all",
        [
            {"id": "a", "function": {"name": "f", "arguments": ""}},
            {"function": {"arguments": '{"x": '}},
            {"function": {"arguments": "1}"}},
            {"id": "b", "function": {"name": "g", "arguments": "{}"}},
        ],
        [("a", "f", {"x": 1}), ("b", "g", {})],
    ),
    (
        "the id comes again with every piece",
        [
            {"index": 1, "id": "a", "function": {"name": "f", "arguments": '{"x"'}},
            {"index": 1, "id": "a", "function": {"name": None, "arguments": ": 1}"}},
        ],
        [("a", "f", {"x": 1})],
    ),
    (
        "arguments as an object",
        [{"index": 0, "id": "a", "function": {"name": "f", "arguments": {"x": 1}}}],
        [("a", "f", {"x": 1})],
    ),
]


@pytest.mark.parametrize(("why", "pieces", "expected"), QUIRKS)
def test_tool_call_quirks(
    why: str, pieces: list[dict[str, Any]], expected: list[tuple[Any, ...]]
) -> None:
    deltas = [{"choices": [{"index": 0, "delta": {"tool_calls": [piece]}}]} for piece in pieces]
    chunks = [*deltas, {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}]
    body = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)
    one = sample("openai_chat/stream")
    reply = decode_call(one.with_response(body), one.request, body).reply
    assert reply is not None, why
    assert sdk.uses(reply.tool_uses) == expected, why


def test_a_finished_stream_without_done_is_complete_unless_the_wire_broke() -> None:
    one = sample("openai_chat/stream_without_usage")
    body = one.response.replace(b"data: [DONE]\r\n\r\n", b"")
    assert decode_call(one.with_response(body), one.request, body).complete
    cut = sample("openai_chat/reset_in_stream").exchange.end
    exchange = one.with_response(body)
    exchange.end = cut
    call = decode_call(exchange, one.request, body)
    assert not call.complete
    assert call.error is not None


def decoded(body: dict[str, Any], **asked: Any) -> Call:
    one = sample("openai_chat/tools")
    request = json.dumps({"model": "m", "messages": [], **asked}).encode()
    response = json.dumps(body).encode()
    return decode_call(one.with_response(response), request, response)


def test_a_response_format_without_a_schema_is_a_setting() -> None:
    call = decoded({"choices": []}, response_format={"type": "json_object"})
    assert call.settings == {"response_format": {"type": "json_object"}}
    assert call.output_schema is None


def test_an_error_in_a_choice() -> None:
    error = {"code": 502, "message": "Provider is down"}
    call = decoded({"choices": [{"error": error, "finish_reason": "error", "message": {}}]})
    assert call.error is not None
    assert (call.error.type, call.error.message) == ("502", "Provider is down")


def test_an_answer_without_choices() -> None:
    assert decoded({"id": "x"}).notes == ("the answer holds no choices",)


def test_legacy_functions_and_speech_in_a_stream() -> None:
    deltas: list[dict[str, Any]] = [
        {"audio": {"id": "a", "transcript": "Hel"}},
        {"audio": {"transcript": "lo"}},
        {"function_call": {"name": "f", "arguments": '{"x"'}},
        {"function_call": {"arguments": ": 1}"}},
    ]
    chunks = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    body = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)
    one = sample("openai_chat/stream")
    reply = decode_call(one.with_response(body), one.request, body).reply
    assert reply is not None
    assert (reply.text, sdk.uses(reply.tool_uses)) == ("Hello", [(None, "f", {"x": 1})])
