"""The portable form: loss-free, deterministic, and refused when it is damaged."""

import orjson
import pytest
from hypothesis import HealthCheck, assume, given, settings

from proxy.core import recording
from proxy.core.matching import IgnoreRule
from proxy.core.model import Body, Event, Exchange, Outcome, Own, Run, Snapshot
from proxy.errors import RecordingFormatError
from tests.core.recorded import exchange, in_parts, snapshots

RUN = Run("r1", "SupportAgent", "c-1", 1700000000.25, 1700000009.0, "Failed", "Tool Error")


def small() -> Snapshot:
    sse = b'data: {"a":1}\n\ndata: [DONE]\n\n'
    return Snapshot(
        RUN,
        [
            exchange(1, {"q": "hi"}, {"a": [1, 2.5, None, "é"]}),
            exchange(2, {"q": "stream"}, sse, response_body=in_parts(sse, 15)),
            exchange(
                3, b"\x00\xff", b"\xfe", own=Own(step="crm", meta={"b": 1, "a": {"d": 2, "c": 3}})
            ),
        ],
        [Event("r1", "tool_call", "crm", 1700000001.0, None, "error", {"attempt": 1}, 7, 6)],
        [
            Outcome(
                "r1", "SupportAgent", "Failed", "Tool Error", "CRM 401", True, None, 1700000009.5
            )
        ],
    )


def lines_of(snapshot: Snapshot) -> list[bytes]:
    return list(recording.dump(snapshot))


def split(data: bytes) -> list[bytes]:
    return data.splitlines(keepends=True) if b"\r" not in data else data.split(b"\n")


def error(lines: list[bytes]) -> RecordingFormatError:
    with pytest.raises(RecordingFormatError) as caught:
        recording.load(lines)
    return caught.value


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(snapshots())
def test_nothing_is_lost(snapshot: Snapshot) -> None:
    lines = lines_of(snapshot)
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)
    assert recording.load(lines) == snapshot
    assert lines_of(recording.load(lines)) == lines


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(snapshots())
def test_an_edited_file_reads_the_same_if_nothing_was_edited(snapshot: Snapshot) -> None:
    head, *rest = lines_of(snapshot)
    assume(not head.startswith(b'{"escaped"'))
    assert recording.load([head.replace(b"{", b'{"edited":true,', 1), *rest]) == snapshot


def test_the_same_run_gives_the_same_bytes_whatever_order_a_store_keeps() -> None:
    one, other = small(), small()
    other.exchanges.reverse()
    other.exchanges[0].own = Own(step="crm", meta={"a": {"c": 3, "d": 2}, "b": 1})
    assert lines_of(one) == lines_of(other)


def test_it_is_readable() -> None:
    lines = lines_of(small())
    assert b'"json":{"q":"hi"}' in lines[1]
    assert b'"text":"data: {\\"a\\":1}\\n\\ndata: [DONE]\\n\\n"' in lines[2]
    assert b'"base64":"AP8="' in lines[3]
    assert [next(iter(orjson.loads(line))) for line in lines] == [
        "format",
        "exchange",
        "exchange",
        "exchange",
        "event",
        "outcome",
        "end",
    ]


def test_compressed_bodies_can_be_read_in_a_diff() -> None:
    import gzip

    from proxy.core.model import ResponseHead

    head = ResponseHead(200, "", headers=((b"content-encoding", b"gzip"),))
    calls = [
        exchange(1, {}, response=head, response_body=Body(gzip.compress(data, mtime=0)))
        for data in (b'{"a":1}', b"hello", b"\xff", b"x" * 3_000_000)
    ]
    calls[3].response_body = Body(bytes(range(256)) * 4000)  # large, and broken
    snapshot = Snapshot(RUN, calls)
    lines = lines_of(snapshot)
    assert b'"decoded":{"a":1}' in lines[1]
    assert b'"decoded":"hello"' in lines[2]
    assert all(b'"decoded"' not in line for line in lines[3:])
    assert recording.load(lines) == snapshot


def test_one_exchange_at_a_time() -> None:
    items = recording.read(iter(lines_of(small())))
    header = next(items)
    assert isinstance(header, recording.Header)
    assert header.run == RUN
    assert header.counts == {"exchanges": 3, "events": 1, "outcomes": 1}
    assert isinstance(next(items), Exchange)


def test_line_ends_of_another_system_are_no_damage() -> None:
    assert recording.load([line[:-1] + b"\r\n" for line in lines_of(small())]) == small()


def test_a_file_cut_at_any_byte_is_refused_with_the_line() -> None:
    run = small()
    del run.exchanges[1:]
    data = b"".join(lines_of(run))
    for size in range(len(data)):
        cut = data[:size].splitlines(keepends=True)
        message = error(cut).message
        at = len(cut) + (not cut or cut[-1].endswith(b"\n"))
        assert message.startswith(f"line {at}: "), (size, message)


