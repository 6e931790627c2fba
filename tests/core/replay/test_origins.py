import gzip
from typing import Any

import orjson

from proxy.core.model import Body, Frame, Headers, ResponseHead
from proxy.core.replay import Fixtures
from tests.core.recorded import JSON, exchange, step

A = "550e8400-e29b-41d4-a716-446655440000"
EVENTS: Headers = ((b"content-type", b"text/event-stream"),)


def answered(text: str, *recorded: Any) -> bool:
    return Fixtures.of(recorded, steps=step).origins.is_answered(text)


def test_what_an_answer_contained_first() -> None:
    assert answered(A, exchange(1, {}, {"id": A}), exchange(2, {"id": A}))
    assert answered(A.upper(), exchange(1, {}, {"id": A}))
    assert not answered(A, exchange(1, {"id": A}, {"id": A}), exchange(2, {"id": A}))
    assert not answered(A, exchange(1, {}, {}))


def test_dates_and_times_too() -> None:
    assert answered("2026-11-22", exchange(1, {}, {"day": "2026-11-22"}))
    assert answered("2026-11-22T10:11:12Z", exchange(1, {}, {"due": "2026-11-22T10:11:12Z"}))


def test_in_encoded_streamed_and_socket_answers() -> None:
    packed = ResponseHead(200, "", headers=(*JSON, (b"content-encoding", b"gzip")))
    data = gzip.compress(orjson.dumps({"id": A}))
    assert answered(A, exchange(1, {}, response=packed, response_body=Body(data)))
    pieces = [b"data: " + orjson.dumps({"delta": {"text": piece}}) for piece in (A[:7], A[7:])]
    events = b"\n\n".join([b": ping", *pieces, b"data: [DONE]", b"data: {broken", b""])
    assert answered(A, exchange(1, {}, events, response=ResponseHead(200, "", headers=EVENTS)))
    frames = tuple(
        Frame(1, side, 1, orjson.dumps({"delta": [piece]}))
        for side, piece in ((False, A[:7]), (True, "x"), (False, A[7:]))
    )
    assert answered(A, exchange(1, {}, response=ResponseHead(101), frames=frames))
    assert not answered(A, exchange(1, {}, b"\xff" + A.encode()))
    assert not answered(A, exchange(1, {}, response=None))
