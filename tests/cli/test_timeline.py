from proxy.cli._print import Line
from proxy.cli._text import clean
from proxy.cli._timeline import timeline
from proxy.core.model import Event
from tests.cli.samples import EVIL, START, support_run


def shown(events: list[Event]) -> list[str]:
    def text(line: Line) -> str:
        return "".join(clean(part) for part, _ in line).rstrip()

    return [text(line) for line in timeline(events)]


def test_the_tree_is_aligned_in_columns() -> None:
    crm = "GET crm.local/customers/{id}"
    head = f"{'step':<{len(crm) + 6}}  kind       status  latency    ttfb  sent  received  details"
    lines = shown(support_run().events)
    assert lines[0] == head
    assert [line.split("  ")[0] for line in lines[1:]] == [
        "plan",
        "├─ #1 openai.chat",
        "└─ #2 kb.search",
        "act",
        "├─ #3 crm.find",
        "│",
        "├─ #4 crm.find",
        f"├─ #5 {crm}",
        "│",
        "└─ #6 openai.chat",
    ]
    status = head.index("status")
    assert {line[status : status + 3] for line in lines[1:] if "#" in line} == {"200", "503", "401"}


def test_a_call_says_what_is_known_of_it() -> None:
    lines = shown(support_run().events)
    assert " ".join(lines[2].split()[3:]) == (
        "llm_call 200 812 ms 311 ms 24 B 11 B"
        " gpt-4o · 120 → 30 tokens · tool_calls · asks for kb.search"
    )
    assert "2 results" in lines[3]
    assert lines[7].endswith("attempt 2 after 503 Service Unavailable, waited 512 ms")


def test_errors_stand_below_their_call_and_steer_nothing() -> None:
    lines = shown(support_run().events)
    assert lines[6].split(maxsplit=1)[1] == "error: 503 Service Unavailable"
    assert lines[9].split(maxsplit=1)[1] == f"error: 401 {clean(EVIL)}"
    assert "\x1b" not in "".join(lines)


def test_unknown_is_a_dash_and_how_it_ended_is_said() -> None:
    event = Event(
        "r", "http", "GET x", START, status="error", data={"seq": 1, "end": "client_gone"}
    )
    assert shown([event])[1].split() == [
        "#1",
        "GET",
        "x",
        "http",
        "client",
        "gone",
        "-",
        "-",
        "-",
        "-",
    ]
    event.data |= {"statusCode": 200}
    assert "200 client gone" in shown([event])[1]
    event.data |= {"end": "complete"}
    assert "200 with error" in shown([event])[1]


def test_other_events_show_their_data() -> None:
    event = Event("r", "state", "user.plan", START, data={"value": "pro\nx"})
    assert shown([event])[1].split() == ["user.plan", "state", "ok", "value=pro", "x"]


def test_lost_and_circular_parents_lose_no_event() -> None:
    events = [
        Event("r", "state", "orphan", START, id=1, parent_event_id=99),
        Event("r", "state", "ring a", START + 1, id=2, parent_event_id=3),
        Event("r", "state", "ring b", START + 2, id=3, parent_event_id=2),
        Event("r", "state", "self", START + 3, id=4, parent_event_id=4),
    ]
    assert len(shown(events)) == 5


def test_a_very_deep_tree_is_shown() -> None:
    events = [
        Event("r", "group", "g", START + i, id=i, parent_event_id=i - 1) for i in range(1, 400)
    ]
    assert len(shown(events)) == 400


def test_details_go_below_where_there_is_no_room() -> None:
    def text(line: Line) -> str:
        return "".join(clean(part) for part, _ in line).rstrip()

    lines = [text(line) for line in timeline(support_run().events, 100)]
    first = lines.index(next(line for line in lines if "#1 openai.chat" in line))
    assert lines[first].endswith("11 B")
    assert lines[first + 1] == "│     gpt-4o · 120 → 30 tokens · tool_calls · asks for kb.search"
    assert all(len(line) <= 100 for line in lines)


def test_tokens_cost_frames_and_notes() -> None:
    call = {
        "servedModel": "m",
        "inputTokens": 5,
        "usage": "estimated",
        "cacheReadTokens": 4,
        "costUsd": 0.01234,
        "finishReason": "stop",
        "toolUses": [{"name": "a"}, {"name": "a"}, {"name": "b"}, "junk"],
    }
    data = {
        "seq": 1,
        "attempt": 3,
        "frames": 2,
        "servedFrom": "ex",
        "notes": ["n\n1"],
        "call": call,
    }
    line = shown([Event("r", "llm_call", "x", START, data=data)])[1]
    assert line.endswith(
        "attempt 3 · m · ~5 → ? tokens · 4 cached · $0.0123 · asks for a x2 · asks for b"
        " · 2 frames · replayed · n 1"
    )


def test_violations_stand_below_what_they_are_of() -> None:
    found = [{"path": f"$.a{i}", "message": f"`a{i}` is missing"} for i in range(7)]
    found[0] = {"path": "$", "message": "not JSON"}
    call = Event("r", "llm_call", "x", START, data={"seq": 1}, id=1)
    data = {"validator": "tool_arguments", "violations": found}
    check = Event("r", "validation", "tool_arguments crm", START, None, "error", data, 2, 1)
    lines = shown([call, check])
    assert lines[2].startswith("└─ tool_arguments crm  validation  error")
    assert [line.strip() for line in lines[3:]] == [
        "not JSON",
        *[f"$.a{i}: `a{i}` is missing" for i in range(1, 5)],
        "and 2 more",
    ]
