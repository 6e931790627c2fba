"""Every sample of every wire format: recognised, decoded as it says, sane however it is cut."""

import random
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.core import streams, wire
from proxy.core.calls import Call
from proxy.core.dialect import Dialect
from proxy.core.heads import media_type
from proxy.core.model import Body, End, Exchange
from proxy.core.wire import http
from tests.conformance.wire_samples import FOLDER, Sample, samples, view

ALL = samples()
IDS = [one.name for one in ALL]
STREAMED = [one for one in ALL if one.streamed and one.response]
SOCKETS = [one for one in ALL if one.exchange.frames]
each = pytest.mark.parametrize("sample", ALL, ids=IDS)
each_stream = pytest.mark.parametrize("sample", STREAMED, ids=[one.name for one in STREAMED])
each_socket = pytest.mark.parametrize("sample", SOCKETS, ids=[one.name for one in SOCKETS])

FILES = {one.name: type(one).__module__.rpartition(".")[2] for one in wire.WIRE_FORMATS}


def decode(sample: Sample) -> Call:
    return wire.decode_call(sample.exchange, sample.request, sample.response)


def test_every_format_has_samples() -> None:
    assert {folder.name for folder in FOLDER.iterdir()} >= set(FILES.values())


@each
def test_is_recognised_wherever_it_is_sent(sample: Sample) -> None:
    found = wire.recognise(sample.exchange.request, sample.request)
    assert FILES[found.name] == sample.format
    if sample.name == "gemini_interactions/failed_poll":
        return  # `/interactions/{id}` could be anybody's: only its host tells
    head = sample.at(host="127.0.0.1", prefix="/gateway/v9/some-team")
    assert FILES[wire.recognise(head, sample.request).name] == sample.format


@each
def test_decodes_as_it_says(sample: Sample) -> None:
    call = decode(sample)
    found = view(call)
    expected = {"error": None, "complete": True, **sample.expected}
    notes = expected.pop("notes", [])
    for name in ("settings", "session", "rate_limits"):
        wanted = expected.pop(name, {})
        assert {key: found[name].get(key) for key in wanted} == wanted
    assert {key: found[key] for key in expected} == expected
    assert len(notes) == len(call.notes), call.notes
    assert all(part in note for part, note in zip(notes, call.notes, strict=True)), call.notes

    assert orjson.dumps(found), "it can be written as JSON"
    dialect = wire.recognise(sample.exchange.request, sample.request)
    assert dialect.error(sample.exchange, sample.response) == call.error
    step = dialect.step(sample.exchange.request, sample.request)
    assert step == sample.expected["step"], "the request is enough to tell"


@each_stream
def test_every_prefix_is_sane(sample: Sample) -> None:
    """A shorter prefix never knows more: texts grow, tool uses are added and completed."""
    whole = decode(sample)
    text, uses = "", 0
    for size in _sizes(len(sample.response)):
        call = decode(replace(sample, exchange=sample.with_response(sample.response[:size])))
        assert call.step == whole.step
        assert call.model == whole.model
        found = call.reply
        if found is None:
            assert text == ""
            continue
        assert found.text.startswith(text), size
        assert len(found.tool_uses) >= uses, size
        text, uses = found.text, len(found.tool_uses)
        assert whole.reply is not None
        assert whole.reply.text.startswith(text)
        for use, final in zip(found.tool_uses, whole.reply.tool_uses, strict=False):
            assert final.name.startswith(use.name)
            assert not use.complete or final.arguments == use.arguments or use.raw == ""
        if not call.complete:
            assert call.error is not None


@each_stream
def test_a_prefix_that_was_cut_says_so(sample: Sample) -> None:
    call = decode(sample)
    if call.error is not None:
        return  # it ends in an error anyway
    half = sample.response[: len(sample.response) // 2]
    for end in (End.UPSTREAM_RESET, End.CLIENT_GONE, End.UPSTREAM_TIMEOUT):
        cut = replace(sample.with_response(half), end=end)
        found = wire.decode_call(cut, sample.request, half)
        assert not found.complete
        assert found.error is not None
        assert (found.error.type, found.error.where) == (end.value, "transport")


@each_stream
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_split_gives_the_same(sample: Sample, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sample.response)), max_size=8)))
    pieces = [sample.response[a:b] for a, b in zip([0, *cuts], [*cuts, None], strict=True)]
    assert _assembled(sample, pieces) == _assembled(sample, [sample.response])


@each_stream
def test_byte_by_byte_gives_the_same(sample: Sample) -> None:
    single = [sample.response[i : i + 1] for i in range(len(sample.response))]
    assert _assembled(sample, single) == _assembled(sample, [sample.response])


