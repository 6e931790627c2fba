from typing import Any

import pytest

from proxy.core.model import Body, End, Exchange, Frame, Part, ResponseHead
from proxy.core.replay.script import (
    AwaitFrame,
    Fail,
    Hold,
    SendChunk,
    SendEnd,
    SendFrame,
    SendHead,
    Step,
    script,
)
from tests.core.recorded import exchange

TRAILERS = ((b"x-sum", b"1"),)


def stream(**more: Any) -> Exchange:
    body = Body(b"abcdef", (Part(2000, 3), Part(5000, 2), Part(5000, 0), Part(9000, 1)), TRAILERS)
    return exchange(response_body=body, ended_us=10_000, **more)


def kinds(steps: Any) -> list[str]:
    return [type(step).__name__ for step in steps]


def delays(steps: Any) -> list[int]:
    return [step.delay_us for step in steps]


def test_chunks_leave_as_they_came() -> None:
    steps = script(stream())
    assert kinds(steps) == ["SendHead", "SendChunk", "SendChunk", "SendChunk", "SendEnd"]
    assert [step.data for step in steps if isinstance(step, SendChunk)] == [b"abc", b"de", b"f"]
    assert steps[-1] == SendEnd(TRAILERS, 0)
    assert set(delays(steps)) == {0}


@pytest.mark.parametrize(
    ("pace", "expected"),
    [(1.0, [400, 1100, 3000, 4000, 1000]), (0.5, [200, 550, 1500, 2000, 500])],
)
def test_at_the_recorded_times_or_a_factor_of_them(pace: float, expected: list[int]) -> None:
    assert delays(script(stream(), pace)) == expected


def test_times_that_are_not_known_are_not_waited_for() -> None:
    recorded = stream(request_end_us=None, first_byte_us=None)
    assert delays(script(recorded, 1.0)) == [0, 2000, 3000, 4000, 1000]


def test_a_body_without_pieces_is_one() -> None:
    steps = script(exchange(response_body=Body(b"abc")))
    assert steps[1:] == (SendChunk(b"abc"), SendEnd((), 0))


def test_no_body_at_all() -> None:
    assert kinds(script(exchange(status=204))) == ["SendHead", "SendEnd"]


@pytest.mark.parametrize(
    "end",
    [
        End.UPSTREAM_REFUSED,
        End.UPSTREAM_TLS,
        End.UPSTREAM_TIMEOUT,
        End.UPSTREAM_RESET,
        End.UPSTREAM_INVALID,
        End.INTERRUPTED,
    ],
)
def test_what_had_no_answer_has_none_again(end: End) -> None:
    recorded = exchange(response=None, response_body=Body(), end=end, error="why")
    assert script(recorded, 1.0) == (Fail(end, "why", 4500),)
    assert script(recorded) == (Fail(end, "why", 0),)


def test_what_was_cut_off_is_cut_off_at_the_same_byte() -> None:
    steps = script(stream(end=End.UPSTREAM_RESET, error="reset by peer"), 1.0)
    assert kinds(steps) == ["SendHead", "SendChunk", "SendChunk", "SendChunk", "Fail"]
    assert steps[-1] == Fail(End.UPSTREAM_RESET, "reset by peer", 1000)


def test_a_client_that_left_gets_time_to_leave_again() -> None:
    gone = stream(end=End.CLIENT_GONE)
    assert script(gone)[-1] == Hold(1_000_000)
    gone.ended_us = 5_000_000
    assert script(gone, 1.0)[-1] == Hold(4_991_000)
    assert script(exchange(response=None, end=End.CLIENT_GONE))[-1] == Hold(1_000_000)


def test_a_guards_refusal_is_an_answer() -> None:
    assert kinds(script(stream(end=End.REFUSED)))[-1] == "SendEnd"


def test_complete_without_an_answer_is_no_success() -> None:
    assert script(exchange(response=None)) == (Fail(End.UPSTREAM_TRUNCATED, None, 0),)


def frames(*frames: Frame, end: End = End.COMPLETE) -> Exchange:
    head = ResponseHead(101, "Switching Protocols")
    return exchange(response=head, response_body=Body(), frames=frames, end=end, ended_us=9000)


def test_a_conversation_keeps_its_turns() -> None:
    ask, answer = Frame(2000, True, 1, b"ask"), Frame(5000, False, 1, b"answer")
    close = Frame(7000, False, 8, b"\x03\xe8bye")
    expected: tuple[Step, ...] = (
        SendHead(ResponseHead(101, "Switching Protocols"), 400),
        AwaitFrame(ask, 1100),
        SendFrame(answer, 3000),
        SendFrame(close, 2000),
    )
    assert script(frames(ask, answer, close), 1.0) == expected


def test_a_conversation_that_broke_off_breaks_off() -> None:
    steps = script(frames(Frame(2000, False, 1, b"x"), end=End.UPSTREAM_RESET))
    assert kinds(steps) == ["SendHead", "SendFrame", "Fail"]
    assert kinds(script(frames())) == ["SendHead", "Fail"]
