"""What every store has to do. A new store is one more line in STORES_UNDER_TEST."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.core.model import (
    FAILURE_MODES,
    Body,
    End,
    Event,
    Exchange,
    Frame,
    Outcome,
    Own,
    Part,
    RequestHead,
    ResponseHead,
    Run,
)
from proxy.errors import RecordingNotFound, StoreError
from proxy.stores import STORES, open_store
from proxy.stores._api import (
    AddEvent,
    AddExchange,
    AddOutcome,
    CloseRun,
    OpenRun,
    RunQuery,
    Store,
    Write,
)

START = 1_763_000_000.123456

STORES_UNDER_TEST: dict[str, Callable[[Path], str]] = {
    "memory": lambda _: "memory:",
    "sqlite": lambda folder: f"sqlite:///{folder / 'recordings' / 'dashcam.db'}",
}


@pytest.fixture(params=STORES_UNDER_TEST)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened = open_store(STORES_UNDER_TEST[request.param](tmp_path))
    yield opened
    assert opened.verify() == []
    opened.close()


def test_every_store_is_under_test() -> None:
    assert set(STORES_UNDER_TEST) == set(STORES)


def run(run_id: str = "run_a", **values: object) -> Run:
    return Run(**{"id": run_id, "label": "", "correlation_id": "", "started_at": START, **values})  # type: ignore[arg-type]


def exchange(number: int, run_id: str = "run_a", **values: object) -> Exchange:
    given: dict[str, object] = {
        "id": f"ex_{run_id}_{number}",
        "run_id": run_id,
        "seq": 0,
        "via": "forward",
        "started_at": START + number,
        "request": RequestHead("POST", "https", "api.example.com", 443, "/v1/chat"),
        "request_body": Body(b'{"n":%d}' % number, (Part(0, 7),)),
        "response": ResponseHead(200, "OK"),
        "response_body": Body(b"ok"),
        "ended_us": 500_000,
    }
    return Exchange(**{**given, **values})  # type: ignore[arg-type]


def event(of: Exchange, **values: object) -> Event:
    given: dict[str, object] = {
        "run_id": of.run_id,
        "kind": "llm_call",
        "name": "openai.chat",
        "started_at": of.started_at,
        "data": {"latencyMs": 500.0},
    }
    return Event(**{**given, **values})  # type: ignore[arg-type]


def call(number: int, run_id: str = "run_a", **values: object) -> AddExchange:
    made = exchange(number, run_id, **values)
    return AddExchange(made, event(made))


def outcome(run_id: str = "run_a", **values: object) -> Outcome:
    given: dict[str, object] = {
        "run_id": run_id,
        "label": "triage",
        "status": "Completed",
        "failure_mode": None,
        "reason": None,
        "retryable": None,
        "user_impact": None,
        "created_at": START,
    }
    return Outcome(**{**given, **values})  # type: ignore[arg-type]


# --- exchanges -----------------------------------------------------------------------------------

HEADERS = ((b"Host", b"api.example.com"), (b"X-Twice", b"1"), (b"x-twice", b"2"), (b"Empty", b""))

FULL = exchange(
    7,
    id="ex_full",
    seq=7,
    via="gateway",
    request=RequestHead(
        "GET",
        "wss",
        "::1",
        8443,
        "/r\udc80/a?q=\xe9&%2F",
        "HTTP/2.0",
        (*HEADERS, (b"R\xff", b"\x00")),
    ),
    request_body=Body(
        bytes(range(256)) * 9, (Part(3, 2000), Part(9, 304)), ((b"Digest", b"sha-256=x"),)
    ),
    response=ResponseHead(206, "Partly \udce9", "HTTP/1.0", HEADERS),
    response_body=Body(
        b"data: 1\n\ndata: 2\n\n", (Part(400_000, 9), Part(900_000, 9)), ((b"T", b"1"),)
    ),
    frames=(
        Frame(10, from_client=True, opcode=1, data=b"hello"),
        Frame(2_000_000, from_client=False, opcode=2, data=b"\x00\xff" * 50),
        Frame(2_000_001, from_client=False, opcode=8, data=b"\x03\xe8bye"),
    ),
    own=Own(
        "run_a", "l", "plan/retrieve", "step", "run_parent", "last", {"k": [1, None, {"x": 1.5}]}
    ),
    end=End.UPSTREAM_TRUNCATED,
    error="closed after \udcff 18 bytes",
    request_end_us=12,
    first_byte_us=400_000,
    ended_us=3_600_000_000,
    attempt=3,
    retry_of="ex_2",
    retry_reason="429",
    backoff_us=1_000_000,
    served_from="ex_old",
    durability="strict",
    lane="slow",
    notes=("body dropped: redaction failed", "\u2028"),
)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(FULL, id="every field"),
        pytest.param(exchange(1, seq=1), id="plain"),
        pytest.param(exchange(1, seq=1, response=None, response_body=Body()), id="no response"),
        pytest.param(exchange(1, seq=1, response=ResponseHead(204)), id="no headers"),
        pytest.param(exchange(1, seq=1, request_body=Body()), id="no body"),
        pytest.param(exchange(1, seq=1, own=Own(label="")), id="own, but empty"),
        pytest.param(
            exchange(1, seq=1, response_body=Body(b"ab", (Part(5, 1), Part(2, 1)))),
            id="a part that came before the one before it",
        ),
        pytest.param(
            exchange(1, seq=1, request_body=Body(b"x" * 3_000_000)), id="a body of three megabytes"
        ),
        pytest.param(exchange(1, seq=1, started_at=START + 1e-6), id="between two microseconds"),
        *(pytest.param(exchange(1, seq=1, end=end), id=end) for end in End),
    ],
)
def test_an_exchange_comes_back_as_it_was(store: Store, given: Exchange) -> None:
    store.write([AddExchange(given, event(given))])
    assert store.exchange(given.id) == given
    assert list(store.exchanges(given.run_id)) == [given]
    assert store.snapshot(given.run_id).exchanges == [given]
    found = next(found for found in store.events(given.run_id) if found.kind != "group")
    assert found.started_at == given.started_at


def test_what_was_written_may_be_changed_by_the_writer(store: Store) -> None:
    given = call(1)
    store.write([given])
    given.exchange.error = "changed"
    given.event.data["latencyMs"] = 0
    assert store.exchange(given.exchange.id).error is None
    assert store.events("run_a")[0].data["latencyMs"] == 500.0
    assert (given.exchange.seq, given.event.id) == (0, None)


def test_an_unknown_exchange(store: Store) -> None:
    with pytest.raises(RecordingNotFound, match="no exchange 'nope'"):
        store.exchange("nope")
    assert list(store.exchanges("nope")) == []
    assert store.events("nope") == []
    assert store.outcomes("nope") == []


def test_a_conversation_that_grows_comes_back(store: Store) -> None:
    """Each request repeats the history; one changes the beginning, one the middle."""
    bodies = []
    history = b'{"role":"system","content":"%s"}' % (b"be good " * 400)
    for turn in range(12):
        history += b',{"role":"user","content":"%s"}' % (b"question %d " % turn * 90)
        bodies.append(b'{"model":"m","messages":[' + history + b'],"tools":[{"name":"t"}]}')
    bodies.append(bodies[-1].replace(b"be good", b"be best", 1))
    bodies.append(bodies[-2].replace(b"question 5", b"another 5", 1))
    bodies.append(bodies[-3])
    store.write([call(n, request_body=Body(body)) for n, body in enumerate(bodies[:7])])
    for number, body in enumerate(bodies[7:], 7):
        store.write([call(number, request_body=Body(body))])
    assert [found.request_body.data for found in store.exchanges("run_a")] == bodies


def test_numbers_are_given_in_order(store: Store) -> None:
    store.write([call(1), call(2)])
    store.write([call(3), call(4, "run_b")])
    store.write([call(9, seq=9), call(5)])
    assert [found.seq for found in store.exchanges("run_a")] == [1, 2, 3, 9, 10]
    assert [found.data["seq"] for found in store.events("run_a")] == [1, 2, 3, 10, 9]
    assert store.events("run_a")[0].data["exchangeId"] == "ex_run_a_1"
    assert (store.last_seq("run_a"), store.last_seq("run_b"), store.last_seq("run_c")) == (10, 1, 0)


def test_the_same_exchange_again_changes_nothing(store: Store) -> None:
    """A writer that does not know whether its batch came through writes it again."""
    store.write([call(1), call(2)])
    store.write([call(1), call(2), call(3)])
    store.write([call(4), call(4)])
    assert [found.seq for found in store.exchanges("run_a")] == [1, 2, 3, 4]
    assert store.runs(RunQuery())[0].calls == 4
    assert len(store.events("run_a")) == 4


def test_an_unfinished_exchange_is_replaced_by_the_finished_one(store: Store) -> None:
    begun = exchange(1, end=End.INTERRUPTED, response=None, response_body=Body(b"so far"))
    store.write([AddExchange(begun, event(begun, status="error")), call(2)])
    assert store.runs(RunQuery())[0][1:3] == (2, 1)
    mark = store.changes(-1)[0]
    store.write([call(1)])
    assert [found.seq for found in store.exchanges("run_a")] == [1, 2]
    assert store.exchange(begun.id).end is End.COMPLETE
    assert store.runs(RunQuery())[0][1:3] == (2, 0)
    assert len(store.events("run_a")) == 2
    assert [found.data["seq"] for found in store.changes(mark)[1]] == [1]
    store.write([AddExchange(begun, event(begun))])  # too late
    assert store.exchange(begun.id).end is End.COMPLETE


# --- runs ----------------------------------------------------------------------------------------


def test_a_run_is_opened_closed_and_opened_again(store: Store) -> None:
    store.write([OpenRun(run(label="triage", correlation_id="c-1", metadata={"a": 1}))])
    assert store.find_run("run_a") == run(label="triage", correlation_id="c-1", metadata={"a": 1})
    store.write([call(1), CloseRun("run_a", START + 5)])
    assert store.find_run("run_a").ended_at == START + 5
    store.write([call(2)])  # began before the end, and was written after it
    assert store.find_run("run_a").ended_at == START + 5
    store.write([call(6)])
    assert store.find_run("run_a").ended_at is None


def test_what_is_said_again_of_a_run_is_merged(store: Store) -> None:
    store.write([OpenRun(run(label="first", metadata={"a": 1, "b": {"c": 2}}))])
    store.write([OpenRun(run(metadata={"b": 3}, started_at=START + 9))])
    assert store.find_run("run_a") == run(
        label="first", correlation_id="run_a", metadata={"a": 1, "b": 3}
    )
    again = run(label="second", correlation_id="c", started_at=START - 1, ended_at=START + 1)
    store.write([OpenRun(again)])
    assert store.find_run("run_a") == replace(again, metadata={"a": 1, "b": 3})
    store.write([OpenRun(run(correlation_id="run_a"))])  # an id is what a run has for want of one
    assert store.find_run("run_a").correlation_id == "c"


@pytest.mark.parametrize(
    ("write", "label", "metadata"),
    [
        (call(1), "run", {}),
        (call(1, own=Own(label="l", meta={"k": 1})), "l", {"k": 1}),
        (AddEvent(Event("run_a", "state", "s", START)), "run", {}),
        (AddOutcome(outcome()), "run", {}),
    ],
)
def test_a_run_that_nobody_announced(
    store: Store, write: AddExchange, label: str, metadata: dict[str, int]
) -> None:
    store.write([write])
    found = store.find_run("run_a")
    assert (found.label, found.correlation_id, found.metadata) == (label, "run_a", metadata)


def test_closing_a_run_that_is_not_there(store: Store) -> None:
    store.write([CloseRun("run_a", START)])
    assert store.runs(RunQuery()) == []


def test_metadata_that_json_can_hardly_say(store: Store) -> None:
    metadata = {"big": 2**70, "e": "é\u2028", "deep": [[1.5, None, True]], "lone": "\ud800"}
    store.write([OpenRun(run(metadata=metadata, label="l\udcff"))])
    assert store.find_run("run_a").metadata == metadata
    assert store.find_run("run_a").label == "l\udcff"


def test_a_run_is_found_by_id_prefix_or_as_the_last(store: Store) -> None:
    with pytest.raises(RecordingNotFound, match="nothing has been recorded"):
        store.find_run("last")
    store.write(
        [
            OpenRun(run("run_ab1", started_at=START + 1)),
            OpenRun(run("run_ab2", started_at=START + 3)),
            OpenRun(run("run_ab", started_at=START + 2)),
            OpenRun(run("run_b%_", started_at=START)),
        ]
    )
    assert store.find_run("run_ab").id == "run_ab"  # an id is no prefix
    assert store.find_run("run_ab1").id == "run_ab1"
    assert store.find_run("run_b").id == "run_b%_"
    assert store.find_run("last").id == "run_ab2"
    with pytest.raises(RecordingNotFound) as ambiguous:
        store.find_run("run_a")
    assert ambiguous.value.hint == "one of run_ab, run_ab1, run_ab2"
    for ref in ("run_x", "%", ""):
        with pytest.raises(RecordingNotFound) as unknown:
            store.find_run(ref)
        assert unknown.value.hint == "the newest are run_ab2, run_ab, run_ab1"


def test_runs_are_listed_newest_first_with_their_counts(store: Store) -> None:
    bad = exchange(2, "run_b")
    store.write([call(1), OpenRun(run("run_b", started_at=START + 60)), call(1, "run_b")])
    store.write([AddExchange(bad, event(bad, status="error"))])
    store.write([AddEvent(Event("run_b", "tool_call", "local", START, status="error"))])
    store.write([AddEvent(Event("run_b", "state", "s", START, status="error"))])
    store.write([AddOutcome(outcome("run_b", reason="it broke"))])
    rows = store.runs(RunQuery())
    assert [(row.run.id, row.calls, row.errors, row.reason) for row in rows] == [
        ("run_b", 3, 2, "it broke"),
        ("run_a", 1, 0, None),
    ]
    assert [row.run.id for row in store.runs(RunQuery(limit=1))] == ["run_b"]


QUERIES = [
    (RunQuery(label="triage"), {"r1", "r3"}),
    (RunQuery(label="nothing"), set()),
    (RunQuery(outcome="open"), {"r4"}),
    (RunQuery(outcome="Completed"), {"r1"}),
    (RunQuery(outcome="Failed"), {"r2", "r3"}),
    (RunQuery(outcome="Timeout"), {"r3"}),
    (RunQuery(outcome="Cost Blowup"), set()),
    (RunQuery(since=START + 1), {"r2", "r3", "r4"}),
    (RunQuery(until=START + 1), {"r1"}),
    (RunQuery(since=START + 1, until=START + 3), {"r2", "r3"}),
    (RunQuery(text="R2"), {"r2"}),  # an id
    (RunQuery(text="TRIAGE"), {"r1", "r3"}),  # a label
    (RunQuery(text="corr-4"), {"r4"}),
    (RunQuery(text="crm.example.com/v1/Cust"), {"r3"}),  # a URL
    (RunQuery(text="q=50%_x"), {"r3"}),
    (RunQuery(text="q=50__x"), set()),  # no wildcards
    (RunQuery(text="refused by peer"), {"r2"}),  # what went wrong
    (RunQuery(text="took too"), {"r3"}),  # an outcome's reason
    (RunQuery(text="zzz"), set()),
    (RunQuery(text="triage", outcome="Failed"), {"r3"}),
    (RunQuery(text="", limit=2), {"r3", "r4"}),
    (RunQuery(search="grapefruit"), {"r3", "r4"}),  # what was said
    (RunQuery(search="grapefruit", label="triage"), {"r3"}),
    (RunQuery(search='"grapefruit juice"', text="other"), {"r4"}),
    (RunQuery(search='"juice grapefruit"'), set()),
    (RunQuery(search="grape"), set()),
    (RunQuery(search="grape* JUICE"), {"r3", "r4"}),
]


@pytest.mark.parametrize(("query", "expected"), QUERIES)
def test_runs_are_filtered(store: Store, query: RunQuery, expected: set[str]) -> None:
    crm = RequestHead("GET", "https", "crm.example.com", 443, "/v1/customers/7?q=50%_x")
    store.write(
        [
            OpenRun(run("r1", label="triage")),
            OpenRun(run("r2", label="refund", started_at=START + 1)),
            OpenRun(run("r3", label="triage", started_at=START + 2)),
            OpenRun(run("r4", label="other", started_at=START + 3, correlation_id="corr-4")),
            call(1, "r2", error="connection refused by peer", end=End.UPSTREAM_REFUSED),
            call(1, "r3", request=crm),
            call(2, "r3", request=crm),
            call(3, "r3", request_body=Body(b'{"drink":"grapefruit juice"}')),
            call(4, "r4", request_body=Body(b'{"drink":"grapefruit juice"}')),
            AddOutcome(outcome("r1")),
            AddOutcome(outcome("r2", status="Failed", failure_mode="Tool Error")),
            AddOutcome(
                outcome("r3", status="Failed", failure_mode="Timeout", reason="it took too long")
            ),
        ]
    )
    assert {row.run.id for row in store.runs(query)} == expected


# --- events --------------------------------------------------------------------------------------


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


# --- the whole -----------------------------------------------------------------------------------


def test_a_snapshot_has_everything(store: Store) -> None:
    store.write(
        [OpenRun(run(label="l")), call(2), call(1), AddOutcome(outcome()), call(1, "run_b")]
    )
    found = store.snapshot("run_a")
    assert found.run == store.find_run("run_a")
    assert [one.id for one in found.exchanges] == ["ex_run_a_2", "ex_run_a_1"]  # by number
    assert found.events == store.events("run_a")
    assert found.outcomes == [outcome()]
    with pytest.raises(RecordingNotFound):
        store.snapshot("run_c")


def test_a_batch_is_stored_as_a_whole_or_not_at_all(store: Store) -> None:
    store.write([call(1)])
    before = store.snapshot("run_a")
    bad = AddOutcome(outcome(evidence=None))
    batch: list[Write] = [
        call(2),
        call(3, "run_b"),
        OpenRun(run(label="new")),
        AddOutcome(outcome()),
        bad,
    ]
    with pytest.raises((StoreError, TypeError)):
        store.write(batch)
    assert store.snapshot("run_a") == before
    assert [row.run.id for row in store.runs(RunQuery())] == ["run_a"]
    store.write([call(2)])
    assert [found.seq for found in store.exchanges("run_a")] == [1, 2]


def test_deleting_a_run_leaves_the_others(store: Store) -> None:
    shared = Body(b'{"messages":[{"role":"system","content":"%s"}]}' % (b"same for all " * 900))
    for run_id in ("run_a", "run_b", "run_c"):
        store.write([call(n, run_id, request_body=shared, own=Own(group="g")) for n in (1, 2, 3)])
        store.write([AddOutcome(outcome(run_id))])
    kept = [store.snapshot("run_b"), store.snapshot("run_c")]
    store.delete_run("run_a")
    assert [store.snapshot("run_b"), store.snapshot("run_c")] == kept
    assert store.events("run_a") == []
    assert store.outcomes("run_a") == []
    with pytest.raises(RecordingNotFound):
        store.find_run("run_a")
    with pytest.raises(RecordingNotFound):
        store.exchange("ex_run_a_1")
    with pytest.raises(RecordingNotFound):
        store.delete_run("run_a")
    store.write([call(1, request_body=shared, own=Own(group="g"))])  # and it may come again
    assert store.exchange("ex_run_a_1").request_body == shared
    store.delete_run("run_b")
    store.delete_run("run_a")
    assert store.snapshot("run_c") == kept[1]


def test_gc_takes_what_is_old(store: Store) -> None:
    for age, run_id in enumerate(("r1", "r2", "r3", "r4")):
        label = "keep" if run_id == "r2" else "l"
        store.write([OpenRun(run(run_id, label=label)), call(age * 1000, run_id)])
    assert store.gc(before=START + 2500, label="l") == ["r1", "r3"]
    assert {row.run.id for row in store.runs(RunQuery())} == {"r2", "r4"}
    assert store.gc(before=START) == []
    assert store.gc(max_bytes=10**12) == []
    assert store.gc(max_bytes=0) == ["r2", "r4"]
    assert store.runs(RunQuery()) == []


def test_the_secret_is_the_stores_own(store: Store) -> None:
    assert len(store.secret()) == 32
    assert store.secret() == store.secret()
    with_another = open_store("memory:")
    assert with_another.secret() != store.secret()


def test_reading_goes_on_while_others_write(store: Store) -> None:
    """Readers in threads see whole batches only, and are not in the writer's way."""
    store.write([call(0), call(1)])
    wrong: list[object] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            found = store.snapshot("run_a")
            if len(found.exchanges) % 2 or len(found.exchanges) != len(found.events):
                wrong.append(found)
            store.runs(RunQuery(text="chat"))

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    iterator = store.exchanges("run_a")
    next(iterator)  # a reader that stops half way
    for number in range(2, 40, 2):
        store.write([call(number), call(number + 1)])
    done.set()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(list(iterator)) >= 1
    store.checkpoint()


def test_size_says_what_is_there(store: Store) -> None:
    before = store.size()
    store.write([call(n, request_body=Body(bytes([n]) * 99 + b"x" * 40_000)) for n in range(9)])
    store.checkpoint()
    assert store.size().file > before.file
