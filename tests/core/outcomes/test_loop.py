"""Runs that the rule `loop` decides."""

from typing import Any

import pytest

from proxy.core.outcomes._api import Facts
from tests.core.outcomes.facts import COMPLETED, Cases, check, facts, turn

IN_TURN = "with the same arguments in turn, always with the same result"


def rounds(count: int, *names: str, changing: bool = False) -> list[dict[str, Any]]:
    """Turns that ask for the tools one after the other; each brings the result of the last."""
    made = []
    for number in range(count):
        name, before = names[number % len(names)], names[(number - 1) % len(names)]
        result = f"{before}{number - 1}=r{number if changing else before}"
        made.append(turn((name, 1), ids=[f"{name}{number}"], results=(result,) if number else ()))
    return made


CASES: Cases = {
    "the same again and again, to the end": (
        facts(*rounds(4, "search")),
        (
            "Failed",
            "Bad Decision",
            "search called 4 times with the same arguments, always with the same result",
            None,
            "loop",
            (1, 2, 3, 4),
        ),
    ),
    "twice is no loop": (
        facts(*rounds(2, "search"), turn(reply="x", results=("search1=rsearch",))),
        COMPLETED,
    ),
    "left after three": (
        facts(*rounds(3, "search"), turn(reply="x", results=("search2=rsearch",))),
        COMPLETED,
    ),
    "left after far too many": (
        facts(*rounds(7, "search"), turn(reply="x", results=("search6=rsearch",))),
        (
            "Failed",
            "Bad Decision",
            "search called 7 times with the same arguments, always with the same result",
            None,
            "loop",
            (1, 2, 3, 4, 5, 6, 7),
        ),
    ),
    "waiting for something": (
        facts(*rounds(8, "status", changing=True), turn(reply="ready", results=("status7=r8",))),
        COMPLETED,
    ),
    "waiting, and then it came": (
        facts(*rounds(5, "status"), turn(reply="ready", results=("status4=ready",))),
        COMPLETED,
    ),
    "two in turn": (
        facts(*rounds(6, "search", "read")),
        (
            "Failed",
            "Bad Decision",
            f"search → read called 3 times {IN_TURN}",
            None,
            "loop",
            (1, 2, 3, 4, 5, 6),
        ),
    ),
    "three in turn": (
        facts(*rounds(9, "a", "b", "c")),
        (
            "Failed",
            "Bad Decision",
            f"a → b → c called 3 times {IN_TURN}",
            None,
            "loop",
            (1, 2, 3, 4, 5, 6, 7, 8, 9),
        ),
    ),
    "one question asked of the model many times": (
        facts(*[turn(("search", 1), call={"messages": 2})] * 8, turn(reply="x")),
        COMPLETED,
    ),
    "results unseen, but the history grows": (
        facts(*[turn(("search", 1), call={"messages": n}) for n in range(7)]),
        (
            "Failed",
            "Bad Decision",
            "search called 7 times with the same arguments",
            None,
            "loop",
            (1, 2, 3, 4, 5, 6, 7),
        ),
    ),
}


@pytest.mark.parametrize(("given", "expected"), CASES.values(), ids=CASES)
def test_outcome(given: Facts, expected: tuple[Any, ...]) -> None:
    check(given, expected)
