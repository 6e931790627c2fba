"""One replay session: what is served, in which order, and what is refused."""

from typing import Any, override

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.model import End, Exchange, Own, RequestHead
from proxy.core.replay import Fixtures, GoLive, Hit, Live, Miss, Playback
from tests.core.recorded import JSON, exchange, step
from tests.core.replay.played import SEARCH, STEP, ask, chat, hit, miss, playback

A, B, C = (f"{n}50e8400-e29b-41d4-a716-44665544000{n}" for n in range(3))


def test_each_call_is_served_once() -> None:
    session = playback([chat(1, "a"), chat(2, "b")])
    assert hit(ask(session, chat(9, "b"))) == 2
    assert hit(ask(session, chat(9, "a"))) == 1
    assert (
        miss(ask(session, chat(9, "a"))).reason
        == "every recorded call like this one has been served"
    )
    assert session.spent


def test_the_answer_is_the_recorded_one() -> None:
    recorded = chat(1, "a", {"n": 1})
    answer = ask(playback([recorded]), recorded)
    assert isinstance(answer, Hit)
    assert answer.exchange is recorded
    assert answer.how == "exact"


def test_a_retry_gets_the_recorded_attempts_in_order() -> None:
    recorded = [chat(1, "a", status=429), chat(2, "a", status=500), chat(3, "a", status=200)]
    session = playback(recorded)
    assert [hit(ask(session, recorded[0])) for _ in recorded] == [1, 2, 3]


def test_equal_but_for_what_is_volatile_is_served_in_order() -> None:
    recorded = [chat(n, f"It is 2026-11-2{n}") for n in (1, 2, 3)]
    session = playback(recorded)
    seen = [ask(session, chat(9, "It is 2027-01-01")) for _ in recorded]
    assert [hit(answer) for answer in seen] == [1, 2, 3]
    assert {answer.how for answer in seen if isinstance(answer, Hit)} == {"normalised"}


def test_the_same_bytes_come_before_the_order() -> None:
    recorded = [chat(1, f"Session {A}", {"for": "A"}), chat(2, f"Session {B}", {"for": "B"})]
    session = playback(recorded)
    assert hit(ask(session, chat(9, f"Session {B}"))) == 2
    assert hit(ask(session, chat(9, f"Session {A}"))) == 1


def test_reuse_serves_the_last_one_again() -> None:
    recorded = [chat(1, "a", 1), chat(2, "a", 2), chat(3, "It is 2026-11-22", 3)]
    session = playback(recorded, reuse=True)
    assert [hit(ask(session, recorded[0])) for _ in range(4)] == [1, 2, 2, 2]
    assert [hit(ask(session, chat(9, "It is 2027-01-01"))) for _ in range(2)] == [3, 3]
    assert isinstance(ask(session, chat(9, "b")), Miss)


def test_reuse_does_not_serve_a_neighbour_either() -> None:
    recorded = customers()[:2]
    session = playback(recorded, reuse=True)
    assert hit(ask(session, recorded[1])) == 2
    assert hit(ask(session, recorded[1])) == 2
    assert isinstance(ask(session, recorded[1], {"id": C}), Miss)


def test_exact_takes_nothing_else() -> None:
    session = playback([chat(1, "It is 2026-11-22")], "exact")
    assert miss(ask(session, chat(9, "It is 2026-11-23"))).near[0].fixture.seq == 1
    assert hit(ask(session, chat(9, "It is 2026-11-22"))) == 1


def test_exact_ignores_the_ways_a_body_is_encoded() -> None:
    import gzip

    plain = chat(1, "a")
    head = RequestHead(
        "POST",
        *("https", "api.openai.com", 443, "/v1/chat/completions"),
        headers=(*JSON, (b"Content-Encoding", b"gzip")),
    )
    session = playback([plain], "exact")
    assert hit(session.decide(head, gzip.compress(plain.request_body.data))) == 1


