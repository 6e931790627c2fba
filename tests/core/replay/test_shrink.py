from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.model import Event, Outcome, Run, Snapshot
from proxy.core.replay.shrink import Dropped, left_out, needed, search, without
from tests.core.recorded import exchange


def found(numbers: list[int], wanted: set[int]) -> tuple[frozenset[int], int]:
    """What the search finds where exactly these calls are wanted, and after how many questions."""
    looking = search(numbers)
    asked = 0
    try:
        some = next(looking)
        while True:
            asked += 1
            some = looking.send(not some & wanted)
    except StopIteration as done:
        return done.value, asked


@given(st.sets(st.integers(1, 60)), st.sets(st.integers(1, 60)))
def test_the_search_finds_all_that_is_not_wanted(numbers: set[int], wanted: set[int]) -> None:
    gone, asked = found(sorted(numbers), wanted)
    assert gone == numbers - wanted
    assert asked <= 2 * len(numbers)


def test_few_questions_where_little_is_wanted() -> None:
    assert found(list(range(1, 101)), {3, 90})[1] < 30
    assert found(list(range(1, 101)), set()) == (frozenset(range(1, 101)), 1)


def event(number: int, **more: Any) -> Event:
    data = {"seq": number, "exchangeId": f"r1-{number}"}
    return Event("r1", "tool_call", f"GET a/{number}", float(number), data=data, id=number, **more)


@pytest.fixture
def snapshot() -> Snapshot:
    calls = [exchange(number) for number in range(1, 6)]
    calls[3] = replace(calls[3], retry_of="r1-3")
    events = [
        event(1),
        event(2),
        Event("r1", "validation", "schema", 2.0, id=20, parent_event_id=2),
        Event("r1", "state", "seen", 2.0, id=21, parent_event_id=20),
        event(3),
        event(4),
        event(5),
    ]
    outcome = Outcome("r1", "l", "Failed", "Tool Error", "x", None, None, 9.0, evidence=(5,))
    return Snapshot(Run("r1", "l", "r1", 1.0), calls, events, [outcome])


def test_what_stays_whatever_a_replay_shows(snapshot: Snapshot) -> None:
    assert needed(snapshot, {}) == {3, 5}, "the evidence, and what was tried again"
    assert needed(snapshot, {"recovers": 5, "follows": 1, "max_length": 2}) == {1, 3, 5}
    assert needed(snapshot, {"follows": True}) == {3, 5}
    snapshot.events.append(event(6, parent_event_id=2))
    assert 2 in needed(snapshot, {}), "it holds another call"
    snapshot.events[0].parent_event_id = 1  # a ring, as a file may have it
    assert 1 in needed(snapshot, {})


def test_what_is_dropped_goes_whole_and_is_told(snapshot: Snapshot) -> None:
    dropped = [Dropped(2, "GET a/2", asked=True), Dropped(1, "GET a/1", asked=False)]
    made = without(snapshot, dropped)
    assert [one.seq for one in made.exchanges] == [3, 4, 5], "numbers stay"
    assert [one.id for one in made.events] == [3, 4, 5]
    assert made.outcomes == snapshot.outcomes
    assert made.run.metadata["shrunk"] == {
        "calls": 5,
        "dropped": [
            {"seq": 1, "step": "GET a/1", "asked": False},
            {"seq": 2, "step": "GET a/2", "asked": True},
        ],
    }
    assert left_out(made.run) == ["GET a/2"]
    assert len(snapshot.exchanges) == 5


@pytest.mark.parametrize("told", [None, [], {"dropped": 1}, {"dropped": [1, {"asked": True}]}])
def test_metadata_that_says_nothing(told: Any) -> None:
    assert left_out(Run("r", "l", "r", 1.0, metadata={"shrunk": told})) == []
