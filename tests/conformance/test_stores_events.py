"""What every store has to do with events, groups and outcomes."""

from dataclasses import replace

from proxy.core.model import (
    FAILURE_MODES,
    Event,
    Outcome,
    Own,
)
from proxy.stores._api import (
    AddEvent,
    AddExchange,
    AddOutcome,
    OpenRun,
    RunQuery,
    Store,
)
from tests.conformance.stored import START, call, event, exchange, outcome, run


def tree(store: Store, run_id: str = "run_a") -> dict[str, tuple[str | None, str]]:
    """Each group's parent and status, by its path; and each call's, by its number."""
    events = store.events(run_id)
    names = {found.id: found.data.get("path") or f"#{found.data.get('seq')}" for found in events}
    return {names[found.id]: (names.get(found.parent_event_id), found.status) for found in events}


def test_groups_are_made_as_a_tree(store: Store) -> None:
    store.write([call(1, own=Own(group="plan/retrieve")), call(2, own=Own(group="plan"))])
    store.write(
        [call(3, own=Own(group="/act//retrieve/")), call(4), call(5, own=Own(group="plan"))]
    )
    assert tree(store) == {
        "plan": (None, "ok"),
        "plan/retrieve": ("plan", "ok"),
        "#1": ("plan/retrieve", "ok"),
        "#2": ("plan", "ok"),
        "act": (None, "ok"),
        "act/retrieve": ("act", "ok"),
        "#3": ("act/retrieve", "ok"),
        "#4": (None, "ok"),
        "#5": ("plan", "ok"),
    }
    groups = {found.data["path"]: found for found in store.events("run_a") if found.kind == "group"}
    assert groups["plan/retrieve"].name == "retrieve"
    assert (groups["plan"].started_at, groups["plan"].ended_at) == (START + 1, START + 5.5)
    assert store.runs(RunQuery())[0].calls == 5  # groups are none


def test_a_group_has_the_status_of_its_last_call(store: Store) -> None:
    first, second, third = (
        exchange(n, own=Own(group="g/inner" if n == 2 else "g")) for n in (1, 2, 3)
    )
    store.write([AddExchange(first, event(first, status="error"))])
    assert tree(store)["g"] == (None, "error")
    store.write([AddExchange(third, event(third))])
    assert tree(store)["g"] == (None, "ok")
    store.write([AddExchange(second, event(second, status="error"))])  # ended before the third
    assert tree(store)["g"] == (None, "ok")
    assert tree(store)["g/inner"] == ("g", "error")


def test_a_group_that_is_said_and_not_sent(store: Store) -> None:
    said = Event("run_a", "group", "plan/retrieve", START, START + 99, data={"goal": "find"})
    store.write([call(1, own=Own(group="plan/retrieve")), AddEvent(said)])
    store.write([AddEvent(replace(said, data={"goal": None, "k": 1}))])
    groups = [found for found in store.events("run_a") if found.kind == "group"]
    assert [found.data for found in groups] == [
        {"path": "plan"},
        {"path": "plan/retrieve", "goal": None, "k": 1},
    ]
    assert {found.ended_at for found in groups} == {START + 99}
    parent = groups[1].id
    below = Event("run_a", "group", "deep", START, parent_event_id=parent)
    store.write([AddEvent(below)])
    assert tree(store)["plan/retrieve/deep"] == ("plan/retrieve", "ok")


def test_groups_of_two_runs_and_of_two_stores_opened_later(store: Store) -> None:
    store.write([call(1, own=Own(group="g")), call(1, "run_b", own=Own(group="g"))])
    store.write([call(2, own=Own(group="g"))])
    assert [found.kind for found in store.events("run_a")].count("group") == 1
    assert tree(store, "run_b") == {"g": (None, "ok"), "#1": ("g", "ok")}


def test_events_come_by_their_start_and_as_they_were(store: Store) -> None:
    late = Event("run_a", "state", "late", START + 5, None, "ok", {"x": [1, {"y": None}]})
    early = Event("run_a", "guard", "early", START, START + 1, "error", {})
    store.write([AddEvent(late), AddEvent(early)])
    found = store.events("run_a")
    assert [replace(one, id=None) for one in found] == [early, late]
    child = Event("run_a", "validation", "v", START, parent_event_id=found[0].id)
    store.write([AddEvent(child)])
    assert store.events("run_a")[1].parent_event_id == found[0].id


def test_imported_events_keep_their_relations(store: Store) -> None:
    """Numbers of another store are given anew, in what refers to them, too."""
    store.write([call(1, "run_other"), call(2, "run_other")])
    given = exchange(1, own=Own(group="plan"))
    store.write(
        [
            OpenRun(run()),
            AddEvent(Event("run_a", "group", "plan", START, id=70)),
            AddExchange(given, event(given, id=71, parent_event_id=70)),
            AddEvent(Event("run_a", "validation", "v", START + 2, id=72, parent_event_id=71)),
            AddEvent(Event("run_a", "state", "s", START + 3, id=73, parent_event_id=99)),
            AddOutcome(outcome(evidence=(71, 72))),
        ]
    )
    plan, called, validation, state = store.events("run_a")
    assert called.parent_event_id == plan.id
    assert validation.parent_event_id == called.id
    assert state.parent_event_id is None
    assert store.outcomes("run_a")[0].evidence == (called.id, validation.id)


def test_changes_are_told_once_and_in_order(store: Store) -> None:
    assert store.changes(-1) == (0, [])
    assert store.changes(0) == (0, [])
    store.write([call(2), call(1, "run_b")])
    mark, events = store.changes(0)
    assert [found.data["exchangeId"] for found in events] == ["ex_run_a_2", "ex_run_b_1"]
    assert store.changes(mark) == (mark, [])
    assert store.changes(-1) == (mark, [])
    store.write([call(n) for n in range(10, 1110)])
    mark, events = store.changes(mark)
    assert len(events) == 1000
    assert len(store.changes(mark)[1]) == 100


def test_numbers_are_not_used_again_after_a_deletion(store: Store) -> None:
    store.write([call(1)])
    mark, _ = store.changes(0)
    store.delete_run("run_a")
    assert store.changes(-1)[0] == mark
    store.write([call(1, "run_b")])
    assert len(store.changes(mark)[1]) == 1


# --- outcomes ------------------------------------------------------------------------------------


def test_every_outcome_is_kept_and_one_counts(store: Store) -> None:
    full = Outcome(
        "run_a",
        "l",
        "Failed",
        FAILURE_MODES[0],
        "why",
        True,
        "who",
        START + 1,
        "rules",
        "r",
        (3, 4),
    )
    store.write([call(1), AddOutcome(full)])
    assert store.outcomes("run_a") == [full]
    found = store.find_run("run_a")
    assert (found.outcome, found.failure_mode) == ("Failed", "Tool Error")
    newer = outcome(created_at=START, retryable=False)  # by the order of writing, not the clock
    store.write([AddOutcome(newer)])
    assert store.find_run("run_a").outcome == "Completed"
    own = outcome(status="Failed", failure_mode="Bad Output", reason="wrong", source="caller")
    store.write([AddOutcome(own), AddOutcome(outcome(reason="fine"))])
    found = store.find_run("run_a")
    assert (found.outcome, found.failure_mode) == ("Failed", "Bad Output")
    assert store.runs(RunQuery())[0].reason == "wrong"
    last = outcome(source="caller")
    store.write([AddOutcome(last)])
    found = store.find_run("run_a")
    assert (found.outcome, found.failure_mode) == ("Completed", None)
    assert store.outcomes("run_a") == [full, newer, own, outcome(reason="fine"), last]
