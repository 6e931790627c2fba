"""What every store has to do with exchanges and runs."""

from dataclasses import replace

import pytest

from proxy.core.model import (
    Body,
    End,
    Event,
    Exchange,
    Frame,
    Own,
    Part,
    RequestHead,
    ResponseHead,
)
from proxy.errors import RecordingNotFound
from proxy.stores import STORES
from proxy.stores._api import (
    AddEvent,
    AddExchange,
    AddOutcome,
    CloseRun,
    OpenRun,
    RunQuery,
    Store,
)
from tests.conformance.stored import START, STORES_UNDER_TEST, call, event, exchange, outcome, run


def test_every_store_is_under_test() -> None:
    assert set(STORES_UNDER_TEST) == set(STORES)


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