def test_a_byte_changed_anywhere_is_refused_with_the_line() -> None:
    data = b"".join(lines_of(small()))
    ends = [at for at, byte in enumerate(data) if byte == 10]
    for at in range(0, len(data), 7):
        if data[at] == 10:
            continue
        damaged = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        line = sum(end < at for end in ends) + 1
        message = error(split(damaged)).message
        assert message.startswith(f"line {line}: "), (at, data[at - 20 : at + 20], message)


def test_a_missing_line_is_noticed() -> None:
    lines = lines_of(small())
    for gone in range(1, len(lines) - 1):
        left = lines[:gone] + lines[gone + 1 :]
        assert error(left).message.startswith(f"line {len(left)}: 6 lines were written before")


def test_swapped_lines_are_noticed() -> None:
    lines = lines_of(small())
    lines[1], lines[2] = lines[2], lines[1]
    assert error(lines).message.startswith("line 2: not what was written here")


def header_with(**changes: object) -> list[bytes]:
    head, *rest = lines_of(small())
    return [orjson.dumps(orjson.loads(head) | changes) + b"\n", *rest]


def body_with(**changes: object) -> list[bytes]:
    """An edited recording whose first exchange has another request body."""
    head, first, *rest = lines_of(small())
    data = orjson.loads(first)
    data["exchange"]["request_body"] = changes
    return [head.replace(b"{", b'{"edited":true,', 1), orjson.dumps(data) + b"\n", *rest]


def exchange_with(**changes: object) -> list[bytes]:
    head, first, *rest = lines_of(small())
    data = orjson.loads(first)
    data["exchange"].update(changes)
    return [head, orjson.dumps(data) + b"\n", *rest]


BROKEN: list[tuple[list[bytes], str]] = [
    ([], "line 1: the file is empty"),
    ([b"\n"], "line 1: this is no Dashcam recording"),
    ([b"hello\n"], "line 1: this is no Dashcam recording"),
    ([b"[]\n"], "line 1: this is no Dashcam recording"),
    ([b'{"log":{}}\n'], "line 1: this is no Dashcam recording"),
    (header_with(version=2), "line 1: written by a newer Dashcam (format 2, this program reads 1)"),
    (header_with(version=0), "line 1: unknown format version 0"),
    (header_with(version="1"), "line 1: this is no Dashcam recording"),
    (header_with(extra=1), "line 1: unknown field 'extra'"),
    (header_with(counts=3), "line 1: counts: exchanges, events and outcomes expected"),
    (header_with(run={"id": "x"}), "line 1: label is missing"),
    (header_with(run=None), "line 1: not an object"),
    (header_with(ignore=[{"target": "json"}]), "line 1: pattern is missing"),
    (header_with(ignore=5), "line 1: "),
    ([*lines_of(small())[:1], b"\n"], "line 2: not JSON"),
    ([*lines_of(small())[:1], b"<<<<<<< HEAD\n"], "line 2: not JSON"),
    ([*lines_of(small())[:1], b"7\n"], "line 2: not a JSON object"),
    (
        [*lines_of(small())[:1], b'{"surprise":{}}\n'],
        "line 2: one of exchange, event, outcome or end",
    ),
    ([*lines_of(small())[:1], b'{"exchange":{},"event":{}}\n'], "line 2: one of exchange"),
    ([*lines_of(small())[:1], b'{"escaped":7}\n'], "line 2: not JSON"),
    ([*lines_of(small())[:1], b"[" * 3000 + b"\n"], "line 2: not JSON"),
    (
        [*lines_of(small())[:1], orjson.dumps({"escaped": "[" * 100_000}) + b"\n"],
        "line 2: not JSON",
    ),
    ([*lines_of(small()), b"{}\n"], "line 8: there is more after the end"),
    (lines_of(small())[:-1], "line 7: the file was cut off here"),
    ([*lines_of(small())[:-1], b'{"end":{}}\n'], "line 7: end: lines, crc32 and digest expected"),
    (exchange_with(seq=True), "line 2: exchange: seq: a whole number expected"),
    (exchange_with(seq="1"), "line 2: exchange: seq: a whole number expected"),
    (exchange_with(started_at="x"), "line 2: exchange: started_at: a number expected"),
    (exchange_with(end="lost"), "line 2: exchange: end: unknown end 'lost'"),
    (exchange_with(surprise=1), "line 2: exchange: unknown field 'surprise'"),
    (exchange_with(request=None), "line 2: exchange: request: not an object"),
    (exchange_with(request={"method": "GET"}), "line 2: exchange: request: scheme is missing"),
    (
        exchange_with(response={"status": "200"}),
        "line 2: exchange: response: status: a whole number",
    ),
    (exchange_with(notes=["a", 1]), "line 2: exchange: notes: text expected"),
    (exchange_with(frames=[{"from": "x"}]), "line 2: exchange: frames: from: client or server"),
    (
        exchange_with(frames=[{"from": "client"}]),
        "line 2: exchange: frames: a whole number expected",
    ),
    (
        exchange_with(frames=[{"from": "client", "at_us": 1, "opcode": 1, "x": 1}]),
        "line 2: exchange: frames: unknown field 'x'",
    ),
    (
        exchange_with(response={"status": 200, "headers": [["a"]]}),
        "line 2: exchange: response: headers: a pair expected",
    ),
    (
        exchange_with(response={"status": 200, "headers": [["a", "€"]]}),
        "line 2: exchange: response: headers: a header is Latin-1",
    ),
    (body_with(text="a", base64="YQ=="), "line 2: exchange: request_body: both text and base64"),
    (body_with(base64="?"), "line 2: exchange: request_body: broken base64"),
    (body_with(text=1), "line 2: exchange: request_body: text expected"),
    (body_with(hex="00"), "line 2: exchange: request_body: unknown field 'hex'"),
    (
        body_with(text="abc", parts=[[0, 4], [1, -1]]),
        "line 2: exchange: request_body: a part of less than no bytes",
    ),
    (
        body_with(text="abc", parts=[[0, 2]]),
        "line 2: exchange: request_body: its parts do not add up to its 3 bytes",
    ),
]