@each_socket
def test_a_socket_cut_anywhere_is_sane(sample: Sample) -> None:
    frames = sample.exchange.frames
    for size in range(len(frames)):
        cut = replace(sample.exchange, frames=frames[:size])
        call = wire.decode_call(cut, b"", b"")
        assert (call.kind, call.step) == ("llm_call", sample.expected["step"])
        turns = wire.decode_turns(cut)
        assert [turn.first for turn in turns] == sorted(turn.first for turn in turns)
        assert all(0 <= turn.first <= turn.last < size for turn in turns)


@each
def test_wrong_types_anywhere_raise_nothing(sample: Sample) -> None:
    """Each JSON value in it is replaced by one of another type."""
    found = wire.recognise(sample.exchange.request, sample.request)
    source = random.Random(sample.name)  # noqa: S311 - a fixed choice of wrong values
    for body in _mutations(sample.request, source, 30):
        found.step(sample.exchange.request, body)
        _decodes(replace(sample.exchange, request_body=Body(body)), body, sample.response)
    for response in _broken_responses(sample, source):
        _decodes(sample.with_response(response), sample.request, response)
    for exchange in _broken_frames(sample, source):
        _decodes(exchange, b"", b"")


@each
def test_junk_anywhere_raises_nothing(sample: Sample) -> None:
    source = random.Random(sample.name)  # noqa: S311 - the same junk every time
    response = sample.response
    for _ in range(10):
        junk = source.randbytes(source.randrange(1, 40))
        place = source.randrange(len(response) + 1)
        broken = response[:place] + junk + response[place + len(junk) :]
        _decodes(sample.with_response(broken), sample.request, broken)
        _decodes(sample.exchange, sample.request, junk)
    _decodes(sample.exchange, source.randbytes(40), response)


@each
def test_no_answer_at_all(sample: Sample) -> None:
    for end in End:
        gone = replace(sample.exchange, response=None, response_body=Body(), frames=(), end=end)
        call = wire.decode_call(gone, sample.request, b"")
        assert call.step == sample.expected["step"]
        assert call.error is not None
        assert call.error.where == "transport"
        assert not call.complete


def _decodes(exchange: Exchange, request: bytes, response: bytes) -> None:
    """Decodes without a bug; `decode_call` would hide one behind a note."""
    call = wire.decode_call(exchange, request, response)
    assert not [note for note in call.notes if "failed on it" in note], call.notes
    orjson.dumps(view(call))


def _assembled(sample: Sample, pieces: list[bytes]) -> Any:
    found = wire.recognise(sample.exchange.request, sample.request)
    assert isinstance(found, Dialect)
    assert sample.exchange.response is not None
    media = media_type(sample.exchange.response.headers)
    kind = found.framing(sample.exchange, media, sample.response)
    if kind == "json":
        assert found.name == http.FORMAT.name
        return None
    reader, assembly = streams.reader(kind), found.assembly()
    assert assembly is not None
    for piece in pieces:
        for event in reader.feed(piece):
            assembly.add(event)
    for event in reader.close():
        assembly.add(event)
    return orjson.dumps([assembly.result(), assembly.complete, repr(assembly.error), reader.notes])


def _sizes(length: int) -> range:
    return range(0, length, max(1, length // 60))


def _mutations(body: bytes, source: random.Random, limit: int) -> list[bytes]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return []
    paths = list(_paths(value))
    chosen = paths if len(paths) <= limit else source.sample(paths, limit)
    return [orjson.dumps(_replaced(value, path, source.choice(WRONG))) for path in chosen]


WRONG: tuple[Any, ...] = (
    *(None, True, 0, -1, 3.5, 1e300, 2**63, "", "x", "\u0000", [], {}, [[]], [None, 1, "a"]),
    *({"type": 1}, {"index": "a", "id": [], "text": {}}, [{"type": {}, "text": []}]),
)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Any:
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _paths(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _paths(item, (*path, index))


def _replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    key, rest = path[0], path[1:]
    if isinstance(value, dict):
        return {**value, key: _replaced(value[key], rest, new)}
    return [*value[:key], _replaced(value[key], rest, new), *value[key + 1 :]]


def _broken_responses(sample: Sample, source: random.Random) -> list[bytes]:
    """The answer, or each event of it, with a wrong value somewhere."""
    whole = _mutations(sample.response, source, 30)
    lines = sample.response.split(b"\n")
    broken: list[bytes] = []
    for place, line in enumerate(lines):
        prefix = b"data: " if line.startswith(b"data: ") else b""
        if line[len(prefix) : len(prefix) + 1] != b"{":
            continue
        news = _mutations(line[len(prefix) :], source, 5)
        broken += [b"\n".join([*lines[:place], prefix + n, *lines[place + 1 :]]) for n in news]
    return whole + broken


def _broken_frames(sample: Sample, source: random.Random) -> list[Exchange]:
    frames = sample.exchange.frames
    return [
        replace(
            sample.exchange,
            frames=(*frames[:place], frame._replace(data=new), *frames[place + 1 :]),
        )
        for place, frame in enumerate(frames)
        for new in _mutations(frame.data, source, 6)
    ]