def test_sequence_serves_in_order_and_says_what_differs() -> None:
    session = playback([chat(1, "a", 1), chat(2, "b", 2)], "sequence")
    first = ask(session, chat(9, "a"))
    assert (hit(first), first.divergences) == (1, ()) if isinstance(first, Hit) else False
    second = ask(session, chat(9, "c"))
    assert isinstance(second, Hit)
    (change,) = second.divergences
    assert change.path == "$.body.json.messages[0].content"
    assert (change.recorded, change.live) == ('"b"', '"c"')
    assert miss(ask(session, chat(9, "d"))).reason == "all 2 recorded calls of this step are served"
    other = exchange(9, method="GET")
    assert miss(ask(session, other)).reason == "nothing is recorded for this step"
    assert session.report().counts["diverged"] == 1


def test_sequence_keeps_steps_apart() -> None:
    recorded = [chat(1, "a"), exchange(2, {"q": 1}, url=SEARCH), chat(3, "b")]
    session = playback(recorded, "sequence")
    assert hit(ask(session, chat(9, "x"))) == 1
    assert hit(ask(session, chat(9, "y"))) == 3
    assert hit(ask(session, exchange(9, {"q": 2}, url=SEARCH))) == 2


def test_a_step_that_the_client_names_counts() -> None:
    recorded = [chat(1, "a", own=Own(step="plan")), chat(2, "a", own=Own(step="write"))]
    session = playback(recorded, "sequence")
    assert hit(ask(session, recorded[0], own=Own(step="write"))) == 2
    assert hit(ask(session, recorded[0], step="plan")) == 1


def test_a_fork_serves_what_comes_before_and_then_goes_live() -> None:
    recorded = [chat(1, "a"), chat(2, "b"), chat(3, "c")]
    session = playback(recorded, live=Live(everything=True), at=3)
    assert hit(ask(session, recorded[0])) == 1
    early = miss(ask(session, chat(9, "x")))
    assert early.near, "what is not in the recorded beginning does not go live before its end"
    assert not session.spent
    assert hit(ask(session, recorded[1])) == 2
    assert session.spent
    assert [ask(session, chat(9, text)) for text in ("c", "x", "a")] == [GoLive(STEP)] * 3
    counts = session.report().counts
    assert (counts["passedThrough"], counts["missed"], counts["unused"]) == (3, 1, 0)


@pytest.mark.parametrize("match", ["normalised", "exact", "sequence"])
def test_the_call_that_a_fork_begins_at_may_overtake_the_one_before(match: str) -> None:
    recorded = [chat(1, "a"), exchange(2, {"q": 1}, url=SEARCH), chat(3, "c")]
    session = playback(recorded, match, live=Live(everything=True), at=3)
    assert hit(ask(session, recorded[0])) == 1
    assert isinstance(ask(session, recorded[2]), GoLive)
    assert hit(ask(session, recorded[1])) == 2, "it is served though the fork has begun"
    assert isinstance(ask(session, chat(9, "anything")), GoLive)


def test_what_a_fork_does_not_name_is_served_after_the_fork_too() -> None:
    recorded = [chat(1, "a"), exchange(2, {"q": 1}, url=SEARCH), chat(3, "c")]
    session = playback(recorded, live=Live(llm=True), at=1)
    assert isinstance(ask(session, chat(9, "new")), GoLive)
    assert isinstance(ask(session, exchange(9, {"q": 2}, url=SEARCH)), Miss)
    assert hit(ask(session, recorded[1])) == 2
    report = session.report()
    assert report.unused == [], "nobody waits for the recorded answers of a live model"
    assert report.passed_through == [
        {
            "step": STEP,
            "method": "POST",
            "host": "api.openai.com",
            "url": "https://api.openai.com/v1/chat/completions",
        }
    ]
    assert report.hosts_asked == {"api.openai.com": 1}


def test_a_live_tool_leaves_the_model_to_the_recording() -> None:
    recorded = [chat(1, "a"), exchange(2, {"q": 1}, url=SEARCH)]
    session = playback(recorded, live=Live(tools=("POST /sea*",)))
    assert isinstance(ask(session, exchange(9, {"q": 2}, url=SEARCH)), GoLive)
    assert isinstance(ask(session, chat(9, "new")), Miss)
    assert hit(ask(session, recorded[0])) == 1
    assert session.report().counts["unused"] == 0


