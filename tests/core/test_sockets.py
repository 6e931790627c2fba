from dataclasses import replace

from proxy.core import sockets
from proxy.core.calls import Call, CallError, Usage
from proxy.core.model import Exchange, Frame, RequestHead
from proxy.core.sockets import Turn

HEAD = RequestHead("GET", "wss", "h", 443, "/")
CALL = Call("llm_call", "s", "p", usage=Usage(1, 2, 0, None, None, "exact"))


def turn(call: Call) -> Turn:
    return Turn(call, 0, 1, 0, 10)


def test_only_json_objects_are_events() -> None:
    frames = (
        Frame(1, True, 1, b'{"a": 1}'),
        Frame(2, False, 1, b"hello"),
        Frame(3, False, 2, b'{"b": 2}'),
        Frame(4, False, 1, b"[1]"),
        Frame(5, False, 1, b"{broken"),
        Frame(6, True, 8, b"\x03\xe8"),
    )
    exchange = Exchange("x", "r", 1, "forward", 0.0, HEAD, frames=frames)
    found = list(sockets.frame_events(exchange))
    assert [(e.place, e.at_us, e.from_client, e.value) for e in found] == [
        (0, 1, True, {"a": 1}),
        (2, 3, False, {"b": 2}),
    ]


def test_one_turn_is_the_call() -> None:
    assert sockets.together([]) is None
    assert sockets.together([turn(CALL)]) is CALL


def test_many_turns_are_the_last_with_the_usage_of_all_and_the_first_error() -> None:
    error = CallError("t", "m")
    failed = replace(CALL, error=error, complete=False)
    whole = sockets.together([turn(CALL), turn(failed), turn(replace(CALL, model="last"))])
    assert whole is not None
    assert whole.model == "last"
    assert (whole.error, whole.complete) == (error, False)
    assert whole.usage == Usage(3, 6, 0, None, None, "exact")
    assert "3 turns" in whole.notes[0]


def test_a_part_that_is_unknown_makes_the_sum_an_estimate() -> None:
    known = Usage(1, 2, source="exact")
    assert sockets.added([known, Usage()]) == Usage(1, 2, source="estimated")
    assert sockets.added([known, replace(known, source="estimated")]).source == "estimated"
    assert sockets.added([Usage(), Usage()]) == Usage()
