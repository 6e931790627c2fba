import json
from dataclasses import replace

import pytest

from proxy.core import eventstream
from proxy.core.wire import bedrock_converse, decode_call
from tests.conformance.wire_samples import sample

FORMAT = bedrock_converse.FORMAT
STREAM = sample("bedrock_converse/stream")


def test_a_broken_checksum_is_a_note_and_what_came_before_is_kept() -> None:
    body = bytearray(STREAM.response)
    body[len(body) // 2] ^= 0xFF
    call = decode_call(STREAM.with_response(bytes(body)), STREAM.request, bytes(body))
    assert call.kind == "llm_call"
    assert any("checksum" in note for note in call.notes)
    assert call.reply is not None
    assert call.reply.text.startswith("Let me")
    assert not call.complete
    assert call.error is not None
    assert call.error.type == "incomplete_stream"


def test_our_stream_error_is_an_error_message() -> None:
    begun = eventstream.encode({":message-type": "event", ":event-type": "messageStart"}, b"{}")
    body = begun + FORMAT.stream_error("over budget", type_="budget")
    error = decode_call(STREAM.with_response(body), STREAM.request, body).error
    assert error is not None
    assert (error.type, error.message, error.where) == ("budget", "over budget", "stream")


def test_our_error_body() -> None:
    body = FORMAT.error_body(403, "over budget", type_="BudgetException")
    assert json.loads(body) == {"__type": "BudgetException", "message": "over budget"}


RESULTS = [
    ([{"json": {"a": 1}}], {"a": 1}),
    ([{"text": "a"}, {"text": "b"}], "a\nb"),
    ([{"text": "a"}, {"image": {}}], [{"text": "a"}, {"image": {}}]),
]


@pytest.mark.parametrize(("content", "expected"), RESULTS)
def test_tool_results(content: list[dict[str, object]], expected: object) -> None:
    head = STREAM.exchange.request
    result = {"toolResult": {"toolUseId": "t", "status": "success", "content": content}}
    asked = FORMAT.ask(head, {"messages": [{"role": "user", "content": [result]}]})
    ((found),) = asked.messages[0].tool_results
    assert (found.content, found.is_error) == (expected, False)


def test_output_schemas_are_json_in_a_string() -> None:
    schema = {"schema": '{"type": "object"}', "name": "x"}
    config = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}}
    asked = FORMAT.ask(STREAM.exchange.request, {"outputConfig": config})
    assert asked.output_schema == {"type": "object"}


def test_a_guardrail_is_a_refusal() -> None:
    one = sample("bedrock_converse/tools")
    body = one.response.replace(b'"tool_use"', b'"guardrail_intervened"')
    call = decode_call(one.with_response(body), one.request, body)
    assert call.notes == ("the model refused: guardrail_intervened",)


def test_other_paths_are_not_mine() -> None:
    head = STREAM.exchange.request
    for target in ("/model/m/invoke", "/converse", "/model/converse"):
        assert not FORMAT.recognises(replace(head, target=target), b"")
    assert not FORMAT.recognises(replace(head, method="GET"), b"")


def test_reasoning_citations_and_other_blocks() -> None:
    events = [
        ("contentBlockDelta", {"delta": {"reasoningContent": {"text": "Hm."}}}),
        ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": "Hi"}}),
        ("contentBlockStart", {"contentBlockIndex": 2, "start": {"image": {"format": "png"}}}),
        ("somethingNew", {}),
    ]
    body = b"".join(
        eventstream.encode({":message-type": "event", ":event-type": name}, json.dumps(v).encode())
        for name, v in events
    )
    reply = decode_call(STREAM.with_response(body), STREAM.request, body).reply
    assert reply is not None
    assert (reply.text, reply.reasoning, reply.parts) == ("Hi", "Hm.", 1)
    one = sample("bedrock_converse/tools")
    cited = {"citationsContent": {"content": [{"text": "A"}, {"text": "B"}], "citations": []}}
    whole = json.dumps({"output": {"message": {"content": [cited]}}}).encode()
    reply = decode_call(one.with_response(whole), one.request, whole).reply
    assert reply is not None
    assert reply.text == "AB"


def test_tools_that_are_none() -> None:
    tools = {"tools": [{"cachePoint": {}}, {"systemTool": {"name": "grounding"}}]}
    asked = FORMAT.ask(STREAM.exchange.request, {"toolConfig": tools})
    assert [tool.name for tool in asked.tools] == ["grounding"]
