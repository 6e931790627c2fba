from dataclasses import replace

import pytest

from proxy.core.model import End, Event, Exchange, Outcome, Run, Snapshot
from proxy.core.recording import dump, load
from proxy.core.replay.extend import anew, extended, live_calls
from tests.core.recorded import exchange


def call(one: Exchange, number: int, parent: int | None = None) -> Event:
    data = {"seq": one.seq, "exchangeId": one.id}
    return Event(one.run_id, "tool_call", "x", 5.0, data=data, id=number, parent_event_id=parent)


def outcome(run_id: str, status: str, at: float, *evidence: int) -> Outcome:
    return Outcome(run_id, "l", status, None, None, None, None, at, evidence=evidence)


@pytest.fixture
def recorded() -> Snapshot:
    calls = [exchange(1), exchange(4)]
    run = Run("r1", "l", "r1", 1.0, metadata={"ignore": [{"target": "query"}], "exitCode": 1})
    events = [call(calls[0], 7), call(calls[1], 9)]
    return Snapshot(run, calls, events, [outcome("r1", "Failed", 2.0, 9)])


@pytest.fixture
def played() -> Snapshot:
    calls = [
        replace(exchange(1, run_id="r2"), served_from="r1-1"),
        exchange(2, b"new", run_id="r2"),
        replace(exchange(3, run_id="r2"), end=End.MISSED),
        exchange(4, b"newer", run_id="r2"),
    ]
    events = [
        Event("r2", "group", "plan", 1.0, id=1),
        call(calls[0], 2, 1),
        call(calls[1], 3, 1),
        Event("r2", "validation", "schema", 1.0, id=4, parent_event_id=3),
        call(calls[2], 5),
        call(calls[3], 6),
    ]
    meta = {"exitCode": 0, "parent": "r1", "replayOf": "r1", "command": ["a"]}
    run = Run("r2", "l", "r2", 3.0, 9.0, "Completed", None, metadata=meta)
    return Snapshot(run, calls, events, [outcome("r2", "Completed", 8.0, 3, 5)])


def test_what_was_missing_stands_behind_what_was_there(
    recorded: Snapshot, played: Snapshot
) -> None:
    assert [one.seq for one in live_calls(played)] == [2, 4]
    made = extended(recorded, played)
    assert made.exchanges[:2] == recorded.exchanges
    assert [(one.id, one.seq, one.run_id) for one in made.exchanges[2:]] == [
        ("r2-2", 5, "r1"),
        ("r2-4", 6, "r1"),
    ]
    assert made.events[:2] == recorded.events
    added = [
        (one.kind, one.id, one.parent_event_id, one.data.get("seq")) for one in made.events[2:]
    ]
    assert sorted(added, key=str) == sorted(
        [("tool_call", 10, None, 5), ("tool_call", 11, None, 6), ("validation", 12, 10, None)],
        key=str,
    )
    assert {one.run_id for one in made.events} == {"r1"}
    assert [one.status for one in made.outcomes] == ["Failed", "Completed"]
    assert made.outcomes[1].evidence == (10,)
    assert (made.run.id, made.run.outcome, made.run.metadata["exitCode"]) == ("r1", "Completed", 0)
    assert recorded.run.metadata["exitCode"] == 1


def test_made_anew_it_keeps_its_rules_and_is_no_replay(
    recorded: Snapshot, played: Snapshot
) -> None:
    made = anew(recorded, played)
    assert made.run.metadata == {
        "exitCode": 0,
        "command": ["a"],
        "ignore": [{"target": "query"}],
    }
    assert "ignore" not in anew(Snapshot(Run("", "l", "", 0.0)), played).run.metadata


def test_what_is_made_can_be_written_and_read(recorded: Snapshot, played: Snapshot) -> None:
    recorded.run.metadata.pop("ignore")
    lines = b"".join(dump(extended(recorded, played)))
    assert len(load(lines.splitlines(keepends=True)).exchanges) == 4