@pytest.mark.parametrize(("lines", "message"), BROKEN, ids=[row[1][:60] for row in BROKEN])
def test_what_is_wrong_is_said_with_its_line(lines: list[bytes], message: str) -> None:
    assert error(lines).message.startswith(message)


def test_an_edited_file_is_refused_until_it_says_so() -> None:
    lines = [line.replace(b'"q":"hi"', b'"q":"ho"') for line in lines_of(small())]
    refused = error(lines)
    assert refused.message == "line 2: not what was written here: damaged, or edited"
    assert refused.hint is not None
    assert '"edited":true' in refused.hint
    lines[0] = lines[0].replace(b"{", b'{"edited":true,', 1)
    assert recording.load(lines).exchanges[0].request_body.data == b'{"q":"ho"}'
    longer = [line.replace(b'"q":"ho"', b'"q":"longer"') for line in lines]
    parts = b'"parts":[[1000,10]]'
    longer[1] = longer[1].replace(b"," + parts, b"", 1)
    assert recording.load(longer).exchanges[0].request_body.data == b'{"q":"longer"}'
    assert error(lines[:-1]).message.startswith("line 7: the file was cut off here")


def test_sizes_that_lie_are_found_out() -> None:
    head, first, *rest = lines_of(small())
    lying = first.replace(b'{"bytes":10,', b'{"bytes":9,', 1)
    assert lying != first
    assert (
        error([head, lying, *rest]).message
        == "line 2: not what was written here: damaged, or edited"
    )


def test_ignore_rules_live_in_the_recording() -> None:
    snapshot = small()
    rules = (IgnoreRule("json", "$.metadata.user_id"), IgnoreRule("query", "t", step="crm.*"))
    snapshot.run = recording.with_ignore_rules(snapshot.run, rules)
    lines = lines_of(snapshot)
    assert orjson.loads(lines[0])["ignore"] == [
        {"target": "json", "pattern": "$.metadata.user_id"},
        {"target": "query", "pattern": "t", "step": "crm.*"},
    ]
    again = recording.load(lines)
    assert again == snapshot
    assert recording.ignore_rules(again.run) == rules
    assert recording.ignore_rules(RUN) == ()
    assert recording.with_ignore_rules(again.run, ()) == RUN


def test_other_runs_keep_their_ids() -> None:
    snapshot = small()
    snapshot.exchanges[0].run_id = "r0"
    assert recording.load(lines_of(snapshot)) == snapshot


def test_a_body_of_json_is_taken_out_of_its_line_as_it_is() -> None:
    body = orjson.dumps({"messages": [{"content": "x" * 500} for _ in range(50)]})
    snapshot = Snapshot(RUN, [exchange(1, body, body)])
    (again,) = recording.load(lines_of(snapshot)).exchanges
    assert again.request_body.data == again.response_body.data == body


def test_metadata_that_looks_like_a_body_does_not_confuse() -> None:
    fake = {"a": 1, "request_body": {"bytes": 3, "json": [1]}}
    for body in (b"plain text", b'{"x":1}'):
        snapshot = Snapshot(RUN, [exchange(1, body, b"", own=Own(meta={"m": fake}))])
        assert recording.load(lines_of(snapshot)) == snapshot


def test_lines_that_are_too_long_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "MAX_LINE", 1 << 20)
    snapshot = Snapshot(RUN, [exchange(1, b"x" * (1 << 20), b"")])
    assert error(lines_of(snapshot)).message == "line 2: longer than 1 MiB"
    snapshot = Snapshot(RUN, [exchange(1, orjson.dumps(["x" * (1 << 20)]), b"")])
    assert error(lines_of(snapshot)).message == "line 2: longer than 1 MiB"


def test_an_empty_body_and_none_are_one() -> None:
    snapshot = Snapshot(RUN, [exchange(1, request_body=Body(), response_body=Body())])
    assert recording.load(lines_of(snapshot)) == snapshot
