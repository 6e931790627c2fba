"""The official client parses the same bytes; it must see what we see."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from proxy.core.calls import Call
from proxy.core.wire import anthropic_messages, decode_call
from tests.conformance.wire_samples import Sample, sample, samples
from tests.core.wire import sdk

if TYPE_CHECKING:
    from anthropic.types import Message

pytestmark = sdk.GROUP
FORMAT = anthropic_messages.FORMAT
WHOLE = ("tools", "stream", "server_tools", "refusal", "max_tokens_in_tool")
ASK: dict[str, Any] = {
    "model": "claude-m",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "x"}],
}


def decode(one: Sample) -> Call:
    return decode_call(one.exchange, one.request, one.response)


def message(one: Sample) -> "Message":
    from anthropic.types import Message

    client = sdk.anthropic_client(sdk.replaying(one)).with_options(max_retries=0)
    if one.streamed:
        with client.messages.stream(**ASK) as stream:
            return stream.get_final_message()
    answer = client.messages.create(**ASK)
    assert isinstance(answer, Message)
    return answer


@pytest.mark.parametrize("name", WHOLE)
def test_agrees_with_the_client(name: str) -> None:
    one = sample(f"anthropic_messages/{name}")
    theirs, ours = message(one), decode(one)
    assert ours.reply is not None
    assert ours.response_id == theirs.id
    assert ours.served_model == theirs.model
    assert ours.finish_reason == theirs.stop_reason
    assert ours.reply.text == "".join(b.text for b in theirs.content if b.type == "text")
    thought = "".join(b.thinking for b in theirs.content if b.type == "thinking")
    assert (ours.reply.reasoning or "") == thought
    wanted = [
        (b.id, b.name, b.input) for b in theirs.content if b.type in ("tool_use", "server_tool_use")
    ]
    found = sdk.uses(ours.reply.tool_uses)
    if name == "max_tokens_in_tool":  # the client guesses at the cut JSON; we say it is cut
        assert [use[:2] for use in found] == [use[:2] for use in wanted]
        assert not ours.reply.tool_uses[0].complete
    else:
        assert found == wanted
    usage = theirs.usage
    parts = (usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens)
    assert ours.usage.input_tokens == sum(part or 0 for part in parts)
    assert ours.usage.output_tokens == usage.output_tokens
    assert ours.usage.cache_read_tokens == usage.cache_read_input_tokens
    assert ours.usage.cache_write_tokens == usage.cache_creation_input_tokens


def test_counting_agrees_with_the_client() -> None:
    one = sample("anthropic_messages/count_tokens")
    client = sdk.anthropic_client(sdk.replaying(one))
    theirs = client.messages.count_tokens(model="m", messages=ASK["messages"])
    assert decode(one).output == {"input_tokens": theirs.input_tokens}


@pytest.mark.parametrize("name", ["error_529", "overloaded_in_stream"])
def test_the_client_raises_where_we_see_an_error(name: str) -> None:
    import anthropic

    one = sample(f"anthropic_messages/{name}")
    with pytest.raises(anthropic.APIStatusError) as caught:
        message(one)
    error = decode(one).error
    assert error is not None
    body = caught.value.body
    assert isinstance(body, dict)
    assert body["error"] == {"type": error.type, "message": error.message}


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
    import anthropic

    answer, seen = sdk.failing(status, FORMAT.error_body(status, "no such call", type_="miss"))
    with pytest.raises(getattr(anthropic, kind), match="no such call") as caught:
        sdk.anthropic_client(answer).messages.create(**ASK)
    assert isinstance(caught.value, anthropic.APIStatusError)
    assert str(caught.value.type) == "miss"
    assert len(seen) == 1


def test_our_stream_error_ends_an_open_stream() -> None:
    import anthropic

    begun = b"\n\n".join(sample("anthropic_messages/stream").response.split(b"\n\n")[:3])
    body = begun + b"\n\n" + FORMAT.stream_error("over budget", type_="budget")
    client = sdk.anthropic_client(sdk.streaming(body))
    with (
        pytest.raises(anthropic.APIStatusError, match="over budget"),
        client.messages.stream(**ASK) as stream,
    ):
        stream.get_final_message()


def test_the_first_counts_of_a_stream_are_an_estimate() -> None:
    one = sample("anthropic_messages/stream")
    begun = one.response[: one.response.index(b"event: message_delta")]
    usage = decode_call(one.with_response(begun), one.request, begun).usage
    assert (usage.input_tokens, usage.output_tokens, usage.source) == (412, 2, "estimated")
    assert "partial" not in usage.raw


MINE = [
    ({}, b'{"model": "m", "messages": []}', True),
    ({"anthropic-version": "2023-06-01"}, b"", True),
    ({}, b'{"to": "ada", "body": "hi"}', False),  # a mail service
]


@pytest.mark.parametrize(("headers", "body", "mine"), MINE)
def test_other_apis_have_messages_too(headers: dict[str, str], body: bytes, mine: bool) -> None:
    head = replace(
        samples("anthropic_messages")[0].exchange.request,
        headers=tuple((k.encode(), v.encode()) for k, v in headers.items()),
    )
    assert FORMAT.recognises(head, body) is mine


def test_claude_codes_billing_header_stays_in_the_system_prompt() -> None:
    one = sample("anthropic_messages/tools")
    body = json.loads(one.request)
    body["system"] = [{"type": "text", "text": "x-anthropic-billing-header: cch=1"}]
    request = json.dumps(body).encode()
    assert decode_call(one.exchange, request, one.response).system == body["system"][0]["text"]