def test_what_no_replay_can_answer_is_no_fixture() -> None:
    recorded = [chat(1, "a", end=End.MISSED), chat(2, "b", end=End.CLIENT_INVALID), chat(3, "c")]
    assert [one.seq for one in Fixtures.of(recorded, steps=step).all] == [3]


def test_a_match_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="match is one of normalised, exact, sequence"):
        playback([], "fuzzy")


# --- a wrong neighbour is never served --------------------------------------------------------


def customers() -> list[Exchange]:
    """A list of ids, then a lookup of each: the ids came from an answer."""
    look = ("https", "crm.example.com", 443, "/find")
    return [
        exchange(1, {"q": "all"}, {"ids": [A, B]}, url=("https", "crm.example.com", 443, "/list")),
        exchange(2, {"id": A}, {"name": "Ann"}, url=look),
        exchange(3, {"id": B}, {"name": "Bob"}, url=look),
    ]


def test_an_id_from_an_answer_is_not_exchanged_for_another() -> None:
    recorded = customers()
    session = playback(recorded)
    assert hit(ask(session, recorded[2])) == 3
    missed = miss(ask(session, recorded[1], {"id": B}))
    assert missed.reason == f"{A!r} came from a recorded answer; here it is {B!r}"
    missed = miss(ask(session, recorded[1], {"id": C}))
    assert missed.reason == f"{A!r} came from a recorded answer; here it is {C!r}"
    assert missed.near[0].fixture.seq == 2
    assert hit(ask(session, recorded[1])) == 2


def test_a_streamed_answer_counts_as_well() -> None:
    pieces = [f'{{"id": "{A[:9]}', A[9:20], f'{A[20:]}"}}']
    events = b"".join(
        b"data: " + orjson.dumps({"delta": {"partial_json": piece}}) + b"\n\n" for piece in pieces
    )
    stream = (*JSON[:0], (b"Content-Type", b"text/event-stream"))
    from proxy.core.model import ResponseHead

    model = exchange(1, {"messages": []}, events, response=ResponseHead(200, "", headers=stream))
    lookup = exchange(2, {"id": A}, {"name": "Ann"}, url=("https", "crm.example.com", 443, "/find"))
    session = playback([model, lookup])
    assert isinstance(ask(session, lookup, {"id": C}), Miss)


def test_an_id_that_the_client_made_up_may_be_another() -> None:
    recorded = [
        exchange(1, {"session": A}, {"echo": A}),
        exchange(2, {"session": A, "more": True}, {"ok": 1}),
    ]
    session = playback(recorded)
    assert hit(ask(session, recorded[0], {"session": C})) == 1
    assert hit(ask(session, recorded[1], {"session": C, "more": True})) == 2


def test_a_date_from_an_answer_is_kept_where_it_is_a_value() -> None:
    url = ("https", "calendar.example.com", 443, "/day")
    recorded = [
        exchange(1, {"q": "when"}, {"day": "2026-11-25"}),
        exchange(2, {"day": "2026-11-25"}, {"free": True}, url=url),
        chat(3, "Today is 2026-11-25"),
    ]
    session = playback(recorded)
    assert isinstance(ask(session, recorded[1], {"day": "2026-11-26"}), Miss)
    assert hit(ask(session, chat(9, "Today is 2026-11-26"))) == 3


ONE, TWO, THREE = (f"SECRET-x-{n}00000000000" for n in "abc")


def test_secrets_of_another_store_are_told_apart() -> None:
    recorded = [chat(n, f"token {one}, step {n}") for n, one in enumerate((ONE, TWO, ONE), 1)]
    session = playback(recorded)
    here = {ONE: "SECRET-x-100000000000", TWO: "SECRET-x-200000000000"}
    assert hit(ask(session, chat(9, f"token {here[ONE]}, step 1"))) == 1
    missed = miss(ask(session, chat(9, f"token {here[ONE]}, step 2")))
    assert missed.reason == f"{here[ONE]!r} is {ONE!r} of the recording, not {TWO!r}"
    assert isinstance(ask(session, chat(9, f"token {THREE}, step 3")), Miss)
    assert hit(ask(session, chat(9, f"token {here[TWO]}, step 2"))) == 2
    assert hit(ask(session, chat(9, f"token {here[ONE]}, step 3"))) == 3


