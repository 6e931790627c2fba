import orjson

from proxy.core.model import Run, Snapshot
from proxy.exporters import jsonl
from tests.core.recorded import exchange
from tests.exporters.sample import snapshot


def test_a_flat_line_for_each_call() -> None:
    lines = [orjson.loads(line) for line in jsonl.export(snapshot())]
    assert [line["seq"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert {line["runFailureMode"] for line in lines} == {"Bad Output"}  # the caller's own
    assert lines[1]["response"] == {"error": "Unauthorized"}
    assert lines[1]["attempt"] == 2
    assert lines[2]["request"] == {"base64": "AP8="}
    assert lines[2]["response"].startswith("data: ")
    assert (lines[3]["statusCode"], lines[3]["error"]) == (None, "connection refused")
    assert all(line.keys() == lines[0].keys() for line in lines)


def test_what_is_not_known_is_null() -> None:
    call = exchange(1, ended_us=None, first_byte_us=None)
    (line,) = jsonl.export(Snapshot(Run("r1", "L", "c", 1.0), [call]))
    data = orjson.loads(line)
    unknown = ("runStatus", "kind", "name", "step", "latencyMs", "ttfbMs", "call", "request")
    assert all(data[name] is None for name in unknown)


def test_numbers_beyond_64_bits_are_kept() -> None:
    call = exchange(1, b'{"n":1}', own=__import__("proxy.core.model").core.model.Own())
    run = Snapshot(Run("r1", "L", "c", 1.0), [call])
    (line,) = jsonl.export(run)
    assert b'"request":{"n":1}' in line
