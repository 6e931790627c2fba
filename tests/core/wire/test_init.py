"""The table, and what may never happen: an exception out of `decode_call`."""

import time
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from proxy.core import wire
from proxy.core.calls import Call
from proxy.core.model import Body, Exchange, RequestHead
from tests.conformance.wire_samples import sample, samples, view

FOLDER = Path(wire.__file__).parent
DOCS = FOLDER.parent.parent.parent / "docs" / "wire-formats.md"


def test_every_file_is_in_the_table_once_and_http_is_last() -> None:
    files = {path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_")}
    modules = [type(one).__module__.rpartition(".")[2] for one in wire.WIRE_FORMATS]
    assert sorted(modules) == sorted(files)
    assert wire.WIRE_FORMATS[-1].name == "http"
    assert len({one.name for one in wire.WIRE_FORMATS}) == len(wire.WIRE_FORMATS)


def test_every_format_has_its_heading_in_the_docs() -> None:
    headings = [line[3:] for line in DOCS.read_text().splitlines() if line.startswith("## ")]
    named = [heading.strip("`") for heading in headings if heading.startswith("`")]
    assert named == [one.name for one in wire.WIRE_FORMATS]


def test_samples_are_recognised_by_one_format_only() -> None:
    for one in samples():
        head = one.exchange.request
        mine = [w.name for w in wire.WIRE_FORMATS if w.recognises(head, one.request)]
        assert mine[1:] in ([], ["http"]), one.name


BROKEN = [b"", b"junk", b"[]", b"null", b"\xff\x00", b'{"model":', b"[" * 5000]


@pytest.mark.parametrize("name", [one.name for one in samples() if one.request])
def test_broken_payloads_are_plain_http_with_a_note(name: str) -> None:
    one = sample(name)
    for body in BROKEN:
        call = wire.decode_call(one.exchange, body, b"\xfe junk")
        found = wire.recognise(one.exchange.request, body)
        assert call.protocol == "http"
        assert call.step == found.step(one.exchange.request, body)
        if found.name != "http":
            assert call.kind == "http"
            assert "its body is" in call.notes[-1]


def test_a_bug_in_a_decoder_costs_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Call:
        raise ZeroDivisionError("oops")

    one = sample("openai_chat/tools")
    kind = type(wire.WIRE_FORMATS[0])
    monkeypatch.setattr(kind, "decode", broken)
    call = wire.decode_call(one.exchange, one.request, one.response)
    assert (call.kind, call.step) == ("http", "openai.chat")
    assert call.notes == ("openai.chat failed on it: ZeroDivisionError: oops",)
    monkeypatch.setattr(type(wire.WIRE_FORMATS[-1]), "decode", broken)
    call = wire.decode_call(one.exchange, one.request, one.response)
    assert (call.kind, call.step) == ("http", "openai.chat")
    assert "ZeroDivisionError" in call.notes[1]


def test_turns_of_what_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert wire.decode_turns(sample("openai_chat/tools").exchange) == ()
    one = sample("openai_responses/websocket")
    assert len(wire.decode_turns(one.exchange)) == 3
    assert wire.decode_turns(replace(one.exchange, frames=())) == ()

    def broken(*_: object) -> tuple[()]:
        raise ZeroDivisionError

    monkeypatch.setattr(type(wire.recognise(one.exchange.request, b"")), "turns", broken)
    assert wire.decode_turns(one.exchange) == ()


def exchange(target: str, request: bytes) -> Exchange:
    head = RequestHead("POST", "https", "api.openai.com", 443, target)
    one = sample("openai_chat/tools").exchange
    return replace(one, request=head, request_body=Body(request))


HUGE = [
    ("deep", b'{"a":' * 30_000 + b"1" + b"}" * 30_000),
    ("numbers", b'{"usage": {"prompt_tokens": ' + b"9" * 4000 + b'}, "choices": []}'),
    ("invalid UTF-8", b'{"choices": [{"message": {"content": "\xff\xfe"}}]}'),
    ("surrogates", rb'{"choices": [{"message": {"content": "\ud83d"}}]}'),
    ("wide", b'{"choices": [' + b"{}," * 50_000 + b"{}]}"),
    ("keys", b"{" + b",".join(b'"k%d":1' % i for i in range(50_000)) + b"}"),
]


@pytest.mark.parametrize(("why", "body"), HUGE)
def test_hostile_payloads_cost_bounded_time(why: str, body: bytes) -> None:
    started = time.process_time()
    for target in ("/v1/chat/completions", "/v1/responses", "/v1/messages", "/tool"):
        for request, response in ((body, body), (b'{"model": "m", "input": 1}', body)):
            call = wire.decode_call(exchange(target, request), request, response)
            orjson.dumps(view(call))
    assert time.process_time() - started < 20, why


def test_a_text_of_fifty_megabytes() -> None:
    text = b"x" * 50_000_000
    request = b'{"model": "m", "messages": [{"role": "user", "content": "' + text + b'"}]}'
    response = b'{"choices": [{"message": {"content": "' + text + b'"}, "finish_reason": "stop"}]}'
    started = time.process_time()
    call = wire.decode_call(exchange("/v1/chat/completions", request), request, response)
    assert time.process_time() - started < 20
    assert call.reply is not None
    assert len(call.reply.text) == len(call.messages[0].text) == 50_000_000


def test_a_long_path_of_ids_and_a_long_host() -> None:
    started = time.process_time()
    target = "/model/" * 8000 + "a.a" * 8000 + "@x" * 2000
    head = RequestHead("POST", "https", "h" * 60_000, 443, target)
    for format_ in wire.WIRE_FORMATS:
        format_.recognises(head, b"{}")
        format_.step(head, b"{}")
    assert time.process_time() - started < 10