def test_two_sessions_of_the_agent_keep_their_own_answers() -> None:
    """Two sub-agents say the same things under ids of their own, and interleave."""
    recorded = [
        chat(n, f"{text}, session {one}", n)
        for n, (one, text) in enumerate(((A, "go"), (B, "go"), (A, "on"), (B, "on")), 1)
    ]
    session = playback(recorded)
    x, y = (f"{n}0b6b8f2-93f1-4c43-9d2f-2a51c2a7f6aa" for n in (8, 9))
    assert hit(ask(session, chat(9, f"go, session {x}"))) == 1
    assert hit(ask(session, chat(9, f"go, session {y}"))) == 2
    assert hit(ask(session, chat(9, f"on, session {y}"))) == 4
    assert hit(ask(session, chat(9, f"on, session {x}"))) == 3


def test_one_call_too_many_does_not_get_the_answer_of_another_session() -> None:
    recorded = [chat(1, f"go, session {A}", 1), chat(2, f"go, session {B}", 2)]
    session = playback(recorded)
    assert hit(ask(session, recorded[0])) == 1
    assert isinstance(ask(session, recorded[0]), Miss)
    assert hit(ask(session, recorded[1])) == 2


# --- local services ------------------------------------------------------------------------------


def tool(seq: int, port: int, name: str, answer: Any = None) -> Exchange:
    return exchange(seq, {"name": name}, answer, url=("http", "127.0.0.1", port, "/mcp"))


def test_a_local_service_may_move_to_another_port() -> None:
    session = playback([tool(1, 40001, "a"), tool(2, 40001, "b")])
    assert hit(ask(session, tool(9, 51234, "a"))) == 1
    assert hit(ask(session, tool(9, 51234, "b"))) == 2


def test_two_local_services_are_not_mixed_up() -> None:
    recorded = [tool(1, 40001, "list"), tool(2, 40002, "list"), tool(3, 40002, "only-two")]
    session = playback(recorded)
    assert isinstance(ask(session, tool(9, 51234, "list")), Miss)  # which of them?
    assert hit(ask(session, tool(9, 51234, "only-two"))) == 3  # now it is known
    assert hit(ask(session, tool(9, 51234, "list"))) == 2
    assert hit(ask(session, tool(9, 51235, "list"))) == 1
    assert isinstance(ask(session, tool(9, 51236, "list")), Miss)


def test_a_recorded_port_is_that_service() -> None:
    session = playback([tool(1, 40001, "a"), tool(2, 40002, "b")])
    assert isinstance(ask(session, tool(9, 40002, "a")), Miss)
    assert hit(ask(session, tool(9, 40001, "a"))) == 1


@pytest.mark.parametrize("match", ["exact", "sequence"])
def test_services_move_in_every_match(match: str) -> None:
    session = playback([tool(1, 40001, "a")], match)
    assert hit(ask(session, tool(9, 51234, "a"))) == 1
    assert isinstance(ask(session, tool(9, 51235, "z")), Miss)


def test_other_hosts_do_not_move() -> None:
    recorded = exchange(1, {"a": 1}, url=("http", "10.0.0.7", 8000, "/"))
    session = playback([recorded])
    assert isinstance(
        ask(session, exchange(9, {"a": 1}, url=("http", "10.0.0.7", 8001, "/"))), Miss
    )


# --- sessions and interleavings ----------------------------------------------------------------


