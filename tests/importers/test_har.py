from io import BytesIO
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings

from proxy.core.model import Body, End, Exchange, Frame, Part, RequestHead, ResponseHead, Snapshot
from proxy.errors import RecordingFormatError
from proxy.exporters import har as exporter
from proxy.importers import har
from tests.core.recorded import json_values
from tests.exporters.sample import snapshot


def load(log: Any, name: str = "trace.har") -> Snapshot:
    (run,) = har.load(BytesIO(orjson.dumps(log)), name)
    return run


def one(**changes: Any) -> tuple[Exchange | None, list[str]]:
    """The exchange of a browser's entry with some changes, and the notes."""
    entry: dict[str, Any] = {
        "startedDateTime": "2026-02-12T10:41:22.500+01:00",
        "time": 300,
        "request": {
            "method": "POST",
            "url": "https://api.example.com:8443/v1/x?a=1#there",
            "httpVersion": "h2",
            "headers": [
                {"name": ":authority", "value": "api.example.com"},
                {"name": "content-type", "value": "application/json"},
                {"name": "content-encoding", "value": "br"},
                {"name": "content-length", "value": "3"},
            ],
            "postData": {"mimeType": "application/json", "text": '{"q":1}'},
        },
        "response": {
            "status": 200,
            "statusText": "OK",
            "httpVersion": "http/1.1",
            "headers": [
                {"name": "Content-Type", "value": "text/plain"},
                {"name": "Content-Encoding", "value": "gzip"},
                {"name": "Transfer-Encoding", "value": "chunked"},
            ],
            "content": {"size": 5, "mimeType": "text/plain", "text": "hello"},
        },
        "timings": {"blocked": 10, "dns": -1, "connect": 20, "send": 5, "wait": 200, "receive": 65},
    }
    for path, value in changes.items():
        *way, last = path.split("__")
        at = entry
        for name in way:
            at = at[name]
        at[last] = value
    run = load({"log": {"entries": [entry]}})
    notes = run.run.metadata.get("importNotes", [])
    return (run.exchanges[0] if run.exchanges else None), notes


def exchange(**changes: Any) -> Exchange:
    found, notes = one(**changes)
    assert found is not None
    assert notes == []
    return found


def test_a_browsers_entry() -> None:
    call = exchange()
    assert call.started_at == 1770889282.5
    assert call.request == RequestHead(
        "POST",
        "https",
        "api.example.com",
        8443,
        "/v1/x?a=1",
        "HTTP/2.0",
        ((b"content-type", b"application/json"), (b"content-length", b"7")),
    )
    assert call.request_body == Body(b'{"q":1}', (Part(35_000, 7),))
    assert call.response == ResponseHead(
        200, "OK", "HTTP/1.1", ((b"Content-Type", b"text/plain"), (b"content-length", b"5"))
    )
    assert call.response_body == Body(b"hello", (Part(300_000, 5),))
    assert (call.request_end_us, call.first_byte_us, call.ended_us) == (35_000, 235_000, 300_000)
    assert (call.seq, call.end) == (1, End.COMPLETE)


def test_the_run() -> None:
    run = load({"log": {"entries": [], "_dashcam": {"label": "Agent"}}}, "my trace.har").run
    assert run.label == "Agent"
    assert run.id.startswith("my-trace-")
    assert run.metadata == {"importedFrom": "har"}
    assert load({"log": {"entries": []}}).run.label == "trace"
    assert load({"log": {"entries": []}}).run.id == load({"log": {"entries": []}}).run.id


def test_calls_are_sorted_by_start() -> None:
    entries = [
        {"startedDateTime": f"2026-01-01T00:00:0{n}Z", "request": {"url": f"http://x/{n}"}}
        for n in (2, 1)
    ]
    run = load({"log": {"entries": entries}})
    assert [call.request.target for call in run.exchanges] == ["/1", "/2"]
    assert [call.seq for call in run.exchanges] == [1, 2]


BODIES: list[tuple[dict[str, Any], bytes, bytes]] = [
    (
        {"response__content__text": "aGk=", "response__content__encoding": "base64"},
        b'{"q":1}',
        b"hi",
    ),
    ({"request__postData": {"text": "aGk=", "encoding": "base64"}}, b"hi", b"hello"),
    ({"request__postData": None}, b"", b"hello"),
    (
        {
            "request__postData": {
                "mimeType": "application/x-www-form-urlencoded",
                "params": [{"name": "a b", "value": "1&2"}],
            }
        },
        b"a+b=1%262",
        b"hello",
    ),
    ({"response__content": {"size": 0}}, b'{"q":1}', b""),
    ({"response__status": 304, "response__content": {"size": 9}}, b'{"q":1}', b""),
]


