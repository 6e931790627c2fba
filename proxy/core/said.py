"""What was said in an exchange: the prompts, answers, arguments and results that people search."""

import json
from collections.abc import Iterator
from typing import Any

from proxy.core import encoding
from proxy.core.calls import Call, Message
from proxy.core.model import Exchange, Headers, header
from proxy.core.wire import decode_call, decode_turns


def texts(exchange: Exchange) -> Iterator[str]:
    """In the order of the conversation, with the whole history that the request repeats.

    Nothing for plain HTTP: its bodies may be anything.
    """
    turns = decode_turns(exchange)
    if turns:
        for turn in turns:
            yield from _of_call(turn.call)
        return
    response = exchange.response.headers if exchange.response else ()
    yield from _of_call(
        decode_call(
            exchange,
            _plain(exchange.request.headers, exchange.request_body.data),
            _plain(response, exchange.response_body.data),
        )
    )


def _of_call(call: Call) -> Iterator[str]:
    if call.kind == "http":
        return
    if call.system:
        yield call.system
    for message in call.messages:
        yield from _of_message(message)
    if call.reply is not None:
        yield from _of_message(call.reply)
    if call.retrieval is not None:
        if call.retrieval.query:
            yield call.retrieval.query
        yield from (document.text for document in call.retrieval.documents if document.text)
    for value in (call.input, call.output):
        if value is not None:
            yield _text(value)


def _of_message(message: Message) -> Iterator[str]:
    if message.text:
        yield message.text
    if message.reasoning:
        yield message.reasoning
    for use in message.tool_uses:
        yield f"{use.name} {_text(use.arguments if use.arguments is not None else use.raw or '')}"
    for result in message.tool_results:
        yield _text(result.content)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _plain(headers: Headers, body: bytes) -> bytes:
    """The body without its Content-Encoding, as far as it can be decoded."""
    coding = header(headers, b"content-encoding")
    return encoding.decode(body, coding.decode("latin-1")).data if coding and body else body
