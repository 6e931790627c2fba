import json
from dataclasses import replace
from typing import Any

import pytest

from proxy.core.calls import Usage
from proxy.core.model import Headers
from proxy.core.streams import StreamEvent
from proxy.core.wire import bedrock_invoke, decode_call
from tests.conformance.wire_samples import sample

FORMAT = bedrock_invoke.FORMAT
ONE = sample("bedrock_invoke/llama")

# What the vendors answer with: text, why it ended, counts.
TITAN = {"outputText": "Hi", "completionReason": "FINISH", "tokenCount": 2}
CHOICE = {"message": {"content": "Hi"}, "finish_reason": "stop"}
NOVA = {"message": {"content": [{"text": "Hi"}]}}
ANSWERS: list[tuple[dict[str, Any], str, tuple[int | None, int | None]]] = [
    ({"results": [TITAN], "inputTextTokenCount": 3}, "FINISH", (3, 2)),
    ({"outputs": [{"text": "Hi", "stop_reason": "stop"}]}, "stop", (None, None)),
    (
        {"choices": [CHOICE], "usage": {"prompt_tokens": 3, "completion_tokens": 2}},
        "stop",
        (3, 2),
    ),
    (
        {
            "output": NOVA,
            "stopReason": "end_turn",
            "usage": {"inputTokens": 3, "outputTokens": 2},
        },
        "end_turn",
        (3, 2),
    ),
    ({"generations": [{"text": "Hi", "finish_reason": "COMPLETE"}]}, "COMPLETE", (None, None)),
    ({"completion": "Hi", "stop_reason": "stop_sequence"}, "stop_sequence", (None, None)),
]


@pytest.mark.parametrize(("body", "finish", "counts"), ANSWERS)
def test_vendors(body: dict[str, Any], finish: str, counts: tuple[int | None, int | None]) -> None:
    exchange = replace(ONE.exchange, response=replace_headers(()))
    answer = FORMAT.answer(body, exchange)
    assert answer.reply is not None
    assert (answer.reply.text, answer.finish_reason) == ("Hi", finish)
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == counts


def replace_headers(headers: Headers) -> Any:
    assert ONE.exchange.response is not None
    return replace(ONE.exchange.response, headers=headers)


def test_counts_in_headers() -> None:
    headers = (
        (b"X-Amzn-Bedrock-Input-Token-Count", b"7"),
        (b"X-Amzn-Bedrock-Output-Token-Count", b"2"),
        (b"X-Amzn-Bedrock-Cache-Read-Input-Token-Count", b"20"),
        (b"X-Amzn-Bedrock-Service-Tier", b"priority"),
    )
    exchange = replace(ONE.exchange, response=replace_headers(headers))
    answer = FORMAT.answer({"outputs": [{"text": "Hi"}]}, exchange)
    assert answer.usage == Usage(
        27, 2, 20, source="exact", raw={"input": 7, "output": 2, "cache-read-input": 20}
    )
    assert answer.service_tier == "priority"


def test_prompts() -> None:
    head = ONE.exchange.request
    for body in (
        {"prompt": "Hi"},
        {"inputText": "Hi"},
        {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]},
    ):
        assert [(m.role, m.text) for m in FORMAT.ask(head, body).messages] == [("user", "Hi")]


def test_a_chunk_that_is_no_base64_is_passed_over() -> None:
    one = sample("bedrock_invoke/titan_stream")
    assembly = FORMAT.assembly()
    assembly.add(StreamEvent("chunk", {"bytes": "no base64!"}))
    assembly.add(StreamEvent("chunk", {"bytes": 7}))
    assert assembly.result() == {}
    assert not assembly.complete
    call = decode_call(one.exchange, one.request, one.response)
    assert call.reply is not None


def test_our_error_body() -> None:
    body = FORMAT.error_body(403, "over budget", type_="BudgetException")
    assert json.loads(body) == {"__type": "BudgetException", "message": "over budget"}
    assert b"over budget" in FORMAT.stream_error("over budget", type_="b")