@pytest.mark.parametrize(("changes", "sent", "got"), BODIES)
def test_bodies(changes: dict[str, Any], sent: bytes, got: bytes) -> None:
    call = exchange(**changes)
    assert (call.request_body.data, call.response_body.data) == (sent, got)


LOST: list[tuple[dict[str, Any], str]] = [
    ({"response__content": {"size": 10}}, "the body of an answer is not in the file (1)"),
    ({"response__content": {"text": "?", "encoding": "base64"}}, "a body is broken base64 (1)"),
    (
        {"request__postData": {"mimeType": "multipart/form-data", "params": [{"name": "a"}]}},
        "the body of a request is not in the file (1)",
    ),
    ({"startedDateTime": "yesterday"}, "the start of a call is not known (1)"),
    ({"request__url": "data:text/plain,x"}, "a call does not go over HTTP (1)"),
    ({"request__url": "https://[broken"}, "a call does not go over HTTP (1)"),
    (
        {"_webSocketMessages": [{"opcode": 9, "data": ""}]},
        "a WebSocket message is neither text nor binary (1)",
    ),
]


@pytest.mark.parametrize(("changes", "note"), LOST)
def test_what_is_lost_is_told(changes: dict[str, Any], note: str) -> None:
    assert one(**changes)[1] == [note]


ENDS = [
    ("net::ERR_CONNECTION_REFUSED", End.UPSTREAM_REFUSED),
    ("net::ERR_NAME_NOT_RESOLVED", End.UPSTREAM_REFUSED),
    ("net::ERR_TIMED_OUT", End.UPSTREAM_TIMEOUT),
    ("net::ERR_CONNECTION_RESET", End.UPSTREAM_RESET),
    ("net::ERR_CERT_AUTHORITY_INVALID", End.UPSTREAM_TLS),
    ("net::ERR_ABORTED", End.CLIENT_GONE),
    ("", End.UPSTREAM_TRUNCATED),
]


@pytest.mark.parametrize(("error", "end"), ENDS)
def test_calls_without_an_answer(error: str, end: End) -> None:
    call = exchange(response={"status": 0, "_error": error})
    assert (call.response, call.end) == (None, end)
    assert call.error == (error or "no answer in the file")


def test_websockets() -> None:
    started = 1770889282.5
    messages = [
        {"type": "send", "time": started + 0.5, "opcode": 1, "data": "hi"},
        {"type": "receive", "time": started + 1, "opcode": 2, "data": "AQI="},
    ]
    call = exchange(_webSocketMessages=messages, response__status=101)
    assert call.frames == (Frame(500_000, True, 1, b"hi"), Frame(1_000_000, False, 2, b"\x01\x02"))
    assert call.response_body == Body()


def test_what_we_exported_ourselves() -> None:
    (run,) = har.load(BytesIO(b"".join(exporter.export(snapshot()))), "run.har")
    before = snapshot()
    assert run.run.label == before.run.label
    assert [call.end for call in run.exchanges] == [call.end for call in before.exchanges]
    assert [call.request.url for call in run.exchanges] == [
        call.request.url for call in before.exchanges
    ]
    assert run.exchanges[0].own.step == "ask"
    assert run.exchanges[2].request_body.data == b"\x00\xff"
    assert run.exchanges[4].frames == before.exchanges[4].frames
    assert "importNotes" not in run.run.metadata


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"log": \n{', "line 2: not JSON"),
        (b"[]", "no HAR: log.entries is missing"),
        (b'{"log": {}}', "no HAR: log.entries is missing"),
        (b'{"log": {"entries": 7}}', "no HAR: log.entries is no list"),
        (b'{"log":' * 5000, "line 1: not JSON"),
    ],
)
def test_files_that_are_none(data: bytes, message: str) -> None:
    with pytest.raises(RecordingFormatError, match=f"^{message}"):
        har.load(BytesIO(data), "x.har")


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(json_values, json_values, json_values, json_values)
def test_any_json_is_read_without_a_crash(a: Any, b: Any, c: Any, d: Any) -> None:
    entry = {
        "startedDateTime": a,
        "time": b,
        "request": {"url": "http://x/", "method": a, "headers": b, "postData": c, "httpVersion": d},
        "response": {"status": a, "headers": [{"name": b, "value": c}], "content": d},
        "timings": {"send": a, "wait": b},
        "_webSocketMessages": c,
        "_dashcam": d,
    }
    for log in (
        {"entries": [a, entry, {"request": b, "response": c}]},
        {"entries": [entry], "_dashcam": a},
    ):
        data = __import__("json").dumps({"log": log}).encode()
        har.load(BytesIO(data), "x.har")


def test_recognises() -> None:
    assert har.recognises(b'\xef\xbb\xbf {"log": {', "x")
    assert har.recognises(b"", "x.har")
    assert not har.recognises(b'{"interactions": []}', "x.json")
