"""Turns of a recorded WebSocket conversation: order, times, and how it ended."""

from typing import Any

import pytest

from proxy.core.model import Body, End, Exchange, Frame, ResponseHead
from proxy.core.replay.turns import AwaitFrame, Fail, Hold, SendFrame, SendHead, Turn, turns
from tests.core.recorded import exchange

HEAD = ResponseHead(101, "Switching Protocols")


def talk(*frames: Frame, end: End = End.COMPLETE, **more: Any) -> Exchange:
    values: dict[str, Any] = {"response": HEAD, "response_body": Body(), "ended_us": 9000}
    return exchange(frames=frames, end=end, **values | more)


ASK, ANSWER = Frame(2000, True, 1, b"ask"), Frame(5000, False, 1, b"answer")
CLOSE = Frame(7000, False, 8, b"\x03\xe8bye")


@pytest.mark.parametrize(
    ("pace", "delays"),
    [(1.0, (400, 1100, 3000, 2000)), (0.5, (200, 550, 1500, 1000)), (0.0, (0, 0, 0, 0))],
)
def test_a_conversation_keeps_its_turns(pace: float, delays: tuple[int, ...]) -> None:
    head, ask, answer, close = delays
    expected: list[Turn] = [
        SendHead(HEAD, head),
        AwaitFrame(ASK, ask),
        SendFrame(ANSWER, answer),
        SendFrame(CLOSE, close),
    ]
    assert list(turns(talk(ASK, ANSWER, CLOSE), pace)) == expected


def test_times_that_are_not_known_are_not_waited_for() -> None:
    recorded = talk(CLOSE, request_end_us=None, first_byte_us=None)
    assert list(turns(recorded, 1.0)) == [SendHead(HEAD, 0), SendFrame(CLOSE, 7000)]


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (End.UPSTREAM_RESET, Fail(End.UPSTREAM_RESET, "why", 4000)),
        (End.COMPLETE, Fail(End.UPSTREAM_TRUNCATED, "why", 4000)),
        (End.CLIENT_GONE, Hold(1_000_000)),
    ],
)
def test_a_conversation_that_broke_off_breaks_off(end: End, expected: Turn) -> None:
    *_, last = turns(talk(ANSWER, end=end, error="why"), 1.0)
    assert last == expected


def test_a_client_that_left_late_gets_as_long() -> None:
    *_, last = turns(talk(ANSWER, end=End.CLIENT_GONE, ended_us=5_005_000), 1.0)
    assert last == Hold(5_000_000)
