"""What all wire formats share; the formats themselves are held against samples."""

from dataclasses import replace

import pytest

from proxy.core import dialect
from proxy.core.calls import ToolUse
from proxy.core.model import End
from proxy.core.wire import decode_call
from proxy.core.wire.openai_chat import FORMAT
from proxy.errors import FormatError
from tests.conformance.wire_samples import sample

USES = [
    ('{"a": 1}', True, {"a": 1}, True),
    ('{"a": 1}', False, {"a": 1}, True),  # whole, though more could have come
    ('{"a": ', False, None, False),  # cut off
    ('{"a": ', True, None, True),  # wrong
    ("", True, {}, True),
    ("  ", True, {}, True),
    ("", False, None, False),
    ("null", True, None, True),
]


@pytest.mark.parametrize(("raw", "finished", "arguments", "complete"), USES)
def test_tool_uses(raw: str, finished: bool, arguments: object, complete: bool) -> None:
    use = dialect.tool_use("id", "f", raw, finished=finished)
    assert use == ToolUse("id", "f", arguments, raw, complete)


def test_a_tool_use_without_a_name() -> None:
    assert dialect.tool_use(None, None, "{}").name == ""


def test_session_ids() -> None:
    body = {
        "user": "u",
        "conversation": {"id": "c"},
        "prompt_cache_key": "",
        "long": "x" * 600,
        "nested": {"a": {"b": "deep"}},
        "metadata": {"run_id": "r", "n": 7, "yes": True, "list": [1], "none": None},
    }
    names = ("user", "conversation", "prompt_cache_key", "long", "nested.a.b", "user.x")
    assert dialect.session(body, *names) == {
        "user": "u",
        "conversation": "c",
        "nested.a.b": "deep",
        "metadata.run_id": "r",
        "metadata.n": "7",
    }


def test_settings_are_everything_but_structure_and_nulls() -> None:
    body = {"model": "m", "temperature": 0, "seed": None, "new_option": {"x": 1}}
    assert dialect.settings(body, frozenset(("model",))) == {
        "temperature": 0,
        "new_option": {"x": 1},
    }


def test_a_request_that_is_no_object_is_given_up() -> None:
    one = sample("openai_chat/html_502")
    for body in (b"", b"[]", b"\xff", b"null"):
        with pytest.raises(FormatError, match=r"not openai\.chat"):
            FORMAT.decode(one.exchange, body, one.response)


def test_a_good_answer_to_a_lost_request_is_kept() -> None:
    one = sample("openai_chat/tools")
    call = decode_call(one.exchange, b"", one.response)
    assert (call.kind, call.finish_reason) == ("llm_call", "tool_calls")
    assert call.notes == ("request body: empty",)


def test_notes_of_the_exchange_come_first_and_are_bounded() -> None:
    one = sample("openai_chat/stream")
    body = b"data: nope\n\n" * 40
    noted = replace(one.with_response(body), notes=("body dropped",))
    call = decode_call(noted, one.request, body)
    assert call.notes[0] == "body dropped"
    assert len(call.notes) == 12


def test_an_answer_that_breaks_off_on_the_wire() -> None:
    one = sample("openai_chat/tools")
    cut = one.response[:100]
    exchange = replace(one.with_response(cut), end=End.UPSTREAM_TRUNCATED)
    call = decode_call(exchange, one.request, cut)
    assert not call.complete
    assert call.error is not None
    assert (call.error.type, call.error.where) == ("upstream_truncated", "transport")


def test_a_good_status_with_something_else_inside() -> None:
    one = sample("openai_chat/tools")
    for body, said in ((b"<html>", "not JSON"), (b"", "empty"), (b"[1]", "not a JSON object")):
        call = decode_call(one.with_response(body), one.request, body)
        assert call.error is not None
        assert (call.error.type, call.error.where, call.error.embedded) == (
            "invalid_body",
            "body",
            True,
        )
        assert said in call.error.message


def test_an_error_status_in_a_stream_is_the_statuss() -> None:
    one = sample("openai_chat/error_in_stream")
    assert one.exchange.response is not None
    exchange = replace(one.exchange, response=replace(one.exchange.response, status=503))
    call = decode_call(exchange, one.request, one.response)
    assert call.error is not None
    assert (call.error.where, call.error.embedded) == ("status", False)
    silent = replace(exchange, response_body=replace(exchange.response_body, data=b": hm\n\n"))
    error = decode_call(silent, one.request, b": hm\n\n").error
    assert error is not None
    assert error.type == "service_unavailable"


def test_joined() -> None:
    assert dialect.joined(["a", "", "b"]) == "a\n\nb"
    assert dialect.joined([]) is None


class Silent(dialect.Dialect):
    name = "silent"
    vendor = "nobody"


def test_a_dialect_that_reads_nothing() -> None:
    one = sample("openai_chat/tools")
    silent = Silent()
    assert not silent.recognises(one.exchange.request, one.request)
    call = silent.decode(one.exchange, one.request, one.response)
    assert (call.step, call.provider, call.reply) == ("silent", "openai", None)
    assert silent.assembly() is None
    stream = sample("openai_chat/stream")
    assert silent.decode(stream.exchange, stream.request, stream.response).error is not None


def test_no_content_is_an_answer() -> None:
    one = sample("openai_chat/tools")
    assert one.exchange.response is not None
    empty = replace(one.with_response(b""), response=replace(one.exchange.response, status=204))
    call = decode_call(empty, one.request, b"")
    assert (call.complete, call.error, call.notes) == (True, None, ())
