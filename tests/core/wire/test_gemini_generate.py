"""The official client parses the same bytes; it must see what we see."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from proxy.core.calls import Call
from proxy.core.wire import decode_call, gemini_generate
from tests.conformance.wire_samples import Sample, sample, samples
from tests.core.wire import sdk

if TYPE_CHECKING:
    from google.genai import types

pytestmark = sdk.GROUP
FORMAT = gemini_generate.FORMAT
WHOLE = ("tools", "stream_sse", "blocked")
MODEL = "gemini-2.5-flash"


def decode(one: Sample) -> Call:
    return decode_call(one.exchange, one.request, one.response)


def responses(one: Sample) -> "list[types.GenerateContentResponse]":
    client = sdk.genai_client(sdk.replaying(one))
    if one.streamed:
        return list(client.models.generate_content_stream(model=MODEL, contents="x"))
    return [client.models.generate_content(model=MODEL, contents="x")]


@pytest.mark.parametrize("name", WHOLE)
def test_agrees_with_the_client(name: str) -> None:
    one = sample(f"gemini_generate/{name}")
    theirs, ours = responses(one), decode(one)
    parts = [
        part
        for response in theirs
        for candidate in response.candidates or ()
        for part in (candidate.content and candidate.content.parts) or ()
    ]
    said = "".join(part.text for part in parts if part.text and not part.thought)
    assert (ours.reply.text if ours.reply else "") == said
    calls = [part.function_call for part in parts if part.function_call]
    found = sdk.uses(ours.reply.tool_uses) if ours.reply else []
    assert found == [(call.id, call.name, call.args) for call in calls]
    last = theirs[-1]
    assert last.usage_metadata is not None
    assert ours.usage.cache_read_tokens == last.usage_metadata.cached_content_token_count
    total = last.usage_metadata.total_token_count
    assert (ours.usage.input_tokens or 0) + (ours.usage.output_tokens or 0) == total
    if last.candidates:
        reason = last.candidates[0].finish_reason
        assert ours.finish_reason == (reason and reason.value)
    assert ours.served_model == last.model_version


@pytest.mark.parametrize("name", ["error_in_stream", "error_list"])
def test_the_client_raises_where_we_see_an_error(name: str) -> None:
    from google.genai import errors

    one = sample(f"gemini_generate/{name}")
    client = sdk.genai_client(sdk.replaying(one))
    with pytest.raises(errors.APIError) as caught:
        list(client.models.generate_content_stream(model=MODEL, contents="x"))
    error = decode(one).error
    assert error is not None
    assert (error.type, error.message) == (caught.value.status, caught.value.message)
    assert error.code == str(caught.value.code)


STATUSES = [(401, "ClientError"), (424, "ClientError"), (500, "ServerError")]


@pytest.mark.parametrize(("status", "kind"), STATUSES)
def test_our_error_bodies_are_the_clients_own_errors(status: int, kind: str) -> None:
    from google.genai import errors

    answer, _ = sdk.failing(status, FORMAT.error_body(status, "no such call", type_="MISS"))
    with pytest.raises(getattr(errors, kind)) as caught:
        sdk.genai_client(answer).models.generate_content(model=MODEL, contents="x")
    assert isinstance(caught.value, errors.APIError)
    assert (caught.value.code, caught.value.status) == (status, "MISS")
    assert caught.value.message == "no such call"


def test_our_stream_error_ends_an_open_stream() -> None:
    from google.genai import errors

    begun = sample("gemini_generate/stream_sse").response.split(b"\r\n\r\n")[0]
    body = begun + b"\r\n\r\n" + FORMAT.stream_error("over budget", type_="BUDGET")
    client = sdk.genai_client(sdk.streaming(body))
    with pytest.raises(errors.APIError, match="over budget"):
        list(client.models.generate_content_stream(model=MODEL, contents="x"))


PATHS = [
    ("/v1beta/models/gemini-2.5-pro:generateContent", "gemini.generate", "gemini-2.5-pro"),
    ("/v1beta/models/gemini-2.5-pro%3AgenerateContent", "gemini.generate", "gemini-2.5-pro"),
    ("/v1beta/tunedModels/t-1:streamGenerateContent?alt=sse", "gemini.generate", "t-1"),
    ("/v1/projects/p/locations/l/endpoints/123:generateContent", "gemini.generate", "123"),
    ("/v1beta/models/gemini-2.5-pro:countTokens", "gemini.count_tokens", "gemini-2.5-pro"),
    ("/v1beta/models/gemini-embedding-001:embedContent", "gemini.embed", "gemini-embedding-001"),
]


@pytest.mark.parametrize(("target", "step", "model"), PATHS)
def test_paths(target: str, step: str, model: str) -> None:
    head = replace(samples("gemini_generate")[0].exchange.request, target=target)
    assert FORMAT.recognises(head, b"")
    assert FORMAT.step(head, b"") == step
    assert FORMAT.ask(head, {}).model == model


def test_other_verbs_are_not_mine() -> None:
    head = samples("gemini_generate")[0].exchange.request
    for target in ("/v1beta/models", "/v1beta/models/gemini-2.5-pro", "/v1beta/models/m:predict"):
        assert not FORMAT.recognises(replace(head, target=target), b"{}")


USAGE = [
    # thoughts on top of the candidates' tokens, as the total shows
    ((10, 5, 7, None, 22), (10, 12, 7)),
    # thoughts among them
    ((10, 12, 7, None, 22), (10, 12, 7)),
    # tool results on top of the prompt's
    ((10, 5, None, 4, 19), (14, 5, None)),
    # proto JSON leaves a zero out
    ((10, None, None, None, 10), (10, 0, None)),
    ((10, None, None, None, None), (10, None, None)),
    ((None, None, None, None, None), (None, None, None)),
]


@pytest.mark.parametrize(("given", "expected"), USAGE)
def test_usage(given: tuple[int | None, ...], expected: tuple[int | None, ...]) -> None:
    names = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount")
    more = (*names, "toolUsePromptTokenCount", "totalTokenCount")
    one = sample("gemini_generate/tools")
    metadata = {name: count for name, count in zip(more, given, strict=True) if count is not None}
    body = json.dumps({"candidates": [], "usageMetadata": metadata}).encode()
    usage = decode_call(one.with_response(body), one.request, body).usage
    assert (usage.input_tokens, usage.output_tokens, usage.reasoning_tokens) == expected


def test_proto_names_are_read_too() -> None:
    one = sample("gemini_generate/tools")
    body: dict[str, Any] = {
        "system_instruction": {"parts": [{"text": "Be brief."}]},
        "contents": [{"parts": [{"function_response": {"name": "f", "response": {"output": 1}}}]}],
        "tools": [{"function_declarations": [{"name": "f", "parameters_json_schema": {"a": 1}}]}],
        "generation_config": {"response_schema": {"type": "OBJECT"}, "temperature": 0},
    }
    request = json.dumps(body).encode()
    call = decode_call(one.exchange, request, one.response)
    assert call.system == "Be brief."
    assert call.messages[0].tool_results[0].content == {"output": 1}
    assert [(tool.name, tool.schema) for tool in call.tools] == [("f", {"a": 1})]
    assert call.output_schema == {"type": "object"}
    assert call.settings == {"temperature": 0}


def test_tool_schemas_are_json_schemas() -> None:
    tool = decode(sample("gemini_generate/tools")).tools[0]
    assert tool.schema == {
        "type": "object",
        "properties": {"order": {"type": ["integer", "null"]}},
        "required": ["order"],
    }


def test_more_candidates_and_what_the_model_says_about_its_end() -> None:
    one = sample("gemini_generate/tools")
    said = {"content": {"parts": [{"text": "A"}]}, "finishReason": "MALFORMED_FUNCTION_CALL"}
    candidates = [{**said, "finishMessage": "call:default_api"}, said]
    body = json.dumps({"candidates": candidates}).encode()
    call = decode_call(one.with_response(body), one.request, body)
    assert call.finish_reason == "MALFORMED_FUNCTION_CALL"
    assert call.notes == ("call:default_api", "2 candidates; the reply is the first")


def test_counting_consumes_nothing() -> None:
    one = sample("gemini_generate/tools")
    head = replace(one.exchange.request, target="/v1beta/models/m:countTokens")
    body = b'{"totalTokens": 31, "promptTokensDetails": []}'
    call = decode_call(replace(one.with_response(body), request=head), one.request, body)
    assert (call.output, call.usage.source) == ({"total_tokens": 31}, "unknown")
    assert FORMAT.ask(head, {"contents": "Hi"}).messages[0].text == "Hi"


def test_a_blocked_prompt_ends_a_stream() -> None:
    one = sample("gemini_generate/stream_sse")
    body = b'data: {"promptFeedback": {"blockReason": "SAFETY"}}\n\n'
    call = decode_call(one.with_response(body), one.request, body)
    assert (call.complete, call.finish_reason, call.error) == (True, "SAFETY", None)