def test_two_sessions_do_not_disturb_each_other() -> None:
    recorded = [chat(1, "a", 1), chat(2, "a", 2)]
    fixtures = Fixtures.of(recorded, steps=step)
    one, other = Playback(fixtures), Playback(fixtures)
    seen = [hit(ask(session, recorded[0])) for session in (one, other, other, one)]
    assert seen == [1, 1, 2, 2]
    assert one.report().counts == other.report().counts
    assert (len(one.report().served), one.report().exit_code) == (2, 0)


PARALLEL = [
    chat(n + 1, f"task {n // 3} of {A if n % 2 else B}, it is 2026-11-2{n % 3}", n)
    for n in range(9)
]


@settings(max_examples=40, deadline=None)
@given(st.permutations(range(9)), st.sampled_from(["normalised", "exact"]))
def test_any_interleaving_of_parallel_calls_is_served(order: list[int], match: str) -> None:
    session = playback(PARALLEL, match)
    for index in order:
        assert hit(ask(session, PARALLEL[index])) == index + 1
    report = session.report()
    assert (len(report.served), report.exit_code) == (9, 0)


@settings(max_examples=40, deadline=None)
@given(st.permutations(range(9)))
def test_any_interleaving_on_another_day_gets_answers_of_its_own_task(order: list[int]) -> None:
    session = playback(PARALLEL)
    for index in order:
        text = f"task {index // 3} of {C}, it is 2027-01-01"
        assert (hit(ask(session, chat(9, text))) - 1) // 3 == index // 3
    assert session.spent


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 8)), max_size=30))
def test_sessions_are_isolated_however_they_interleave(calls: list[tuple[int, int]]) -> None:
    fixtures = Fixtures.of(PARALLEL, steps=step)
    together = [Playback(fixtures) for _ in range(3)]
    alone = [playback(PARALLEL) for _ in range(3)]
    for number, index in calls:
        one, other = (ask(sessions[number], PARALLEL[index]) for sessions in (together, alone))
        assert type(one) is type(other)
        if isinstance(one, Hit) and isinstance(other, Hit):
            assert one.fixture.seq == other.fixture.seq


def test_threads_never_get_the_same_call() -> None:
    from concurrent.futures import ThreadPoolExecutor

    recorded = [chat(n, f"It is 2026-11-2{n % 9}", n) for n in range(1, 201)]
    session = playback(recorded)
    with ThreadPoolExecutor(8) as pool:
        live = chat(9, "It is 2027-01-01")
        served = sorted(pool.map(lambda _: hit(ask(session, live)), recorded))
    assert served == list(range(1, 201))


def test_lookup_does_not_look_at_what_has_been_served() -> None:
    recorded = [chat(n, "poll", n) for n in range(1, 2001)]
    session = playback(recorded)
    looked = 0

    class Counting(dict[int, object]):
        @override
        def __contains__(self, item: object) -> bool:
            nonlocal looked
            looked += 1
            return super().__contains__(item)

    session._served = Counting()
    for n in range(1, 2001):
        assert hit(ask(session, recorded[0])) == n
    assert looked < 5 * len(recorded)


def test_what_is_missing_goes_live_where_it_is_named() -> None:
    session = playback([chat(1, "a"), chat(2, "b")], missing=Live(hosts=("api.openai.com",)))
    assert hit(ask(session, chat(9, "a"))) == 1
    assert ask(session, chat(9, "new")) == GoLive(STEP)
    assert ask(session, chat(9, "a")) == GoLive(STEP), "it has been served"
    miss(ask(session, exchange(9, {"q": 2}, url=SEARCH)))
    report = session.report()
    assert {name: n for name, n in report.counts.items() if n} == {
        "served": 1,
        "missed": 1,
        "unused": 1,
        "passedThrough": 2,
    }


def test_files_of_one_temporary_folder_are_not_those_of_another() -> None:
    recorded = [chat(1, "read /tmp/run-invoices/a"), chat(2, "write /tmp/run-x7k2m9qa/a")]
    session = playback(recorded)
    assert hit(ask(session, chat(9, "write /tmp/run-ab_cd34f/a"))) == 2
    found = miss(ask(session, chat(9, "read /tmp/run-customer/a")))
    assert found.reason == "a temporary file is named 'customer', recorded is 'invoices'"
