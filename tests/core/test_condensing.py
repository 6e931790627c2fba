import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.condensing import condensed
from proxy.core.dialect import Dialect
from proxy.core.model import Exchange, RequestHead, ResponseHead
from proxy.core.wire import anthropic_messages, openai_chat

HERE = re.compile(rb'"d": ?"')


def stream(*events: str) -> bytes:
    return "".join(f"data: {event}\n\n" for event in events).encode()


@pytest.mark.parametrize(
    ("events", "one"),
    [
        (['{"d":"a"}', '{"d":"b"}', '{"d":""}', '{"d":"c"}'], ['{"d":"abc"}']),
        (['{"d": "a"}', '{"d": "b"}'], ['{"d": "ab"}']),
        (['{"d":"\\""}', '{"d":"\\\\"}', '{"d":"\\u00e9"}'], ['{"d":"\\"\\\\\\u00e9"}']),
        (['{"n":1,"d":"a"}', '{"n":1,"d":"b"}'], ['{"n":1,"d":"ab"}']),
        (['{"d":"a"},"n":1', '{"d":"b"},"n":1'], ['{"d":"ab"},"n":1']),
        (['{"d":"a"}', "[DONE]"], ['{"d":"a"}', "[DONE]"]),
        (['{"d":"a"}', '{"x":1}', '{"d":"b"}'], ['{"d":"a"}', '{"x":1}', '{"d":"b"}']),
        (['{"n":1,"d":"a"}', '{"n":2,"d":"b"}'], ['{"n":1,"d":"a"}', '{"n":2,"d":"b"}']),
        (['{"d":"a"},"n":1', '{"d":"b"},"n":2'], ['{"d":"a"},"n":1', '{"d":"b"},"n":2']),
        (
            ['{"c":{"d":"a"},"obfuscation":"x1"}', '{"c":{"d":"b"},"obfuscation":"y"}'],
            ['{"c":{"d":"ab"}}'],
        ),
        # Not the last of its object, twice in an event, and no text of JSON.
        (['{"d":"a","n":1}', '{"d":"b","n":1}'], ['{"d":"a","n":1}', '{"d":"b","n":1}']),
        (['[{"d":"a"},{"d":"x"}]'] * 2, ['[{"d":"a"},{"d":"x"}]'] * 2),
        (['{"d":"a\\"}', '{"d":"b\\"}'], ['{"d":"a\\"}', '{"d":"b\\"}']),
        (['{"d":"a"}', '{"d":"\\x"}', '{"d":"\t"}'], ['{"d":"a"}', '{"d":"\\x"}', '{"d":"\t"}']),
        (['{"d":"a"}', '{"d":"\\u12"}'], ['{"d":"a"}', '{"d":"\\u12"}']),
    ],
)
def test_events_that_differ_in_their_text_are_one(events: list[str], one: list[str]) -> None:
    assert condensed(stream(*events), HERE) == stream(*one)


@pytest.mark.parametrize(
    "left",
    [
        b'data: {"d":"a"}\r\n\r\ndata: {"d":"b"}\r\n\r\n',
        b'data: {"d":"a"}\n\ndata: {"d":"b"}',  # the stream ends in it
        b'data: {"d":"a"}\n\nevent: x\ndata: {"d":"b"}\n\n',
        b"",
    ],
)
def test_what_is_left_alone(left: bytes) -> None:
    assert condensed(left, HERE) == left


def test_lines_before_the_data_count() -> None:
    one, two = b'event: x\ndata: {"d":"%b"}\n\n', b'id: 1\ndata: {"d":"%b"}\n\n'
    given_ = one % b"a" + one % b"b" + two % b"c" + two % b"d"
    assert condensed(given_, HERE) == one % b"ab" + two % b"cd"


def chat(delta: dict[str, Any]) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    return {"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}


def padded(text: str) -> dict[str, Any]:
    return chat({"content": text}) | {"usage": None, "obfuscation": "xY3"[: len(text)]}


def tool(arguments: str, **more: Any) -> dict[str, Any]:
    return chat({"tool_calls": [{"index": 0, "function": {"arguments": arguments}, **more}]})


def block(kind: str, key: str, text: str) -> dict[str, Any]:
    delta = {"type": kind, key: text}
    return {"type": "content_block_delta", "index": 0, "delta": delta}


TEXTS = st.one_of(
    st.text(max_size=5),
    st.sampled_from(
        ['"', "\\", '"}', '"delta":{"content":"', "\n\n", "data: ", "\ud83d", "\ude00"]
    ),
)
EVENTS = {
    openai_chat.FORMAT: st.one_of(
        TEXTS.map(lambda text: chat({"content": text})),
        TEXTS.map(padded),
        TEXTS.map(lambda text: chat({"reasoning_content": text})),
        TEXTS.map(lambda text: chat({"role": "assistant", "content": text})),
        TEXTS.map(tool),
        TEXTS.map(lambda text: tool(text, id="t1")),
        st.just(chat({"content": None})),
        st.just({"error": {"message": "overloaded"}}),
    ),
    anthropic_messages.FORMAT: st.one_of(
        TEXTS.map(lambda text: block("text_delta", "text", text)),
        TEXTS.map(lambda text: block("thinking_delta", "thinking", text)),
        TEXTS.map(lambda text: block("input_json_delta", "partial_json", text)),
        st.just({"type": "ping"}),
        st.just({"type": "content_block_stop", "index": 0}),
    ),
}
SEEDS: dict[Dialect, tuple[dict[str, Any], ...]] = {
    openai_chat.FORMAT: (),
    anthropic_messages.FORMAT: (
        {"type": "message_start", "message": {"id": "m1", "role": "assistant", "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    ),
}


@pytest.mark.parametrize("format_", EVENTS, ids=lambda one: one.name)
@given(data=st.data())
def test_what_a_stream_says_stays_the_same(format_: Dialect, data: st.DataObject) -> None:
    events = [*SEEDS[format_], *data.draw(st.lists(EVENTS[format_], max_size=12))]
    spaced = data.draw(st.booleans())
    separators = (", ", ": ") if spaced else (",", ":")
    ascii_ = data.draw(st.booleans())
    texts = [json.dumps(one, separators=separators, ensure_ascii=ascii_) for one in events]
    body = "".join(f"data: {text}\n\n" for text in texts).encode("utf-8", "replace")
    head = ResponseHead(200, "OK", headers=((b"content-type", b"text/event-stream"),))
    exchange = Exchange(
        "x", "r", 1, "forward", 0.0, RequestHead("POST", "https", "h", 443, "/"), response=head
    )
    plain = type("Plain", (type(format_),), {"appended": None})()
    whole, short = plain.read(exchange, body), format_.read(exchange, body)
    if not whole.notes or short.notes:  # halves of a character that are put together are whole
        assert short == whole
