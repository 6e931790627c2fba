from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from proxy.importers import braintrust
from proxy.importers import load as load_any
from tests.importers.hostile import refused, spoiled, survives

URL = "https://api.anthropic.com/v1/messages"


def entry(number: int, sent: Any, got: Any, **response: Any) -> dict[str, Any]:
    return {
        "callIndex": number,
        "matchKey": "POST api.anthropic.com/v1/messages",
        "recordedAt": f"2026-07-20T15:24:4{number}.500Z",
        "request": {"method": "POST", "url": URL, "headers": {}, "body": sent},
        "response": {"status": 200, "statusText": "OK", "headers": {}, "body": got, **response},
    }


TAPE = {
    "entries": [
        entry(
            1,
            {"kind": "json", "value": {"stream": True}},
            {"kind": "sse", "chunks": ["event: a\ndata: 1", "event: b\ndata: ü"]},
        ),
        entry(
            0,
            {"kind": "json", "value": {"n": None}},
            {"kind": "json", "value": {"id": "msg"}},
            headers={"Content-Encoding": "gzip", "request-id": "r"},
        ),
        entry(
            2,
            {"kind": "binary", "path": "../../etc/passwd", "sha256": "0"},
            {"kind": "base64", "value": "AP8="},
            status=529,
        ),
    ],
    "version": 1,
}


def test_entries_are_calls_in_order_with_their_pieces() -> None:
    (run,) = braintrust.load(BytesIO(orjson.dumps(TAPE)), "a.cassette.json")
    first, second, third = run.exchanges
    assert first.request.url == URL
    assert first.started_at == 1784561080.5
    assert first.request_body.data == b'{"n":null}'
    assert first.request.headers[0] == (b"content-type", b"application/json")
    assert first.response is not None
    assert [name for name, _ in first.response.headers] == [
        b"request-id",
        b"content-type",
        b"content-length",
    ]
    assert second.response_body.data == "event: a\ndata: 1\n\nevent: b\ndata: ü\n\n".encode()
    assert [part.size for part in second.response_body.parts] == [18, 19]
    assert third.response is not None
    assert (third.response.status, third.response_body.data) == (529, b"\x00\xff")
    assert third.request_body.data == b""
    assert run.run.metadata["importNotes"] == [
        "a body is in a file of its own, or of a kind that is not known here (1)"
    ]


def test_the_file_is_told_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(orjson.dumps(TAPE))
    (run,) = load_any(path)
    assert run.run.metadata["importedFrom"] == "braintrust"
    path.write_text('{\n  "entries": [],\n  "meta": {}\n}')
    assert load_any(path)[0].exchanges == []


def test_what_is_none() -> None:
    refused(braintrust.load, b'{"entries": 1}', "no list of entries")


@given(spoiled(TAPE) | st.binary(max_size=60))
def test_nothing_crashes_it(data: bytes) -> None:
    survives(braintrust.load, data)
